//! Draws a model. Nothing here can change it.

mod footer;
mod frame;
mod header;
mod overlay;
mod toast;

use ratatui::Frame;
use ratatui::layout::Rect;
use ratatui::style::{Color, Style};
use ratatui::text::{Line, Text};

use super::layout::{Layout, MIN_SIZE};
use super::model::Model;
use super::widgets::below;
use super::{panes, text};

pub use footer::hints_line;

/// Draws everything.
pub fn view(model: &Model, frame: &mut Frame) {
    let area = frame.area();
    // Between a resize and its event the model may remember another size; never draw outside the
    // frame.
    let layout = Layout::of(model).filter(|_| (area.width, area.height) == model.size);
    let Some(layout) = layout else {
        too_small(model, frame, area);
        return;
    };
    header::draw(model, frame, layout.header);
    header::slider(model, frame, &layout);
    header::tabs(model, frame, &layout);
    for (pane, rect) in &layout.panes {
        frame::draw(model, frame, &layout, *pane, *rect);
        panes::draw(model, frame, &layout, *pane);
    }
    footer::draw(model, frame, layout.footer);
    overlay::draw(model, frame);
    toast::draw(model, frame, layout.footer);
    ground(model, frame);
}

/// Puts the theme's own colours under everything that has none.
pub fn ground(model: &Model, frame: &mut Frame) {
    let ground = model.theme.palette.ground;
    if ground == Style::new() {
        return;
    }
    for cell in &mut frame.buffer_mut().content {
        for (own, under) in [(&mut cell.fg, ground.fg), (&mut cell.bg, ground.bg)] {
            if *own == Color::Reset {
                *own = under.unwrap_or(Color::Reset);
            }
        }
    }
}

/// A polite message that goes away when the terminal grows.
fn too_small(model: &Model, frame: &mut Frame, area: Rect) {
    let (columns, rows) = MIN_SIZE;
    let message = format!(
        "This terminal is {}x{}.\naq4svit needs {columns}x{rows}.\nPlease enlarge it.\nThe search continues.",
        area.width, area.height
    );
    let lines = text::wrap(&message, usize::from(area.width.saturating_sub(2)));
    let top = area.height.saturating_sub(lines.len() as u16) / 2;
    let lines: Text = lines.into_iter().map(Line::from).collect();
    let lines = lines.style(model.theme.palette.text).centered();
    frame.render_widget(lines, below(area, top));
}
