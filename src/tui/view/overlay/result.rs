//! The card of the result: what the search came to, what it cost, what to do next.

use ratatui::Frame;
use ratatui::style::{Modifier, Style};
use ratatui::text::{Line, Span, Text};

use super::window;
use crate::evaluate::{Verdict, percent, wilson_95};
use crate::quant::{BitWidth, saving_percent};
use crate::search::{Candidate, ClosestInfeasible};
use crate::tui::action::Action;
use crate::tui::keymap::Scope;
use crate::tui::model::Model;
use crate::tui::text::{self, bytes, count, duration, points};
use crate::tui::view::hint_lines;
use crate::tui::widgets::{Sentence, bar, labelled, strip};

const LABEL: u16 = 11;
/// The columns of the card, with its frame, where the terminal has them.
const COLUMNS: u16 = 100;

/// Draws the card.
pub fn draw(model: &Model, frame: &mut Frame) {
    let palette = &model.theme.palette;
    let columns = COLUMNS
        .min(model.size.0.saturating_sub(2))
        .saturating_sub(4);
    let (title, style) = match model.tree.result() {
        Some(_) => ("Result", palette.incumbent),
        None => ("NOT MET", palette.bad.add_modifier(Modifier::BOLD)),
    };
    let mut lines = vec![Line::default()];
    match model.tree.result() {
        Some(result) => lines.extend(met(model, result, columns)),
        None => lines.extend(not_met(model, columns)),
    }
    lines.extend(cost(model, columns));
    lines.push(Line::default());
    lines.extend(keys(model, columns));
    let rows = lines.len() as u16 + 2;
    let inside = window(model, frame, title, (columns + 4, rows), style);
    // On a low terminal the blank lines go first.
    let spare = lines.len().saturating_sub(usize::from(inside.height));
    let mut left_out = 0;
    lines.retain(|line| {
        let goes = line.width() == 0 && left_out < spare;
        left_out += usize::from(goes);
        !goes
    });
    frame.render_widget(Text::from(lines), inside);
}

fn row(model: &Model, label: &str, content: Line<'static>) -> Line<'static> {
    labelled(model, label, LABEL, content)
}

/// Size, accuracy, the best uniform allocation and the bit-widths of the result.
fn met(model: &Model, result: &Candidate, columns: u16) -> Vec<Line<'static>> {
    let palette = &model.theme.palette;
    let room = columns.saturating_sub(LABEL);
    let float = model
        .tree
        .settings
        .as_deref()
        .map_or(0, |s| s.space.float_bytes());
    let factor = float as f64 / result.bytes.max(1) as f64;
    let arrow = model.theme.symbols.arrow;
    let size = Sentence::new(model, columns)
        .add(Line::from(vec![
            Span::raw(format!("{} {arrow} ", bytes(float))),
            Span::styled(bytes(result.bytes), palette.strong),
        ]))
        .styled(format!("{factor:.1}x smaller"), palette.incumbent)
        .styled(
            format!("{:.1} % saved", saving_percent(result.bytes, float)),
            palette.good,
        )
        .add(model.title(result.id));
    let mut lines = vec![size.line(), Line::default()];
    lines.extend(search_accuracy(model, result, room));
    lines.push(row(model, "test", test_accuracy(model, room)));
    let marks = model.theme.symbols.marks();
    let certified = text::certificate::outcome(&model.tree, marks);
    lines.extend(
        certified.map(|c| row(model, "certified", Sentence::new(model, room).add(c).line())),
    );
    let labels = ["uniform", ""].into_iter();
    let uniform = labels.zip(uniform(model, result, room));
    lines.extend(uniform.map(|(label, line)| row(model, label, line)));
    let strip = strip(model, &result.allocation, None, usize::from(room));
    lines.push(row(model, "bits", Line::from(strip)));
    lines.push(row(model, "", widths(model, result, room)));
    lines
}

/// A share of correct images in percent with its 95 % interval.
fn share(correct: usize, images: usize) -> String {
    let (low, high) = wilson_95(correct.min(images), images);
    format!(
        "{} % [{:.1}, {:.1}]",
        points(percent(correct, images)),
        100.0 * low,
        100.0 * high
    )
}

fn search_accuracy(model: &Model, result: &Candidate, room: u16) -> Vec<Line<'static>> {
    let palette = &model.theme.palette;
    let Some(found) = result.judgement() else {
        return Vec::new();
    };
    let limit = model.tree.max_drop();
    let style = match found.verdict {
        Verdict::Met => palette.good,
        Verdict::NotMet => palette.bad,
    };
    let accuracy = Sentence::new(model, room)
        .styled(share(found.correct, found.images), palette.strong)
        .add(format!(
            "float {} %",
            points(percent(found.float_correct, found.images))
        ))
        .add(format!("search split, {}", text::images(found)));
    let mut drop = vec![Span::styled(
        format!("{} pp ", points(found.drop())),
        style.add_modifier(Modifier::BOLD),
    )];
    if limit.is_finite() {
        drop.push(Span::raw(format!("of {} pp allowed  ", points(limit))));
        drop.extend(bar(
            model,
            found.drop() / limit.max(f64::MIN_POSITIVE),
            20,
            style,
        ));
    }
    let drop = Sentence::new(model, room).add(Line::from(drop));
    vec![
        row(model, "accuracy", accuracy.line()),
        row(model, "drop", drop.line()),
    ]
}

/// The accuracy on images that no decision has read.
fn test_accuracy(model: &Model, room: u16) -> Line<'static> {
    let Some((images, float, correct)) = model.tree.tested() else {
        let none = "no test split: accuracy on unseen images was not measured";
        return Line::styled(none, model.theme.palette.warn);
    };
    let drop = percent(float, images) - percent(correct, images);
    let (limit, palette) = (model.tree.max_drop(), &model.theme.palette);
    // Chosen on other images: what it loses here may be more, and is not hidden.
    let drop = match drop > limit {
        true => Line::styled(
            format!("drop {} pp, over the limit", points(drop)),
            palette.warn,
        ),
        false => Line::raw(format!("drop {} pp", points(drop))),
    };
    Sentence::new(model, room)
        .styled(share(correct, images), palette.strong)
        .add(drop)
        .add(format!("float {} %", points(percent(float, images))))
        .add(match model.tree.test_seen {
            false => format!("{} unseen images", count(images as u64)),
            // The search was continued after its result had been tested.
            true => format!("{} images, seen before", count(images as u64)),
        })
        .line()
}

/// One bit-width for all layers beside the result: the narrowest that was evaluated, and one that
/// may do as well but was not.
fn uniform(model: &Model, result: &Candidate, room: u16) -> Vec<Line<'static>> {
    let palette = &model.theme.palette;
    let size = |width: BitWidth, bytes: u64| {
        let size = format!("{}, {}", width.with_unit(), text::bytes(bytes));
        Sentence::new(model, room).add(size)
    };
    let beside = |bytes: u64| {
        let share = 100.0 * (1.0 - result.bytes as f64 / bytes.max(1) as f64);
        match share < 0.0 {
            false => (format!("the result is {share:.0} % smaller"), palette.good),
            true => (
                format!("the result is {:.0} % larger", -share),
                palette.warn,
            ),
        }
    };
    let evaluated = model.best_uniform().map(|(width, best)| {
        let drop = best
            .judgement()
            .map(|j| format!("drop {} pp", points(j.drop())));
        let (beside, style) = beside(best.bytes);
        size(width, best.bytes)
            .styled(beside, style)
            .maybe(drop)
            .line()
    });
    let left = model.uniform_left().and_then(|(width, left)| {
        let predicted = left.predicted?;
        let between = predicted.low.zip(predicted.high);
        let between = between.map_or(String::new(), |(low, high)| {
            format!(" [{}, {}]", points(low), points(high))
        });
        let drop = format!("predicted drop {} pp{between}", points(predicted.drop));
        let (beside, style) = beside(left.memory_bytes);
        let line = size(width, left.memory_bytes).styled(drop, palette.warn);
        Some(line.add("not evaluated").styled(beside, style).line())
    });
    let none = "no bit-width for all layers that was evaluated meets the constraint";
    let none = || Sentence::new(model, room).styled(none, palette.dim).line();
    let first = evaluated.unwrap_or_else(none);
    std::iter::once(first).chain(left).collect()
}

/// How many layers have each width.
fn widths(model: &Model, result: &Candidate, room: u16) -> Line<'static> {
    let mut all = result.allocation.0.clone();
    all.sort();
    let mut sentence = Sentence::new(model, room);
    for group in all.chunk_by(|a, b| a == b) {
        let Some(width) = group.first() else { continue };
        sentence = sentence.add(format!("{} at {}", group.len(), width.with_unit()));
    }
    sentence.line()
}

/// What was asked for, and what came closest.
fn not_met(model: &Model, columns: u16) -> Vec<Line<'static>> {
    let palette = &model.theme.palette;
    let at_most = model.theme.symbols.at_most;
    let limit = model.tree.max_drop();
    let memory = model.tree.constraint.max_memory;
    let asked = Sentence::new(model, columns)
        .styled("Nothing met the constraint", palette.bad)
        .maybe(
            limit
                .is_finite()
                .then(|| format!("drop {at_most} {} pp", points(limit))),
        )
        .maybe(memory.map(|most| format!("memory {at_most} {}", bytes(most))));
    let mut lines = vec![asked.line(), Line::default()];
    let room = columns.saturating_sub(LABEL);
    let closest = model.tree.closest_infeasible();
    if closest.is_empty() {
        lines.push(Line::styled("No allocation was evaluated.", palette.dim));
    }
    for (at, miss) in closest.iter().enumerate() {
        let label = if at == 0 { "closest" } else { "" };
        lines.push(row(model, label, closest_line(model, miss, room)));
        if let Some(node) = model.tree.get(miss.candidate) {
            let strip = strip(model, &node.allocation, None, usize::from(room));
            lines.push(row(model, "", Line::from(strip)));
        }
    }
    lines.push(Line::default());
    let advice = "c relaxes the limit and goes on, n starts again with other settings.";
    lines.push(Line::styled(advice, palette.text));
    lines
}

/// What came closest: what it misses first.
fn closest_line(model: &Model, miss: &ClosestInfeasible, room: u16) -> Line<'static> {
    let palette = &model.theme.palette;
    let look = |missed: bool| if missed { palette.bad } else { palette.good };
    let over = |is: bool, much: String| match is {
        true => format!(", {much} too much"),
        false => String::new(),
    };
    let over_drop = over(miss.over_drop > 0.0, points(miss.over_drop));
    let over_bytes = over(miss.over_bytes > 0, bytes(miss.over_bytes));
    let title = model.title_in(miss.candidate, usize::from(room) / 4);
    let drop = format!("drop {} pp{over_drop}", points(miss.accuracy_drop));
    let drop = (drop, look(miss.over_drop > 0.0));
    let memory = format!("{}{over_bytes}", bytes(miss.memory_bytes));
    let memory = (memory, look(miss.over_bytes > 0));
    let [first, second] = match miss.over_bytes > 0 {
        true => [memory, drop],
        false => [drop, memory],
    };
    Sentence::new(model, room)
        .styled(title, palette.strong)
        .styled(first.0, first.1)
        .styled(second.0, second.1)
        .add(format!("{} images", count(miss.images as u64)))
        .line()
}

/// Why it ended, and what it took.
fn cost(model: &Model, columns: u16) -> Vec<Line<'static>> {
    let room = columns.saturating_sub(LABEL);
    let counters = model.activity.counters();
    let number =
        |n: u64, one: &str, many: &str| format!("{} {}", count(n), if n == 1 { one } else { many });
    let reason = model.tree.finished.map_or("", text::stop);
    let (avoided, text) = model.activity.avoided();
    let reused = (counters.reused > 0)
        .then(|| format!("{} answers of earlier runs", count(counters.reused)));
    let work = Sentence::new(model, room)
        .add(duration(model.elapsed()))
        .add(number(counters.evaluations, "evaluation", "evaluations"))
        .maybe(reused)
        .add(number(counters.drift_evaluations, "drift", "drifts"))
        .add(format!("{} rejected by the gate", count(counters.gated)));
    let forwards = text::large(model.activity.totals.layer_forwards);
    let forwards = Sentence::new(model, room)
        .add(format!("{forwards} layer-forwards"))
        .maybe((avoided > 0).then_some(text));
    vec![
        row(
            model,
            "ended",
            Sentence::new(model, room)
                .styled(reason, Style::new())
                .line(),
        ),
        row(model, "cost", work.line()),
        row(model, "", forwards.line()),
    ]
}

/// The keys of the card, in as many lines as they need.
fn keys(model: &Model, columns: u16) -> Vec<Line<'static>> {
    let mut hints = model.keymap.own_hints(Scope::Result);
    hints.retain(|hint| hint.action != Action::Undo || model.cannot(&Action::Undo).is_none());
    hint_lines(model, &hints, usize::from(columns))
}
