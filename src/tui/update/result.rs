//! The end of a run: the card of its result, and what can be done from there.

use super::steer::send;
use super::{apply, overlay};
use crate::quant::Allocation;
use crate::search::CandidateId;
use crate::tui::action::{Action, Effect};
use crate::tui::model::{Confirm, Destination, Model, Outcome, Overlay, ToastKind, evaluate};
use crate::tui::session::{Answer, Asked};

/// The search has ended: its result is selected and shown, unless something is being asked or the
/// journal is only watched.
pub fn finished(model: &mut Model) {
    if model.replay.is_some() {
        return;
    }
    if let Some(id) = shown(model) {
        model.nodes.selected = Some(id);
        model.nodes.stale = true;
    }
    if model.overlay.is_none() && model.edit.is_none() {
        open(model);
    }
}

/// The node that the card is about: the result, or what came closest to the constraint.
fn shown(model: &Model) -> Option<CandidateId> {
    let closest = || model.tree.closest_infeasible().first().map(|c| c.candidate);
    model.tree.result().map(|c| c.id).or_else(closest)
}

/// Shows the card.
pub fn open(model: &mut Model) {
    match model.tree.finished {
        Some(_) => {
            model.overlay = Some(Overlay::Result);
            // With it comes what is known of one width for all layers.
            model.effect(Effect::PredictFront);
        }
        None => model.note("there is no result yet: the search goes on"),
    }
}

/// A key on the card: what is not of the card closes it and does what it always does.
pub fn key(model: &mut Model, action: Action) {
    match action {
        Action::Cancel => {}
        // What is saved and copied is what the card shows.
        Action::Save | Action::Copy => {
            if let Some(id) = shown(model) {
                model.nodes.select(&model.tree, id);
            }
            apply(model, action);
        }
        action => {
            let stays = matches!(action, Action::Report | Action::ExportCommand);
            apply(model, action);
            if stays {
                model.overlay = Some(Overlay::Result);
            }
        }
    }
}

/// Has the report written.
pub fn report(model: &mut Model) {
    if model.tree.settings.is_none() {
        return model.note("nothing to report yet");
    }
    model.note("writing the report");
    model.effect(Effect::Ask(Asked::Report));
}

/// Copies the command that writes the result for a chip.
pub fn export_command(model: &mut Model) {
    if model.tree.result().is_none() {
        return model.note("there is no confirmed allocation to export yet");
    }
    let text = format!(
        "aq4svit export {} --out {}-package",
        model.run.argument, model.run.id
    );
    let what = format!("the command: {text}");
    model.effect(Effect::Copy { text, what });
}

/// Has the narrowest uniform width evaluated that may meet the constraint, which opens the search
/// again.
pub fn evaluate_uniform(model: &mut Model) {
    let left = model.uniform_left().map(|(width, _)| width);
    let layers = model
        .tree
        .settings
        .as_ref()
        .map_or(0, |s| s.space.layers.len());
    let command = left.and_then(|w| evaluate(&model.tree, &Allocation::uniform(layers, w)));
    match command {
        Some(command) => send(model, command),
        None => model.note("no bit-width for all layers is left that may meet the constraint"),
    }
}

/// Sets up a new search with the result as its starting point.
pub fn new_run(model: &mut Model) {
    let profile = match model.tree.result() {
        Some(_) => crate::run::BEST,
        None => crate::run::PROFILE,
    };
    let profile = model.run.folder.join(profile).display().to_string();
    elsewhere(model, Destination::Profile(profile));
}

/// Leaves this run for something else; asks first while it is running.
pub fn elsewhere(model: &mut Model, to: Destination) {
    match model.is_live() && !model.preferences.unasked {
        true => model.overlay = Some(Overlay::Confirm(Confirm::Leave(to))),
        false => model.outcome = Some(Outcome::Elsewhere(to)),
    }
}

/// What was asked for outside is done or known.
pub fn answered(model: &mut Model, answer: Answer) {
    match answer {
        Answer::Report(Ok(folder)) => {
            let text = format!("wrote {}", folder.join("report.html").display());
            model.toast(ToastKind::Good, text);
        }
        Answer::Report(Err(why)) => {
            model.toast(ToastKind::Bad, format!("no report written: {why}"));
        }
        Answer::Kept(Ok(said)) if said.is_empty() => {}
        Answer::Kept(Ok(said)) => model.toast(ToastKind::Good, said),
        Answer::Kept(Err(why)) => model.toast(ToastKind::Bad, format!("not kept: {why}")),
        Answer::Places(places) => model.elsewhere = places,
        Answer::Run(result) => overlay::other_run(model, result),
    }
}
