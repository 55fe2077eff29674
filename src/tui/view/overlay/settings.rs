//! The dialog of settings.

use ratatui::Frame;
use ratatui::text::Line;

use super::{dialog, dialog_columns, keys, paragraph};
use crate::tui::fields::Fields;
use crate::tui::model::Model;
use crate::tui::widgets::{FIELD_NAME, cut_line, field_line};

/// Draws the settings, what the active one means, and the keys.
pub fn draw(model: &Model, frame: &mut Frame, fields: &Fields) {
    let palette = &model.theme.palette;
    let columns = dialog_columns(model);
    let mut lines: Vec<Line<'static>> = Vec::new();
    for (at, field) in fields.all.iter().enumerate() {
        let room = columns.saturating_sub(FIELD_NAME);
        let line = field_line(model, field, at == fields.at, room);
        lines.push(cut_line(line, columns, model.theme.symbols.ellipsis));
    }
    lines.push(Line::default());
    let help = fields.active().map_or("", |field| field.help);
    lines.extend(paragraph(model, help, palette.dim));
    lines.push(Line::default());
    let can = [
        ("up/down", "setting"),
        ("left/right", "choose"),
        ("esc", "close"),
    ];
    lines.push(keys(model, &can));
    dialog(model, frame, "Settings", lines, palette.border_focused);
}
