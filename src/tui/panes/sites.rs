//! The drift of the selected node by neuron site.

use ratatui::layout::Rect;
use ratatui::text::{Line, Span};

use super::component::{About, Component};
use crate::search::Candidate;
use crate::tui::action::{Action, Effect};
use crate::tui::keys::{Binding, Scope, bind};
use crate::tui::model::{Model, Pane};
use crate::tui::text;
use crate::tui::widgets::{bar, cell, number};

const DRIFT: usize = 7;
const CHANGE: usize = 8;

const SCOPE: Scope = Scope::Pane("membranes");
#[rustfmt::skip]
const KEYS: &[Binding] = &[
    bind(SCOPE, super::LISTS, Action::Probe, &["enter", "space"], "look inside", "membranes: measure the potentials of the selected node in a background thread"),
];

/// The places where the membrane potentials of the selected node moved.
pub struct Sites;

impl Component for Sites {
    fn about(&self) -> About {
        About::list(Pane::Sites, "Drift by site", KEYS)
    }

    fn info(&self, model: &Model, columns: usize) -> String {
        let title = |node: &Candidate| model.title_in(node.id, columns.saturating_sub(3));
        let title = model.shown().map(|node| format!("of {}", title(node)));
        match model.worst_sites {
            true => format!("largest first, {}", title.unwrap_or_default()),
            false => title.unwrap_or_default(),
        }
    }

    fn act(&self, model: &mut Model, action: &Action) {
        match action {
            Action::Probe => probe(model),
            Action::Sort => model.worst_sites = !model.worst_sites,
            _ => {}
        }
    }

    fn fixed(&self, _model: &Model, height: u16) -> u16 {
        u16::from(height > 4)
    }

    fn heading(&self, model: &Model, columns: u16, _height: u16) -> Vec<Line<'static>> {
        if self.waiting(model).is_some() {
            return Vec::new();
        }
        let dim = model.theme.palette.dim;
        let against = before(model).map_or(String::new(), |p| format!("vs {}", p.id));
        vec![Line::from(vec![
            cell(" site", Columns::of(columns).name + 1, dim),
            number("drift", DRIFT, dim),
            number(&against, CHANGE, dim),
        ])]
    }

    fn waiting(&self, model: &Model) -> Option<&'static str> {
        model.shown().is_none().then_some("  no node yet")
    }

    fn rows(&self, model: &Model) -> usize {
        let settings = model.tree.settings.as_ref();
        settings.map_or(0, |s| s.space.sites.len() + 1)
    }

    fn row(&self, model: &Model, row: usize, columns: u16) -> Option<Line<'static>> {
        let (symbols, palette) = (&model.theme.symbols, &model.theme.palette);
        let node = model.shown()?;
        let (row, name) = model.site_at(row)?;
        let columns = Columns::of(columns);
        let drift = node.site_drift.get(row).copied();
        let other = before(model).and_then(|p| p.site_drift.get(row)).copied();
        let change = drift.zip(other).map(|(now, before)| now - before);
        let far = drift.zip(node.drift);
        let far = far.is_some_and(|(own, mean)| own > 2.0 * mean);
        let style = if far { palette.warn } else { palette.text };
        let name = text::fit(name, columns.name.saturating_sub(1), symbols.ellipsis);
        let shown = drift.map_or(String::from(symbols.none), text::drift);
        let mut spans = vec![
            cell(&name, columns.name, palette.text),
            number(&shown, DRIFT, style),
            number(
                &change.map_or(String::new(), text::drift_change),
                CHANGE,
                palette.dim,
            ),
            Span::raw(if far { "!" } else { " " }),
        ];
        let most = node.site_drift.iter().copied().fold(0.0, f64::max);
        let share = drift.unwrap_or(0.0) / most.max(f64::MIN_POSITIVE);
        spans.extend(bar(model, share, columns.bar, style));
        Some(Line::from(spans))
    }

    fn texts(&self, model: &Model) -> Vec<String> {
        let sites = (0..self.rows(model)).filter_map(|row| model.site_at(row));
        sites.map(|(_, name)| name.to_owned()).collect()
    }

    fn settle(&self, model: &mut Model, list: Option<Rect>) {
        let rows = self.rows(model);
        let drifts = model.shown().filter(|_| model.worst_sites);
        let order = drifts.map(|node| {
            let drift = |at: &usize| node.site_drift.get(*at).copied().unwrap_or(0.0);
            let mut order: Vec<usize> = (0..rows).collect();
            order.sort_by(|a, b| drift(b).total_cmp(&drift(a)));
            order
        });
        model.site_order = order.unwrap_or_default();
        self.settle_scroll(model, list);
    }

    fn is_selected(&self, model: &Model, row: usize) -> bool {
        row == self.scroll(model).cursor
    }
}

struct Columns {
    name: usize,
    bar: usize,
}

impl Columns {
    fn of(columns: u16) -> Self {
        let width = usize::from(columns).saturating_sub(1 + DRIFT + CHANGE + 1);
        let bar = (width / 3).clamp(6, 30);
        let name = width.saturating_sub(bar + 1);
        Columns { name, bar }
    }
}

/// The node that drifts are compared with: the marked one, or the parent.
fn before(model: &Model) -> Option<&Candidate> {
    let parent = model.shown().and_then(|node| node.parent);
    model.other().or(parent.and_then(|id| model.tree.get(id)))
}

/// Asks for the potentials of the node that is shown.
fn probe(model: &mut Model) {
    let Some(node) = model.shown() else {
        return model.note("no node to look into yet");
    };
    let allocation = node.allocation.clone();
    // Who looks into a node stays there, wherever the search goes.
    model.nodes.follow = false;
    if matches!(model.potentials(), Some(Ok(_))) || model.looking.as_ref() == Some(&allocation) {
        return;
    }
    model.looking = Some(allocation.clone());
    model.effect(Effect::Probe(allocation));
}
