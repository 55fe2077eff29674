//! What lies over the panes: help, questions, prompts, the failure of the run.

mod commands;
mod fields;
mod result;
mod runs;
mod settings;

use ratatui::Frame;
use ratatui::style::Style;
use ratatui::text::{Line, Span, Text};

use super::window::window;
use crate::search::{CandidateId, State};
use crate::tui::help;
use crate::tui::input::TextInput;
use crate::tui::model::{Confirm, Model, Overlay, SavePrompt};
use crate::tui::text::{self, bytes, points};
use crate::tui::widgets::{input_line, line_area};

/// Draws what lies over the panes.
pub fn draw(model: &Model, frame: &mut Frame) {
    match &model.overlay {
        Some(Overlay::Help {
            offset,
            find,
            typing,
        }) => show_help(model, frame, *offset, (find, *typing)),
        Some(Overlay::Runs) => runs::draw(model, frame),
        Some(Overlay::Result) => result::draw(model, frame),
        Some(Overlay::Confirm(confirm)) => question(model, frame, confirm),
        Some(Overlay::Save(prompt)) => save(model, frame, prompt),
        Some(Overlay::Failure { message, candidate }) => failure(model, frame, message, *candidate),
        Some(Overlay::Fields(prompt)) => fields::draw(model, frame, prompt),
        Some(Overlay::Settings(chosen)) => settings::draw(model, frame, chosen),
        Some(Overlay::Commands(prompt)) => commands::draw(model, frame, prompt),
        // Typed in the line of keys.
        Some(Overlay::Find(_)) | None => {}
    }
}

/// A window with lines of text, as high as they need.
fn dialog(model: &Model, frame: &mut Frame, title: &str, lines: Vec<Line<'static>>, style: Style) {
    let rows = lines.len() as u16 + 2;
    let inside = window(model, frame, title, (DIALOG, rows), style);
    frame.render_widget(Text::from(lines), inside);
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

fn show_help(model: &Model, frame: &mut Frame, offset: usize, (find, typing): (&TextInput, bool)) {
    let palette = &model.theme.palette;
    let (columns, rows) = help::size(model);
    let text = find.text();
    let title = match text.as_str() {
        "" => String::from("Help: keys, symbols, terms; / searches"),
        text => format!("Help with \"{text}\""),
    };
    let inside = window(
        model,
        frame,
        &title,
        (columns, rows),
        palette.border_focused,
    );
    let lines: Text = help::lines(model, &text).into_iter().skip(offset).collect();
    frame.render_widget(lines, inside);
    let last = help::last_offset(model, &text);
    if typing {
        let input = input_line(model, " / ", find, usize::from(inside.width) / 2);
        frame.render_widget(input, line_area(inside, usize::from(inside.height)));
    }
    if last > 0 {
        let more = if offset < last {
            " more below "
        } else {
            " end "
        };
        let more = Span::styled(more, palette.dim).into_right_aligned_line();
        frame.render_widget(more, line_area(inside, usize::from(inside.height)));
    }
}

fn question(model: &Model, frame: &mut Frame, confirm: &Confirm) {
    let palette = &model.theme.palette;
    let (title, content, yes, no) = match confirm {
        Confirm::Quit => (
            "Quit",
            format!(
                "The search is still running. Its journal is safe. Resume it later with\n  aq4svit resume {}",
                model.run.argument
            ),
            "quit",
            "stay",
        ),
        Confirm::Leave(_) => (
            "Leave this run",
            format!(
                "The search is still running and would end here. Its journal is safe: it goes on where it was with\n  aq4svit resume {}",
                model.run.argument
            ),
            "leave",
            "stay",
        ),
        Confirm::Prune(id) => ("Prune", prune_text(model, *id), "prune", "keep"),
        Confirm::Stop => (
            "Stop searching",
            match model.tree.incumbent.and_then(|id| model.tree.get(id)) {
                Some(node) => format!(
                    "End the search now with the incumbent {} of {}? Undo (u) lets it continue.",
                    model.title(node.id),
                    bytes(node.bytes)
                ),
                None => String::from(
                    "End the search now? Nothing is confirmed yet, so the run would end without a result. Undo (u) \
                     lets it continue.",
                ),
            },
            "stop",
            "continue",
        ),
        Confirm::TimeUp => (
            "End as if the time limit were reached",
            String::from(
                "The search finishes with what is confirmed by then, as at its time limit. This cannot be undone; \
                 only other limits let it continue.",
            ),
            "end it",
            "continue",
        ),
        Confirm::Discard => (
            "Changes",
            String::from("Several changes are not evaluated yet. Discard them?"),
            "discard",
            "keep editing",
        ),
        Confirm::Overwrite { path, .. } => (
            "Overwrite",
            format!(
                "A profile of that name exists:\n  {}\nReplace it?",
                path.display()
            ),
            "replace",
            "another name",
        ),
    };
    let mut lines = paragraph(model, &content, palette.text);
    lines.push(Line::default());
    lines.push(keys(model, &[("y", yes), ("n", no)]));
    dialog(model, frame, title, lines, palette.base);
}

/// What pruning a branch does.
fn prune_text(model: &Model, id: CandidateId) -> String {
    let below = model.tree.branch(id).len().saturating_sub(1);
    let below = match below {
        0 => String::new(),
        1 => String::from(" and the node below it"),
        n => format!(" and the {n} nodes below it"),
    };
    format!(
        "Prune {}{below}? The base {} lies in this branch: the search goes back to the nearest node that is not \
         pruned. Measurements and the incumbent stay; u takes it back.",
        model.title(id),
        model
            .tree
            .base
            .map_or(String::new(), |base| base.to_string())
    )
}

fn save(model: &Model, frame: &mut Frame, prompt: &SavePrompt) {
    let palette = &model.theme.palette;
    let mut lines = Vec::new();
    if let Some(node) = model.tree.get(prompt.candidate) {
        let (_, word, style) = model.theme.state(node.state());
        let drop = node
            .judgement()
            .map(|j| format!(", drop {}", points(j.drop())));
        let drop = drop.unwrap_or_default();
        let (title, size) = (model.title(node.id), bytes(node.bytes));
        let node_line = Span::raw(format!("{title}, {size}{drop}, "));
        lines.push(Line::from(vec![node_line, Span::styled(word, style)]));
        if node.state() != State::Confirmed {
            let mut warning = String::from(
                "Not confirmed: it may miss the constraint on the whole search split.",
            );
            if let Some(incumbent) = model.tree.incumbent {
                warning += &format!(" The smallest confirmed one is {incumbent} (key i).");
            }
            lines.extend(paragraph(model, &warning, palette.warn));
        }
    }
    lines.push(Line::default());
    let columns = dialog_columns(model);
    lines.push(input_line(model, "name  ", &prompt.name, columns));
    lines.push(Line::default());
    if let Some(error) = &prompt.error {
        lines.extend(paragraph(model, &format!("! {error}"), palette.bad));
    }
    let can = [("enter", "save"), ("esc", "cancel"), ("ctrl-u", "clear")];
    lines.push(keys(model, &can));
    let style = palette.border_focused;
    dialog(model, frame, "Save as a profile", lines, style);
}

fn failure(model: &Model, frame: &mut Frame, message: &str, candidate: Option<CandidateId>) {
    let palette = &model.theme.palette;
    let mut lines = paragraph(model, message, palette.bad);
    lines.push(Line::default());
    let advice = format!(
        "Everything decided so far is safe in the journal:\n  {}\nTry again here, or later with\n  aq4svit resume {}",
        model.run.folder.display(),
        model.run.argument
    );
    lines.extend(paragraph(model, &advice, palette.text));
    if let Some(id) = candidate {
        let title = model.title(id);
        let skip = format!("{title} was being evaluated: skipping it prunes it.");
        lines.extend(paragraph(model, &skip, palette.text));
    }
    lines.push(Line::default());
    let mut can = vec![("r", "try again")];
    can.extend(candidate.map(|_| ("s", "skip the node")));
    can.extend([("q", "quit"), ("esc", "look around")]);
    lines.push(keys(model, &can));
    dialog(model, frame, "The run stopped", lines, palette.bad);
}
