//! Changing bit-widths by hand.

use super::steer::send;
use crate::search::Command;
use crate::tui::action::{Action, Effect};
use crate::tui::model::{Edit, Model, Pane, ToastKind};

/// Starts a change of the row chosen in the allocation, on the selected node.
pub fn start(model: &mut Model, raise: bool) -> Vec<Effect> {
    if !model.is_live() {
        model.toasts.push(
            ToastKind::Note,
            "the search is over: there is nothing to change",
            model.clock,
        );
        return Vec::new();
    }
    let group = model.part().map(|part| part.group.clone());
    let edit = match (model.shown(), group) {
        (Some(node), Some(group)) => Edit::start(&model.tree, node, &group, raise),
        _ => None,
    };
    if edit.is_none() {
        model.toasts.push(
            ToastKind::Note,
            "no node yet whose bits could be changed",
            model.clock,
        );
        return Vec::new();
    }
    model.edit = edit;
    super::focus(model, Pane::Allocation)
}

/// A key while bit-widths are being changed.
pub fn key(model: &mut Model, action: Action) -> Vec<Effect> {
    let Some(mut edit) = model.edit.take() else {
        return Vec::new();
    };
    match action {
        Action::Cancel => return Vec::new(),
        Action::Submit => return submit(model, edit),
        Action::RaiseBits => edit.step(&model.tree, true),
        Action::LowerBits => edit.step(&model.tree, false),
        Action::Width(bits) if !edit.choose(&model.tree, bits) => {
            let text = format!("{bits} bits are not in this search's menu");
            model.toasts.push(ToastKind::Note, text, model.clock);
        }
        _ => {}
    }
    model.edit = Some(edit);
    Vec::new()
}

fn submit(model: &mut Model, edit: Edit) -> Vec<Effect> {
    let unchanged = model
        .tree
        .get(edit.candidate)
        .is_none_or(|parent| parent.allocation == edit.preview);
    if unchanged {
        model.toasts.push(
            ToastKind::Note,
            "nothing would change: choose another width",
            model.clock,
        );
        model.edit = Some(edit);
        return Vec::new();
    }
    model.expecting = Some(edit.candidate);
    send(
        model,
        Command::SetBits {
            candidate: edit.candidate,
            change: edit.change,
        },
    )
}
