//! Prompts of several fields: what is typed, what it means, what is wrong with it.

use ratatui::Frame;
use ratatui::text::{Line, Span};

use super::{dialog, dialog_columns, input_line, keys, paragraph};
use crate::tui::model::{Asked, FieldPrompt, Model, PromptField};
use crate::tui::text;
use crate::tui::widgets::cell;

const NAME: usize = 15;

/// Draws the fields and what comes of them.
pub fn draw(model: &Model, frame: &mut Frame, prompt: &FieldPrompt) {
    let palette = &model.theme.palette;
    let mut lines: Vec<Line<'static>> = Vec::new();
    for (at, field) in prompt.fields.iter().enumerate() {
        lines.push(line(model, prompt, field, at == prompt.at));
    }
    lines.push(Line::default());
    let help = prompt.fields.get(prompt.at).map_or("", |f| f.help);
    lines.extend(paragraph(model, help, palette.dim));
    if let Some(held) = prompt.held(&model.tree) {
        lines.extend(paragraph(model, &format!("matches {held}"), palette.dim));
    }
    lines.push(Line::default());
    let marks = model.theme.symbols.marks();
    lines.extend(match prompt.command(&model.tree) {
        Ok(Some(command)) => paragraph(model, &text::command(&command, marks), palette.changed),
        Ok(None) => paragraph(model, "nothing is changed yet", palette.dim),
        Err(why) => paragraph(model, &format!("! {why}"), palette.bad),
    });
    lines.push(Line::default());
    let pairs = [
        ("enter", "tell the search"),
        ("tab", "next field"),
        ("ctrl-u", "clear"),
        ("esc", "cancel"),
    ];
    lines.push(keys(model, &pairs));
    let title = match prompt.asked {
        Asked::Limits => "Limits",
        Asked::Pin => "Pin by pattern",
    };
    dialog(model, frame, title, lines, palette.border_focused);
}

/// A field; what held before stands behind what is typed.
fn line(model: &Model, prompt: &FieldPrompt, field: &PromptField, active: bool) -> Line<'static> {
    let (symbols, palette) = (&model.theme.symbols, &model.theme.palette);
    let mark = if active { symbols.selected } else { " " };
    let style = match field.is_changed() {
        true => palette.changed,
        false => palette.text,
    };
    let none = match prompt.asked {
        Asked::Limits => "no limit",
        Asked::Pin => "none",
    };
    let now = prompt.now(&model.tree, field);
    let now = now.map_or(String::new(), |now| format!("  {now}"));
    let columns = dialog_columns(model).saturating_sub(NAME + 1 + text::width(&now));
    let mut line = Line::from(vec![
        Span::styled(mark, palette.busy),
        cell(field.name, NAME, style),
    ]);
    let said = field.text.text();
    match active {
        true => line
            .spans
            .extend(input_line(model, "", &field.text, columns).spans),
        false if said.is_empty() => line.spans.push(Span::styled(none, palette.dim)),
        false => line
            .spans
            .push(Span::raw(text::cut(&said, columns, symbols.ellipsis))),
    }
    line.spans.push(Span::styled(now, palette.dim));
    line
}
