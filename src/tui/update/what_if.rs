//! A memory budget moved along the predicted front.

use super::steer::send;
use crate::tui::action::{Action, Effect};
use crate::tui::forecast::PredictedFront;
use crate::tui::model::Model;

/// A key while the budget is moved; false for those that mean the same everywhere.
pub fn key(model: &mut Model, action: &Action) -> bool {
    let Some(what_if) = &mut model.what_if else {
        return false;
    };
    match action {
        Action::Left => what_if.step(-1),
        Action::Right => what_if.step(1),
        Action::PageUp => what_if.step(-10),
        Action::PageDown => what_if.step(10),
        Action::Cancel | Action::WhatIf => model.what_if = None,
        Action::Submit => submit(model),
        _ => return false,
    }
    true
}

fn submit(model: &mut Model) {
    let Some(what_if) = &model.what_if else {
        return;
    };
    let measured = what_if.solution().and_then(|s| s.prediction.measured);
    if let Some(measured) = measured.filter(|m| m.whole) {
        model.what_if = None;
        return model.jump(Some(measured.candidate), "");
    }
    let Some(command) = what_if.command(&model.tree) else {
        return model.note("this is the base itself: move the budget");
    };
    if let crate::search::Command::SetLayers { candidate, .. } = &command {
        model.expecting = Some(*candidate);
    }
    model.what_if = None;
    send(model, command);
}

/// The front was predicted.
pub fn predicted(model: &mut Model, predicted: PredictedFront) {
    let near = model
        .tree
        .best()
        .or(model.tree.expanded())
        .map_or(0, |c| c.bytes);
    model.uniform = predicted.uniform;
    let Some(what_if) = &mut model.what_if else {
        return;
    };
    what_if.measurements = predicted.measurements;
    match predicted.front {
        Ok(front) => what_if.known(front, near),
        Err(why) => what_if.error = Some(why),
    }
}

/// Asks for the front again where more has been measured since.
pub fn refresh(model: &mut Model) {
    let measured = model.activity.measured();
    let Some(what_if) = &mut model.what_if else {
        return;
    };
    if what_if.asked != measured && what_if.front.is_some() {
        what_if.asked = measured;
        model.effect(Effect::PredictFront);
    }
}
