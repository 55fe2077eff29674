//! The text of the help: every key from the keymap, every symbol from the theme, and the glossary.

use ratatui::style::Style;
use ratatui::text::{Line, Span};

use super::model::Model;
use super::text;
use super::widgets::cell;
use crate::search::State;

const COLUMNS: u16 = 92;
/// The columns of keys and symbols.
const KEYS: usize = 18;

/// The columns and rows of the window.
pub fn size(model: &Model) -> (u16, u16) {
    let (columns, rows) = model.size;
    let columns = COLUMNS.min(columns.saturating_sub(2));
    (columns, rows.saturating_sub(2))
}

/// The first line shown when the help is scrolled to its end.
pub fn last_offset(model: &Model) -> usize {
    let rows = usize::from(size(model).1.saturating_sub(2));
    lines(model).len().saturating_sub(rows)
}

/// The lines of the help.
pub fn lines(model: &Model) -> Vec<Line<'static>> {
    let palette = &model.theme.palette;
    let columns = usize::from(size(model).0.saturating_sub(4));
    let entry = |keys: &str, style, help: String| {
        let keys = cell(keys, KEYS, style);
        Line::from(vec![keys, Span::styled(help, palette.text)])
    };
    let heading = |title| Line::styled(title, palette.title_focused);
    let mut lines = Vec::new();
    let mut section = "";
    for line in model.keymap.help() {
        if line.section != section {
            if !section.is_empty() {
                lines.push(Line::default());
            }
            section = line.section;
            lines.push(heading(section));
        }
        let mut keys = line.keys.join(" ");
        for help in text::wrap(line.help, columns.saturating_sub(KEYS)) {
            lines.push(entry(&std::mem::take(&mut keys), palette.key, help));
        }
    }
    let mouse = "a click selects, the wheel scrolls, borders can be dragged; hold shift to select text for copying";
    lines.push(entry("mouse", palette.key, String::from(mouse)));
    lines.extend([Line::default(), heading("Symbols")]);
    let symbols = symbols(model).into_iter();
    lines.extend(symbols.map(|(symbol, style, meaning)| entry(symbol, style, meaning.to_owned())));
    lines.extend([Line::default(), heading("Terms")]);
    for term in text::glossary::terms() {
        let mut name = term.name;
        if text::width(name) >= KEYS {
            lines.push(Line::styled(std::mem::take(&mut name), palette.key));
        }
        let meaning = term.meaning.replace('`', "");
        for meaning in text::wrap(&meaning, columns.saturating_sub(KEYS)) {
            lines.push(entry(std::mem::take(&mut name), palette.key, meaning));
        }
    }
    lines
}

/// The symbols of nodes with their styles and meanings.
fn symbols(model: &Model) -> Vec<(&'static str, Style, &'static str)> {
    let (symbols, palette) = (&model.theme.symbols, &model.theme.palette);
    let roles = [
        (
            symbols.base,
            palette.base,
            "the base: the node being expanded",
        ),
        (
            symbols.incumbent,
            palette.incumbent,
            "the incumbent: the smallest confirmed node",
        ),
        (symbols.pin, palette.base, "held by a pin"),
        (symbols.pruned, palette.dim, "pruned: never expanded"),
    ];
    let states = [
        (State::Proposed, "proposed: its drift is not measured yet"),
        (
            State::Measured,
            "drift only: its drift is measured, its accuracy is not",
        ),
        (State::HeldBack, "rejected by the gate: not evaluated"),
        (State::Failed, "failed screening"),
        (State::Passed, "passed screening"),
        (
            State::Refuted,
            "failed confirmation: passed screening, misses the constraint on all search images",
        ),
        (
            State::Confirmed,
            "confirmed: meets the constraint on all search images",
        ),
    ];
    let states = states.map(|(state, meaning)| {
        let (symbol, _, style) = model.theme.state(state);
        (symbol, style, meaning)
    });
    roles.into_iter().chain(states).collect()
}
