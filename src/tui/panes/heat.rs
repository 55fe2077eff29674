//! The sensitivity of every layer at every width.

use ratatui::layout::Rect;
use ratatui::style::Modifier;
use ratatui::text::{Line, Span};

use super::component::{About, Component};
use crate::tui::action::Action;
use crate::tui::keys::{Binding, Scope, bind};
use crate::tui::model::{Measure, Model, Pane, Scroll};
use crate::tui::text;
use crate::tui::widgets::{cell, number};

const CELL: usize = 7;

const SCOPE: Scope = Scope::Pane("sensitivity");
#[rustfmt::skip]
const KEYS: &[Binding] = &[
    bind(SCOPE, super::LISTS, Action::ShowNode, &["enter", "space"], "to the layer", "sensitivity: show the layer in the allocation"),
];

/// The sensitivity of every layer at every width.
pub struct Heat;

impl Component for Heat {
    fn about(&self) -> About {
        About::list(Pane::Heat, "Sensitivity", KEYS)
    }

    fn info(&self, model: &Model, _columns: usize) -> String {
        let what = match model.heat.measure {
            Measure::OutputError => "output error",
            Measure::Drift => "added drift",
        };
        match model.heat.worst_first {
            true => format!("{what}, most sensitive first"),
            false => format!("{what}; O: most sensitive first"),
        }
    }

    fn act(&self, model: &mut Model, action: &Action) {
        match action {
            Action::Sort => model.heat.worst_first = !model.heat.worst_first,
            Action::ShowNode => {
                let layer = model.heat.order.get(model.heat.scroll.cursor).copied();
                let mut parts = model.allocation.parts.iter();
                let part = layer.and_then(|layer| {
                    parts.position(|p| p.is_layer() && p.members.contains(&layer))
                });
                if let Some(part) = part {
                    model.allocation.reveal(part);
                    model.focus_on(Pane::Allocation);
                }
            }
            _ => {}
        }
    }

    fn fixed(&self, _model: &Model, height: u16) -> u16 {
        u16::from(height > 3)
    }

    fn heading(&self, model: &Model, columns: u16, _height: u16) -> Vec<Line<'static>> {
        let dim = model.theme.palette.dim;
        let mut line = vec![cell("  layer", name_columns(model, columns) + 1, dim)];
        let widths = model.heat.widths.iter();
        line.extend(widths.map(|w| number(&format!("{w} bit"), CELL, dim)));
        vec![Line::from(line)]
    }

    fn waiting(&self, model: &Model) -> Option<&'static str> {
        let empty = model.heat.is_empty();
        empty.then_some("  no layer was measured alone yet")
    }

    fn rows(&self, model: &Model) -> usize {
        model.heat.order.len()
    }

    fn row(&self, model: &Model, row: usize, columns: u16) -> Option<Line<'static>> {
        let (symbols, palette) = (&model.theme.symbols, &model.theme.palette);
        let layer = *model.heat.order.get(row)?;
        let name = &model
            .tree
            .settings
            .as_deref()?
            .space
            .layers
            .get(layer)?
            .name;
        let own = model.shown().and_then(|node| node.allocation.0.get(layer));
        let columns = name_columns(model, columns);
        let label = text::fit(name, columns.saturating_sub(2), symbols.ellipsis);
        let mut spans = vec![cell(&format!(" {label}"), columns, palette.text)];
        let values = model.heat.widths.iter().zip(model.heat.values.get(layer)?);
        for (width, value) in values {
            let Some(value) = value else {
                spans.push(number(symbols.separator, CELL, palette.dim));
                continue;
            };
            // Cold is insensitive: the colours of few bits to many.
            let style = palette.heat.get(model.heat.quarter(*value)).copied();
            let mut style = style.unwrap_or(palette.text);
            if own == Some(width) {
                style = style.add_modifier(Modifier::UNDERLINED | Modifier::BOLD);
            }
            let text = text::drift(*value);
            spans.push(Span::raw(
                " ".repeat(CELL.saturating_sub(text::width(&text))),
            ));
            spans.push(Span::styled(text, style));
        }
        Some(Line::from(spans))
    }

    fn texts(&self, model: &Model) -> Vec<String> {
        let layers = model.tree.settings.as_deref().map(|s| &s.space.layers);
        let order = model.heat.order.iter();
        let name = |at: &usize| Some(layers?.get(*at)?.name.clone());
        order.filter_map(name).collect()
    }

    fn scroll(&self, model: &Model) -> Scroll {
        model.heat.scroll
    }

    fn scroll_mut<'m>(&self, model: &'m mut Model) -> &'m mut Scroll {
        &mut model.heat.scroll
    }

    fn settle(&self, model: &mut Model, list: Option<Rect>) {
        if list.is_some() {
            let measured = model.activity.measured();
            model.heat.refresh(&model.tree, measured);
        }
        self.settle_scroll(model, list);
    }
}

fn name_columns(model: &Model, columns: u16) -> usize {
    let cells = CELL * model.heat.widths.len();
    usize::from(columns).saturating_sub(cells + 2)
}
