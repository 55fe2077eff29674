//! Looking for a text in the focused pane.

use super::navigate::{cursor, move_to};
use crate::tui::action::{Action, Effect};
use crate::tui::line::LineEditor;
use crate::tui::model::{FindPrompt, Model, Overlay, Pane, ToastKind};
use crate::tui::view::text_lines;

/// Asks for a text.
pub fn start(model: &mut Model) -> Vec<Effect> {
    let from = cursor(model, model.focus);
    model.overlay = Some(Overlay::Find(FindPrompt {
        text: LineEditor::default(),
        from,
    }));
    Vec::new()
}

/// A key while the text is typed: the first match is shown at once.
pub fn key(model: &mut Model, mut prompt: FindPrompt, action: Action) -> Vec<Effect> {
    match action {
        Action::Cancel => {
            model.find.text.clear();
            move_to(model, model.focus, prompt.from);
            return Vec::new();
        }
        Action::Submit => {
            if found(model, prompt.from, false).is_none() {
                missed(model);
            }
            return Vec::new();
        }
        action => prompt.text.key(&action),
    };
    model.find.text = prompt.text.text();
    let at = found(model, prompt.from, false).unwrap_or(prompt.from);
    move_to(model, model.focus, at);
    model.overlay = Some(Overlay::Find(prompt));
    Vec::new()
}

/// The next match, or the one before.
pub fn again(model: &mut Model, backward: bool) -> Vec<Effect> {
    if model.find.text.is_empty() {
        return start(model);
    }
    let rows = rows(model).len().max(1);
    let here = cursor(model, model.focus);
    let from = if backward { here + rows - 1 } else { here + 1 } % rows;
    match found(model, from, backward) {
        Some(at) => move_to(model, model.focus, at),
        None => missed(model),
    }
    Vec::new()
}

fn missed(model: &mut Model) {
    if !model.find.text.is_empty() {
        let text = format!("no \"{}\" in this pane", model.find.text);
        model.toasts.push(ToastKind::Note, text, model.clock);
    }
}

fn found(model: &Model, from: usize, backward: bool) -> Option<usize> {
    model.find.next(&rows(model), from, backward)
}

/// The rows of the focused pane as text.
fn rows(model: &Model) -> Vec<String> {
    let node = |id| match model.tree.get(id) {
        Some(node) => format!("{} {}", model.title(id), model.theme.state(node.state()).1),
        None => String::new(),
    };
    match model.focus {
        Pane::Tree => model.nodes.rows.iter().map(|row| node(row.id)).collect(),
        Pane::Allocation => {
            let parts = &model.allocation.parts;
            let rows = model.allocation.rows.iter().filter_map(|r| parts.get(*r));
            rows.map(|part| part.group.to_string()).collect()
        }
        Pane::Gate | Pane::Scatter => model.gate.decisions.iter().map(|id| node(*id)).collect(),
        Pane::Front | Pane::Points => model.front.points.iter().map(|p| node(p.id)).collect(),
        Pane::Sites | Pane::Potentials => {
            let sites = model
                .tree
                .settings
                .iter()
                .flat_map(|s| s.space.sites.iter());
            sites.cloned().chain([String::from("logits")]).collect()
        }
        Pane::Log => model.log.iter().map(|line| line.text.clone()).collect(),
        pane @ (Pane::Details | Pane::Facts) => {
            let lines = text_lines(model, pane, model.size.0);
            lines.iter().map(ToString::to_string).collect()
        }
    }
}
