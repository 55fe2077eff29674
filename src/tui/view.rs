//! Draws a model. Nothing here can change it.

mod allocation;
mod footer;
mod frame;
mod gate;
mod header;
mod log;
mod overlay;
mod pieces;
mod toast;
mod tree;

use ratatui::Frame;
use ratatui::layout::Rect;
use ratatui::text::Line;

use super::layout::{Layout, MIN_SIZE};
use super::model::{Model, Pane};
use super::text;

pub use overlay::help_scroll;

/// Draws everything.
pub fn view(model: &Model, frame: &mut Frame) {
    let area = frame.area();
    // Between a resize and its event the model may remember another size; never draw outside the frame.
    let layout = Layout::of(model).filter(|_| (area.width, area.height) == model.size);
    let Some(layout) = layout else {
        too_small(model, frame, area);
        return;
    };
    header::draw(model, frame, layout.header);
    for (pane, rect) in &layout.panes {
        frame::draw(model, frame, &layout, *pane, *rect);
        match pane {
            Pane::Tree => tree::draw(model, frame, &layout),
            Pane::Allocation => allocation::draw(model, frame, &layout),
            Pane::Gate => gate::draw(model, frame, &layout),
            Pane::Log => log::draw(model, frame, &layout),
        }
    }
    footer::draw(model, frame, layout.footer);
    overlay::draw(model, frame);
    toast::draw(model, frame, layout.footer);
}

/// A polite message that goes away when the terminal grows.
fn too_small(model: &Model, frame: &mut Frame, area: Rect) {
    let (columns, rows) = MIN_SIZE;
    let message = format!(
        "This terminal is {}x{}; aq4svit needs {columns}x{rows}.\nPlease enlarge it. The search goes on meanwhile.",
        area.width, area.height
    );
    let lines = text::wrap(&message, usize::from(area.width.saturating_sub(2)));
    let top = area.height.saturating_sub(lines.len() as u16) / 2;
    for (i, line) in lines.iter().enumerate() {
        let y = area.y + top + i as u16;
        if y >= area.bottom() {
            break;
        }
        let line = Line::styled(line.as_str(), model.theme.palette.text).centered();
        frame.render_widget(
            line,
            Rect {
                y,
                height: 1,
                ..area
            },
        );
    }
}
