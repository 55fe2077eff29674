//! The list of commands.

use ratatui::Frame;
use ratatui::text::{Line, Text};

use super::window;
use crate::tui::commands::{Choice, entries};
use crate::tui::model::{CommandPrompt, Model};
use crate::tui::text;
use crate::tui::widgets::{below, cell, input_line, line_area, row};

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
    let typed = input_line(model, ": ", &prompt.text, columns);
    frame.render_widget(typed, line_area(inside, 0));
    let all = entries(model, &prompt.text.text());
    let height = inside.height.saturating_sub(3 + CHOSEN);
    let list = below(inside, 2);
    let first = (prompt.chosen + 1).saturating_sub(usize::from(height));
    let room = columns.saturating_sub(NAME + KEYS + 2);
    let shown = all.iter().enumerate().skip(first);
    for ((at, entry), area) in shown.zip(list.rows().take(usize::from(height))) {
        let style = match entry.choice {
            Choice::Wrong(_) => palette.bad,
            _ => palette.text,
        };
        let help = text::cut(&entry.help, room, model.theme.symbols.ellipsis);
        let line = Line::from(vec![
            cell(&text::cut(&entry.name, NAME - 1, ""), NAME, palette.strong),
            cell(&help, room + 1, style),
            cell(&entry.keys, KEYS, palette.key),
        ]);
        row(model, frame, area, line, at == prompt.chosen, true);
    }
    let chosen = all.get(prompt.chosen).map_or("", |entry| &entry.help);
    let lines = text::wrap(chosen, columns).into_iter().map(Line::from);
    let lines = Text::from_iter(lines).style(palette.dim);
    frame.render_widget(lines, below(inside, inside.height.saturating_sub(CHOSEN)));
}
