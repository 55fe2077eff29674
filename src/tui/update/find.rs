//! Finding a text in the focused pane.

use crate::tui::action::Action;
use crate::tui::input::TextInput;
use crate::tui::model::{FindPrompt, Model, Overlay};
use crate::tui::panes::list;

/// Asks for a text.
pub fn start(model: &mut Model) {
    model.overlay = Some(Overlay::Find(FindPrompt {
        text: TextInput::default(),
        from: list(model.focus).scroll(model).cursor,
    }));
}

/// A key while the text is typed: the first match is shown at once.
pub fn key(model: &mut Model, mut prompt: FindPrompt, action: Action) {
    match action {
        Action::Cancel => {
            model.find.text.clear();
            return list(model.focus).select(model, prompt.from);
        }
        Action::Submit => {
            if found(model, prompt.from, false).is_none() {
                missed(model);
            }
            return;
        }
        action => prompt.text.key(&action),
    };
    model.find.text = prompt.text.text();
    let at = found(model, prompt.from, false).unwrap_or(prompt.from);
    list(model.focus).select(model, at);
    model.overlay = Some(Overlay::Find(prompt));
}

/// The next match, or the one before.
pub fn again(model: &mut Model, backward: bool) {
    if model.find.text.is_empty() {
        return start(model);
    }
    let pane = list(model.focus);
    let rows = pane.rows(model).max(1);
    let here = pane.scroll(model).cursor;
    let from = if backward { here + rows - 1 } else { here + 1 } % rows;
    match found(model, from, backward) {
        Some(at) => pane.select(model, at),
        None => missed(model),
    }
}

fn missed(model: &mut Model) {
    if !model.find.text.is_empty() {
        model.note(format!("no \"{}\" in this pane", model.find.text));
    }
}

fn found(model: &Model, from: usize, backward: bool) -> Option<usize> {
    let rows = list(model.focus).texts(model);
    model.find.next(&rows, from, backward)
}
