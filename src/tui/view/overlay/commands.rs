//! The list of commands.

use ratatui::Frame;
use ratatui::text::{Line, Text};

use super::window;
use crate::tui::commands::{Choice, entries, highlighted};
use crate::tui::model::{CommandPrompt, Model};
use crate::tui::text;
use crate::tui::widgets::{below, cell, cut_line, input_line, line_area, row};

const ROWS: u16 = 19;
/// Lines for what the chosen one does, in full.
const CHOSEN: u16 = 2;
const NAME: usize = 20;
const KEYS: usize = 14;

/// Draws what was typed and what matches it.
pub fn draw(model: &Model, frame: &mut Frame, prompt: &CommandPrompt) {
    let palette = &model.theme.palette;
    let columns = model.size.0.saturating_sub(8).clamp(72, 140);
    let inside = window(
        model,
        frame,
        "Commands",
        (columns, ROWS),
        palette.border_focused,
    );
    let columns = usize::from(inside.width);
    let typed = prompt.text.text();
    let input = input_line(model, ": ", &prompt.text, columns);
    frame.render_widget(input, line_area(inside, 0));
    let all = entries(model, &typed);
    let height = inside.height.saturating_sub(3 + CHOSEN);
    let list = below(inside, 2);
    let first = (prompt.chosen + 1).saturating_sub(usize::from(height));
    let room = columns.saturating_sub(NAME + KEYS + 2);
    let ellipsis = model.theme.symbols.ellipsis;
    let shown = all.iter().enumerate().skip(first);
    for ((at, entry), area) in shown.zip(list.rows().take(usize::from(height))) {
        let (name_style, style, keys) = match (&entry.choice, entry.cannot) {
            (Choice::Wrong(_), _) => (palette.bad, palette.bad, palette.key),
            (_, Some(_)) => (palette.dim, palette.dim, palette.dim),
            _ => (palette.strong, palette.text, palette.key),
        };
        let column = |content: &str, columns: usize, style| {
            let line = Line::from(highlighted(content, &typed, style));
            let mut line = cut_line(line, columns.saturating_sub(1), ellipsis);
            let left = columns.saturating_sub(line.width());
            line.spans.push(cell("", left, style));
            line
        };
        let mut line = column(&entry.name, NAME, name_style);
        line.spans
            .extend(column(&entry.help, room + 1, style).spans);
        line.spans.push(cell(&entry.keys, KEYS, keys));
        row(model, frame, area, line, at == prompt.chosen, true);
    }
    let chosen = all.get(prompt.chosen);
    let why = chosen
        .and_then(|entry| entry.cannot)
        .map(|why| format!("not now: {why}"));
    let help = why.or_else(|| chosen.map(|entry| entry.help.clone()));
    let lines = text::wrap(&help.unwrap_or_default(), columns)
        .into_iter()
        .map(Line::from);
    let lines = Text::from_iter(lines).style(palette.dim);
    frame.render_widget(lines, below(inside, inside.height.saturating_sub(CHOSEN)));
}
