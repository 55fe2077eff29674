//! What is known of the selected node, and the change in the making.

use ratatui::Frame;
use ratatui::layout::Rect;
use ratatui::text::{Line, Span};

use crate::search::{Candidate, Origin};
use crate::tui::model::{Edit, Model};
use crate::tui::text::{self, bytes, bytes_change};
use crate::tui::view::gate;
use crate::tui::view::pieces::{Sentence, line_area};
use crate::words;

/// Draws what is known of a node, or the change being made of it; in the last line the heading of the list.
pub fn draw(
    model: &Model,
    frame: &mut Frame,
    area: Rect,
    node: &Candidate,
    heading: Line<'static>,
) {
    let palette = &model.theme.palette;
    let inside = Rect {
        x: area.x + 1,
        width: area.width.saturating_sub(1),
        ..area
    };
    let columns = inside.width;
    let lines = match (&model.edit, area.height) {
        (Some(edit), 1) => vec![edit_line(model, edit, node, columns)],
        (Some(edit), _) => vec![
            edit_line(model, edit, node, columns),
            Line::styled("+ and - or a digit choose the width", palette.dim),
            Line::styled(
                "enter evaluates it at once, esc leaves all as it was",
                palette.dim,
            ),
            heading,
        ],
        (None, 1 | 2) => vec![
            short_details(model, node, columns),
            gate_line(model, node, columns),
        ],
        (None, _) => vec![
            lineage(model, node, columns),
            gate_line(model, node, columns),
            judgement_line(model, node, columns),
            heading,
        ],
    };
    for (i, line) in lines.into_iter().take(usize::from(area.height)).enumerate() {
        frame.render_widget(line, line_area(inside, i));
    }
}

fn lineage(model: &Model, node: &Candidate, columns: u16) -> Line<'static> {
    let parent = node.parent.and_then(|id| model.tree.get(id));
    let from = parent.map(|p| format!("from {}", p.id));
    let why = match node.origin {
        Origin::Start => "where the search starts",
        Origin::Lowest => "the smallest width everywhere",
        Origin::Search => "proposed by the search",
        Origin::Probe => "lowered alone, to learn its drift",
        Origin::Allocated => "predicted from single drifts",
        Origin::Manual => "made by hand",
        Origin::Pin => "brought within a pin",
    };
    let change = parent.map(|p| format!("{} on its parent", bytes_change(p.bytes, node.bytes)));
    Sentence::new(model, columns)
        .add(bytes(node.bytes))
        .maybe(change)
        .add(why)
        .maybe(from)
        .line()
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

fn judgement_line(model: &Model, node: &Candidate, columns: u16) -> Line<'static> {
    let symbols = &model.theme.symbols;
    let (_, word, style) = model.theme.state(node.state());
    let word = if node.pruned {
        format!("{word}, pruned")
    } else {
        word.to_owned()
    };
    let numbers = node
        .judgement()
        .map(|j| words::judgement(j, symbols.marks()));
    Sentence::new(model, columns)
        .add(Line::styled(word, style))
        .maybe(numbers)
        .line()
}

fn short_details(model: &Model, node: &Candidate, columns: u16) -> Line<'static> {
    let symbols = &model.theme.symbols;
    let (_, word, style) = model.theme.state(node.state());
    let parent = node.parent.and_then(|id| model.tree.get(id));
    Sentence::new(model, columns)
        .add(bytes(node.bytes))
        .maybe(parent.map(|p| format!("{} on {}", bytes_change(p.bytes, node.bytes), p.id)))
        .add(Line::styled(word, style))
        .maybe(
            node.judgement()
                .map(|j| words::judgement(j, symbols.marks())),
        )
        .maybe(node.gate.map(|g| gate::numbers(model, &g)))
        .line()
}

fn edit_line(model: &Model, edit: &Edit, node: &Candidate, columns: u16) -> Line<'static> {
    let palette = &model.theme.palette;
    let arrow = model.theme.symbols.arrow;
    let what = format!("{} {arrow} {} bits", edit.change.group, edit.change.bits);
    let change = bytes_change(node.bytes, edit.bytes);
    let limit = model
        .tree
        .settings
        .as_ref()
        .and_then(|s| s.constraint.max_memory);
    let over = limit.is_some_and(|limit| edit.bytes > limit);
    Sentence::new(model, columns)
        .add(Line::from(vec![
            Span::styled(what, palette.changed),
            Span::raw(format!(" on {}", edit.candidate)),
        ]))
        .add(Line::from(vec![
            Span::raw(format!("{} {arrow} ", bytes(node.bytes))),
            Span::styled(bytes(edit.bytes), palette.strong),
            Span::raw(format!(" ({change})")),
        ]))
        .maybe(over.then(|| Line::styled("above the memory limit", palette.bad)))
        .line()
}
