//! The text of the help: first what is in view, every symbol from the theme, and the glossary, then
//! every key from the keymap. It can be searched.

use ratatui::style::Style;
use ratatui::text::{Line, Span};

use super::keys::Bound;
use super::model::Model;
use super::panes;
use super::text;
use super::widgets::cell;
use crate::search::{GateDecision, State};

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
pub fn last_offset(model: &Model, find: &str) -> usize {
    let rows = usize::from(size(model).1.saturating_sub(2));
    lines(model, find).len().saturating_sub(rows)
}

/// A heading with its entries.
struct Section {
    title: String,
    entries: Vec<Vec<Line<'static>>>,
}

/// The lines of the help; those of the entries that have every word of `find`.
pub fn lines(model: &Model, find: &str) -> Vec<Line<'static>> {
    let palette = &model.theme.palette;
    let find = find.to_lowercase();
    let has_all = |entry: &Vec<Line<'static>>| {
        let text: String = entry.iter().map(|line| line.to_string() + " ").collect();
        let text = text.to_lowercase();
        find.split_whitespace().all(|word| text.contains(word))
    };
    let mut lines = Vec::new();
    for section in sections(model) {
        let found: Vec<_> = section.entries.into_iter().filter(has_all).collect();
        if found.is_empty() {
            continue;
        }
        if !lines.is_empty() {
            lines.push(Line::default());
        }
        lines.push(Line::styled(section.title, palette.title_focused));
        lines.extend(found.into_iter().flatten());
    }
    if lines.is_empty() {
        lines.push(Line::styled("nothing has these words", palette.dim));
    }
    lines
}

fn sections(model: &Model) -> Vec<Section> {
    let mut sections = vec![this_view(model), symbols(model), terms(model)];
    let palette = &model.theme.palette;
    for line in model.keymap.help() {
        if sections
            .last()
            .is_none_or(|last| last.title != line.section)
        {
            let (title, entries) = (line.section.to_owned(), Vec::new());
            sections.push(Section { title, entries });
        }
        if let Some(section) = sections.last_mut() {
            let entry = entry(model, &line.keys.join(" "), palette.key, line.help);
            section.entries.push(entry);
        }
    }
    if let Some(last) = sections.last_mut() {
        let mouse = "a click selects, the wheel scrolls, borders can be dragged; hold shift to select text for copying";
        last.entries.push(entry(model, "mouse", palette.key, mouse));
    }
    sections
}

/// A name and its meaning, in as many lines as it needs.
fn entry(model: &Model, name: &str, style: Style, meaning: &str) -> Vec<Line<'static>> {
    let palette = &model.theme.palette;
    let columns = usize::from(size(model).0.saturating_sub(4));
    let mut lines = Vec::new();
    let mut name = name;
    if text::width(name) >= KEYS {
        lines.push(Line::styled(name.to_owned(), style));
        name = "";
    }
    for line in text::wrap(meaning, columns.saturating_sub(KEYS)) {
        let name = cell(std::mem::take(&mut name), KEYS, style);
        lines.push(Line::from(vec![name, Span::styled(line, palette.text)]));
    }
    lines
}

/// The view, the pane that takes the keys, and the keys of its own.
fn this_view(model: &Model) -> Section {
    let palette = &model.theme.palette;
    let component = panes::list(model.focus);
    let (scope, title) = (component.about().scope(), component.about().title);
    let mut entries = vec![entry(
        model,
        model.view.name(),
        palette.strong,
        model.view.row().help,
    )];
    let others = model.order().iter().filter(|pane| **pane != model.focus);
    let others: Vec<&str> = others
        .map(|pane| panes::component(*pane).about().title)
        .collect();
    let text = format!("has the keys; tab goes on to {}", others.join(", "));
    entries.push(entry(model, title, palette.strong, &text));
    for Bound { binding, keys } in model.keymap.available(scope) {
        if binding.scope == scope && !keys.is_empty() {
            entries.push(entry(model, &keys.join(" "), palette.key, binding.help));
        }
    }
    Section {
        title: format!("This view: {}", model.view.name()),
        entries,
    }
}

/// The states of nodes and their meanings.
const STATES: [(State, &str); 7] = [
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

/// The symbols of nodes with their styles and meanings.
fn symbols(model: &Model) -> Section {
    let (symbols, palette) = (&model.theme.symbols, &model.theme.palette);
    let (audited, _, audited_style) = panes::decision(model, GateDecision::Audited);
    let (exempt, _, exempt_style) = panes::decision(model, GateDecision::Exempt);
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
        (
            audited,
            audited_style,
            "audited: rejected by the gate, evaluated all the same",
        ),
        (
            exempt,
            exempt_style,
            "exempt from the gate: set by the user",
        ),
    ];
    let states = STATES.map(|(state, meaning)| {
        let (symbol, _, style) = model.theme.state(state);
        (symbol, style, meaning)
    });
    let all = roles.into_iter().chain(states);
    let mut entries: Vec<_> = all
        .map(|(symbol, style, meaning)| entry(model, symbol, style, meaning))
        .collect();
    let strip = "the bit-width of every layer, first to last; h is 16 bits, F float; underlined: not as in the parent";
    entries.push(entry(model, "5566..F", palette.text, strip));
    entries.push(entry(
        model,
        "~1.2",
        palette.text,
        "in the column of the drop: predicted by the gate's model",
    ));
    Section {
        title: String::from("Symbols"),
        entries,
    }
}

fn terms(model: &Model) -> Section {
    let style = model.theme.palette.key;
    let term =
        |term: text::glossary::Term| entry(model, term.name, style, &term.meaning.replace('`', ""));
    Section {
        title: String::from("Terms"),
        entries: text::glossary::terms().map(term).collect(),
    }
}
