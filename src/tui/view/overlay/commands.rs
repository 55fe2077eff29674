//! The list of commands.

use ratatui::Frame;
use ratatui::layout::Rect;
use ratatui::text::{Line, Span};

use super::window;
use crate::tui::commands::{Choice, entries};
use crate::tui::model::{CommandPrompt, Model};
use crate::tui::text;
use crate::tui::widgets::{cell, input_line, line_area, row};

const ROWS: u16 = 19;
/// Lines for what the chosen one does, in full.
const CHOSEN: u16 = 2;
const NAME: usize = 18;
const KEYS: usize = 14;

/// Draws what was typed and what matches it.
pub fn draw(model: &Model, frame: &mut Frame, prompt: &CommandPrompt) {
    let palette = &model.theme.palette;
    let inside = window(model, frame, "Commands", 96, ROWS, palette.border_focused);
    let columns = usize::from(inside.width);
    frame.render_widget(
        input_line(model, ": ", &prompt.text, columns),
        line_area(inside, 0),
    );
    let all = entries(model, &prompt.text.text());
    let list = Rect {
        y: inside.y + 2,
        height: inside.height.saturating_sub(3 + CHOSEN),
        ..inside
    };
    let height = usize::from(list.height);
    let first = (prompt.chosen + 1).saturating_sub(height);
    for (i, (at, entry)) in all.iter().enumerate().skip(first).take(height).enumerate() {
        let style = match entry.choice {
            Choice::Wrong(_) => palette.bad,
            _ => palette.text,
        };
        let room = columns.saturating_sub(NAME + KEYS + 2);
        let help = text::cut(&entry.help, room, model.theme.symbols.ellipsis);
        let line = Line::from(vec![
            cell(&text::cut(&entry.name, NAME - 1, ""), NAME, palette.strong),
            Span::styled(text::pad(&help, room, false), style),
            Span::raw(" "),
            cell(&entry.keys, KEYS, palette.key),
        ]);
        row(
            model,
            frame,
            line_area(list, i),
            line,
            at == prompt.chosen,
            true,
        );
    }
    let chosen = all
        .get(prompt.chosen)
        .map_or("", |entry| entry.help.as_str());
    let lines = text::wrap(chosen, columns);
    for (i, line) in lines.into_iter().take(usize::from(CHOSEN)).enumerate() {
        let below = usize::from(inside.height.saturating_sub(CHOSEN)) + i;
        frame.render_widget(Line::styled(line, palette.dim), line_area(inside, below));
    }
}
