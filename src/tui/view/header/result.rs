//! The result so far: accuracy and memory from float to incumbent.

use ratatui::style::Style;
use ratatui::text::{Line, Span};

use crate::evaluate::percent;
use crate::profile::AccuracyDrop;
use crate::quant::{Allocation, BitWidth, saving_percent};
use crate::search::{Candidate, Settings};
use crate::tui::model::Model;
use crate::tui::text::{self, bytes, points};
use crate::tui::widgets::{Sentence, bar, sparkline};

/// The columns of the course of the incumbent.
const SPARK: usize = 20;

fn incumbent(model: &Model) -> Option<&Candidate> {
    model.tree.get(model.tree.incumbent?)
}

/// The float network's accuracy in percent; a dash before it is known.
pub fn float_accuracy(model: &Model) -> String {
    let float = &model.tree.float;
    match float.is_empty() {
        true => model.theme.symbols.none.to_owned(),
        false => format!("{} %", points(percent(float.correct(), float.len()))),
    }
}

/// The largest accuracy drop in points, once it is known.
pub fn limit(model: &Model) -> Option<f64> {
    let tree = &model.tree;
    tree.settings.as_ref()?;
    match tree.constraint.max_accuracy_drop {
        AccuracyDrop::Points(points) => Some(points),
        // Parts of what float has: known once float is.
        _ => (!tree.float.is_empty()).then(|| tree.max_drop()),
    }
}

fn drop_style(model: &Model, drop: f64) -> Style {
    let palette = &model.theme.palette;
    match limit(model) {
        Some(limit) if drop > limit => palette.bad,
        _ => palette.good,
    }
}

/// `float 90.40 %  →  incumbent 89.90 %`.
fn from_float(model: &Model, float: String, incumbent: Option<String>) -> Line<'static> {
    let palette = &model.theme.palette;
    let arrow = format!("  {}  ", model.theme.symbols.arrow);
    Line::from(vec![
        Span::styled("float ", palette.dim),
        Span::raw(float),
        Span::styled(arrow + "incumbent ", palette.dim),
        match incumbent {
            Some(value) => Span::styled(value, palette.strong),
            None => Span::raw("none yet"),
        },
    ])
}

/// Accuracy from float to incumbent, and how much of the allowed drop that takes.
pub fn accuracy(model: &Model, columns: u16) -> Line<'static> {
    let palette = &model.theme.palette;
    let found = incumbent(model).and_then(Candidate::judgement);
    let accuracy = found.map(|j| format!("{} %", points(j.accuracy())));
    let from = from_float(model, float_accuracy(model), accuracy);
    let sentence = Sentence::new(model, columns).add(from);
    let Some(limit) = limit(model) else {
        return sentence.line();
    };
    let Some(found) = found else {
        let allowed = format!("drop: at most {} allowed", points(limit));
        return sentence.add(allowed).line();
    };
    let (drop, style) = (found.drop(), drop_style(model, found.drop()));
    let mut spent = vec![
        Span::styled("drop ", palette.dim),
        Span::styled(points(drop), style),
        Span::styled(format!(" of {} allowed  ", points(limit)), palette.dim),
    ];
    spent.extend(bar(model, drop / limit.max(f64::MIN_POSITIVE), 16, style));
    let partial = found.images < found.of;
    let partial = partial.then(|| format!("on {}", text::images(found)));
    sentence.add(Line::from(spent)).maybe(partial).line()
}

/// Memory from float to incumbent, and what that saves.
pub fn memory(model: &Model, columns: u16) -> Line<'static> {
    let palette = &model.theme.palette;
    let Some(settings) = model.tree.settings.as_deref() else {
        return Line::raw(model.theme.symbols.none);
    };
    let float = settings.space.float_bytes();
    let node = incumbent(model);
    let saved = node.map(|node| {
        let (all, weights) = (saving(float, node.bytes), weights_saving(settings, node));
        Line::from(vec![
            Span::styled("smaller by ", palette.dim),
            Span::styled(format!("{all} %"), palette.good),
            Span::styled(" (weights only ", palette.dim),
            Span::raw(format!("{weights} %")),
            Span::styled(")", palette.dim),
        ])
    });
    let allowed = model.tree.constraint.max_memory;
    let base = model.tree.base.and_then(|id| model.tree.get(id));
    let course = model.history.incumbents(SPARK);
    let course = (course.len() > 2).then(|| Line::from(sparkline(model, &course, palette.bar)));
    let gauge = allowed
        .zip(node.or(base))
        .map(|(most, node)| gauge(model, node.bytes, most));
    let certified = text::certificate::outcome(&model.tree, model.theme.symbols.marks());
    let padded = text::pad(&bytes(float), 7, false);
    Sentence::new(model, columns)
        .add(from_float(model, padded, node.map(|n| bytes(n.bytes))))
        .maybe(certified)
        .maybe(saved)
        .maybe(gauge)
        .maybe(course)
        .maybe(base.map(|b| format!("base {}", bytes(b.bytes))))
        .line()
}

/// How much of the memory allowed is taken, and whose limit it is.
fn gauge(model: &Model, bytes_now: u64, most: u64) -> Line<'static> {
    let palette = &model.theme.palette;
    let target = model
        .tree
        .settings
        .as_deref()
        .and_then(|s| s.target.as_ref());
    let of_chip = target
        .filter(|t| t.memory == Some(most))
        .map(|t| t.name.as_str());
    let share = bytes_now as f64 / most.max(1) as f64;
    let style = if bytes_now > most {
        palette.bad
    } else {
        palette.good
    };
    let mut spans = vec![Span::styled(
        format!("{} ", of_chip.unwrap_or("limit")),
        palette.dim,
    )];
    spans.extend(bar(model, share, 10, style));
    spans.push(Span::styled(format!(" {:.0} %", 100.0 * share), style));
    spans.push(Span::styled(format!(" of {}", bytes(most)), palette.dim));
    Line::from(spans)
}

fn saving(float: u64, now: u64) -> String {
    format!("{:.1}", saving_percent(now, float))
}

/// The saving of the weights alone: the figure that papers quote.
fn weights_saving(settings: &Settings, node: &Candidate) -> String {
    let space = &settings.space;
    let float = Allocation::uniform(space.layers.len(), BitWidth::FLOAT);
    let float = space.weight_bytes(&float);
    saving(float, space.weight_bytes(&node.allocation))
}

/// Both in one line.
pub fn short_result(model: &Model, columns: u16) -> Line<'static> {
    let palette = &model.theme.palette;
    let arrow = model.theme.symbols.arrow;
    let Some(settings) = model.tree.settings.as_deref() else {
        return Line::default();
    };
    let total = settings.space.float_bytes();
    let float = float_accuracy(model);
    let written = || model.tree.constraint.max_accuracy_drop.to_string();
    let allowed = limit(model).map_or_else(written, points);
    let node = incumbent(model);
    let sentence = Sentence::new(model, columns);
    let Some((node, found)) = node.and_then(|n| Some((n, n.judgement()?))) else {
        return sentence.add("nothing confirmed yet").line();
    };
    let (accuracy, drop) = (points(found.accuracy()), found.drop());
    sentence
        .add(Line::from(vec![
            Span::styled("accuracy ", palette.dim),
            Span::raw(format!("{} {arrow} ", float.trim_end_matches(" %"))),
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
        .line()
}
