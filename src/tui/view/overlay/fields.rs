//! Prompts of several fields: what is typed, what it means, what is wrong with it.

use ratatui::Frame;
use ratatui::text::{Line, Span};

use super::{dialog, dialog_columns, keys, paragraph};
use crate::tui::model::{Asked, FieldPrompt, Model};
use crate::tui::text;
use crate::tui::widgets::{FIELD_NAME, field_line};

/// Draws the fields and what comes of them.
pub fn draw(model: &Model, frame: &mut Frame, prompt: &FieldPrompt) {
    let palette = &model.theme.palette;
    let mut lines: Vec<Line<'static>> = Vec::new();
    for (at, field) in prompt.fields.all.iter().enumerate() {
        // The current value stands behind the input.
        let current = prompt.current(&model.tree, field);
        let current = current.map_or(String::new(), |text| format!("  {text}"));
        let columns = dialog_columns(model).saturating_sub(FIELD_NAME + text::width(&current));
        let line = field_line(model, field, at == prompt.fields.at, columns);
        lines.push(line + Span::styled(current, palette.dim));
    }
    lines.push(Line::default());
    let help = prompt.fields.active().map_or("", |field| field.help);
    lines.extend(paragraph(model, help, palette.dim));
    if let Some(held) = prompt.held(&model.tree) {
        lines.extend(paragraph(model, &format!("matches {held}"), palette.dim));
    }
    lines.push(Line::default());
    let marks = model.theme.symbols.marks();
    lines.extend(match prompt.command(&model.tree) {
        Ok(Some(command)) => paragraph(model, &text::command(&command, marks), palette.changed),
        Ok(None) => paragraph(model, "no change yet", palette.dim),
        Err(why) => paragraph(model, &format!("! {why}"), palette.bad),
    });
    lines.push(Line::default());
    let (apply, next) = (("enter", "apply"), ("tab", "next field"));
    lines.push(keys(
        model,
        &[apply, next, ("ctrl-u", "clear"), ("esc", "cancel")],
    ));
    let title = match prompt.asked {
        Asked::Limits => "Limits",
        Asked::Pin => "Pin by pattern",
    };
    dialog(model, frame, title, lines, palette.border_focused);
}
