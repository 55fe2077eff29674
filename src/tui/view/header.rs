//! The header: what is searched, how far it got, what it is doing.

mod goal;
mod result;
mod smallest;

pub use smallest::draw as smallest;

use ratatui::Frame;
use ratatui::layout::{Margin, Rect};
use ratatui::style::{Modifier, Style};
use ratatui::text::{Line, Span, Text};

use crate::evaluate::{Progress, percent};
use crate::search::StopReason;
use crate::tui::layout::{Layout, SLIDER_TEXT};
use crate::tui::model::{Losses, Model, Status, Task, Work};
use crate::tui::text::{self, count, large, points};
use crate::tui::widgets::{Sentence, bar, below, cut_line, labelled, line_area, spinner};

const LABEL: u16 = 10;

/// Draws the header: three lines, or five with labels where there is room.
pub fn draw(model: &Model, frame: &mut Frame, area: Rect) {
    let inside = area.inner(Margin::new(1, 0));
    let columns = inside.width;
    let room = columns.saturating_sub(LABEL);
    let banner = model.banner();
    let under = u16::from(banner.is_some());
    let large = area.height > 3 + under;
    title(model, frame, line_area(inside, 0), large);
    if let Some(banner) = banner {
        let plain = if model.theme.symbols.ascii {
            banner.replace('\u{b1}', "+-")
        } else {
            banner
        };
        let line = Line::styled(format!("! {plain}"), model.theme.palette.bad);
        let line = cut_line(line, usize::from(columns), model.theme.symbols.ellipsis);
        frame.render_widget(line, line_area(inside, 1));
    }
    let lines = if large {
        let lines = [
            ("goal", goal::line(model, room)),
            ("accuracy", result::accuracy(model, room)),
            ("memory", result::memory(model, room)),
            ("now", now(model, room, true)),
            ("work", work(model, room)),
        ];
        Text::from_iter(lines.map(|(label, line)| labelled(model, label, LABEL, line)))
    } else {
        let now = now(model, columns, false);
        let result = match model.tree.incumbent {
            Some(_) => result::short_result(model, columns),
            None => goal::short(model, columns),
        };
        Text::from_iter([result, now])
    };
    frame.render_widget(lines, below(inside, 1 + under));
}

/// How much of a watched journal is shown.
pub fn slider(model: &Model, frame: &mut Frame, layout: &Layout) {
    let (Some(replay), Some(area)) = (&model.replay, layout.slider) else {
        return;
    };
    let (symbols, palette) = (&model.theme.symbols, &model.theme.palette);
    let share = replay.shown as f64 / replay.len().max(1) as f64;
    let bar = bar(model, share, usize::from(area.width), palette.bar);
    frame.render_widget(Line::from(bar), area);
    let time = model.time_of_day(replay.time().unwrap_or_default());
    let speed = match replay.is_live() {
        true => String::from("live"),
        false => format!("{}x", replay.speed),
    };
    let sign = match replay.playing {
        true => symbols.running,
        false => symbols.paused,
    };
    let (shown, all) = (count(replay.shown as u64), count(replay.len() as u64));
    let text = format!(" {sign} {time} {shown}/{all} {speed}");
    let at = Rect {
        x: area.right(),
        width: SLIDER_TEXT,
        ..area
    };
    frame.render_widget(Span::styled(text, palette.strong), at);
}

/// The names of the views; the one shown in brackets.
pub fn tabs(model: &Model, frame: &mut Frame, layout: &Layout) {
    let palette = &model.theme.palette;
    // The one shown last: its brackets may lie on blanks of its neighbours.
    let mut tabs: Vec<_> = layout.tabs.iter().collect();
    tabs.sort_by_key(|(view, _)| *view == model.view);
    for (view, area) in tabs {
        let name = format!("{} {}", view.index() + 1, view.name());
        let tab = if *view == model.view {
            Span::styled(format!("[{name}]"), palette.title_focused)
        } else {
            Span::styled(format!(" {name} "), palette.dim)
        };
        frame.render_widget(tab, *area);
    }
}

/// Left what is searched, right whether it runs, how long, and how long still.
fn title(model: &Model, frame: &mut Frame, area: Rect, large: bool) {
    let palette = &model.theme.palette;
    let elapsed = text::duration(model.elapsed());
    let left = match model.time_left() {
        Some((least, most)) if large => text::durations(least, most),
        Some((_, most)) => format!("{} {}", model.theme.symbols.at_most, text::duration(most)),
        None => model.theme.symbols.none.to_owned(),
    };
    let (symbol, style) = status_look(model);
    let mut right = vec![
        Span::styled(format!("{symbol} {}", model.status()), style),
        Span::styled("  elapsed ", palette.dim),
        Span::raw(elapsed),
    ];
    let dropped = Some(model.activity.dropped).filter(|n| *n > 0);
    let dropped = dropped.map(|n| format!("  ! {} dropped", count(n)));
    right.extend(dropped.map(|text| Span::styled(text, palette.bad)));
    if model.is_live() {
        right.extend([Span::styled("  ETA ", palette.dim), Span::raw(left)]);
    }
    let right = Line::from(right);
    let room = area.width.saturating_sub(right.width() as u16 + 2);

    let settings = model.tree.settings.as_deref();
    let name = settings.map_or("waiting for the run", |s| s.name.as_str());
    let name = text::cut(name, usize::from(room), model.theme.symbols.ellipsis);
    let shown = settings.filter(|_| large);
    let left = Sentence::new(model, room)
        .styled(name, palette.strong)
        .maybe(shown.map(|s| format!("{} search", s.search.strategy.name())))
        .add(model.run.device.clone())
        .maybe(shown.map(|s| format!("seed {}", s.search.seed)))
        .maybe(large.then(|| format!("run {}", model.run.id)));
    frame.render_widget(left.line(), area);
    frame.render_widget(right.right_aligned(), area);
}

pub fn status_look(model: &Model) -> (&'static str, Style) {
    let (symbols, palette) = (&model.theme.symbols, &model.theme.palette);
    match model.status() {
        Status::Running if model.activity.work.is_some() => (spinner(model), palette.incumbent),
        Status::Running => (symbols.running, palette.incumbent),
        Status::Starting | Status::Resuming | Status::Stepping => (spinner(model), palette.busy),
        Status::Pausing | Status::Stopping => (symbols.pausing, palette.base),
        Status::Paused => (symbols.paused, palette.base),
        Status::Testing => (spinner(model), palette.busy),
        Status::Finished => (symbols.finished, palette.incumbent),
        Status::NotMet => (symbols.failed, palette.bad.add_modifier(Modifier::BOLD)),
        Status::Failed => ("!", palette.bad),
        Status::Watching => (symbols.running, palette.busy),
        Status::Replaying if model.replay.as_ref().is_some_and(|r| r.playing) => {
            (spinner(model), palette.base)
        }
        Status::Replaying => (symbols.paused, palette.base),
    }
}

/// What is going on: level, round, and the running job with its progress.
fn now(model: &Model, columns: u16, large: bool) -> Line<'static> {
    let palette = &model.theme.palette;
    if let Some(message) = &model.activity.failed {
        // What went wrong stands at both ends: the place first, the reason last.
        let room = usize::from(columns).saturating_sub(12);
        let message = text::fit(message, room, model.theme.symbols.ellipsis);
        return Line::styled(format!("run failed: {message}"), palette.bad);
    }
    if let Some(reason) = model.tree.finished {
        return finished(model, reason, columns);
    }
    // What is evaluated elsewhere is told by the journal: its last entry.
    let last = || {
        let last = model.log.iter().last().map(|line| line.text.clone());
        last.filter(|_| model.replay.is_some())
    };
    let start = Sentence::new(model, columns)
        .maybe(model.level())
        .maybe(model.round());
    let Some(job) = model.activity.work else {
        return match model.status() {
            Status::Paused => start.styled("paused: p resumes", palette.base).line(),
            Status::Starting => Line::raw("waiting for the first event"),
            _ => {
                let (room, ellipsis) = (start.room(), model.theme.symbols.ellipsis);
                start
                    .maybe(last().map(|text| text::cut(&text, room, ellipsis)))
                    .line()
            }
        };
    };
    let room = start.room();
    start.add(job_line(model, &job, room, large)).line()
}

/// How the search ended.
fn finished(model: &Model, reason: StopReason, columns: u16) -> Line<'static> {
    let palette = &model.theme.palette;
    let test = model.tree.tested().map(|(images, float, correct)| {
        let share = |n| points(percent(n, images));
        let seen = match model.tree.test_seen {
            true => ", seen before",
            false => "",
        };
        let (result, float) = (share(correct), share(float));
        format!("test split {result} %, float {float} %{seen}")
    });
    // A search that is over at once looks broken to who does not know why.
    let recalled = model.activity.counters().reused;
    let recalled =
        (recalled > 0).then(|| format!("{} cached results of earlier runs", count(recalled)));
    let certified = text::certificate::outcome(&model.tree, model.theme.symbols.marks());
    Sentence::new(model, columns)
        .maybe(
            model
                .tree
                .result()
                .is_none()
                .then(|| Line::styled("NOT MET", palette.bad)),
        )
        .styled(text::stop(reason), palette.strong)
        .styled("v: result", palette.key)
        .maybe(certified)
        .maybe(test)
        .maybe(recalled)
        .line()
}

fn job_line(model: &Model, job: &Work, room: usize, large: bool) -> Line<'static> {
    let palette = &model.theme.palette;
    let done = job.progress.map(|p| progress(job, &p, large));
    let done = done.unwrap_or_default();
    let (columns, task) = match large {
        true => (24, job.task.text()),
        false => (10, job.task.word()),
    };
    let left = room.saturating_sub(columns + text::width(&done) + 2);
    let what = match job.candidate {
        Some(id) => {
            let title = model.title_in(id, left.saturating_sub(task.len() + 1));
            format!("{task} {title}")
        }
        None => text::cut(task, left, model.theme.symbols.ellipsis),
    };
    let share = job.progress.map(|p| p.done as f64 / p.total.max(1) as f64);
    let mut spans = vec![Span::styled(what, palette.busy), Span::raw(" ")];
    let bar = bar(model, share.unwrap_or(0.0), columns.min(room), palette.bar);
    spans.extend(bar);
    spans.push(Span::raw(format!(" {done}")));
    Line::from(spans)
}

/// How far a job is. Of a screening or a confirmation, how far from a verdict: its first images are
/// no sample of all, so that the share of correct ones would mislead.
fn progress(job: &Work, p: &Progress, large: bool) -> String {
    let (done, total) = (count(p.done as u64), count(p.total as u64));
    match (large, job.task, job.losses) {
        (true, ..) if p.preparing => format!("ordering images: {done} of {total}"),
        (false, ..) if p.preparing => format!("ordering {done}/{total}"),
        (true, _, Some(losses)) => {
            format!("{done} of {total} images, {}", lost(&losses))
        }
        (false, _, Some(losses)) => {
            format!("{done}/{total} lost {}/{}", losses.net, losses.allowed)
        }
        (true, Task::Test | Task::Certificate | Task::Baseline, None) => {
            let correct = count(p.correct as u64);
            format!("{done} of {total} images, {correct} correct")
        }
        (true, _, None) => format!("{done} of {total} images"),
        (false, _, None) => format!("{done}/{total}"),
    }
}

/// `12 of 25 allowed lost, fails at 14 more`.
fn lost(losses: &Losses) -> String {
    let Losses { net, allowed, .. } = *losses;
    let so_far = match net {
        ..0 => format!("{} won net, {allowed} may be lost", -net),
        _ => format!("{net} lost net of {allowed} allowed"),
    };
    match losses.is_met() {
        true => format!("{so_far}: met"),
        false => format!("{so_far}, fails at {} more", losses.to_fail()),
    }
}

fn work(model: &Model, columns: u16) -> Line<'static> {
    let activity = &model.activity;
    let counters = activity.counters();
    let named =
        |n: u64, one: &str, many: &str| format!("{} {}", count(n), if n == 1 { one } else { many });
    let (saved, avoided) = activity.avoided();
    // A journal does not say what had been done at an earlier moment.
    let of_now = model.replay.as_ref().is_none_or(|r| r.is_live());
    let forwards = format!("{} layer-forwards", large(activity.totals.layer_forwards));
    Sentence::new(model, columns)
        .add(named(counters.evaluations, "evaluation", "evaluations"))
        .add(named(counters.drift_evaluations, "drift", "drifts"))
        .add(format!("{} rejected", count(counters.gated)))
        .add(format!("{} audited", count(counters.audited)))
        .maybe(of_now.then_some(forwards))
        .maybe((of_now && saved > 0).then_some(avoided))
        .maybe((counters.cached > 0).then(|| named(counters.cached, "cache hit", "cache hits")))
        .line()
}
