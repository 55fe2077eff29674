//! The help: every key from the keymap, every sign from the theme.

use ratatui::Frame;
use ratatui::layout::Rect;
use ratatui::style::Style;
use ratatui::text::{Line, Span};

use super::window;
use crate::search::State;
use crate::tui::model::Model;
use crate::tui::text;
use crate::tui::view::pieces::line_area;

const HELP: u16 = 92;

fn help_size(size: (u16, u16)) -> (u16, u16) {
    (HELP.min(size.0.saturating_sub(2)), size.1.saturating_sub(2))
}

/// Farthest the help can be scrolled on a terminal of this size.
pub fn scroll(model: &Model) -> usize {
    let size = model.size;
    let rows = usize::from(help_size(size).1.saturating_sub(2));
    let columns = usize::from(help_size(size).0.saturating_sub(4));
    help_text(model, columns).len().saturating_sub(rows)
}

/// A line of the help.
enum HelpText {
    Section(&'static str),
    Keys(String, String),
    Blank,
    State(State),
    Sign(fn(&Model) -> (&'static str, Style), &'static str),
}

fn help_text(model: &Model, columns: usize) -> Vec<HelpText> {
    const KEYS: usize = 18;
    let mut lines = Vec::new();
    let mut section = "";
    for line in model.keymap.help() {
        if line.section != section {
            if !section.is_empty() {
                lines.push(HelpText::Blank);
            }
            section = line.section;
            lines.push(HelpText::Section(section));
        }
        let wrapped = text::wrap(line.help, columns.saturating_sub(KEYS));
        for (i, help) in wrapped.into_iter().enumerate() {
            let keys = if i == 0 {
                line.keys.join(" ")
            } else {
                String::new()
            };
            lines.push(HelpText::Keys(text::pad(&keys, KEYS, false), help));
        }
    }
    let mouse = "a click selects, the wheel scrolls, borders can be dragged; hold shift to select text for copying";
    lines.push(HelpText::Keys(
        text::pad("mouse", KEYS, false),
        String::from(mouse),
    ));
    lines.extend([HelpText::Blank, HelpText::Section("Signs")]);
    lines.push(HelpText::Sign(
        |m| (m.theme.symbols.base, m.theme.palette.base),
        "the base: the node being expanded",
    ));
    lines.push(HelpText::Sign(
        |m| (m.theme.symbols.incumbent, m.theme.palette.incumbent),
        "the incumbent: the smallest confirmed node",
    ));
    lines.push(HelpText::Sign(
        |m| (m.theme.symbols.pin, m.theme.palette.base),
        "held by a pin",
    ));
    lines.push(HelpText::Sign(
        |m| (m.theme.symbols.pruned, m.theme.palette.dim),
        "pruned: never expanded",
    ));
    let states = [
        State::Proposed,
        State::Measured,
        State::HeldBack,
        State::Failed,
        State::Passed,
        State::Refuted,
        State::Confirmed,
    ];
    lines.extend(states.map(HelpText::State));
    lines
}

fn meaning(state: State) -> &'static str {
    match state {
        State::Proposed => "proposed: nothing known yet",
        State::Measured => "measured: its drift is known, its accuracy not",
        State::HeldBack => "held back: the gate saw no chance in its drift",
        State::Failed => "failed screening",
        State::Passed => "passed screening",
        State::Refuted => "refuted: passed screening, failed its confirmation",
        State::Confirmed => "confirmed: meets the constraint on all search images",
    }
}

/// Draws the keys and the signs.
pub fn draw(model: &Model, frame: &mut Frame, offset: usize) {
    let palette = &model.theme.palette;
    let (columns, rows) = help_size(model.size);
    let inside = window(model, frame, "Keys", columns, rows, palette.border_focused);
    let all = help_text(model, usize::from(columns.saturating_sub(4)));
    let offset = offset.min(scroll(model));
    for (i, line) in all
        .into_iter()
        .skip(offset)
        .take(usize::from(inside.height))
        .enumerate()
    {
        let line = match line {
            HelpText::Section(title) => Line::styled(title, palette.title_focused),
            HelpText::Keys(keys, help) => Line::from(vec![
                Span::styled(keys, palette.key),
                Span::styled(help, palette.text),
            ]),
            HelpText::Blank => Line::default(),
            HelpText::State(state) => sign(
                model.theme.state(state).0,
                model.theme.state(state).2,
                meaning(state),
            ),
            HelpText::Sign(look, meaning) => sign(look(model).0, look(model).1, meaning),
        };
        frame.render_widget(line, line_area(inside, i));
    }
    if scroll(model) > 0 {
        let more = format!(
            " {} ",
            if offset < scroll(model) {
                "more below"
            } else {
                "end"
            }
        );
        let at = Rect {
            x: inside.right().saturating_sub(more.len() as u16),
            y: inside.bottom(),
            width: more.len() as u16,
            height: 1,
        };
        frame.render_widget(Span::styled(more, palette.dim), at);
    }
}

fn sign(symbol: &'static str, style: Style, meaning: &'static str) -> Line<'static> {
    Line::from(vec![
        Span::styled(text::pad(symbol, 18, false), style),
        Span::raw(meaning),
    ])
}
