//! Draws a model. Nothing here can change it.

mod allocation;
mod details;
mod facts;
mod footer;
mod frame;
mod front;
mod gate;
mod header;
mod log;
mod overlay;
mod pieces;
mod plot;
mod potentials;
mod scatter;
mod sites;
mod toast;
mod tree;

use ratatui::Frame;
use ratatui::layout::Rect;
use ratatui::style::{Color, Style};
use ratatui::text::Line;

use super::layout::{Layout, MIN_SIZE};
use super::model::{Model, Pane};
use super::text;

pub use footer::hints_line;
pub use overlay::{help_scroll, input_line};
pub use pieces::{cell, line_area, row};

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
    header::slider(model, frame, &layout);
    header::tabs(model, frame, &layout);
    for (pane, rect) in &layout.panes {
        frame::draw(model, frame, &layout, *pane, *rect);
        match pane {
            Pane::Tree => tree::draw(model, frame, &layout),
            Pane::Allocation => allocation::draw(model, frame, &layout),
            Pane::Gate => gate::draw(model, frame, &layout),
            Pane::Log => log::draw(model, frame, &layout),
            Pane::Details | Pane::Facts => text_pane(model, frame, &layout, *pane),
            Pane::Scatter => scatter::draw(model, frame, &layout),
            Pane::Front => front::plot(model, frame, &layout),
            Pane::Points => front::list(model, frame, &layout),
            Pane::Sites => sites::list(model, frame, &layout),
            Pane::Potentials => potentials::draw(model, frame, &layout),
        }
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
        if cell.fg == Color::Reset {
            cell.fg = ground.fg.unwrap_or(Color::Reset);
        }
        if cell.bg == Color::Reset {
            cell.bg = ground.bg.unwrap_or(Color::Reset);
        }
    }
}

/// The lines of a pane of text in so many columns.
pub fn text_lines(model: &Model, pane: Pane, columns: u16) -> Vec<Line<'static>> {
    let columns = columns.saturating_sub(1);
    match pane {
        Pane::Details => details::lines(model, columns),
        Pane::Facts => facts::lines(model, columns),
        _ => Vec::new(),
    }
}

fn text_pane(model: &Model, frame: &mut Frame, layout: &Layout, pane: Pane) {
    let Some(list) = layout.list(pane) else {
        return;
    };
    let scroll = if pane == Pane::Details {
        model.details
    } else {
        model.facts
    };
    let lines = text_lines(model, pane, list.width);
    let window = scroll.window(lines.len(), usize::from(list.height));
    let focused = model.focus == pane;
    let shown = lines
        .into_iter()
        .enumerate()
        .skip(window.start)
        .take(window.len());
    for (row, (at, line)) in shown.enumerate() {
        let selected = focused && at == scroll.cursor;
        pieces::row(
            model,
            frame,
            pieces::line_area(list, row),
            line,
            selected,
            false,
        );
    }
}

/// A polite message that goes away when the terminal grows.
fn too_small(model: &Model, frame: &mut Frame, area: Rect) {
    let (columns, rows) = MIN_SIZE;
    let message = format!(
        "This terminal is {}x{}.\naq4svit needs {columns}x{rows}.\nPlease enlarge it.\nThe search goes on meanwhile.",
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
