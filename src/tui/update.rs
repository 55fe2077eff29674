//! The update: actions to changes of the model and effects. Pure: no terminal, no channel, no
//! clock.

mod commands;
mod edit;
mod events;
mod find;
mod mouse;
mod navigate;
mod overlay;
mod preferences;
mod prompt;
mod replay;
mod result;
mod steer;
mod what_if;

use std::time::Duration;

use super::action::{Action, Effect, Signal};
use super::input::TextInput;
use super::keymap::Scope;
use super::model::{
    Confirm, Destination, Model, Outcome, Overlay, Pane, Setting, ToastKind, View, ancestors,
};
use super::panes;
use super::session::Asked;
use crate::search::{Candidate, Command};

/// Folds an action in and says what has to be done outside. Afterwards the model is consistent: the
/// selection is valid and in view.
pub fn update(model: &mut Model, action: Action) -> Vec<Effect> {
    apply(model, action);
    panes::settle(model);
    edit::forecast(model);
    what_if::refresh(model);
    model.take_effects()
}

/// [`update()`] at a moment since the interface started.
pub fn update_at(model: &mut Model, now: Duration, action: Action) -> Vec<Effect> {
    events::tick(model, now);
    update(model, action)
}

/// Closes the card of a first run at the first thing that the user does; true for a key that means
/// no more than that.
fn close_welcome(model: &mut Model, action: &Action) -> bool {
    if !model.welcome || model.overlay.is_some() || !action.is_users() {
        return false;
    }
    model.welcome = false;
    // Where it is always wanted, it was not read for good.
    if model.preferences.welcome.is_none() {
        preferences::take(model, Setting::Welcome(Some(false)));
    }
    matches!(
        action,
        Action::Begin | Action::Cancel | Action::Submit | Action::Toggle
    )
}

fn apply(model: &mut Model, action: Action) {
    if close_welcome(model, &action) {
        model.changed = true;
        return;
    }
    match action {
        Action::Tick(now) => return events::tick(model, now),
        Action::Updates(updates) if updates.is_empty() => return,
        _ => model.changed = true,
    }
    match action {
        Action::Updates(updates) => {
            for update in updates {
                events::fold(model, update);
            }
        }
        Action::Disconnected => events::disconnected(model),
        Action::Resize(columns, rows) => model.size = (columns, rows),
        Action::Signal(Signal::Terminate) | Action::InputLost => {
            model.outcome = Some(Outcome::Terminated);
        }
        Action::Interrupt | Action::Signal(Signal::Interrupt) => overlay::interrupt(model),
        Action::Panicked(message) => events::panicked(model, message),
        Action::KeyLost(message) => events::key_lost(model, &message),
        Action::Undelivered(command) => {
            model.awaiting.retain(|c| *c != command);
            model.toast(ToastKind::Bad, "the search no longer takes commands");
        }
        Action::Saved(result) => overlay::saved(model, result),
        Action::Exported(result) => {
            let text = result.map(|path| format!("wrote {}.txt and .svg", path.display()));
            done(model, text.map_err(|why| format!("not written: {why}")));
        }
        Action::Copied(result) => {
            let text = result.map(|what| format!("copied {what}"));
            done(model, text.map_err(|why| format!("not copied: {why}")));
        }
        Action::Retried(result) => match result {
            Ok(()) => model.restart(),
            Err(why) => events::failed(model, why),
        },
        Action::Answered(answer) => result::answered(model, answer),
        Action::Probed(seen) => events::probed(model, seen),
        Action::Forecast(forecast) => model.forecast = Some(forecast),
        Action::PredictedFront(front) => what_if::predicted(model, front),
        Action::Resident(bytes) => model.activity.resident = Some(bytes),
        Action::Suspend => model.effect(Effect::Suspend),
        Action::Redraw => model.effect(Effect::Redraw),
        Action::Click(column, row) => mouse::click(model, column, row),
        Action::Drag(column, row) => mouse::drag(model, column, row),
        Action::Release => model.dragging = None,
        Action::Wheel(column, row, by) => mouse::wheel(model, column, row, by),
        action if model.overlay.is_some() => overlay::key(model, action),
        action if model.edit.is_some() => edit::key(model, action),
        action => main_key(model, action),
    }
}

/// True where the row that a key would change is shown; else it is shown now, and said which it is.
/// The layer of the chosen neuron site becomes that row.
fn row_shown(model: &mut Model) -> bool {
    if model.focus == Pane::Sites
        && let Some(part) = model.layer_of_site()
    {
        model.allocation.reveal(part);
        return true;
    }
    if model.row_is_shown() {
        return true;
    }
    if let Some(part) = model.part() {
        let text = format!("the keys change this row: {}; press again", part.group);
        model.focus_in(Pane::Allocation, View::Allocation);
        model.note(text);
        return false;
    }
    true
}

/// True for what a user presses to have a failed run go on.
fn retries(action: &Action) -> bool {
    matches!(action, Action::Retry | Action::Pause | Action::JumpRunning)
}

/// Prunes the selected branch; asks first where the search loses its base by that.
fn prune(model: &mut Model) {
    let selected = model.nodes.selected.and_then(|id| model.tree.get(id));
    let holds_base = |id| {
        let base = model.tree.base;
        base == Some(id) || base.is_some_and(|base| ancestors(&model.tree, base).any(|a| a == id))
    };
    // The start is never pruned: the search says so.
    let asks = |node: &&Candidate| {
        !model.preferences.unasked
            && !node.pruned
            && node.parent.is_some()
            && model.can_steer()
            && holds_base(node.id)
    };
    match selected.filter(asks) {
        Some(node) => model.overlay = Some(Overlay::Confirm(Confirm::Prune(node.id))),
        None => steer::prune(model, true),
    }
}

/// Says what was done, or what was not and why.
fn done(model: &mut Model, result: Result<String, String>) {
    match result {
        Ok(what) => model.toast(ToastKind::Good, what),
        Err(why) => model.toast(ToastKind::Bad, why),
    }
}

/// Does what a key means when nothing lies over the panes.
fn main_key(model: &mut Model, action: Action) {
    if model.replay.is_some() && replay::key(model, &action) {
        return;
    }
    if model.scope() == Scope::Budget && what_if::key(model, &action) {
        return;
    }
    // What failed is tried again from the dialog, whichever of its keys is looked for.
    let failed = model.activity.failed.clone();
    if let (Some(message), true) = (failed, retries(&action)) {
        let candidate = model.activity.failed_at;
        model.overlay = Some(Overlay::Failure { message, candidate });
        return;
    }
    match action {
        Action::Pause => steer::pause(model),
        Action::Prune => prune(model),
        Action::ResumeBranch => steer::prune(model, false),
        Action::OnlyChanges => {
            model.only_changes = !model.only_changes;
            model.focus_in(Pane::Allocation, View::Allocation);
        }
        // What cannot be seen is shown first, and changed by the next press.
        Action::RaiseBits | Action::LowerBits | Action::Pin if !row_shown(model) => {}
        Action::Pin => steer::pin(model),
        Action::Step => steer::step(model),
        Action::Undo => steer::send(model, Command::Undo),
        Action::Redo => steer::send(model, Command::Redo),
        Action::Limits => prompt::limits(model),
        Action::PinPattern => prompt::pin(model),
        Action::TimeUp => overlay::ask_end(model, Confirm::TimeUp),
        Action::RaiseBits => edit::start(model, true),
        Action::LowerBits => edit::start(model, false),
        Action::Stop => overlay::ask_end(model, Confirm::Stop),
        Action::Save => overlay::ask_name(model),
        Action::Help => {
            let (offset, find, typing) = (0, TextInput::default(), false);
            model.overlay = Some(Overlay::Help {
                offset,
                find,
                typing,
            });
        }
        Action::Quit => overlay::quit(model),
        Action::FocusNext => model.focus_step(true),
        Action::FocusPrevious => model.focus_step(false),
        Action::View(view) => model.open(view),
        Action::Find => find::start(model),
        Action::FindNext => find::again(model, false),
        Action::FindPrevious => find::again(model, true),
        Action::Commands => {
            model.overlay = Some(Overlay::Commands(Default::default()));
            model.effect(Effect::Ask(Asked::Places));
        }
        Action::Zoom => model.zoomed = !model.zoomed,
        other => program_key(model, other),
    }
}

/// Does what a key means that is about the program: its result, its files, its looks.
fn program_key(model: &mut Model, action: Action) {
    match action {
        Action::Result => result::open(model),
        Action::Report => result::report(model),
        Action::ExportCommand => result::export_command(model),
        Action::Uniform => result::evaluate_uniform(model),
        Action::NewRun => result::new_run(model),
        Action::Runs => result::elsewhere(model, Destination::Start),
        Action::Copy => overlay::copy(model),
        Action::Export => model.effect(Effect::Export),
        Action::NextTheme => {
            preferences::take(model, Setting::Theme(model.theme.name.next()));
        }
        Action::Settings => preferences::open(model),
        other => navigate::key(model, &other),
    }
}
