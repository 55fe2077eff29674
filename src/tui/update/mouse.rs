//! The mouse: a click selects, the wheel moves, dragging a border makes room.

use crate::tui::layout::Layout;
use crate::tui::model::{Model, Overlay, Pane};
use crate::tui::panes;

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
        return model.open(view);
    }
    let Some(pane) = layout.pane_at(column, row) else {
        return;
    };
    let pane = tab_at(model, &layout, pane, (column, row)).unwrap_or(pane);
    if model.edit.is_some() && pane != Pane::Allocation {
        return;
    }
    model.focus_on(pane);
    let list = panes::area(model, &layout, pane).map(|area| area.list);
    if let Some(list) = list.filter(|list| (list.y..list.bottom()).contains(&row)) {
        let component = panes::component(pane);
        let rows = component.window(model, usize::from(list.height));
        if let Some(at) = rows.get(usize::from(row - list.y)) {
            component.select(model, *at);
        }
    }
}

/// The pane whose name among those that share an area was clicked.
fn tab_at(model: &Model, layout: &Layout, pane: Pane, (column, row): (u16, u16)) -> Option<Pane> {
    let (_, frame) = layout.panes.iter().find(|(p, _)| *p == pane)?;
    if layout.tabbed != Some(pane) || frame.y != row {
        return None;
    }
    let mut end = frame.x + 2;
    model.view.panes().iter().skip(1).copied().find(|other| {
        end += panes::component(*other).about().title.len() as u16 + 2;
        column < end && column >= frame.x + 2
    })
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
        Some(Overlay::Help { offset, .. }) => *offset = offset.saturating_add_signed(by),
        Some(_) => {}
        None => {
            if let Some(pane) = Layout::of(model).and_then(|l| l.pane_at(column, row)) {
                panes::list(pane).step(model, by);
            }
        }
    }
}
