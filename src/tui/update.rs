//! Actions to changes of the model and effects. Pure: no terminal, no channel, no clock.

mod commands;
mod edit;
mod events;
mod find;
mod mouse;
mod navigate;
mod overlay;
mod prompt;
mod replay;
mod steer;

use super::action::{Action, Effect};
use super::layout::{Layout, order};
use super::model::{Confirm, Model, Overlay, Pane, ToastKind, View};
use super::session::{Outcome, Signal};
use crate::search::Command;

/// Folds an action in and says what has to be done outside. Afterwards the model is consistent: the selection is
/// valid and in view.
pub fn update(model: &mut Model, action: Action) -> Vec<Effect> {
    let mut effects = apply(model, action);
    settle(model);
    effects.extend(edit::forecast(model));
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
        Action::Exported(result) => {
            let (kind, text) = match result {
                Ok(path) => (
                    ToastKind::Good,
                    format!("wrote {}.txt and .svg", path.display()),
                ),
                Err(why) => (ToastKind::Bad, format!("not written: {why}")),
            };
            model.toasts.push(kind, text, model.clock);
            Vec::new()
        }
        Action::Copied(result) => {
            let (kind, text) = match result {
                Ok(what) => (ToastKind::Good, format!("copied {what}")),
                Err(why) => (ToastKind::Bad, format!("not copied: {why}")),
            };
            model.toasts.push(kind, text, model.clock);
            Vec::new()
        }
        Action::Retried(result) => {
            match result {
                Ok(()) => model.restart(),
                Err(why) => events::failed(model, why),
            }
            Vec::new()
        }
        Action::Probed(seen) => {
            commands::probed(model, seen);
            Vec::new()
        }
        Action::Forecast(forecast) => {
            model.forecast = Some(forecast);
            Vec::new()
        }
        Action::Resident(bytes) => {
            model.activity.resident = Some(bytes);
            Vec::new()
        }
        Action::Suspend => vec![Effect::Suspend],
        Action::Redraw => vec![Effect::Redraw],
        Action::Click(column, row) => {
            mouse::click(model, column, row);
            Vec::new()
        }
        Action::Drag(column, row) => {
            mouse::drag(model, column, row);
            Vec::new()
        }
        Action::Release => {
            model.dragging = None;
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
    if model.replay.is_some()
        && let Some(effects) = replay::key(model, &action)
    {
        return effects;
    }
    match action {
        Action::Pause => steer::pause(model),
        Action::Prune => steer::prune(model, true),
        Action::ResumeBranch => steer::prune(model, false),
        Action::Pin => steer::pin(model),
        Action::Undo => steer::send(model, Command::Undo),
        Action::Limits => prompt::limits(model),
        Action::PinPattern => prompt::pin(model),
        Action::TimeUp => overlay::ask_end(model, Confirm::TimeUp),
        Action::RaiseBits => edit::start(model, true),
        Action::LowerBits => edit::start(model, false),
        Action::Stop => overlay::ask_end(model, Confirm::Stop),
        Action::Save => overlay::ask_name(model),
        Action::Help => {
            model.overlay = Some(Overlay::Help { offset: 0 });
            Vec::new()
        }
        Action::Quit => overlay::quit(model),
        Action::FocusNext => focus_step(model, true),
        Action::FocusPrevious => focus_step(model, false),
        Action::ViewSearch => open(model, View::Search),
        Action::ViewAllocation => open(model, View::Allocation),
        Action::ViewGate => open(model, View::Gate),
        Action::ViewFront => open(model, View::Front),
        Action::ViewMembranes => open(model, View::Membranes),
        Action::ViewRun => open(model, View::Run),
        Action::Find => find::start(model),
        Action::FindNext => find::again(model, false),
        Action::FindPrevious => find::again(model, true),
        Action::Commands => commands::start(model),
        Action::Probe => commands::probe(model),
        Action::Copy => commands::copy(model),
        Action::Export => vec![Effect::Export],
        Action::NextTheme => commands::next_theme(model),
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

fn focus_step(model: &mut Model, onward: bool) -> Vec<Effect> {
    let panes = order(model);
    let at = panes.iter().position(|p| *p == model.focus).unwrap_or(0);
    let by = if onward { 1 } else { panes.len() - 1 };
    focus(model, panes[(at + by) % panes.len()])
}

fn focus(model: &mut Model, pane: Pane) -> Vec<Effect> {
    model.focus = pane;
    model.places[model.view.index()] = pane;
    if model.view == View::Search && pane != Pane::Tree {
        model.companion = pane;
    }
    Vec::new()
}

/// Shows a view; the pane that had the focus there has it again.
fn open(model: &mut Model, view: View) -> Vec<Effect> {
    model.view = view;
    focus(model, model.places[view.index()])
}

/// Makes everything shown agree with everything known.
fn settle(model: &mut Model) {
    if !order(model).contains(&model.focus) {
        focus(model, Pane::Tree);
    }
    if !View::Search.panes().contains(&model.companion) {
        model.companion = Pane::Details;
    }
    let layout = Layout::of(model);
    let list = |pane| layout.as_ref().and_then(|l| l.list(pane));
    let height = |pane| list(pane).map_or(1, |r| usize::from(r.height));
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
        model.gate.evidence = crate::search::GateEvidence::of(&model.tree);
        model.gate.stale = false;
    }
    let decisions = model.gate.decisions.len();
    model.gate.scroll.settle(decisions, height(Pane::Gate));
    model.front.refresh(&model.tree);
    let selected = model.nodes.selected;
    if let Some(row) = selected.and_then(|id| model.front.row(id)) {
        model.front.scroll.cursor = row;
    }
    let points = model.front.points.len();
    model.front.scroll.settle(points, height(Pane::Points));
    let sites = model.tree.settings.as_ref();
    let sites = sites.map_or(0, |s| s.space.sites.len() + 1);
    model.sites.settle(sites, height(Pane::Sites));
    for pane in [Pane::Details, Pane::Facts] {
        if let Some(list) = list(pane) {
            let lines = super::view::text_lines(model, pane, list.width).len();
            let scroll = if pane == Pane::Details {
                &mut model.details
            } else {
                &mut model.facts
            };
            scroll.settle(lines, usize::from(list.height));
        }
    }
    let lines = model.log.len();
    model.log.scroll.settle(lines, height(Pane::Log));
}
