//! The log.

use ratatui::Frame;
use ratatui::text::{Line, Span};

use super::pieces::{line_area, row};
use crate::text::Importance;
use crate::tui::layout::Layout;
use crate::tui::model::{Model, Pane};
use crate::tui::text;

/// Draws the latest events in words.
pub fn draw(model: &Model, frame: &mut Frame, layout: &Layout) {
    let Some(list) = layout.list(Pane::Log) else {
        return;
    };
    let palette = &model.theme.palette;
    let focused = model.focus == Pane::Log;
    let scroll = model.log.scroll;
    let window = scroll.window(model.log.len(), usize::from(list.height));
    let lines = model.log.iter().skip(window.start).take(window.len());
    for (i, entry) in lines.enumerate() {
        let style = match entry.importance {
            Importance::Detail => palette.dim,
            Importance::Decision => palette.text,
            Importance::Milestone => palette.strong,
            Importance::Problem => palette.bad,
        };
        let sign = match entry.importance {
            Importance::Problem => "! ",
            _ => "",
        };
        let room = usize::from(list.width).saturating_sub(10 + sign.len());
        let line = Line::from(vec![
            Span::styled(format!("{} ", entry.time), palette.dim),
            Span::styled(sign, style),
            Span::styled(
                text::cut(&entry.text, room, model.theme.symbols.ellipsis),
                style,
            ),
        ]);
        let selected = focused && window.start + i == scroll.cursor;
        row(model, frame, line_area(list, i), line, selected, focused);
    }
}
