//! The mouse: a click selects, the wheel moves.

use super::navigate::step_in;
use crate::tui::layout::Layout;
use crate::tui::model::{Model, Overlay, Pane};

/// The left button was pressed.
pub fn click(model: &mut Model, column: u16, row: u16) {
    if model.overlay.is_some() || model.edit.is_some() {
        return;
    }
    let Some(layout) = Layout::of(model) else {
        return;
    };
    let Some(pane) = layout.pane_at(column, row) else {
        return;
    };
    super::focus(model, pane);
    let Some(list) = layout.list(pane) else {
        return;
    };
    if row < list.y || row >= list.bottom() {
        return;
    }
    let line = usize::from(row - list.y);
    match pane {
        Pane::Tree => {
            let rows = model.nodes.window(usize::from(list.height));
            if let Some(row) = rows.get(line) {
                model.nodes.select_row(*row);
            }
        }
        Pane::Allocation => point(
            &mut model.allocation.scroll,
            line,
            model.allocation.rows.len(),
        ),
        Pane::Gate => point(&mut model.gate.scroll, line, model.gate.decisions.len()),
        Pane::Log => {
            let len = model.log.len();
            point(&mut model.log.scroll, line, len);
        }
    }
}

fn point(scroll: &mut crate::tui::model::Scroll, line: usize, len: usize) {
    if scroll.offset + line < len {
        scroll.cursor = scroll.offset + line;
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
