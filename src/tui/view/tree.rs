//! The search tree.

use ratatui::Frame;
use ratatui::text::{Line, Span};

use super::pieces::{cell, line_area, number, row};
use crate::search::Candidate;
use crate::tui::layout::Layout;
use crate::tui::model::{Fold, Joint, Model, Pane, Row};
use crate::tui::text;

const STATE: usize = 13;
/// A state's sign between blanks.
const SIGN: usize = 3;
const DRIFT: usize = 6;
const DROP: usize = 6;
const MEMORY: usize = 10;
/// Columns of a row beside the node itself: mark of the selection, base and incumbent, and the numbers.
const OTHERS: usize = 1 + 3 + STATE + DRIFT + DROP + MEMORY;
/// Enough for a node; what a wide pane has beyond is better used than left between a name and its numbers.
const NODE: usize = 46;
/// Columns that a note needs.
const NOTE: usize = 24;
/// Deeper nodes are drawn no further to the right.
const DEEPEST: usize = 8;

/// Draws the tree's rows.
pub fn draw(model: &Model, frame: &mut Frame, layout: &Layout) {
    let (Some(fixed), Some(list)) = (layout.fixed(Pane::Tree), layout.list(Pane::Tree)) else {
        return;
    };
    let columns = Columns::of(list.width);
    let dim = model.theme.palette.dim;
    if fixed.height > 0 {
        let heading = Line::from(vec![
            cell("", 4, dim),
            cell("node", columns.node, dim),
            cell(
                if columns.state == STATE { " state" } else { "" },
                columns.state,
                dim,
            ),
            number("drift", DRIFT, dim),
            number("drop", DROP, dim),
            number("memory", MEMORY, dim),
            cell(
                if columns.note > 0 { "  evidence" } else { "" },
                columns.note,
                dim,
            ),
        ]);
        frame.render_widget(heading, fixed);
    }
    let nodes = &model.nodes;
    let focused = model.focus == Pane::Tree;
    for (i, at) in nodes
        .window(usize::from(list.height))
        .into_iter()
        .enumerate()
    {
        let Some((tree_row, node)) = nodes
            .rows
            .get(at)
            .and_then(|r| Some((r, model.tree.get(r.id)?)))
        else {
            continue;
        };
        let line = node_row(model, tree_row, node, columns);
        let selected = nodes.selected == Some(node.id);
        row(model, frame, line_area(list, i), line, selected, focused);
    }
    if nodes.rows.is_empty() {
        let waiting = Line::styled(
            "  the first node appears once the float network is evaluated",
            dim,
        );
        frame.render_widget(waiting, line_area(list, 0));
    }
}

/// Columns whose width depends on the pane's.
#[derive(Clone, Copy)]
struct Columns {
    /// The node itself.
    node: usize,
    /// Where it stands: in a narrow pane by its sign alone.
    state: usize,
    /// What its state rests on; nothing where there is no room.
    note: usize,
}

impl Columns {
    fn of(width: u16) -> Self {
        let state = if width < 66 { SIGN } else { STATE };
        let room = usize::from(width).saturating_sub(OTHERS - (STATE - state));
        let (node, note) = match room.checked_sub(NODE) {
            Some(note) if note >= NOTE => (NODE, note),
            _ => (room, 0),
        };
        Columns { node, state, note }
    }
}

fn node_row(model: &Model, tree_row: &Row, node: &Candidate, columns: Columns) -> Line<'static> {
    let room = columns.node;
    let (symbols, palette) = (&model.theme.symbols, &model.theme.palette);
    let mut spans = vec![
        if model.tree.base == Some(node.id) {
            Span::styled(symbols.base, palette.base)
        } else {
            Span::raw(" ")
        },
        if model.tree.incumbent == Some(node.id) {
            Span::styled(symbols.incumbent, palette.incumbent)
        } else {
            Span::raw(" ")
        },
        Span::raw(" "),
    ];
    let rails = rails(model, tree_row);
    let id = format!("{} ", node.id);
    let hidden = match tree_row.fold {
        Fold::Closed(n) => format!(" +{n}"),
        _ => String::new(),
    };
    let tag = text::origin(node.origin).tag;
    let origin = match tag.is_empty() {
        true => String::new(),
        false => format!(" {tag}"),
    };
    let taken = [&rails, &id, &hidden, &origin]
        .map(|t| text::width(t))
        .iter()
        .sum::<usize>();
    let change = model.change_in(node, room.saturating_sub(taken));
    let left = room.saturating_sub(taken + text::width(&change));
    let name = if node.pruned {
        palette.pruned
    } else {
        palette.text
    };
    spans.extend([
        Span::styled(rails, palette.rail),
        Span::styled(id, palette.dim),
        Span::styled(change, name),
        Span::styled(origin, palette.changed),
        Span::styled(hidden, palette.dim),
        Span::raw(" ".repeat(left)),
    ]);
    spans.extend(state(model, node, columns.state));
    let quiet = if node.pruned {
        palette.dim
    } else {
        palette.text
    };
    let drift = node.drift.map_or(String::new(), text::drift);
    let drop = node.judgement().filter(|j| j.images > 0);
    let drop = drop.map_or(String::new(), |j| text::points(j.drop()));
    spans.extend([
        number(&drift, DRIFT, quiet),
        number(&drop, DROP, quiet),
        number(&text::bytes(node.bytes), MEMORY, quiet),
    ]);
    if columns.note > 0 {
        let note = note(model, node);
        let note = text::cut(&note, columns.note.saturating_sub(2), symbols.ellipsis);
        spans.push(cell(&format!("  {note}"), columns.note, palette.dim));
    }
    Line::from(spans)
}

/// What a node's state rests on: the images looked at, or what the gate compared.
fn note(model: &Model, node: &Candidate) -> String {
    let symbols = &model.theme.symbols;
    match (node.judgement(), node.gate) {
        (Some(judgement), _) => text::images(judgement),
        (None, Some(gate)) => text::gate_numbers(&gate, symbols.marks()),
        (None, None) => String::new(),
    }
}

fn rails(model: &Model, tree_row: &Row) -> String {
    let symbols = &model.theme.symbols;
    let mut text = String::new();
    let deep = tree_row.depth.saturating_sub(1).min(DEEPEST);
    for depth in 0..deep {
        text.push_str(if tree_row.rails >> depth & 1 == 1 {
            symbols.rail
        } else {
            " "
        });
        text.push(' ');
    }
    if tree_row.depth > 0 {
        text.push_str(match tree_row.joint {
            Joint::Onward => symbols.onward,
            Joint::Branch => symbols.branch,
            Joint::LastBranch => symbols.last_branch,
        });
    }
    text.push_str(match (tree_row.fold, tree_row.depth) {
        (Fold::Open, _) => symbols.fold_open,
        (Fold::Closed(_), _) => symbols.fold_closed,
        (Fold::Leaf, 0) => symbols.trunk,
        (Fold::Leaf, _) => symbols.leaf,
    });
    text
}

/// Symbol and word of where the node stands, or of what is being done to it.
fn state(model: &Model, node: &Candidate, columns: usize) -> [Span<'static>; 3] {
    let (symbols, palette) = (&model.theme.symbols, &model.theme.palette);
    let work = model.activity.work.filter(|w| w.candidate == Some(node.id));
    let (symbol, word, style) = match work {
        Some(work) => (spinner(model), work.task.word(), palette.busy),
        None if node.pruned => (symbols.pruned, "pruned", palette.dim),
        None => model.theme.state(node.state()),
    };
    [
        Span::raw(" "),
        cell(symbol, 2, style),
        cell(if columns == STATE { word } else { "" }, columns - 3, style),
    ]
}

/// The sign of being at work, turning with the clock.
pub fn spinner(model: &Model) -> &'static str {
    let frames = model.theme.symbols.spinner;
    let turn = (model.clock.as_millis() / 125) as usize;
    frames
        .get(turn % frames.len().max(1))
        .copied()
        .unwrap_or(" ")
}
