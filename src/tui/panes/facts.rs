//! The run in numbers: what it does, what it has done, what it keeps, where the time goes.

mod machines;

use std::time::Duration;

use ratatui::text::{Line, Span};
use strum::VariantArray;

use super::component::{About, Component};
use crate::evaluate::CacheUse;
use crate::tui::model::{Model, Pane, Task, Work, Worker};
use crate::tui::text::{self, bytes, count, duration, durations, large};
use crate::tui::widgets::{Sentence, bar, cell, labelled, number};

/// The run in numbers.
pub struct Facts;

impl Component for Facts {
    fn about(&self) -> About {
        About::text(Pane::Facts, "Run")
    }

    fn info(&self, model: &Model, _columns: usize) -> String {
        model.run.id.clone()
    }

    fn lines(&self, model: &Model, columns: u16) -> Vec<Line<'static>> {
        lines(model, columns)
    }
}

const LABEL: u16 = 12;
const WORKER: usize = 12;
const IMAGES: usize = 12;
const SINCE: usize = 7;
const JOBS: usize = 7;

/// Status, every worker, throughput, work saved, memory, time by phase.
fn lines(model: &Model, columns: u16) -> Vec<Line<'static>> {
    let room = columns.saturating_sub(LABEL);
    let caches = model.activity.caches;
    let folder = model.run.folder.display().to_string();
    let folder = text::fit(&folder, usize::from(room), model.theme.symbols.ellipsis);
    let row = |label, content| labelled(model, label, LABEL, content);
    let mut lines = vec![
        row("search", search(model, room)),
        row("time", time(model, room)),
        Line::default(),
    ];
    lines.extend(machines::lines(model, columns));
    lines.extend(workers(model, columns));
    lines.extend([
        Line::default(),
        row("speed", speed(model, room)),
        row("requests", requests(model, room)),
        row("cache hits", cache_hits(model, room)),
        row("work", work(model, room)),
        row("activations", cache(model, caches.values, room)),
        row("weights", cache(model, caches.weights, room)),
        row("process", process(model, room)),
        Line::default(),
    ]);
    lines.extend(phases(model, columns));
    lines.extend([Line::default(), row("folder", Line::raw(folder))]);
    lines
}

fn search(model: &Model, room: u16) -> Line<'static> {
    let settings = model.tree.settings.as_deref();
    let nodes = match model.tree.candidates.len() {
        1 => String::from("1 node"),
        n => format!("{} nodes", count(n as u64)),
    };
    Sentence::new(model, room)
        .styled(model.status().to_string(), model.theme.palette.strong)
        .maybe(settings.map(|s| s.search.strategy.name()))
        .maybe(model.level())
        .maybe(model.round())
        .add(nodes)
        .line()
}

fn time(model: &Model, room: u16) -> Line<'static> {
    let elapsed = duration(model.elapsed());
    let left = match (model.time_left(), model.tree.finished) {
        (Some((least, most)), _) => format!("{} left", durations(least, most)),
        (None, Some(_)) => String::from("finished"),
        (None, None) => String::from("time left unknown"),
    };
    let elapsed = format!("{elapsed} searching");
    Sentence::new(model, room).add(elapsed).add(left).line()
}

/// What every evaluator does, and since when.
fn workers(model: &Model, columns: u16) -> Vec<Line<'static>> {
    let dim = model.theme.palette.dim;
    let workers = &model.activity.workers;
    if workers.is_empty() {
        let text = match &model.replay {
            Some(_) => "in another process: the journal does not say what they do",
            None => "none at work yet",
        };
        return vec![labelled(model, "worker", LABEL, Line::styled(text, dim))];
    }
    let room = usize::from(columns).saturating_sub(WORKER + IMAGES + SINCE + JOBS);
    let heading = Line::from(vec![
        cell("worker", WORKER, dim),
        cell("task", room, dim),
        number("images", IMAGES, dim),
        number("for", SINCE, dim),
        number("jobs", JOBS, dim),
    ]);
    let rows = workers.iter().enumerate();
    let rows = rows.map(|(at, worker)| worker_row(model, at + 1, worker, room));
    [heading].into_iter().chain(rows).collect()
}

/// A row of a worker; of the one that the search waits for it is known how far it is.
fn worker_row(model: &Model, name: usize, worker: &Worker, room: usize) -> Line<'static> {
    let palette = &model.theme.palette;
    let since = duration(model.clock.saturating_sub(worker.since));
    let (mut what, mut done, mut style) = (String::from("idle"), String::new(), palette.dim);
    if let Some(request) = &worker.request {
        let task = Task::of(&request.job);
        let left = room.saturating_sub(text::width(task.word()) + 2);
        let who = match (request.candidate, task) {
            (Some(id), _) => model.title_in(id, left),
            (None, Task::Baseline | Task::Certificate | Task::Test) => String::new(),
            (None, _) => String::from("ahead of time"),
        };
        what = format!("{} {who}", task.word());
        style = palette.busy;
        let is_awaited = |w: &Work| w.candidate == request.candidate && w.task == task;
        let progress = model
            .activity
            .work
            .filter(is_awaited)
            .and_then(|w| w.progress);
        let progress = progress.map(|p| (count(p.done as u64), count(p.total as u64)));
        done = progress.map_or(done, |(done, total)| format!("{done}/{total}"));
    }
    let ellipsis = model.theme.symbols.ellipsis;
    let what = text::cut(what.trim_end(), room.saturating_sub(1), ellipsis);
    Line::from(vec![
        cell(&name.to_string(), WORKER, palette.text),
        cell(&what, room, style),
        number(&done, IMAGES, palette.text),
        number(&since, SINCE, palette.text),
        number(&count(u64::from(worker.jobs)), JOBS, palette.text),
    ])
}

/// The use of a cache and its hit rate.
fn cache(model: &Model, used: Option<CacheUse>, room: u16) -> Line<'static> {
    let Some(used) = used else {
        return Line::styled("no cache", model.theme.palette.dim);
    };
    let lookups = used.hits + used.misses;
    let rate = 100.0 * used.hits as f64 / lookups.max(1) as f64;
    let hits = match lookups {
        0 => String::from("no lookup yet"),
        _ => format!("hit rate {rate:.0} % of {} lookups", large(lookups)),
    };
    let used = format!("{} of {} used", bytes(used.bytes), bytes(used.budget));
    Sentence::new(model, room).add(used).add(hits).line()
}

fn speed(model: &Model, room: u16) -> Line<'static> {
    let totals = model.activity.totals;
    let rate = |n: u64, what: &str| match totals.seconds > 0.0 {
        true => Some(format!(
            "{} {what}/s",
            large((n as f64 / totals.seconds) as u64)
        )),
        false => None,
    };
    Sentence::new(model, room)
        .add(rate(totals.images, "images").unwrap_or_else(|| String::from("unknown yet")))
        .maybe(rate(totals.layer_forwards, "layer-forwards"))
        .line()
}

fn requests(model: &Model, room: u16) -> Line<'static> {
    let counters = model.activity.counters();
    Sentence::new(model, room)
        .add(format!("{} evaluated", count(counters.evaluations)))
        .add(match counters.drift_evaluations {
            1 => String::from("1 drift"),
            n => format!("{} drifts", count(n)),
        })
        .add(format!("{} rejected", count(counters.gated)))
        .add(format!("{} audited", count(counters.audited)))
        .line()
}

/// The requests that this run or an earlier one had answered.
fn cache_hits(model: &Model, room: u16) -> Line<'static> {
    let counters = model.activity.counters();
    let by_this_run = counters.cached - counters.reused;
    Sentence::new(model, room)
        .add(format!("{} within this run", count(by_this_run)))
        .add(format!("{} from earlier runs", count(counters.reused)))
        .line()
}

fn work(model: &Model, room: u16) -> Line<'static> {
    let totals = model.activity.totals;
    Sentence::new(model, room)
        .add(format!("{} layer-forwards", large(totals.layer_forwards)))
        .add(model.activity.avoided().1)
        .add(format!("{} images", large(totals.images)))
        .line()
}

fn process(model: &Model, room: u16) -> Line<'static> {
    let palette = &model.theme.palette;
    let resident = model.activity.resident;
    let dropped = Some(model.activity.dropped).filter(|n| *n > 0);
    let dropped = dropped.map(|n| format!("{} progress reports dropped", count(n)));
    Sentence::new(model, room)
        .add(model.run.device.clone())
        .maybe(resident.map(|b| format!("{} in memory", bytes(b))))
        .maybe(dropped.map(|text| Line::styled(text, palette.bad)))
        .line()
}

/// Where the time went, by what was done.
fn phases(model: &Model, columns: u16) -> Vec<Line<'static>> {
    const WIDTHS: [usize; 4] = [16, 7, 10, 9];
    let palette = &model.theme.palette;
    let timing = |task: &Task| model.activity.timing(*task);
    let all: Duration = Task::VARIANTS.iter().map(|task| timing(task).1).sum();
    let room = usize::from(columns).saturating_sub(WIDTHS.iter().sum::<usize>() + 1);
    let line = |[phase, jobs, time, each]: [&str; 4], style| {
        let [first, rest @ ..] = WIDTHS;
        let numbers = [jobs, time, each].into_iter().zip(rest);
        let numbers = numbers.map(|(text, width)| number(text, width, style));
        Line::from_iter([cell(phase, first, style)].into_iter().chain(numbers))
    };
    let row = |task: &Task| {
        let (jobs, time) = timing(task);
        let each = time.checked_div(jobs);
        let each = each.map_or(String::new(), |t| format!("{:.2} s", t.as_secs_f64()));
        let share = time.as_secs_f64() / all.as_secs_f64().max(f64::MIN_POSITIVE);
        let (jobs, time) = (count(u64::from(jobs)), duration(time));
        let mut line = line([task.word(), &jobs, &time, &each], palette.text);
        line.push_span(Span::raw(" "));
        line.extend(bar(model, share, room.min(24), palette.bar));
        line
    };
    let heading = line(["time by phase", "jobs", "time", "each"], palette.dim);
    let is_certified = model.tree.constraint.confidence.is_some();
    let shown = |task: &&Task| match task {
        Task::Certificate => is_certified,
        // Only some strategies ask for it.
        Task::LayerErrors => timing(task).0 > 0,
        _ => true,
    };
    [heading]
        .into_iter()
        .chain(Task::VARIANTS.iter().filter(shown).map(row))
        .collect()
}
