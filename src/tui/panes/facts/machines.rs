//! Who evaluates on other machines, and what waits.

use ratatui::text::Line;

use super::LABEL;
use crate::evaluate::{Machines, RemoteState, RemoteWorker};
use crate::tui::model::Model;
use crate::tui::text::{self, count};
use crate::tui::widgets::{Sentence, cell, labelled, number};

const DEVICE: usize = 8;
const THREADS: usize = 8;
const STATE: usize = 18;
const RATE: usize = 9;
const JOBS: usize = 7;
/// Names longer than this are cut.
const NAME: usize = 40;

/// A sentence, and a row for each worker; nothing where all is done on this machine.
pub fn lines(model: &Model, columns: u16) -> Vec<Line<'static>> {
    let Some(machines) = &model.activity.machines else {
        return Vec::new();
    };
    let dim = model.theme.palette.dim;
    let room = columns.saturating_sub(LABEL);
    let mut lines = vec![labelled(
        model,
        "machines",
        LABEL,
        summary(model, machines, room),
    )];
    if !machines.workers.is_empty() {
        let taken = DEVICE + THREADS + STATE + RATE + JOBS;
        let room = usize::from(columns).saturating_sub(taken).min(NAME);
        lines.push(Line::from(vec![
            cell("remote worker", room, dim),
            cell("device", DEVICE, dim),
            number("threads", THREADS, dim),
            cell("  state", STATE, dim),
            number("images/s", RATE, dim),
            number("jobs", JOBS, dim),
        ]));
        let row = |worker| row(model, worker, room);
        lines.extend(machines.workers.iter().map(row));
    }
    lines.push(Line::default());
    lines
}

fn summary(model: &Model, machines: &Machines, room: u16) -> Line<'static> {
    let number_of = |state| machines.workers.iter().filter(|w| w.state == state).count();
    let some = |state| Some(number_of(state)).filter(|n| *n > 0);
    let palette = &model.theme.palette;
    let workers = match machines.workers.len() {
        0 => Line::styled("no worker is there", palette.bad),
        1 => Line::raw("1 worker"),
        n => Line::raw(format!("{} workers", count(n as u64))),
    };
    let queued = match machines.queued {
        0 => String::from("nothing queued"),
        1 => String::from("1 job queued"),
        n => format!("{} jobs queued", count(n as u64)),
    };
    Sentence::new(model, room)
        .add(workers)
        .maybe(some(RemoteState::Working).map(|n| format!("{n} at work")))
        .maybe(some(RemoteState::Idle).map(|n| format!("{n} idle")))
        .add(queued)
        .line()
}

fn row(model: &Model, worker: &RemoteWorker, room: usize) -> Line<'static> {
    let palette = &model.theme.palette;
    let style = match worker.state {
        RemoteState::Working => palette.busy,
        RemoteState::Unable | RemoteState::OtherNumerics => palette.bad,
        _ => palette.dim,
    };
    let ellipsis = model.theme.symbols.ellipsis;
    let fit = |text: &str, room: usize| text::cut(text, room.saturating_sub(1), ellipsis);
    let rate = worker.rate.map_or(String::new(), |r| format!("{r:.1}"));
    Line::from(vec![
        cell(&fit(&worker.name, room), room, palette.text),
        cell(&fit(&worker.device, DEVICE), DEVICE, palette.text),
        number(&worker.threads.to_string(), THREADS, palette.text),
        cell(&format!("  {}", worker.state), STATE, style),
        number(&rate, RATE, palette.text),
        number(&count(worker.answered), JOBS, palette.text),
    ])
}
