//! Where the membrane potentials of the selected node moved.

use ratatui::Frame;
use ratatui::text::{Line, Span};

use super::pieces::{bar, cell, line_area, number, row};
use crate::tui::layout::Layout;
use crate::tui::model::{Model, Pane};
use crate::tui::text;

const DRIFT: usize = 7;
const CHANGE: usize = 8;

/// Draws the drift of every site.
pub fn list(model: &Model, frame: &mut Frame, layout: &Layout) {
    let (symbols, palette) = (&model.theme.symbols, &model.theme.palette);
    let (Some(fixed), Some(list)) = (layout.fixed(Pane::Sites), layout.list(Pane::Sites)) else {
        return;
    };
    let (Some(settings), Some(node)) = (model.tree.settings.as_deref(), model.shown()) else {
        let waiting = Line::styled("  no node yet", palette.dim);
        frame.render_widget(waiting, line_area(list, 0));
        return;
    };
    let parent = model
        .other()
        .or(node.parent.and_then(|id| model.tree.get(id)));
    let width = usize::from(list.width).saturating_sub(1 + DRIFT + CHANGE + 1);
    let bars = (width / 3).clamp(6, 30);
    let room = width.saturating_sub(bars + 1);
    if fixed.height > 0 {
        let against = parent.map_or(String::new(), |p| format!("on {}", p.id));
        let heading = Line::from(vec![
            cell(" site", room + 1, palette.dim),
            number("drift", DRIFT, palette.dim),
            number(&against, CHANGE, palette.dim),
        ]);
        frame.render_widget(heading, fixed);
    }
    let most = node.site_drift.iter().copied().fold(0.0, f64::max);
    let count = settings.space.sites.len() + 1;
    let focused = matches!(model.focus, Pane::Sites | Pane::Potentials);
    for (i, at) in model
        .sites
        .window(count, usize::from(list.height))
        .enumerate()
    {
        let name = settings
            .space
            .sites
            .get(at)
            .map_or("logits", String::as_str);
        let drift = node.site_drift.get(at).copied();
        let before = parent.and_then(|p| p.site_drift.get(at)).copied();
        let change = drift
            .zip(before)
            .map(|(now, before)| text::drift_change(now - before));
        let far = drift
            .zip(node.drift)
            .is_some_and(|(own, mean)| own > 2.0 * mean);
        let style = if far { palette.warn } else { palette.text };
        let mut spans = vec![
            cell(
                &text::fit(name, room.saturating_sub(1), symbols.ellipsis),
                room,
                palette.text,
            ),
            number(
                &drift.map_or(String::from(symbols.none), text::drift),
                DRIFT,
                style,
            ),
            number(&change.unwrap_or_default(), CHANGE, palette.dim),
            Span::raw(if far { "!" } else { " " }),
        ];
        let share = drift.unwrap_or(0.0) / most.max(f64::MIN_POSITIVE);
        spans.extend(bar(model, share, bars, style));
        let selected = at == model.sites.cursor;
        row(
            model,
            frame,
            line_area(list, i),
            Line::from(spans),
            selected,
            focused,
        );
    }
}
