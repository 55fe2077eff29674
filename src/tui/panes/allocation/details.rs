//! The lines above the allocation: the selected node, or the edit in progress.

use ratatui::text::{Line, Span};

use crate::search::Candidate;
use crate::tui::model::{Edit, Model};
use crate::tui::panes::gate;
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
    let first = match (&model.edit, model.other()) {
        (Some(edit), _) if height < 3 => Sentence::new(model, columns)
            .add(edited_memory(model, edit, node))
            .add(edited_drop(model, edit))
            .add(edited(model, edit))
            .line(),
        (Some(edit), _) => edit_line(model, edit, node, columns),
        (None, Some(other)) => comparison(model, node, other, columns),
        // Where there is a second line, that says what the gate said.
        (None, None) => short_details(model, node, columns, height < 3),
    };
    let second = match (&model.edit, model.other()) {
        (Some(edit), _) => changes(model, edit, columns),
        (None, Some(other)) => difference(model, node, other, columns),
        (None, None) => gate_line(model, node, columns),
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
        let drop = drop.map_or(String::new(), |j| {
            format!(", drop {}", text::points(j.drop()))
        });
        let drift = c
            .drift
            .map_or(String::new(), |d| format!(", drift {}", text::drift(d)));
        format!("{} {}{drift}{drop}", c.id, bytes(c.bytes))
    };
    Sentence::new(model, columns)
        .add(Line::styled(side(node), model.theme.palette.strong))
        .add(side(other))
        .line()
}

fn difference(model: &Model, node: &Candidate, other: &Candidate, columns: u16) -> Line<'static> {
    let widths = node.allocation.0.iter().zip(&other.allocation.0);
    let differ = widths.filter(|(a, b)| a != b).count();
    let layers = if differ == 1 {
        "1 layer differs"
    } else {
        "layers differ"
    };
    Sentence::new(model, columns)
        .add(match differ {
            1 => layers.to_owned(),
            n => format!("{n} {layers}"),
        })
        .add(format!(
            "{} vs {}",
            bytes_change(other.bytes, node.bytes),
            other.id
        ))
        .line()
}

/// What the change would lose, and what is being changed, group by group.
fn changes(model: &Model, edit: &Edit, columns: u16) -> Line<'static> {
    let palette = &model.theme.palette;
    let arrow = model.theme.symbols.arrow;
    let layers = edit.changed(&model.tree).len();
    let plural = if layers == 1 { "" } else { "s" };
    let mut line = Sentence::new(model, columns)
        .add(edited_drop(model, edit))
        .add(Line::styled(
            format!("{layers} layer{plural} changed"),
            palette.dim,
        ));
    for change in edit.moves.iter().rev() {
        let text = format!("{} {arrow} {}", change.group, change.bits);
        line = line.add(Line::styled(text, palette.changed));
    }
    line.line()
}

fn gate_line(model: &Model, node: &Candidate, columns: u16) -> Line<'static> {
    let added = node.added_drift.filter(|_| node.parent.is_some());
    let drift = match (node.drift, added) {
        (Some(drift), Some(added)) => {
            format!(
                "drift {} ({})",
                text::drift(drift),
                text::drift_change(added)
            )
        }
        (Some(drift), None) => format!("drift {}", text::drift(drift)),
        (None, _) => String::from("drift not measured"),
    };
    let gate = node.gate.map(|g| {
        let (_, word, style) = gate::decision(model, g.decision);
        Line::from(vec![
            Span::raw("gate: "),
            Span::styled(word, style),
            Span::raw(format!(", {}", gate::numbers(model, &g))),
        ])
    });
    Sentence::new(model, columns).add(drift).maybe(gate).line()
}

fn short_details(model: &Model, node: &Candidate, columns: u16, with_gate: bool) -> Line<'static> {
    let symbols = &model.theme.symbols;
    let (_, word, style) = model.theme.state(node.state());
    let parent = node.parent.and_then(|id| model.tree.get(id));
    Sentence::new(model, columns)
        .add(bytes(node.bytes))
        .maybe(parent.map(|p| format!("{} vs {}", bytes_change(p.bytes, node.bytes), p.id)))
        .add(Line::styled(word, style))
        .maybe(
            node.judgement()
                .map(|j| text::judgement(j, symbols.marks())),
        )
        .maybe(
            node.gate
                .filter(|_| with_gate)
                .map(|g| format!("gate {}", gate::numbers(model, &g))),
        )
        .line()
}

/// What is being changed, in a few words.
fn edited(model: &Model, edit: &Edit) -> Line<'static> {
    let arrow = model.theme.symbols.arrow;
    let what = match edit.moves.as_slice() {
        [change] => format!("{} {arrow} {} bits", change.group, change.bits),
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
    let over = limit.is_some_and(|limit| edit.bytes > limit);
    let mut line = Line::from(vec![
        Span::raw(format!(
            "{} {} ",
            bytes(node.bytes),
            model.theme.symbols.arrow
        )),
        Span::styled(bytes(edit.bytes), palette.strong),
        Span::raw(format!(" ({change})")),
    ]);
    if over {
        line.push_span(Span::styled(" exceeds the memory limit", palette.bad));
    }
    line
}

/// The accuracy drop of the change: measured on the whole search split, or predicted with the
/// spread that nine of ten measurements of the run keep to, or unknown.
fn edited_drop(model: &Model, edit: &Edit) -> Line<'static> {
    let palette = &model.theme.palette;
    let Some(forecast) = model
        .forecast
        .as_ref()
        .filter(|f| f.allocation == edit.preview)
    else {
        return Line::styled("drop: predicting", palette.dim);
    };
    let limit = model.tree.max_drop();
    let style = |low: f64, high: f64| match (low > limit, high > limit) {
        (true, _) => palette.bad,
        (false, true) => palette.warn,
        (false, false) => palette.good,
    };
    if let Some(measured) = forecast.measured.filter(|m| m.whole) {
        let text = format!(
            "drop {} measured at {}",
            points(measured.drop),
            measured.candidate
        );
        return Line::styled(text, style(measured.drop, measured.drop));
    }
    let Some(estimate) = forecast.predicted else {
        return Line::styled("drop unknown: no evaluation yet", palette.dim);
    };
    let drop = points(estimate.drop);
    match estimate.low.zip(estimate.high) {
        Some((low, high)) => {
            let text = format!(
                "drop {drop} predicted ({} to {})",
                points(low),
                points(high)
            );
            Line::styled(text, style(low, high))
        }
        None => {
            let n = forecast.measurements;
            let few = if n == 1 {
                "measurement"
            } else {
                "measurements"
            };
            Line::styled(
                format!("drop about {drop}: from {n} {few} only"),
                palette.dim,
            )
        }
    }
}

fn edit_line(model: &Model, edit: &Edit, node: &Candidate, columns: u16) -> Line<'static> {
    Sentence::new(model, columns)
        .add(edited(model, edit))
        .add(edited_memory(model, edit, node))
        .line()
}
