//! This run and another one beside each other: result, cost, bit-widths.

use ratatui::Frame;
use ratatui::text::{Line, Span, Text};

use super::window;
use crate::evaluate::percent;
use crate::search::{Counters, Tree};
use crate::tui::model::Model;
use crate::tui::text::{self, bytes, count, duration, points};
use crate::tui::widgets::{cell, strip};

const LABEL: usize = 14;

/// A run of the comparison.
struct Side<'a> {
    id: &'a str,
    tree: &'a Tree,
    counters: Counters,
    seconds: f64,
}

/// Draws both.
pub fn draw(model: &Model, frame: &mut Frame) {
    let palette = &model.theme.palette;
    let Some(other) = model.other_run.as_deref() else {
        return;
    };
    let sides = [
        Side {
            id: &model.run.id,
            tree: &model.tree,
            counters: model.activity.counters(),
            seconds: model.elapsed().as_secs_f64(),
        },
        Side {
            id: &other.id,
            tree: &other.tree,
            counters: other.counters,
            seconds: other.seconds,
        },
    ];
    let columns = 100.min(model.size.0.saturating_sub(2)).saturating_sub(4);
    let lines = lines(model, &sides, usize::from(columns));
    let rows = lines.len() as u16 + 2;
    let title = "Two runs; esc: their fronts";
    let inside = window(
        model,
        frame,
        title,
        (columns + 4, rows),
        palette.border_focused,
    );
    frame.render_widget(Text::from(lines), inside);
}

fn lines(model: &Model, sides: &[Side; 2], columns: usize) -> Vec<Line<'static>> {
    let palette = &model.theme.palette;
    let ellipsis = model.theme.symbols.ellipsis;
    let each = columns.saturating_sub(LABEL) / 2;
    let row = |label: &str, of: &dyn Fn(&Side) -> String| {
        let mut spans = vec![cell(label, LABEL, palette.dim)];
        for side in sides {
            let value = text::fit(&of(side), each.saturating_sub(1), ellipsis);
            spans.push(cell(&value, each, palette.text));
        }
        Line::from(spans)
    };
    let none = || model.theme.symbols.none.to_owned();
    let result = |side: &Side| side.tree.result().cloned();
    let mut lines = vec![
        row("run", &|side| side.id.to_owned()),
        row("strategy", &|side| {
            let settings = side.tree.settings.as_deref();
            settings.map_or_else(none, |s| s.search.strategy.name().to_owned())
        }),
        row("limits", &|side| {
            let drop = side.tree.constraint.max_accuracy_drop;
            let memory = side.tree.constraint.max_memory;
            let memory = memory.map_or(String::new(), |most| format!(", {}", bytes(most)));
            format!("drop {drop}{memory}")
        }),
        Line::default(),
        row("memory", &|side| {
            result(side).map_or_else(none, |c| bytes(c.bytes))
        }),
        row("drop", &|side| {
            let judged = result(side).and_then(|c| c.judgement().map(|j| j.drop()));
            judged.map_or_else(none, |drop| format!("{} pp", points(drop)))
        }),
        row("test", &|side| match side.tree.tested() {
            Some((images, _, correct)) => format!("{} %", points(percent(correct, images))),
            None => none(),
        }),
        row("nodes", &|side| count(side.tree.candidates.len() as u64)),
        row("evaluations", &|side| count(side.counters.evaluations)),
        row("drifts", &|side| count(side.counters.drift_evaluations)),
        row("rejected", &|side| count(side.counters.gated)),
        row("time", &|side| {
            let spent = std::time::Duration::try_from_secs_f64(side.seconds);
            duration(spent.unwrap_or_default())
        }),
        Line::default(),
    ];
    lines.extend(bits(model, sides, columns));
    lines
}

/// The bit-widths of both results below each other; what differs is underlined.
fn bits(model: &Model, sides: &[Side; 2], columns: usize) -> Vec<Line<'static>> {
    let palette = &model.theme.palette;
    let [own, other] = sides
        .each_ref()
        .map(|side| side.tree.result().map(|c| &c.allocation));
    let room = columns.saturating_sub(LABEL);
    let mut lines = Vec::new();
    for (label, bits, against) in [("bits", own, other), ("", other, own)] {
        if let Some(bits) = bits {
            let against = against.filter(|a| a.len() == bits.len());
            let mut line = vec![cell(label, LABEL, palette.dim)];
            line.extend(strip(model, bits, against, room));
            lines.push(Line::from(line));
        }
    }
    let differ = own.zip(other).filter(|(a, b)| a.len() == b.len());
    let text = match differ {
        Some((a, b)) => {
            let n = a.0.iter().zip(&b.0).filter(|(a, b)| a != b).count();
            let verb = if n == 1 { "differs" } else { "differ" };
            format!("{n} of {} layers {verb}", a.len())
        }
        None if own.is_some() && other.is_some() => String::from("networks of different layers"),
        None => String::from("no result to compare"),
    };
    let label = cell("", LABEL, palette.dim);
    lines.push(Line::from(vec![label, Span::raw(text)]));
    lines
}
