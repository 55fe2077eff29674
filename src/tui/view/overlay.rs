//! What lies over the panes: help, questions, prompts, the failure of the run.

use ratatui::Frame;
use ratatui::layout::Rect;
use ratatui::style::{Modifier, Style};
use ratatui::text::{Line, Span};
use ratatui::widgets::{Block, Clear};

use super::frame::borders;
use super::pieces::line_area;
use crate::search::State;
use crate::tui::keymap;
use crate::tui::model::{Confirm, Model, Overlay, SavePrompt};
use crate::tui::text::{self, bytes, points};

/// Draws what lies over the panes.
pub fn draw(model: &Model, frame: &mut Frame) {
    match &model.overlay {
        Some(Overlay::Help { offset }) => help(model, frame, *offset),
        Some(Overlay::Confirm(confirm)) => question(model, frame, confirm),
        Some(Overlay::Save(prompt)) => save(model, frame, prompt),
        Some(Overlay::Failure { message }) => failure(model, frame, message),
        None => {}
    }
}

/// A box in the middle, emptied; returns its inside.
fn window(
    model: &Model,
    frame: &mut Frame,
    title: &str,
    columns: u16,
    rows: u16,
    style: Style,
) -> Rect {
    let area = frame.area();
    let (width, height) = (
        columns.min(area.width.saturating_sub(2)),
        rows.min(area.height.saturating_sub(2)),
    );
    let area = Rect {
        x: area.x + (area.width - width) / 2,
        y: area.y + (area.height - height) / 2,
        width,
        height,
    };
    frame.render_widget(Clear, area);
    let block = Block::bordered()
        .border_set(borders(model, true))
        .border_style(style)
        .title(Span::styled(
            format!(" {title} "),
            style.add_modifier(Modifier::BOLD),
        ));
    let inside = block.inner(area);
    frame.render_widget(block, area);
    Rect {
        x: inside.x + 1,
        width: inside.width.saturating_sub(2),
        ..inside
    }
}

/// A window with lines of text, as high as they need.
fn dialog(model: &Model, frame: &mut Frame, title: &str, lines: Vec<Line<'static>>, style: Style) {
    let rows = lines.len() as u16 + 2;
    let inside = window(model, frame, title, DIALOG, rows, style);
    for (i, line) in lines
        .into_iter()
        .take(usize::from(inside.height))
        .enumerate()
    {
        frame.render_widget(line, line_area(inside, i));
    }
}

const DIALOG: u16 = 76;

/// Columns inside a dialog.
fn dialog_columns(model: &Model) -> usize {
    usize::from(DIALOG.min(model.size.0.saturating_sub(2)).saturating_sub(4))
}

fn paragraph(model: &Model, content: &str, style: Style) -> Vec<Line<'static>> {
    let lines = text::wrap(content, dialog_columns(model));
    lines.into_iter().map(|l| Line::styled(l, style)).collect()
}

/// Keys of a dialog: `enter yes   esc no`.
fn keys(model: &Model, pairs: &[(&'static str, &'static str)]) -> Line<'static> {
    let palette = &model.theme.palette;
    let spans = pairs.iter().flat_map(|(key, what)| {
        [
            Span::styled(*key, palette.key),
            Span::styled(format!(" {what}   "), palette.text),
        ]
    });
    Line::from(spans.collect::<Vec<_>>())
}

fn question(model: &Model, frame: &mut Frame, confirm: &Confirm) {
    let palette = &model.theme.palette;
    let (title, content, yes, no) = match confirm {
        Confirm::Quit => (
            "Quit",
            format!(
                "The search is still running. Its journal is safe. Resume it later with\n  aq4svit resume {}",
                model.run.id
            ),
            "quit",
            "stay",
        ),
        Confirm::Stop => (
            "Stop searching",
            match model.tree.incumbent.and_then(|id| model.tree.get(id)) {
                Some(node) => format!(
                    "End the search now with the incumbent {} of {}? A stopped run cannot be resumed.",
                    model.title(node.id),
                    bytes(node.bytes)
                ),
                None => String::from(
                    "End the search now? Nothing is confirmed yet, so the run would end without a result, and a \
                     stopped run cannot be resumed.",
                ),
            },
            "stop",
            "go on",
        ),
        Confirm::Overwrite { path, .. } => (
            "Overwrite",
            format!(
                "There is a profile of that name already:\n  {}\nReplace it?",
                path.display()
            ),
            "replace it",
            "another name",
        ),
    };
    let mut lines = paragraph(model, &content, palette.text);
    lines.push(Line::default());
    lines.push(keys(model, &[("y", yes), ("n", no)]));
    dialog(model, frame, title, lines, palette.base);
}

fn save(model: &Model, frame: &mut Frame, prompt: &SavePrompt) {
    let palette = &model.theme.palette;
    let mut lines = Vec::new();
    if let Some(node) = model.tree.get(prompt.candidate) {
        let (_, word, style) = model.theme.state(node.state());
        let drop = node
            .judgement()
            .map_or(String::new(), |j| format!(", drop {}", points(j.drop())));
        lines.push(Line::from(vec![
            Span::raw(format!(
                "{}, {}{drop}, ",
                model.title(node.id),
                bytes(node.bytes)
            )),
            Span::styled(word, style),
        ]));
        if node.state() != State::Confirmed {
            let warning = "Not confirmed: it may miss the constraint on the whole search split.";
            lines.extend(paragraph(model, warning, palette.warn));
        }
    }
    lines.push(Line::default());
    lines.push(input(model, prompt));
    lines.push(Line::default());
    if let Some(error) = &prompt.error {
        lines.extend(paragraph(model, &format!("! {error}"), palette.bad));
    }
    lines.push(keys(
        model,
        &[("enter", "save"), ("esc", "cancel"), ("ctrl-u", "clear")],
    ));
    dialog(
        model,
        frame,
        "Save as a profile",
        lines,
        palette.border_focused,
    );
}

/// The name with its cursor; of a long one, the part around the cursor.
fn input(model: &Model, prompt: &SavePrompt) -> Line<'static> {
    let palette = &model.theme.palette;
    let room = dialog_columns(model).saturating_sub(8);
    let (before, after) = prompt.name.parts();
    let mut before: Vec<char> = before.chars().collect();
    while text::width(&before.iter().collect::<String>()) > room {
        before.remove(0);
    }
    let before: String = before.into_iter().collect();
    let mut after = after.chars();
    let at = after.next().map_or(String::from(" "), |c| c.to_string());
    let left = room.saturating_sub(text::width(&before));
    let after = text::cut(
        &after.collect::<String>(),
        left,
        model.theme.symbols.ellipsis,
    );
    Line::from(vec![
        Span::styled("name  ", palette.dim),
        Span::styled(before, palette.strong),
        Span::styled(at, Style::new().add_modifier(Modifier::REVERSED)),
        Span::styled(after, palette.strong),
    ])
}

fn failure(model: &Model, frame: &mut Frame, message: &str) {
    let palette = &model.theme.palette;
    let mut lines = paragraph(model, message, palette.bad);
    lines.push(Line::default());
    let advice = format!(
        "Everything decided so far is safe in the journal:\n  {}\nOnce the cause is gone, go on with\n  aq4svit resume {}",
        model.run.folder.display(),
        model.run.id
    );
    lines.extend(paragraph(model, &advice, palette.text));
    lines.push(Line::default());
    lines.push(keys(model, &[("q", "quit"), ("esc", "look around")]));
    dialog(model, frame, "The run stopped", lines, palette.bad);
}

const HELP: u16 = 92;

fn help_size(size: (u16, u16)) -> (u16, u16) {
    (HELP.min(size.0.saturating_sub(2)), size.1.saturating_sub(2))
}

/// Farthest the help can be scrolled on a terminal of this size.
pub fn help_scroll(size: (u16, u16)) -> usize {
    let rows = usize::from(help_size(size).1.saturating_sub(2));
    let columns = usize::from(help_size(size).0.saturating_sub(4));
    help_text(columns).len().saturating_sub(rows)
}

/// A line of the help.
enum HelpText {
    Section(&'static str),
    Keys(String, String),
    Blank,
    State(State),
    Sign(fn(&Model) -> (&'static str, Style), &'static str),
}

fn help_text(columns: usize) -> Vec<HelpText> {
    const KEYS: usize = 18;
    let mut lines = Vec::new();
    let mut section = "";
    for line in keymap::help() {
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

fn help(model: &Model, frame: &mut Frame, offset: usize) {
    let palette = &model.theme.palette;
    let (columns, rows) = help_size(model.size);
    let inside = window(model, frame, "Keys", columns, rows, palette.border_focused);
    let all = help_text(usize::from(columns.saturating_sub(4)));
    let offset = offset.min(help_scroll(model.size));
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
    if help_scroll(model.size) > 0 {
        let more = format!(
            " {} ",
            if offset < help_scroll(model.size) {
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
