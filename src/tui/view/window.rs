//! A box over what is drawn, for dialogs of the run's interface and of the start screen.

use ratatui::Frame;
use ratatui::layout::{Margin, Rect};
use ratatui::style::Style;
use ratatui::text::Line;
use ratatui::widgets::{Block, Clear};

use super::frame::borders;
use crate::tui::model::Model;

/// Draws an empty box with a title in the middle, of so many columns and rows where the terminal
/// has them; returns its inside.
pub fn window(
    model: &Model,
    frame: &mut Frame,
    title: &str,
    (columns, rows): (u16, u16),
    style: Style,
) -> Rect {
    let area = frame.area();
    let width = columns.min(area.width.saturating_sub(2));
    let height = rows.min(area.height.saturating_sub(2));
    let area = Rect {
        x: area.x + (area.width - width) / 2,
        y: area.y + (area.height - height) / 2,
        width,
        height,
    };
    frame.render_widget(Clear, area);
    let block = Block::bordered()
        .border_set(borders(model, true))
        .border_style(style)
        .title(Line::styled(format!(" {title} "), style.bold()));
    let inside = block.inner(area);
    frame.render_widget(block, area);
    inside.inner(Margin::new(1, 0))
}
