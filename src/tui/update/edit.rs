//! Changing bit-widths by hand.

use super::navigate::page;
use super::steer::send;
use crate::search::Group;
use crate::tui::action::{Action, Effect};
use crate::tui::forecast::Change;
use crate::tui::model::{Confirm, Edit, Model, Overlay, Pane, View};
use crate::tui::panes;

/// Starts a change of the row chosen in the allocation, on the selected node.
pub fn start(model: &mut Model, raise: bool) {
    if super::steer::is_over(model) {
        return;
    }
    let group = model.part().map(|part| part.group.clone());
    let (Some(node), Some(group)) = (model.shown(), group) else {
        return model.note("no node yet whose bits could be changed");
    };
    let mut edit = Edit::new(node);
    edit.step(&model.tree, &group, raise);
    model.edit = Some(edit);
    model.focus_in(Pane::Allocation, View::Allocation);
}

/// A key while bit-widths are being changed.
pub fn key(model: &mut Model, action: Action) {
    let Some(mut edit) = model.edit.take() else {
        return;
    };
    let group = model.part().map_or(Group::Network, |p| p.group.clone());
    let rows = panes::component(Pane::Allocation);
    let page = page(model);
    match action {
        Action::Cancel if edit.moves.len() > 1 => {
            model.overlay = Some(Overlay::Confirm(Confirm::Discard));
        }
        Action::Cancel => return,
        Action::Submit => return submit(model, edit),
        Action::RaiseBits => edit.step(&model.tree, &group, true),
        Action::LowerBits => edit.step(&model.tree, &group, false),
        Action::Width(bits) if !edit.choose(&model.tree, &group, bits) => {
            let menu = model.tree.settings.iter().flat_map(|s| &s.space.menu);
            let menu: Vec<String> = menu.map(ToString::to_string).collect();
            model.note(format!(
                "{bits} is not in this search's menu: {}",
                menu.join(" ")
            ));
        }
        Action::Revert if !edit.revert(&model.tree, &group) => {
            model.note("this row was not changed");
        }
        Action::Up => rows.step(model, -1),
        Action::Down => rows.step(model, 1),
        Action::PageUp => rows.step(model, -page),
        Action::PageDown => rows.step(model, page),
        _ => {}
    }
    model.edit = Some(edit);
}

/// Asks what the change in the making would lose, once for every change and whenever more has been
/// measured.
pub fn forecast(model: &mut Model) {
    let measured = model.activity.measured();
    let Some(edit) = &mut model.edit else { return };
    let asked = Some((edit.preview.clone(), measured));
    if edit.asked != asked {
        edit.asked = asked;
        let allocation = edit.preview.clone();
        let parent = model.tree.get(edit.candidate);
        let from = parent.map_or_else(|| allocation.clone(), |p| p.allocation.clone());
        model.effect(Effect::Forecast(Change { allocation, from }));
    }
}

fn submit(model: &mut Model, edit: Edit) {
    let Some(command) = edit.command(&model.tree) else {
        model.note("nothing would change: choose another bit-width");
        model.edit = Some(edit);
        return;
    };
    model.expecting = Some(edit.candidate);
    send(model, command);
}
