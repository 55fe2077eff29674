//! The updates of the run.

use std::time::Duration;

use crate::evaluate::Verdict;
use crate::journal::Entry;
use crate::run::{Probed, Update};
use crate::search::{Command, Event, Origin};
use crate::text::{self, Importance};
use crate::tui::model::{AllocationPane, LogLine, Model, Overlay, Status, ToastKind};

/// Folds one update in.
pub fn fold(model: &mut Model, update: Update) {
    match update {
        Update::Event(entry) => {
            if model.replay.as_mut().is_none_or(|r| r.push(&entry)) {
                event(model, &entry);
            }
        }
        Update::Working { job, candidate } => {
            let now = model.clock;
            model.activity.began(&job, candidate, now);
            model.activity.in_pause = model.tree.paused;
            model.nodes.stale = true;
        }
        Update::Progress(progress) => {
            model.activity.progressed(progress, model.clock);
        }
        Update::Dropped(reports) => model.activity.dropped = reports,
        Update::Idle => {
            model.activity.ended(model.clock);
            model.nodes.stale = true;
        }
        Update::Workers(doing) => model.activity.busy(doing, model.clock),
        Update::Machines(machines) => model.activity.machines = Some(machines),
        Update::OutputErrors(errors) => model.output_errors.extend(&errors),
        Update::Note(text) => {
            problem(model, text.clone());
            model.toast(ToastKind::Bad, text);
        }
        Update::Caches(caches) => model.activity.caches = caches,
        Update::Totals(totals) => model.activity.counted(totals, model.clock),
        Update::Failed(message) => failed(model, message),
    }
}

/// Folds an event in.
pub fn event(model: &mut Model, entry: &Entry) {
    model.told += 1;
    let base = model.tree.base;
    model.tree.apply(&entry.event);
    model.activity.apply(entry, &model.tree);
    model.history.apply(&entry.event, &model.tree);
    let own = answered(model, &entry.event);
    let marks = model.theme.symbols.marks();
    // A replayed journal brings old news; those need no message.
    let live = model.activity.work.is_some();
    match &entry.event {
        Event::Started { settings } => model.allocation = AllocationPane::new(&settings.space),
        Event::BaseChanged { candidate, .. } => {
            model.nodes.base_changed(&model.tree, base, *candidate);
        }
        Event::Gated { candidate, .. } => model.gate.push(*candidate),
        Event::Screened { .. } | Event::Confirmed { .. } => {
            model.gate.stale = true;
            model.front.stale = true;
        }
        Event::Proposed {
            candidate,
            parent: Some(parent),
            origin: Origin::Manual,
            ..
        } if model.expecting == Some(*parent) => {
            model.expecting = None;
            model.nodes.select(&model.tree, *candidate);
        }
        Event::CommandAccepted { command, note, .. } if own => {
            let said = Some(note.clone()).filter(|note| !note.is_empty());
            let said = said.unwrap_or_else(|| text::command(command, marks));
            model.toast(ToastKind::Good, said);
        }
        Event::CommandRefused { command, why, .. } if own => {
            model.expecting = None;
            let command = text::command(command, marks);
            model.toast(ToastKind::Bad, format!("{command}: {why}"));
        }
        Event::IncumbentChanged {
            candidate: Some(id),
        } if live => {
            let text = format!("new incumbent {}", model.title(*id));
            model.toast(ToastKind::Good, text);
        }
        Event::Finished { .. } => {
            model.awaiting.clear();
            super::result::finished(model);
        }
        _ => {}
    }
    if matches!(
        &entry.event,
        Event::CommandAccepted {
            command: Command::Undo,
            ..
        }
    ) {
        model.nodes.base_restored(&model.tree);
        model.gate.stale = true;
        model.front.stale = true;
    }
    model.nodes.stale = true;
    let (importance, text) = text::event(&model.tree, &entry.event, marks);
    let text = judged(model, &entry.event).unwrap_or(text);
    let time = model.time_of_day(&entry.time);
    model.commands.apply(&entry.event, &time);
    model.log.push(LogLine {
        time,
        importance,
        text,
    });
}

/// A judgement for the log: the number first, the name last, which may be cut.
fn judged(model: &Model, event: &Event) -> Option<String> {
    let (id, j, word) = match event {
        Event::Screened {
            candidate,
            judgement,
            ..
        } => (candidate, judgement, "screening"),
        Event::Confirmed {
            candidate,
            judgement,
            ..
        } => (candidate, judgement, "confirmation"),
        _ => return None,
    };
    let passed = match j.verdict {
        Verdict::Met => "passed",
        Verdict::NotMet => "failed",
    };
    let node = model.tree.get(*id)?;
    let (sign, ..) = model.theme.state(node.state());
    Some(format!(
        "{id} {sign} {passed} {word}: {} pp, {}{}; {}",
        text::numbers::points(j.drop()),
        text::images(j),
        if j.cached { ", cached" } else { "" },
        model.change(node)
    ))
}

/// True for the answer to a command of this interface, which is then no longer waited for.
fn answered(model: &mut Model, event: &Event) -> bool {
    let (Event::CommandAccepted { id, .. } | Event::CommandRefused { id, .. }) = event else {
        return false;
    };
    let before = model.awaiting.len();
    model.awaiting.retain(|sent| id.is_none() || sent.id != *id);
    model.awaiting.len() != before
}

fn problem(model: &mut Model, text: String) {
    let (time, importance) = (model.time_of_day(""), Importance::Problem);
    model.log.push(LogLine {
        time,
        importance,
        text,
    });
}

/// Records that the run cannot continue.
pub fn failed(model: &mut Model, message: String) {
    let message = match model.activity.panicked.take() {
        Some(said) => format!("{message}: {said}"),
        None => message,
    };
    // What cannot be written is no fault of the node that was at work.
    let is_fault = !message.starts_with("cannot write");
    let candidate = model
        .activity
        .work
        .and_then(|w| w.candidate)
        .filter(|_| is_fault);
    model.activity.ended(model.clock);
    model.edit = None;
    model.awaiting.clear();
    problem(model, message.clone());
    model.activity.failed = Some(message.clone());
    model.activity.failed_at = candidate;
    model.overlay = Some(Overlay::Failure { message, candidate });
}

/// The run's end of the channel is gone. That is how a finished run ends, too.
pub fn disconnected(model: &mut Model) {
    if model.is_live() {
        let message = match model.activity.panicked {
            Some(_) => "a worker of the run stopped",
            None => "the run stopped without saying why",
        };
        failed(model, message.to_owned());
    }
}

/// Another thread panicked; what that means for the run, the run will tell.
pub fn panicked(model: &mut Model, message: String) {
    problem(model, format!("a worker stopped: {message}"));
    model.activity.panicked = Some(message);
}

/// The thread that reads keys panicked, and reads on.
pub fn key_lost(model: &mut Model, message: &str) {
    problem(model, format!("a key was lost: {message}"));
    let text = "a key was lost, press it again";
    model.toast(ToastKind::Bad, text.to_owned());
}

/// Advances the time. Marks the model as changed only when something shown depends on it.
pub fn tick(model: &mut Model, now: Duration) {
    const SPINNER: u128 = 125;
    let before = std::mem::replace(&mut model.clock, now);
    super::replay::advance(model, now.saturating_sub(before));
    super::overlay::still_saving(model, now);
    let turned = now.as_millis() / SPINNER != before.as_millis() / SPINNER;
    let second = now.as_secs() != before.as_secs();
    let working = model.activity.work.is_some();
    let waiting = matches!(
        model.status(),
        Status::Starting | Status::Pausing | Status::Resuming | Status::Stopping
    );
    let expired = model.toasts.expire(now);
    model.changed |= expired || (turned && (working || waiting)) || (second && working);
}

/// The number of probes that are kept: each is as large as the network has sites.
const PROBES: usize = 16;

/// The potentials under an allocation were looked at, or cannot be.
pub fn probed(model: &mut Model, seen: Probed) {
    if model.looking.as_ref() == Some(&seen.allocation) {
        model.looking = None;
    }
    if model.seen.len() == PROBES {
        model.seen.pop_front();
    }
    model.seen.push_back(seen);
}
