//! The lines above the allocation: the selected node, or the edit in progress.

use ratatui::text::{Line, Span};

use crate::search::{Candidate, Estimate};
use crate::tui::forecast::Forecast;
use crate::tui::model::{Edit, Model};
use crate::tui::panes::details::{drift_text, versus_parent};
use crate::tui::panes::{gate, what_if};
use crate::tui::text::{self, bytes, bytes_change, points};
use crate::tui::widgets::Sentence;

/// What is known of a node, or of the change being made of it, in `height` lines with the titles of
/// the list as the last.
pub fn lines(
    model: &Model,
    columns: u16,
    height: u16,
    node: &Candidate,
    titles: Line<'static>,
) -> Vec<Line<'static>> {
    let (first, second) = match (&model.edit, model.other()) {
        (Some(edit), _) => {
            let memory = edited_memory(model, edit, node);
            let sentence = Sentence::new(model, columns);
            let first = match height < 3 {
                // The drop first: it is what the change is made for or not.
                true => sentence
                    .add(edited_drop(model, edit))
                    .add(memory)
                    .add(edited(model, edit)),
                false => sentence.add(edited(model, edit)).add(memory),
            };
            (first.line(), changes(model, edit, columns))
        }
        (None, Some(other)) => (
            comparison(model, node, other, columns),
            difference(model, node, other, columns),
        ),
        // Where there is a second line, that says what the gate said.
        (None, None) => (
            short_details(model, node, columns, height < 3),
            gate_line(model, node, columns),
        ),
    };
    match height {
        1 => vec![first],
        2 => vec![first, titles],
        _ => vec![first, second, titles],
    }
}

/// Two nodes and what they cost.
fn comparison(model: &Model, node: &Candidate, other: &Candidate, columns: u16) -> Line<'static> {
    let side = |c: &Candidate| {
        let drop = c.judgement().filter(|j| j.images > 0);
        let drop = drop.map(|j| format!(", drop {}", points(j.drop())));
        let drift = c.drift.map(|d| format!(", drift {}", text::drift(d)));
        let (drift, drop) = (drift.unwrap_or_default(), drop.unwrap_or_default());
        format!("{} {}{drift}{drop}", c.id, bytes(c.bytes))
    };
    Sentence::new(model, columns)
        .styled(side(node), model.theme.palette.strong)
        .add(side(other))
        .line()
}

fn difference(model: &Model, node: &Candidate, other: &Candidate, columns: u16) -> Line<'static> {
    let widths = node.allocation.0.iter().zip(&other.allocation.0);
    let layers = match widths.filter(|(a, b)| a != b).count() {
        1 => String::from("1 layer differs"),
        n => format!("{n} layers differ"),
    };
    let change = bytes_change(other.bytes, node.bytes);
    let change = format!("{change} vs {}", other.id);
    Sentence::new(model, columns).add(layers).add(change).line()
}

/// What the change would lose, and what is being changed, group by group.
fn changes(model: &Model, edit: &Edit, columns: u16) -> Line<'static> {
    let palette = &model.theme.palette;
    let arrow = model.theme.symbols.arrow;
    let layers = edit.changed(&model.tree).len();
    let plural = if layers == 1 { "" } else { "s" };
    let mut line = Sentence::new(model, columns)
        .add(edited_drop(model, edit))
        .styled(format!("{layers} layer{plural} changed"), palette.dim);
    for change in edit.moves.iter().rev() {
        let text = format!("{} {arrow} {}", change.group, change.bits);
        line = line.styled(text, palette.changed);
    }
    line.line()
}

fn gate_line(model: &Model, node: &Candidate, columns: u16) -> Line<'static> {
    let drift = drift_text(node).unwrap_or_else(|| String::from("not measured"));
    let gate = node.gate.map(|g| {
        let (_, word, style) = gate::decision(model, g.decision);
        Line::from(vec![
            Span::raw("gate: "),
            Span::styled(word, style),
            Span::raw(format!(", {}", gate::numbers(model, &g))),
        ])
    });
    let sentence = Sentence::new(model, columns).add(format!("drift {drift}"));
    sentence.maybe(gate).line()
}

fn short_details(model: &Model, node: &Candidate, columns: u16, with_gate: bool) -> Line<'static> {
    let (_, word, style) = model.theme.state(node.state());
    let gate = node.gate.filter(|_| with_gate);
    Sentence::new(model, columns)
        .add(bytes(node.bytes))
        .maybe(versus_parent(model, node))
        .styled(word, style)
        .maybe(node.judgement().map(|j| {
            let drop = points(j.drop());
            format!("drop {drop} pp on {}", text::images(j))
        }))
        .maybe(gate.map(|g| format!("gate {}", gate::numbers(model, &g))))
        .line()
}

/// What is being changed, in a few words.
fn edited(model: &Model, edit: &Edit) -> Line<'static> {
    let arrow = model.theme.symbols.arrow;
    let what = match edit.moves.as_slice() {
        [change] => format!("{} {arrow} {}", change.group, change.bits.with_unit()),
        moves => format!("{} changes", moves.len()),
    };
    Line::from(vec![
        Span::styled(what, model.theme.palette.changed),
        Span::raw(format!(" on {}", edit.candidate)),
    ])
}

fn edited_memory(model: &Model, edit: &Edit, node: &Candidate) -> Line<'static> {
    let palette = &model.theme.palette;
    let change = bytes_change(node.bytes, edit.bytes);
    let limit = model.tree.constraint.max_memory;
    let (before, arrow) = (bytes(node.bytes), model.theme.symbols.arrow);
    let mut line = Line::from(vec![
        Span::raw(format!("{before} {arrow} ")),
        Span::styled(bytes(edit.bytes), palette.strong),
        Span::raw(format!(" ({change})")),
    ]);
    if limit.is_some_and(|limit| edit.bytes > limit) {
        line.push_span(Span::styled(" exceeds the memory limit", palette.bad));
    }
    line
}

/// The accuracy drop of the change: measured on the whole search split, or predicted with its 90 %
/// interval, or not known yet.
fn edited_drop(model: &Model, edit: &Edit) -> Line<'static> {
    let palette = &model.theme.palette;
    let forecast = model.forecast.as_ref();
    let Some(forecast) = forecast.filter(|f| f.allocation == edit.preview) else {
        return Line::styled("drop: predicting", palette.dim);
    };
    let limit = model.tree.max_drop();
    let style = |low: f64, high: f64| match (low > limit, high > limit) {
        (true, _) => palette.bad,
        (false, true) => palette.warn,
        (false, false) => palette.good,
    };
    if let Some(measured) = forecast.measured.filter(|m| m.whole) {
        let (drop, node) = (measured.drop, measured.candidate);
        let text = format!("drop {} measured at {node}", points(drop));
        return Line::styled(text, style(drop, drop));
    }
    let n = forecast.measurements;
    let plural = if n == 1 { "" } else { "s" };
    let Some(estimate) = anchored(model, edit, forecast) else {
        let text = format!("drop not known yet: {n} evaluation{plural}");
        return Line::styled(text, palette.dim);
    };
    if !what_if::tells(model, &estimate) {
        let than = forecast.parent.map_or(String::new(), |parent| {
            let words = match estimate_change(forecast, &parent) {
                change if change > 0.0 => "higher",
                _ => "no higher",
            };
            format!("; predicted {words} than {}", edit.candidate)
        });
        let text = format!("cannot tell yet ({n} evaluation{plural}){than}");
        return Line::styled(text, palette.dim);
    }
    let bounds = estimate.low.zip(estimate.high);
    let (low, high) = bounds.unwrap_or((estimate.drop, estimate.drop));
    Line::styled(text::estimate(&estimate), style(low, high))
}

/// What is predicted to change against the node that the change is made of.
fn estimate_change(forecast: &Forecast, parent: &Estimate) -> f64 {
    forecast.predicted.map_or(0.0, |own| own.drop - parent.drop)
}

/// The predicted drop, from the measured one of the node that the change is made of where that is
/// known: what a model gets wrong about both of them alike does not count then.
fn anchored(model: &Model, edit: &Edit, forecast: &Forecast) -> Option<Estimate> {
    let estimate = forecast.predicted?;
    let node = model.tree.get(edit.candidate)?;
    let Some((measured, parent)) = model.measured_drop(node).zip(forecast.parent) else {
        return Some(estimate);
    };
    let shift = measured.drop - parent.drop;
    let shifted = |bound: f64| bound + shift;
    Some(Estimate {
        drop: shifted(estimate.drop),
        low: estimate.low.map(shifted),
        high: estimate.high.map(shifted),
    })
}
