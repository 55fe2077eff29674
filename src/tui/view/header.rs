//! The header: what is searched, how far it got, what it is doing.

use ratatui::Frame;
use ratatui::layout::Rect;
use ratatui::style::Style;
use ratatui::text::{Line, Span};

use super::pieces::{Sentence, bar, line_area};
use super::tree::spinner;
use crate::evaluate::Progress;
use crate::quant::{Allocation, BitWidth, saving_percent};
use crate::search::{Candidate, Settings};
use crate::tui::model::{Model, Status, Task, Work};
use crate::tui::text::{self, bytes, count, large, points};
use crate::tui::words;

/// Draws the header: four lines, or five with labels where there is room.
pub fn draw(model: &Model, frame: &mut Frame, area: Rect) {
    let inside = Rect {
        x: area.x + 1,
        width: area.width.saturating_sub(2),
        ..area
    };
    let columns = inside.width;
    let large = area.height > 4;
    title(model, frame, line_area(inside, 0), large);
    let lines = if large {
        vec![
            labelled(model, "accuracy", columns, |c| accuracy(model, c)),
            labelled(model, "memory", columns, |c| memory(model, c)),
            labelled(model, "now", columns, |c| now(model, c, true)),
            labelled(model, "work", columns, |c| work(model, c)),
        ]
    } else {
        vec![
            short_result(model, columns),
            now(model, columns, false),
            work(model, columns),
        ]
    };
    for (i, line) in lines.into_iter().enumerate() {
        frame.render_widget(line, line_area(inside, i + 1));
    }
}

fn labelled(
    model: &Model,
    label: &str,
    columns: u16,
    content: impl Fn(u16) -> Line<'static>,
) -> Line<'static> {
    const LABEL: u16 = 10;
    let mut line = content(columns.saturating_sub(LABEL));
    let label = text::pad(label, usize::from(LABEL), false);
    line.spans
        .insert(0, Span::styled(label, model.theme.palette.dim));
    line
}

/// Left what is searched, right whether it runs, how long, and how long still.
fn title(model: &Model, frame: &mut Frame, area: Rect, large: bool) {
    let palette = &model.theme.palette;
    let elapsed = text::duration(model.activity.elapsed(model.clock));
    let left = match model.activity.time_left(&model.tree) {
        Some(left) => format!("{} {}", model.theme.symbols.at_most, text::duration(left)),
        None => model.theme.symbols.none.to_owned(),
    };
    let (symbol, style) = status_look(model);
    let status = Span::styled(format!("{symbol} {}", model.status().text()), style);
    let mut right = vec![
        status,
        Span::styled("  elapsed ", palette.dim),
        Span::raw(elapsed),
    ];
    if model.is_live() {
        right.extend([Span::styled("  ETA ", palette.dim), Span::raw(left)]);
    }
    let right = Line::from(right);
    let room = area.width.saturating_sub(right.width() as u16 + 2);

    let settings = model.tree.settings.as_deref();
    let name = settings.map_or("waiting for the run", |s| s.name.as_str());
    let name = text::cut(name, usize::from(room), model.theme.symbols.ellipsis);
    let mut left = Sentence::new(model, room).add(Line::styled(name, palette.strong));
    if large {
        left =
            left.maybe(settings.map(|s| format!("{} search", words::strategy(s.search.strategy))));
    }
    left = left.add(model.run.device.clone());
    if large {
        left = left
            .maybe(settings.map(|s| format!("seed {}", s.search.seed)))
            .add(format!("run {}", model.run.id));
    }
    frame.render_widget(left.line(), area);
    frame.render_widget(right.right_aligned(), area);
}

fn status_look(model: &Model) -> (&'static str, Style) {
    let (symbols, palette) = (&model.theme.symbols, &model.theme.palette);
    match model.status() {
        Status::Running if model.activity.work.is_some() => (spinner(model), palette.incumbent),
        Status::Running => (symbols.running, palette.incumbent),
        Status::Starting | Status::Resuming => (spinner(model), palette.busy),
        Status::Pausing | Status::Stopping => (symbols.pausing, palette.base),
        Status::Paused => (symbols.paused, palette.base),
        Status::Finished => (symbols.finished, palette.incumbent),
        Status::Failed => ("!", palette.bad),
    }
}

fn incumbent(model: &Model) -> Option<&Candidate> {
    model.tree.get(model.tree.incumbent?)
}

fn float_accuracy(model: &Model) -> Option<String> {
    let float = &model.tree.float;
    (!float.is_empty()).then(|| points(100.0 * float.correct() as f64 / float.len() as f64))
}

/// The incumbent's accuracy, its drop, and how much of the allowed drop that is.
fn result(model: &Model) -> Option<(String, f64, String)> {
    let judgement = incumbent(model)?.judgement()?;
    let partial = if judgement.images < judgement.of {
        format!(
            " on {} of {} images",
            count(judgement.images as u64),
            count(judgement.of as u64)
        )
    } else {
        String::new()
    };
    Some((points(judgement.accuracy()), judgement.drop(), partial))
}

fn limit(model: &Model) -> Option<f64> {
    model
        .tree
        .settings
        .as_ref()
        .map(|s| s.constraint.max_accuracy_drop)
}

fn drop_style(model: &Model, drop: f64) -> Style {
    let palette = &model.theme.palette;
    match limit(model) {
        Some(limit) if drop > limit => palette.bad,
        _ => palette.good,
    }
}

fn accuracy(model: &Model, columns: u16) -> Line<'static> {
    let (symbols, palette) = (&model.theme.symbols, &model.theme.palette);
    let float = float_accuracy(model).map_or(symbols.none.to_owned(), |a| format!("{a} %"));
    let mut from = vec![Span::styled("float ", palette.dim), Span::raw(float)];
    from.extend([
        Span::styled(format!("  {}  ", symbols.arrow), palette.dim),
        Span::styled("incumbent ", palette.dim),
    ]);
    let found = result(model);
    match &found {
        Some((accuracy, _, _)) => from.push(Span::styled(format!("{accuracy} %"), palette.strong)),
        None => from.push(Span::raw("none yet")),
    }
    let limit = limit(model);
    let sentence = Sentence::new(model, columns).add(Line::from(from));
    match (found, limit) {
        (Some((_, drop, partial)), Some(limit)) => {
            let mut spent = vec![
                Span::styled("drop ", palette.dim),
                Span::styled(points(drop), drop_style(model, drop)),
                Span::styled(format!(" of {} allowed  ", points(limit)), palette.dim),
            ];
            spent.extend(bar(
                model,
                drop / limit.max(f64::MIN_POSITIVE),
                16,
                drop_style(model, drop),
            ));
            let partial = (!partial.is_empty()).then(|| partial.trim_start().to_owned());
            sentence.add(Line::from(spent)).maybe(partial).line()
        }
        (None, Some(limit)) => sentence
            .add(format!("drop of at most {} allowed", points(limit)))
            .line(),
        _ => sentence.line(),
    }
}

fn memory(model: &Model, columns: u16) -> Line<'static> {
    let (symbols, palette) = (&model.theme.symbols, &model.theme.palette);
    let Some(settings) = model.tree.settings.as_deref() else {
        return Line::raw(symbols.none);
    };
    let float = settings.space.float_bytes();
    let mut from = vec![
        Span::styled("float ", palette.dim),
        Span::raw(text::pad(&bytes(float), 7, false)),
        Span::styled(format!("  {}  ", symbols.arrow), palette.dim),
    ];
    let node = incumbent(model);
    let base = model.tree.base.and_then(|id| model.tree.get(id));
    from.push(Span::styled("incumbent ", palette.dim));
    match node {
        Some(node) => from.push(Span::styled(bytes(node.bytes), palette.strong)),
        None => from.push(Span::raw("none yet")),
    }
    let sentence = Sentence::new(model, columns).add(Line::from(from));
    let allowed = settings
        .constraint
        .max_memory
        .map(|most| format!("at most {} allowed", bytes(most)));
    let sentence = match node {
        Some(node) => {
            let mut saved = vec![
                Span::styled("saved ", palette.dim),
                Span::styled(format!("{} %", saving(float, node.bytes)), palette.good),
            ];
            saved.push(Span::styled(" (weights alone ", palette.dim));
            saved.push(Span::raw(format!("{} %", weights_saving(settings, node))));
            saved.push(Span::styled(")", palette.dim));
            sentence.add(Line::from(saved))
        }
        None => sentence,
    };
    sentence
        .maybe(allowed)
        .maybe(base.map(|b| format!("base {}", bytes(b.bytes))))
        .line()
}

fn saving(float: u64, now: u64) -> String {
    format!("{:.1}", saving_percent(now, float))
}

/// Of the weights alone: the figure that papers quote.
fn weights_saving(settings: &Settings, node: &Candidate) -> String {
    let space = &settings.space;
    let float = Allocation::uniform(space.layers.len(), BitWidth::FLOAT);
    saving(
        space.weight_bytes(&float),
        space.weight_bytes(&node.allocation),
    )
}

fn short_result(model: &Model, columns: u16) -> Line<'static> {
    let (symbols, palette) = (&model.theme.symbols, &model.theme.palette);
    let arrow = symbols.arrow;
    let float = float_accuracy(model);
    let settings = model.tree.settings.as_deref();
    let total = settings.map_or(0, |s| s.space.float_bytes());
    let allowed = limit(model).map_or(String::new(), points);
    match (result(model), incumbent(model)) {
        (Some((accuracy, drop, _)), Some(node)) => Sentence::new(model, columns)
            .add(Line::from(vec![
                Span::styled("accuracy ", palette.dim),
                Span::raw(format!(
                    "{} {arrow} ",
                    float.as_deref().unwrap_or(symbols.none)
                )),
                Span::styled(format!("{accuracy} %"), palette.strong),
                Span::styled(" drop ", palette.dim),
                Span::styled(points(drop), drop_style(model, drop)),
                Span::styled(format!(" of {allowed}"), palette.dim),
            ]))
            .add(Line::from(vec![
                Span::raw(format!("{} {arrow} ", bytes(total))),
                Span::styled(bytes(node.bytes), palette.strong),
                Span::styled(format!(" -{} %", saving(total, node.bytes)), palette.good),
            ]))
            .line(),
        _ => Sentence::new(model, columns)
            .add(Line::from(vec![
                Span::styled("accuracy ", palette.dim),
                Span::raw(float.map_or(symbols.none.to_owned(), |f| format!("{f} %"))),
                Span::styled(format!(" may drop by {allowed}"), palette.dim),
            ]))
            .add(Line::from(vec![
                Span::styled("memory ", palette.dim),
                Span::raw(bytes(total)),
            ]))
            .add("nothing confirmed yet")
            .line(),
    }
}

/// What is going on: level, round, and the running job with its progress.
fn now(model: &Model, columns: u16, large: bool) -> Line<'static> {
    let palette = &model.theme.palette;
    if let Some(message) = &model.activity.failed {
        let room = usize::from(columns).saturating_sub(12);
        let message = text::cut(message, room, model.theme.symbols.ellipsis);
        return Line::styled(format!("run failed: {message}"), palette.bad);
    }
    if let Some(reason) = model.tree.finished {
        let test = model.tree.tested.map(|(images, float, correct)| {
            let share = |n: usize| points(100.0 * n as f64 / images.max(1) as f64);
            format!("test split {} %, float {} %", share(correct), share(float))
        });
        return Sentence::new(model, columns)
            .add(Line::styled(words::stop(reason), palette.strong))
            .maybe(test)
            .add(Line::styled(
                "s saves the selected node, q quits",
                palette.dim,
            ))
            .line();
    }
    let level = model
        .tree
        .level
        .map(|l| format!("{} level", words::level(l)));
    let round = (model.tree.round > 0).then(|| format!("round {}", model.tree.round));
    let start = Sentence::new(model, columns).maybe(level).maybe(round);
    let Some(job) = model.activity.work else {
        return match model.status() {
            Status::Paused => start
                .add(Line::styled("paused: p goes on", palette.base))
                .line(),
            Status::Starting => Line::raw("waiting for the first event"),
            _ => start.line(),
        };
    };
    let used = start.line();
    let gap = if used.spans.is_empty() { 0 } else { 3 };
    let room = usize::from(columns).saturating_sub(used.width() + gap);
    let mut line = used;
    if gap > 0 {
        line.spans.push(Span::styled(
            format!(" {} ", model.theme.symbols.separator),
            palette.dim,
        ));
    }
    line.spans.extend(job_spans(model, &job, room, large));
    line
}

fn job_spans(model: &Model, job: &Work, room: usize, large: bool) -> Vec<Span<'static>> {
    let palette = &model.theme.palette;
    let done = job
        .progress
        .map(|p| progress(job, &p, large))
        .unwrap_or_default();
    let columns: usize = if large { 24 } else { 10 };
    let left = room.saturating_sub(columns + text::width(&done) + 2);
    let task = if large {
        job.task.text()
    } else {
        job.task.word()
    };
    let what = match job.candidate {
        Some(id) => format!(
            "{task} {}",
            model.title_in(id, left.saturating_sub(task.len() + 1))
        ),
        None => text::cut(task, left, model.theme.symbols.ellipsis),
    };
    let share = job
        .progress
        .map_or(0.0, |p| p.done as f64 / p.total.max(1) as f64);
    let mut spans = vec![Span::styled(what, palette.busy), Span::raw(" ")];
    spans.extend(bar(model, share, columns.min(room), palette.bar));
    spans.push(Span::raw(format!(" {done}")));
    spans
}

fn progress(job: &Work, p: &Progress, large: bool) -> String {
    let (done, total) = (count(p.done as u64), count(p.total as u64));
    match (large, job.task) {
        (true, Task::Drift) => format!("{done} of {total} images"),
        (true, _) => format!(
            "{done} of {total} images, {} correct",
            count(p.correct as u64)
        ),
        (false, _) => format!("{done}/{total}"),
    }
}

fn work(model: &Model, columns: u16) -> Line<'static> {
    let (activity, stats) = (&model.activity, &model.gate.stats);
    let named =
        |n: u64, one: &str, many: &str| format!("{} {}", count(n), if n == 1 { one } else { many });
    let totals = activity.totals;
    let saved = totals
        .layer_forwards_plain
        .saturating_sub(totals.layer_forwards);
    let share = 100.0 * saved as f64 / totals.layer_forwards_plain.max(1) as f64;
    let forwards = format!("{} layer-forwards", large(totals.layer_forwards));
    Sentence::new(model, columns)
        .add(named(activity.evaluations, "evaluation", "evaluations"))
        .add(named(activity.drift_evaluations, "drift", "drifts"))
        .add(format!("{} held back", count(stats.held_back as u64)))
        .add(format!("{} audited", count(stats.audited as u64)))
        .add(forwards)
        .maybe((saved > 0).then(|| format!("{} saved ({share:.0} %)", large(saved))))
        .maybe(
            (activity.cached > 0)
                .then(|| format!("{} answered from memory", count(activity.cached))),
        )
        .line()
}
