//! What if the memory were limited: the predicted front in the plot, and the allocation within the
//! budget.

use ratatui::text::{Line, Span};

use crate::search::{Estimate, Solution};
use crate::tui::action::Effect;
use crate::tui::model::{Model, Pane, View, WhatIf};
use crate::tui::text::{bytes, points};
use crate::tui::widgets::{Plot, cell};

/// Begins: the predicted front is asked for.
pub fn start(model: &mut Model) {
    if model.front.points.len() < 2 {
        return model.note("nothing to predict from yet: two evaluations are needed");
    }
    let asked = model.activity.measured();
    model.what_if = Some(WhatIf {
        front: None,
        error: None,
        budget: 0,
        asked,
        measurements: 0,
    });
    model.effect(Effect::PredictFront);
    model.focus_in(Pane::Points, View::Front);
}

/// The predicted front as dots with its band, and the allocation within the budget.
pub fn draw(model: &Model, plot: &mut Plot, float: f64) {
    let (symbols, palette) = (&model.theme.symbols, &model.theme.palette);
    let Some(what_if) = &model.what_if else {
        return;
    };
    for solution in what_if.front.iter().flatten() {
        let Some(drop) = solution.prediction.drop() else {
            continue;
        };
        let x = solution.prediction.memory_bytes as f64;
        let bounds = solution
            .prediction
            .predicted
            .and_then(|e| e.low.zip(e.high));
        for bound in bounds.into_iter().flat_map(|(low, high)| [low, high]) {
            plot.dot(x, float - bound, palette.rail);
        }
        plot.dot(x, float - drop, palette.changed);
    }
    plot.down(what_if.budget as f64, palette.changed);
    if let Some((solution, drop)) = what_if
        .solution()
        .and_then(|s| Some((s, s.prediction.drop()?)))
    {
        let x = solution.prediction.memory_bytes as f64;
        plot.sign(x, float - drop, symbols.audited, palette.changed);
    }
}

/// The budget and what is predicted within it.
pub fn legend(model: &Model) -> Option<Line<'static>> {
    let palette = &model.theme.palette;
    let what_if = model.what_if.as_ref()?;
    if let Some(error) = &what_if.error {
        return Some(Line::styled(error.clone(), palette.bad));
    }
    let Some(solution) = what_if.solution() else {
        return Some(Line::styled("predicting", palette.dim));
    };
    let size = bytes(solution.prediction.memory_bytes);
    Some(Line::from(vec![
        Span::styled(
            format!("within {}: {size}, ", bytes(what_if.budget)),
            palette.changed,
        ),
        Span::styled(drop_text(model, what_if, solution), palette.strong),
    ]))
}

/// What is known or predicted of the drop; only the rank where the interval is wider than the
/// limit.
pub fn drop_text(model: &Model, what_if: &WhatIf, solution: &Solution) -> String {
    if let Some(measured) = solution.prediction.measured.filter(|m| m.whole) {
        let (drop, node) = (points(measured.drop), measured.candidate);
        return format!("drop {drop} measured at {node}");
    }
    let Some(estimate) = solution.prediction.predicted else {
        return String::from("drop not known yet");
    };
    if tells(model, &estimate) {
        return crate::tui::text::estimate(&estimate);
    }
    let rank = what_if
        .rank()
        .map(|(rank, of)| format!(": drop rank {rank}/{of}"));
    let n = what_if.measurements;
    format!(
        "cannot tell yet ({n} evaluations){}",
        rank.unwrap_or_default()
    )
}

/// True where the interval of a prediction is narrower than the limit on both sides.
pub fn tells(model: &Model, estimate: &Estimate) -> bool {
    let limit = model.tree.max_drop();
    let half = estimate
        .low
        .zip(estimate.high)
        .map(|(low, high)| (high - low) / 2.0);
    half.is_some_and(|half| !limit.is_finite() || half <= limit.max(0.1))
}

/// The rows of the allocation within the budget: every layer with its width, and what it is in the
/// incumbent.
pub fn rows(model: &Model) -> Option<usize> {
    let what_if = model.what_if.as_ref()?;
    Some(what_if.solution().map_or(0, |s| s.allocation.len()))
}

/// The titles above them.
pub fn heading(model: &Model) -> Option<Line<'static>> {
    let what_if = model.what_if.as_ref()?;
    let size = what_if.solution().map(|s| bytes(s.prediction.memory_bytes));
    let dim = model.theme.palette.dim;
    Some(Line::styled(
        format!("   bits within the budget, {}", size?),
        dim,
    ))
}

/// A row.
pub fn row(model: &Model, row: usize, columns: u16) -> Option<Line<'static>> {
    let palette = &model.theme.palette;
    let solution = model.what_if.as_ref()?.solution()?;
    let layer = model.tree.settings.as_deref()?.space.layers.get(row)?;
    let width = *solution.allocation.0.get(row)?;
    let before = model.tree.best().or(model.tree.expanded());
    let before = before.and_then(|c| c.allocation.0.get(row).copied());
    let name = usize::from(columns).saturating_sub(16);
    let symbols = &model.theme.symbols;
    let label = crate::tui::text::fit(&layer.name, name, symbols.ellipsis);
    let filled = usize::from(width.bits().min(8));
    let change = before.filter(|b| *b != width);
    let change = change.map_or(String::new(), |b| format!("  was {b}"));
    Some(Line::from(vec![
        cell(&format!("  {label}"), name, palette.text),
        Span::styled(format!("{width:>3} "), palette.strong),
        Span::styled(
            symbols.bit.repeat(filled.min(4)),
            model.theme.heat(f64::from(width.bits())),
        ),
        Span::styled(change, palette.changed),
    ]))
}
