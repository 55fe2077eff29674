//! The run in numbers: what it does, what it has done, where the time goes.

use std::time::Duration;

use ratatui::text::{Line, Span};

use super::pieces::{Sentence, bar, cell, number};
use crate::tui::model::{Model, Task};
use crate::tui::text::{self, bytes, count, duration, large};
use crate::words;

const LABEL: u16 = 11;

/// Status, throughput, work saved, memory, time by phase, and the worker.
pub fn lines(model: &Model, columns: u16) -> Vec<Line<'static>> {
    let mut lines = Vec::new();
    let room = columns.saturating_sub(LABEL);
    for (label, content) in [
        ("search", search(model, room)),
        ("time", time(model, room)),
        ("worker", worker(model, room)),
        ("speed", speed(model, room)),
        ("questions", questions(model, room)),
        ("work", work(model, room)),
        ("process", process(model, room)),
    ] {
        let mut line = content;
        let label = text::pad(label, usize::from(LABEL), false);
        line.spans
            .insert(0, Span::styled(label, model.theme.palette.dim));
        lines.push(line);
    }
    lines.push(Line::default());
    lines.extend(phases(model, columns));
    lines.push(Line::default());
    let folder = model.run.folder.display().to_string();
    let folder = text::fit(&folder, usize::from(room), model.theme.symbols.ellipsis);
    lines.push(Line::from(vec![
        Span::styled(
            text::pad("folder", usize::from(LABEL), false),
            model.theme.palette.dim,
        ),
        Span::raw(folder),
    ]));
    lines
}

fn search(model: &Model, room: u16) -> Line<'static> {
    let settings = model.tree.settings.as_deref();
    Sentence::new(model, room)
        .add(Line::styled(
            model.status().text(),
            model.theme.palette.strong,
        ))
        .maybe(settings.map(|s| words::strategy(s.search.strategy)))
        .maybe(
            model
                .tree
                .level
                .map(|l| format!("{} level", words::level(l))),
        )
        .maybe((model.tree.round > 0).then(|| format!("round {}", model.tree.round)))
        .add(format!(
            "{} nodes",
            count(model.tree.candidates.len() as u64)
        ))
        .line()
}

fn time(model: &Model, room: u16) -> Line<'static> {
    let elapsed = duration(model.elapsed());
    let left = model.activity.time_left(&model.tree);
    let left = match (left, model.tree.finished) {
        (Some((least, most)), _) => format!("{} to {} left", duration(least), duration(most)),
        (None, Some(_)) => String::from("over"),
        (None, None) => String::from("how long still is known at the last level only"),
    };
    Sentence::new(model, room)
        .add(format!("{elapsed} searching"))
        .add(left)
        .line()
}

/// There is one worker: what it does, and since when.
fn worker(model: &Model, room: u16) -> Line<'static> {
    let Some(work) = model.activity.work else {
        return Line::styled("idle", model.theme.palette.dim);
    };
    let since = duration(model.clock.saturating_sub(work.since));
    let who = work.candidate.map_or(String::new(), |id| format!(" {id}"));
    let progress = work.progress.map(|p| {
        let (done, total) = (count(p.done as u64), count(p.total as u64));
        format!("{done} of {total} images")
    });
    Sentence::new(model, room)
        .add(format!("{}{who}", work.task.text()))
        .maybe(progress)
        .add(format!("for {since}"))
        .line()
}

fn per_second(n: u64, seconds: f64) -> Option<String> {
    (seconds > 0.0).then(|| large((n as f64 / seconds) as u64))
}

fn speed(model: &Model, room: u16) -> Line<'static> {
    let totals = model.activity.totals;
    let rate = |n, what: &str| per_second(n, totals.seconds).map(|r| format!("{r} {what}/s"));
    Sentence::new(model, room)
        .add(rate(totals.images, "images").unwrap_or_else(|| String::from("not known yet")))
        .maybe(rate(totals.layer_forwards, "layer-forwards"))
        .line()
}

fn questions(model: &Model, room: u16) -> Line<'static> {
    let (activity, stats) = (&model.activity, &model.gate.stats);
    Sentence::new(model, room)
        .add(format!("{} evaluations", count(activity.evaluations)))
        .add(format!("{} drifts", count(activity.drift_evaluations)))
        .add(format!("{} answered from memory", count(activity.cached)))
        .add(format!("{} held back", stats.held_back))
        .add(format!("{} audited", stats.audited))
        .line()
}

fn work(model: &Model, room: u16) -> Line<'static> {
    let totals = model.activity.totals;
    let saved = totals
        .layer_forwards_plain
        .saturating_sub(totals.layer_forwards);
    let share = 100.0 * saved as f64 / totals.layer_forwards_plain.max(1) as f64;
    Sentence::new(model, room)
        .add(format!(
            "{} layer-forwards done",
            large(totals.layer_forwards)
        ))
        .add(format!("{} saved ({share:.0} %)", large(saved)))
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
