//! The goal: what is looked for, within which limits.

use std::time::Duration;

use ratatui::text::{Line, Span};

use super::result::{float_accuracy, limit};
use crate::profile::{AccuracyDrop, Objective};
use crate::tui::model::Model;
use crate::tui::text::{bytes, count, duration, points};
use crate::tui::widgets::Sentence;

/// The goal with everything that restricts the search.
pub fn line(model: &Model, columns: u16) -> Line<'static> {
    let Some(settings) = model.tree.settings.as_deref() else {
        return Line::raw(model.theme.symbols.none);
    };
    let palette = &model.theme.palette;
    let constraint = &model.tree.constraint;
    let least = limit(model)
        .filter(|_| !model.tree.float.is_empty())
        .map(|limit| {
            let float =
                crate::evaluate::percent(model.tree.float.correct(), model.tree.float.len());
            format!("at least {} %", points(float - limit))
        });
    let pins = model.tree.pins.len();
    let chip = settings.target.as_ref();
    let seconds = constraint.max_seconds;
    let seconds = seconds.and_then(|s| Duration::try_from_secs_f64(s).ok());
    Sentence::new(model, columns)
        .add(wanted(model))
        .maybe(memory(model))
        .maybe(least)
        .maybe(chip.map(|chip| format!("chip {}", chip.name)))
        .maybe((pins > 0).then(|| Line::styled(plural(pins, "pin"), palette.base)))
        .maybe(
            constraint
                .max_evaluations
                .map(|n| format!("at most {} evaluations", count(n))),
        )
        .maybe(seconds.map(|time| format!("at most {}", duration(time))))
        .maybe(
            constraint
                .confidence
                .map(|c| format!("{:.0} % confidence", 100.0 * c)),
        )
        .line()
}

/// The goal, and what float has, in a line of a small terminal.
pub fn short(model: &Model, columns: u16) -> Line<'static> {
    let Some(settings) = model.tree.settings.as_deref() else {
        return Line::default();
    };
    let palette = &model.theme.palette;
    let mut goal = wanted(model);
    goal.spans.insert(0, Span::styled("goal: ", palette.dim));
    Sentence::new(model, columns)
        .add(goal)
        .maybe(memory(model))
        .add(format!(
            "float {}, {}",
            float_accuracy(model),
            bytes(settings.space.float_bytes())
        ))
        .line()
}

fn wanted(model: &Model) -> Line<'static> {
    let palette = &model.theme.palette;
    let at_most = model.theme.symbols.at_most;
    let (what, within) = match (model.tree.constraint.objective(), limit(model)) {
        (Objective::HighestAccuracy, _) => ("highest accuracy", String::new()),
        (_, Some(limit)) => (
            "smallest memory",
            format!(", drop {at_most} {} pp", points(limit)),
        ),
        (_, None) => match model.tree.constraint.max_accuracy_drop {
            AccuracyDrop::Any => ("smallest memory", String::new()),
            drop => ("smallest memory", format!(", drop {at_most} {drop}")),
        },
    };
    Line::from(vec![Span::styled(what, palette.strong), Span::raw(within)])
}

fn memory(model: &Model) -> Option<String> {
    let most = model.tree.constraint.max_memory?;
    Some(format!(
        "memory {} {}",
        model.theme.symbols.at_most,
        bytes(most)
    ))
}

fn plural(n: usize, what: &str) -> String {
    let s = if n == 1 { "" } else { "s" };
    format!("{n} {what}{s}")
}
