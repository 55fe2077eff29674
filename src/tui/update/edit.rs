//! Changing bit-widths by hand.

use super::navigate::step_in;
use super::steer::send;
use crate::search::Group;
use crate::tui::action::{Action, Effect};
use crate::tui::layout::order;
use crate::tui::model::{Confirm, Edit, Model, Overlay, Pane, ToastKind, View};

/// Starts a change of the row chosen in the allocation, on the selected node.
pub fn start(model: &mut Model, raise: bool) -> Vec<Effect> {
    if !model.is_live() {
        let text = "the search is over: there is nothing to change";
        model.toasts.push(ToastKind::Note, text, model.clock);
        return Vec::new();
    }
    let group = model.part().map(|part| part.group.clone());
    let (Some(node), Some(group)) = (model.shown(), group) else {
        let text = "no node yet whose bits could be changed";
        model.toasts.push(ToastKind::Note, text, model.clock);
        return Vec::new();
    };
    let mut edit = Edit::new(node);
    edit.step(&model.tree, &group, raise);
    model.edit = Some(edit);
    if !order(model).contains(&Pane::Allocation) {
        super::open(model, View::Allocation);
    }
    super::focus(model, Pane::Allocation)
}

/// A key while bit-widths are being changed.
pub fn key(model: &mut Model, action: Action) -> Vec<Effect> {
    let Some(mut edit) = model.edit.take() else {
        return Vec::new();
    };
    let group = model.part().map_or(Group::Network, |p| p.group.clone());
    let page = super::navigate::page(model);
    match action {
        Action::Cancel if edit.moves.len() > 1 => {
            model.overlay = Some(Overlay::Confirm(Confirm::Discard));
        }
        Action::Cancel => return Vec::new(),
        Action::Submit => return submit(model, edit),
        Action::RaiseBits => edit.step(&model.tree, &group, true),
        Action::LowerBits => edit.step(&model.tree, &group, false),
        Action::Width(bits) if !edit.choose(&model.tree, &group, bits) => {
            let text = format!("{bits} bits are not in this search's menu");
            model.toasts.push(ToastKind::Note, text, model.clock);
        }
        Action::Revert if !edit.revert(&model.tree, &group) => {
            let text = "this row was not changed";
            model.toasts.push(ToastKind::Note, text, model.clock);
        }
        Action::Up => step_in(model, Pane::Allocation, -1),
        Action::Down => step_in(model, Pane::Allocation, 1),
        Action::PageUp => step_in(model, Pane::Allocation, -page),
        Action::PageDown => step_in(model, Pane::Allocation, page),
        _ => {}
    }
    model.edit = Some(edit);
    Vec::new()
}

/// Asks what the change in the making would lose, once for every change and whenever more has been measured.
pub fn forecast(model: &mut Model) -> Option<Effect> {
    let measured = model.activity.measured();
    let edit = model.edit.as_mut()?;
    let asked = Some((edit.preview.clone(), measured));
    if edit.asked == asked {
        return None;
    }
    edit.asked = asked;
    Some(Effect::Forecast(edit.preview.clone()))
}

fn submit(model: &mut Model, edit: Edit) -> Vec<Effect> {
    let Some(command) = edit.command(&model.tree) else {
        let text = "nothing would change: choose another width";
        model.toasts.push(ToastKind::Note, text, model.clock);
        model.edit = Some(edit);
        return Vec::new();
    };
    model.expecting = Some(edit.candidate);
    send(model, command)
}
