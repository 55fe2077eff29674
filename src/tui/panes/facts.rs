//! The run in numbers: what it does, what it has done, what it keeps, where the time goes.

use std::time::Duration;

use ratatui::text::{Line, Span};

use super::component::{About, Component};
use crate::evaluate::CacheUse;
use crate::tui::model::{Model, Pane, Task, Worker};
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
    let nodes = count(model.tree.candidates.len() as u64);
    Sentence::new(model, room)
        .styled(model.status().text(), model.theme.palette.strong)
        .maybe(settings.map(|s| s.search.strategy.name()))
        .maybe(model.level())
        .maybe(model.round())
        .add(format!("{nodes} nodes"))
        .line()
}

fn time(model: &Model, room: u16) -> Line<'static> {
    let elapsed = duration(model.elapsed());
    let left = model.activity.time_left(&model.tree);
    let left = match (left, model.tree.finished) {
        (Some((least, most)), _) => format!("{} left", durations(least, most)),
        (None, Some(_)) => String::from("finished"),
        (None, None) => String::from("time left unknown"),
    };
    Sentence::new(model, room)
        .add(format!("{elapsed} searching"))
        .add(left)
        .line()
}

/// What every evaluator does, and since when. Of the one that the search waits for it is known how
/// far it is.
fn workers(model: &Model, columns: u16) -> Vec<Line<'static>> {
    let palette = &model.theme.palette;
    let activity = &model.activity;
    let heading = |room: usize| {
        Line::from(vec![
            cell("worker", WORKER, palette.dim),
            cell("task", room, palette.dim),
            number("images", IMAGES, palette.dim),
            number("for", SINCE, palette.dim),
            number("jobs", JOBS, palette.dim),
        ])
    };
    let room = usize::from(columns).saturating_sub(WORKER + IMAGES + SINCE + JOBS);
    if activity.workers.is_empty() {
        let text = match &model.replay {
            Some(_) => "in another process: the journal does not say what they do",
            None => "none at work yet",
        };
        let first = cell("worker", WORKER, palette.dim);
        return vec![Line::from(vec![first, Span::styled(text, palette.dim)])];
    }
    let row = |(number_, worker): (usize, &Worker)| {
        let since = duration(model.clock.saturating_sub(worker.since));
        let awaited = activity.work.filter(|work| {
            let request = worker.request.as_ref();
            request.is_some_and(|r| {
                r.candidate == work.candidate && Task::of(&r.job, &model.tree) == work.task
            })
        });
        let done = awaited.and_then(|w| w.progress);
        let done = done.map_or(String::new(), |p| {
            format!("{}/{}", count(p.done as u64), count(p.total as u64))
        });
        let (what, style) = match &worker.request {
            None => (String::from("idle"), palette.dim),
            Some(request) => {
                let task = Task::of(&request.job, &model.tree);
                let left = room.saturating_sub(text::width(task.word()) + 2);
                let who = match (request.candidate, task) {
                    (Some(id), _) => model.title_in(id, left),
                    (None, Task::Baseline | Task::Test) => String::new(),
                    (None, _) => String::from("ahead of time"),
                };
                (format!("{} {who}", task.word()), palette.busy)
            }
        };
        let what = text::cut(
            what.trim_end(),
            room.saturating_sub(1),
            model.theme.symbols.ellipsis,
        );
        Line::from(vec![
            cell(&(number_ + 1).to_string(), WORKER, palette.text),
            cell(&what, room, style),
            number(&done, IMAGES, palette.text),
            number(&since, SINCE, palette.text),
            number(&count(u64::from(worker.jobs)), JOBS, palette.text),
        ])
    };
    let rows = activity.workers.iter().enumerate().map(row);
    std::iter::once(heading(room)).chain(rows).collect()
}

/// The use of a cache and its hit rate.
fn cache(model: &Model, used: Option<CacheUse>, room: u16) -> Line<'static> {
    let Some(used) = used else {
        return Line::styled("no cache", model.theme.palette.dim);
    };
    let lookups = used.hits + used.misses;
    let rate = 100.0 * used.hits as f64 / lookups.max(1) as f64;
    Sentence::new(model, room)
        .add(format!(
            "{} of {} used",
            bytes(used.bytes),
            bytes(used.budget)
        ))
        .add(match lookups {
            0 => String::from("no lookup yet"),
            _ => format!("hit rate {rate:.0} % of {} lookups", large(lookups)),
        })
        .line()
}

fn per_second(n: u64, seconds: f64) -> Option<String> {
    (seconds > 0.0).then(|| large((n as f64 / seconds) as u64))
}

fn speed(model: &Model, room: u16) -> Line<'static> {
    let totals = model.activity.totals;
    let rate = |n, what: &str| per_second(n, totals.seconds).map(|r| format!("{r} {what}/s"));
    Sentence::new(model, room)
        .add(rate(totals.images, "images").unwrap_or_else(|| String::from("unknown yet")))
        .maybe(rate(totals.layer_forwards, "layer-forwards"))
        .line()
}

fn requests(model: &Model, room: u16) -> Line<'static> {
    let counters = model.activity.counters();
    Sentence::new(model, room)
        .add(format!("{} evaluated", count(counters.evaluations)))
        .add(format!("{} drifts", count(counters.drift_evaluations)))
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
    let resident = model
        .activity
        .resident
        .map(|b| format!("{} in memory", bytes(b)));
    let dropped = model.activity.dropped;
    let dropped = (dropped > 0).then(|| {
        let text = format!("{} progress reports dropped", count(dropped));
        Line::styled(text, palette.bad)
    });
    Sentence::new(model, room)
        .add(model.run.device.clone())
        .maybe(resident)
        .maybe(dropped)
        .line()
}

/// Where the time went, by what was done.
fn phases(model: &Model, columns: u16) -> Vec<Line<'static>> {
    let palette = &model.theme.palette;
    let all: Duration = Task::ALL.iter().map(|t| model.activity.timing(*t).1).sum();
    let room = usize::from(columns).saturating_sub(16 + 7 + 10 + 9 + 1);
    let heading = Line::from(vec![
        cell("time by phase", 16, palette.dim),
        number("jobs", 7, palette.dim),
        number("time", 10, palette.dim),
        number("each", 9, palette.dim),
    ]);
    let row = |task: &Task| {
        let (jobs, time) = model.activity.timing(*task);
        let each = time.checked_div(jobs).filter(|_| jobs > 0);
        let each = each.map_or(String::new(), |t| format!("{:.2} s", t.as_secs_f64()));
        let share = time.as_secs_f64() / all.as_secs_f64().max(f64::MIN_POSITIVE);
        let mut spans = vec![
            cell(task.word(), 16, palette.text),
            number(&count(u64::from(jobs)), 7, palette.text),
            number(&duration(time), 10, palette.text),
            number(&each, 9, palette.text),
            Span::raw(" "),
        ];
        spans.extend(bar(model, share, room.min(24), palette.bar));
        Line::from(spans)
    };
    std::iter::once(heading)
        .chain(Task::ALL.iter().map(row))
        .collect()
}
