//! The evaluated nodes, smallest first.

use ratatui::layout::Rect;
use ratatui::text::{Line, Span};

use super::component::{About, Component};
use super::front::float_accuracy;
use super::what_if;
use crate::tui::action::Action;
use crate::tui::keys::{Binding, Scope, bind};
use crate::tui::model::{Model, Pane, PointOrder, Scroll};
use crate::tui::text::{bytes, points};
use crate::tui::widgets::{cell, number};

const DROP: usize = 8;
const ACCURACY: usize = 8;
const MEMORY: usize = 10;
const STATE: usize = 14;

const SCOPE: Scope = Scope::Pane("front");
#[rustfmt::skip]
const KEYS: &[Binding] = &[
    bind(SCOPE, super::LISTS, Action::Left, &["left", "h"], "", "front: the next smaller node"),
    bind(SCOPE, super::LISTS, Action::Right, &["right", "l"], "", "front: the next larger one"),
    bind(SCOPE, super::LISTS, Action::WhatIf, &["B"], "what if", "front: what if the memory were limited: left and right move the budget, enter evaluates the allocation"),
    bind(SCOPE, super::LISTS, Action::Axes, &["a"], "axes", "front: the axes around the limit, or over everything"),
    bind(SCOPE, super::LISTS, Action::ShowNode, &["enter", "space"], "show node", "front: show the node in the tree"),
];

/// The nodes of the plot of accuracy against memory.
pub struct Points;

impl Component for Points {
    fn about(&self) -> About {
        About::list(Pane::Points, "Evaluated nodes", KEYS)
    }

    fn info(&self, model: &Model, _columns: usize) -> String {
        if model.what_if.is_some() {
            return String::from("the allocation within the budget");
        }
        format!("{} evaluated", model.front.points.len())
    }

    fn act(&self, model: &mut Model, action: &Action) {
        match action {
            Action::Left => self.step(model, -1),
            Action::Right => self.step(model, 1),
            Action::ShowNode => {
                let point = model.front.points.get(model.front.scroll.cursor);
                model.jump(point.map(|p| p.id), "no node is evaluated yet");
            }
            Action::Axes => model.front.whole = !model.front.whole,
            Action::WhatIf => super::what_if::start(model),
            Action::Sort => {
                model.front.order = model.front.order.next();
                model.front.stale = true;
            }
            _ => {}
        }
    }

    fn fixed(&self, _model: &Model, height: u16) -> u16 {
        u16::from(height > 4)
    }

    fn heading(&self, model: &Model, columns: u16, _height: u16) -> Vec<Line<'static>> {
        if let Some(line) = what_if::heading(model) {
            return vec![line];
        }
        let columns = Columns::of(columns);
        let dim = model.theme.palette.dim;
        let order = model.front.order;
        let title = |name: &str, is: PointOrder| match order == is {
            true => format!("{name}{}", model.theme.symbols.fold_open),
            false => name.to_owned(),
        };
        let (node, memory, drop) = (
            title("   node", PointOrder::Latest),
            title("memory", PointOrder::Memory),
            title("drop", PointOrder::Drop),
        );
        let node = cell(&node, columns.name + 3, dim);
        let mut line = vec![node, number(&memory, MEMORY, dim)];
        if columns.wide {
            line.push(number("accuracy", ACCURACY + 1, dim));
            line.push(number(&drop, DROP - 1, dim));
            line.push(cell(" state", STATE, dim));
        } else {
            line.push(number(&drop, DROP, dim));
            line.push(cell("", 2, dim));
        }
        vec![Line::from(line)]
    }

    fn waiting(&self, model: &Model) -> Option<&'static str> {
        let empty = model.front.points.is_empty();
        empty.then_some("  no node is evaluated yet")
    }

    fn rows(&self, model: &Model) -> usize {
        if let Some(rows) = what_if::rows(model) {
            return rows;
        }
        model.front.points.len()
    }

    fn row(&self, model: &Model, row: usize, columns: u16) -> Option<Line<'static>> {
        if model.what_if.is_some() {
            return what_if::row(model, row, columns);
        }
        let (symbols, palette) = (&model.theme.symbols, &model.theme.palette);
        let Columns { name, wide } = Columns::of(columns);
        let point = model.front.points.get(row)?;
        let node = model.tree.get(point.id)?;
        let (mark, mark_style) = match model.tree.incumbent == Some(point.id) {
            true => (symbols.incumbent, palette.incumbent),
            false if point.best => (symbols.trunk, palette.bar),
            false => (" ", palette.text),
        };
        let (symbol, word, style) = model.theme.state(node.state());
        let title = model.title_in(point.id, name.saturating_sub(1));
        let mut spans = vec![
            cell(mark, 2, mark_style),
            cell(&title, name, palette.text),
            number(&bytes(point.bytes), MEMORY, palette.text),
        ];
        if wide {
            let accuracy = points(float_accuracy(model) - point.drop);
            spans.push(number(&accuracy, ACCURACY, palette.text));
        }
        spans.push(number(&points(point.drop), DROP, palette.text));
        spans.push(Span::raw(" "));
        spans.push(match wide {
            true => cell(&format!("{symbol} {word}"), STATE, style),
            false => cell(symbol, 2, style),
        });
        Some(Line::from(spans))
    }

    fn texts(&self, model: &Model) -> Vec<String> {
        let points = model.front.points.iter();
        points.map(|p| model.title_and_state(p.id)).collect()
    }

    fn scroll(&self, model: &Model) -> Scroll {
        model.front.scroll
    }

    fn scroll_mut<'m>(&self, model: &'m mut Model) -> &'m mut Scroll {
        &mut model.front.scroll
    }

    fn select(&self, model: &mut Model, row: usize) {
        model.front.scroll.cursor = row;
        if model.what_if.is_some() {
            return;
        }
        if let Some(point) = model.front.points.get(row) {
            model.nodes.select(&model.tree, point.id);
        }
    }

    fn is_selected(&self, model: &Model, row: usize) -> bool {
        let point = model
            .front
            .points
            .get(row)
            .filter(|_| model.what_if.is_none());
        point.is_some_and(|p| model.nodes.selected == Some(p.id))
    }

    fn settle(&self, model: &mut Model, list: Option<Rect>) {
        model.front.refresh(&model.tree);
        let selected = model.nodes.selected;
        let selected = selected.filter(|_| model.what_if.is_none());
        if let Some(row) = selected.and_then(|id| model.front.row(id)) {
            model.front.scroll.cursor = row;
        }
        self.settle_scroll(model, list);
    }
}

struct Columns {
    /// The columns of the name: in a narrow pane it matters more than what the plot tells.
    name: usize,
    wide: bool,
}

impl Columns {
    fn of(columns: u16) -> Self {
        let wide = columns >= 66;
        let (accuracy, state) = if wide { (ACCURACY, STATE) } else { (0, 2) };
        let others = 1 + 2 + MEMORY + accuracy + DROP + 1 + state;
        let name = usize::from(columns).saturating_sub(others);
        Columns { name, wide }
    }
}
