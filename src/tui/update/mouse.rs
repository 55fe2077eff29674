//! The mouse: a click selects, the wheel moves, dragging a border makes room.

use super::navigate::{move_to, step_in};
use crate::tui::layout::Layout;
use crate::tui::model::{Model, Overlay, Pane};

/// The left button was pressed.
pub fn click(model: &mut Model, column: u16, row: u16) {
    if model.overlay.is_some() {
        return;
    }
    let Some(layout) = Layout::of(model) else {
        return;
    };
    model.dragging = layout.border_at(column, row);
    if let Some(slider) = layout.slider.filter(|s| s.y == row && s.width > 1) {
        let share = f64::from(column.saturating_sub(slider.x)) / f64::from(slider.width - 1);
        let len = model.replay.as_ref().map_or(0, |r| r.len());
        super::replay::stop_at(model, (share.min(1.0) * len as f64).round() as usize);
        return;
    }
    if model.edit.is_none()
        && let Some(view) = layout.tab_at(column, row)
    {
        super::open(model, view);
        return;
    }
    let Some(pane) = layout.pane_at(column, row) else {
        return;
    };
    if model.edit.is_some() && pane != Pane::Allocation {
        return;
    }
    super::focus(model, pane);
    let Some(list) = layout.list(pane) else {
        return;
    };
    if row < list.y || row >= list.bottom() {
        return;
    }
    let line = usize::from(row - list.y);
    let point = |offset: usize, len: usize| Some(offset + line).filter(|at| *at < len);
    let at = match pane {
        Pane::Tree => {
            let rows = model.nodes.window(usize::from(list.height));
            rows.get(line).copied()
        }
        Pane::Allocation => {
            let rows = model.allocation.rows.len();
            point(model.allocation.scroll.offset, rows)
        }
        Pane::Gate => point(model.gate.scroll.offset, model.gate.decisions.len()),
        Pane::Points => point(model.front.scroll.offset, model.front.points.len()),
        Pane::Sites => point(model.sites.offset, usize::MAX),
        Pane::Details => point(model.details.offset, usize::MAX),
        Pane::Facts => point(model.facts.offset, usize::MAX),
        Pane::Log => point(model.log.scroll.offset, model.log.len()),
        Pane::Scatter | Pane::Front | Pane::Potentials => None,
    };
    if let Some(at) = at {
        move_to(model, pane, at);
    }
}

/// The mouse moved with the left button down.
pub fn drag(model: &mut Model, column: u16, row: u16) {
    if let Some(border) = model.dragging {
        let share = border.share_at(column, row);
        model.shares[model.view.index()][border.index] = Some(share);
    }
}

/// The wheel was turned.
pub fn wheel(model: &mut Model, column: u16, row: u16, by: i8) {
    let by = isize::from(by);
    match &mut model.overlay {
        Some(Overlay::Help { offset }) => *offset = offset.saturating_add_signed(by),
        Some(_) => {}
        None => {
            if let Some(pane) = Layout::of(model).and_then(|l| l.pane_at(column, row)) {
                step_in(model, pane, by);
            }
        }
    }
}
