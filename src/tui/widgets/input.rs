//! Text fields.

use ratatui::style::{Modifier, Style};
use ratatui::text::{Line, Span};
use unicode_truncate::UnicodeTruncateStr;

use super::cell;
use crate::tui::fields::Field;
use crate::tui::input::TextInput;
use crate::tui::model::Model;
use crate::tui::text;

/// The columns of the name of a field, and of the mark before it.
pub const FIELD_NAME: usize = 16;

/// A field of a form: its name, and its value in at most `columns` columns.
pub fn field_line(model: &Model, field: &Field, active: bool, columns: usize) -> Line<'static> {
    let (symbols, palette) = (&model.theme.symbols, &model.theme.palette);
    let mark = if active { symbols.selected } else { " " };
    let style = field.changed().map_or(palette.text, |_| palette.changed);
    let mut line = Line::from(vec![
        Span::styled(mark, palette.busy),
        cell(field.name, FIELD_NAME - 1, style),
    ]);
    let input = field.input();
    if !active && input.is_empty() {
        line.spans.push(Span::styled(field.empty, palette.dim));
    } else if !field.choices.is_empty() {
        line.spans.extend(field.choices.iter().map(|choice| {
            if *choice == input {
                let style = palette.strong.add_modifier(Modifier::REVERSED);
                Span::styled(format!("[{choice}]"), style)
            } else {
                Span::styled(format!(" {choice} "), palette.dim)
            }
        }));
    } else if active {
        let typed = input_line(model, "", &field.text, columns);
        line.spans.extend(typed.spans);
    } else {
        let text = text::cut(&field.text.text(), columns, symbols.ellipsis);
        line.spans.push(Span::raw(text));
    }
    line
}

/// A text being typed with its cursor, behind a label; of a long one, the part around the cursor.
pub fn input_line(
    model: &Model,
    label: &'static str,
    typed: &TextInput,
    columns: usize,
) -> Line<'static> {
    let palette = &model.theme.palette;
    let room = columns.saturating_sub(text::width(label) + 2);
    let (mut before, after) = typed.parts();
    if text::width(before) > room {
        before = before.unicode_truncate_start(room).0;
    }
    let mut after = after.chars();
    let at = after.next().map_or(String::from(" "), |c| c.to_string());
    let left = room.saturating_sub(text::width(before));
    let after = text::cut(after.as_str(), left, model.theme.symbols.ellipsis);
    Line::from(vec![
        Span::styled(label, palette.dim),
        Span::styled(before.to_owned(), palette.strong),
        Span::styled(at, Style::new().add_modifier(Modifier::REVERSED)),
        Span::styled(after, palette.strong),
    ])
}
