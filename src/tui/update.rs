//! Actions to changes of the model and effects. Pure: no terminal, no channel, no clock.

mod edit;
mod events;
mod mouse;
mod navigate;
mod overlay;
mod steer;

use super::action::{Action, Effect};
use super::layout::Layout;
use super::model::{Model, Overlay, Pane, ToastKind};
use super::session::{Outcome, Signal};

/// Folds an action in and says what has to be done outside. Afterwards the model is consistent: the selection is
/// valid and in view.
pub fn update(model: &mut Model, action: Action) -> Vec<Effect> {
    let effects = apply(model, action);
    settle(model);
    effects
}

fn apply(model: &mut Model, action: Action) -> Vec<Effect> {
    match action {
        Action::Tick(now) => {
            events::tick(model, now);
            return Vec::new();
        }
        Action::Updates(updates) if updates.is_empty() => return Vec::new(),
        _ => model.changed = true,
    }
    match action {
        Action::Updates(updates) => {
            for update in updates {
                events::fold(model, update);
            }
            Vec::new()
        }
        Action::Disconnected => {
            events::disconnected(model);
            Vec::new()
        }
        Action::Resize(columns, rows) => {
            model.size = (columns, rows);
            Vec::new()
        }
        Action::Signal(Signal::Terminate) | Action::InputLost => {
            model.outcome = Some(Outcome::Terminated);
            Vec::new()
        }
        Action::Interrupt | Action::Signal(Signal::Interrupt) => {
            overlay::interrupt(model);
            Vec::new()
        }
        Action::Panicked(message) => {
            events::panicked(model, message);
            Vec::new()
        }
        Action::Undelivered(command) => {
            model.awaiting.retain(|c| *c != command);
            let text = "the search no longer takes commands";
            model.toasts.push(ToastKind::Bad, text, model.clock);
            Vec::new()
        }
        Action::Saved(result) => {
            overlay::saved(model, result);
            Vec::new()
        }
        Action::Suspend => vec![Effect::Suspend],
        Action::Redraw => vec![Effect::Redraw],
        Action::Click(column, row) => {
            mouse::click(model, column, row);
            Vec::new()
        }
        Action::Wheel(column, row, by) => {
            mouse::wheel(model, column, row, by);
            Vec::new()
        }
        action if model.overlay.is_some() => overlay::key(model, action),
        action if model.edit.is_some() => edit::key(model, action),
        action => main_key(model, action),
    }
}

/// What a key does when nothing lies over the panes.
fn main_key(model: &mut Model, action: Action) -> Vec<Effect> {
    match action {
        Action::Pause => steer::pause(model),
        Action::Prune => steer::prune(model, true),
        Action::ResumeBranch => steer::prune(model, false),
        Action::Pin => steer::pin(model),
        Action::RaiseBits => edit::start(model, true),
        Action::LowerBits => edit::start(model, false),
        Action::Stop => overlay::ask_stop(model),
        Action::Save => overlay::ask_name(model),
        Action::Help => {
            model.overlay = Some(Overlay::Help { offset: 0 });
            Vec::new()
        }
        Action::Quit => overlay::quit(model),
        Action::FocusNext => focus_step(model, 1),
        Action::FocusPrevious => focus_step(model, Pane::ALL.len() - 1),
        Action::FocusTree => focus(model, Pane::Tree),
        Action::FocusAllocation => focus(model, Pane::Allocation),
        Action::FocusGate => focus(model, Pane::Gate),
        Action::FocusLog => focus(model, Pane::Log),
        Action::Zoom => {
            model.zoomed = !model.zoomed;
            Vec::new()
        }
        other => {
            navigate::key(model, &other);
            Vec::new()
        }
    }
}

fn focus_step(model: &mut Model, by: usize) -> Vec<Effect> {
    let at = Pane::ALL
        .iter()
        .position(|p| *p == model.focus)
        .unwrap_or(0);
    focus(model, Pane::ALL[(at + by) % Pane::ALL.len()])
}

fn focus(model: &mut Model, pane: Pane) -> Vec<Effect> {
    model.focus = pane;
    if pane != Pane::Tree {
        model.companion = pane;
    }
    Vec::new()
}

/// Makes everything shown agree with everything known.
fn settle(model: &mut Model) {
    let layout = Layout::of(model);
    let height = |pane| {
        let list = layout.as_ref().and_then(|l| l.list(pane));
        list.map_or(1, |r| usize::from(r.height))
    };
    let working = model.activity.work.and_then(|w| w.candidate);
    // The node being changed stays where it is, whatever runs meanwhile.
    let held = model.edit.as_ref().map(|e| e.candidate);
    model
        .nodes
        .settle(&model.tree, working, held, height(Pane::Tree));
    let rows = model.allocation.rows.len();
    model
        .allocation
        .scroll
        .settle(rows, height(Pane::Allocation));
    if model.gate.stale {
        model.gate.stats = super::model::GateStats::of(&model.tree);
        model.gate.stale = false;
    }
    let decisions = model.gate.decisions.len();
    model.gate.scroll.settle(decisions, height(Pane::Gate));
    let lines = model.log.len();
    model.log.scroll.settle(lines, height(Pane::Log));
}
