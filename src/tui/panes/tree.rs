//! The search tree.

use ratatui::layout::Rect;
use ratatui::text::{Line, Span};

use super::component::{About, Component};
use crate::search::{Candidate, Origin, State};
use crate::tui::action::Action;
use crate::tui::keys::{Binding, Scope, bind};
use crate::tui::model::{Filter, Fold, Joint, MeasuredDrop, Model, Pane, Row, Scroll, is_probe};
use crate::tui::text;
use crate::tui::widgets::{LEAST_STRIP, Sentence, cell, number, spinner, strip};

const STATE: usize = 15;
/// The columns of a state's sign between blanks.
const SIGN: usize = 3;
const DRIFT: usize = 6;
const DROP: usize = 6;
const MEMORY: usize = 10;
/// The columns of a row beside the node itself: mark of the selection, base and incumbent, and the
/// numbers.
const OTHERS: usize = 1 + 3 + STATE + DRIFT + DROP + MEMORY;
/// The columns that are enough for a node; what a wide pane has beyond is better used than left
/// between a name and its numbers.
const NODE: usize = 46;
/// The columns of a node beside which its bit-widths are shown.
const LEAST_NODE: usize = 32;
/// The columns that a note needs.
const NOTE: usize = 24;
/// The depth from which on nodes are drawn no further to the right.
const DEEPEST: usize = 8;

const SCOPE: Scope = Scope::Pane("tree");
const SECTION: &str = "In the search tree";
#[rustfmt::skip]
const KEYS: &[Binding] = &[
    bind(SCOPE, SECTION, Action::Right, &["right", "l"], "", "unfold; then to the first child"),
    bind(SCOPE, SECTION, Action::Left, &["left", "h"], "", "fold; then to the parent"),
    bind(SCOPE, SECTION, Action::Toggle, &["enter", "space"], "fold", "fold or unfold"),
    bind(SCOPE, SECTION, Action::Filter, &["F"], "filter", "show all nodes, or only decided, passed, failed or rejected ones"),
];

/// The search tree.
pub struct Tree;

impl Component for Tree {
    fn about(&self) -> About {
        About::list(Pane::Tree, "Search tree", KEYS)
    }

    fn info(&self, model: &Model, _columns: usize) -> String {
        let mut parts = vec![match model.tree.candidates.len() {
            1 => String::from("1 node"),
            n => format!("{} nodes", text::count(n as u64)),
        }];
        let probes = || model.tree.candidates.iter().filter(|c| is_probe(c)).count();
        match model.nodes.filter {
            Filter::Searched => {
                let hidden = Some(probes()).filter(|n| *n > 0);
                parts.extend(hidden.map(|n| format!("{n} probes hidden")));
            }
            filter => parts.push(filter.text().to_owned()),
        }
        if model.nodes.follow {
            parts.push(String::from("following"));
        }
        parts.join(&format!(" {} ", model.theme.symbols.separator))
    }

    fn act(&self, model: &mut Model, action: &Action) {
        if *action == Action::Filter {
            model.nodes.filter = model.nodes.filter.next();
            model.nodes.stale = true;
            return;
        }
        let Some(row) = model.nodes.row().copied() else {
            return;
        };
        let parent = model.tree.get(row.id).and_then(|c| c.parent);
        match (action, row.fold, parent) {
            (Action::Left | Action::Toggle, Fold::Open, _) => model.nodes.fold(row.id, false),
            (Action::Left, _, Some(parent)) => model.nodes.select(&model.tree, parent),
            (Action::Right | Action::Toggle, Fold::Closed(_), _) => model.nodes.fold(row.id, true),
            (Action::Right, Fold::Open, _) => {
                model.nodes.select_row(model.nodes.scroll.cursor + 1);
            }
            _ => {}
        }
    }

    fn footnote(&self, model: &Model, columns: u16) -> Option<Line<'static>> {
        let (symbols, palette) = (&model.theme.symbols, &model.theme.palette);
        let states = [
            State::Passed,
            State::Confirmed,
            State::Failed,
            State::Refuted,
            State::HeldBack,
            State::Measured,
        ];
        let legend = Sentence::new(model, columns)
            .styled(format!("{} base", symbols.base), palette.base)
            .styled(
                format!("{} incumbent", symbols.incumbent),
                palette.incumbent,
            );
        let all = states.into_iter().fold(legend, |line, state| {
            let (sign, word, style) = model.theme.state(state);
            line.styled(format!("{sign} {word}"), style)
        });
        Some(all.line())
    }

    fn fixed(&self, _model: &Model, height: u16) -> u16 {
        u16::from(height > 4)
    }

    fn heading(&self, model: &Model, columns: u16, _height: u16) -> Vec<Line<'static>> {
        let columns = Columns::of(model, columns);
        let dim = model.theme.palette.dim;
        let state = if columns.state == STATE { " state" } else { "" };
        let bits = if columns.strip > 0 {
            "  bits by layer"
        } else {
            ""
        };
        let note = if columns.note > 0 { "  evidence" } else { "" };
        vec![Line::from(vec![
            cell("", 4, dim),
            cell("node", columns.node, dim),
            cell(state, columns.state, dim),
            number("drift", DRIFT, dim),
            number("drop", DROP, dim),
            number("memory", MEMORY, dim),
            cell(bits, columns.strip, dim),
            cell(note, columns.note, dim),
        ])]
    }

    fn waiting(&self, model: &Model) -> Option<&'static str> {
        let empty = model.nodes.rows.is_empty();
        empty.then_some("  the first node appears once the float network is evaluated")
    }

    fn rows(&self, model: &Model) -> usize {
        model.nodes.rows.len()
    }

    fn row(&self, model: &Model, row: usize, columns: u16) -> Option<Line<'static>> {
        let row = model.nodes.rows.get(row)?;
        let node = model.tree.get(row.id)?;
        Some(node_row(model, row, node, Columns::of(model, columns)))
    }

    fn texts(&self, model: &Model) -> Vec<String> {
        let rows = model.nodes.rows.iter();
        rows.map(|row| model.title_and_state(row.id)).collect()
    }

    fn scroll(&self, model: &Model) -> Scroll {
        model.nodes.scroll
    }

    fn scroll_mut<'m>(&self, model: &'m mut Model) -> &'m mut Scroll {
        &mut model.nodes.scroll
    }

    fn select(&self, model: &mut Model, row: usize) {
        model.nodes.select_row(row);
    }

    fn is_selected(&self, model: &Model, row: usize) -> bool {
        let row = model.nodes.rows.get(row);
        row.is_some_and(|row| model.nodes.selected == Some(row.id))
    }

    fn window(&self, model: &Model, height: usize) -> Vec<usize> {
        model.nodes.window(height)
    }

    fn settle(&self, model: &mut Model, list: Option<Rect>) {
        let working = model.activity.work.and_then(|w| w.candidate);
        // The node being changed stays where it is, whatever runs meanwhile.
        let held = model.edit.as_ref().map(|e| e.candidate);
        let height = list.map_or(1, |list| usize::from(list.height));
        model.nodes.settle(&model.tree, working, held, height);
    }
}

/// Columns whose width depends on the pane's.
#[derive(Clone, Copy)]
struct Columns {
    /// The node itself.
    node: usize,
    /// Where it stands: in a narrow pane by its sign alone.
    state: usize,
    /// Its bit-widths as a strip; nothing where there is no room.
    strip: usize,
    /// What its state rests on; nothing where there is no room.
    note: usize,
}

impl Columns {
    /// The strip takes the place of what a wide pane has beyond the node, down to a node of
    /// `LEAST_NODE` columns; the note what is left.
    fn of(model: &Model, width: u16) -> Self {
        let state = if width < 66 { SIGN } else { STATE };
        let room = usize::from(width).saturating_sub(OTHERS - (STATE - state));
        let layers = model
            .tree
            .settings
            .as_deref()
            .map_or(0, |s| s.space.layers.len());
        let spare = room.saturating_sub(LEAST_NODE + 2);
        let strip = match layers.min(spare) {
            cells if cells >= LEAST_STRIP.min(layers) && cells > 0 => cells + 2,
            _ => 0,
        };
        let room = room - strip;
        let (node, note) = match room.checked_sub(NODE) {
            Some(note) if note >= NOTE => (NODE, note),
            _ => (room, 0),
        };
        Columns {
            node,
            state,
            strip,
            note,
        }
    }
}

fn node_row(model: &Model, tree_row: &Row, node: &Candidate, columns: Columns) -> Line<'static> {
    let (symbols, palette) = (&model.theme.symbols, &model.theme.palette);
    let is = |id| id == Some(node.id);
    let mark = |is: bool, symbol, style| match is {
        true => Span::styled(symbol, style),
        false => Span::raw(" "),
    };
    let mut spans = vec![
        mark(is(model.tree.base), symbols.base, palette.base),
        mark(
            is(model.tree.incumbent),
            symbols.incumbent,
            palette.incumbent,
        ),
        Span::raw(" "),
    ];
    spans.extend(name(model, tree_row, node, columns.node));
    spans.extend(state(model, node, columns.state));
    let quiet = if node.pruned || node.undone {
        palette.dim
    } else {
        palette.text
    };
    let drift = node.drift.map_or(String::new(), text::drift);
    let measured = model.measured_drop(node);
    let drop_style = match measured {
        Some(MeasuredDrop {
            judgement: None, ..
        }) => palette.warn,
        _ => quiet,
    };
    let measured = measured.map(|m| text::points(m.drop));
    let predicted = || Some(format!("~{:.1}", node.gate?.predicted?.drop));
    let drop = measured.or_else(predicted).unwrap_or_default();
    spans.extend([
        number(&drift, DRIFT, quiet),
        number(&drop, DROP, drop_style),
        number(&text::bytes(node.bytes), MEMORY, quiet),
    ]);
    if columns.strip > 0 {
        let before = node.parent.and_then(|id| model.tree.get(id));
        let before = before.map(|parent| &parent.allocation);
        spans.push(Span::raw("  "));
        spans.extend(strip(model, &node.allocation, before, columns.strip - 2));
    }
    if columns.note > 0 {
        let note = note(model, node);
        let note = text::cut(&note, columns.note.saturating_sub(2), symbols.ellipsis);
        spans.push(cell(&format!("  {note}"), columns.note, palette.dim));
    }
    Line::from(spans)
}

/// Where a node hangs, its number, its change, its origin, and how many children are hidden.
fn name(model: &Model, tree_row: &Row, node: &Candidate, room: usize) -> Vec<Span<'static>> {
    let palette = &model.theme.palette;
    let hidden = match tree_row.fold {
        Fold::Closed(n) => format!(" +{n}"),
        _ => String::new(),
    };
    // The name says already that it was drawn or allocated.
    let said = matches!(
        node.origin,
        Origin::Drawn | Origin::Front | Origin::Allocated | Origin::Pin
    );
    let tag = match text::origin(node.origin).tag {
        _ if said && node.change.is_none() => String::new(),
        "" => String::new(),
        tag => format!(" {tag}"),
    };
    let (rails, id) = (rails(model, tree_row), format!("{} ", node.id));
    let taken = [&rails, &id, &hidden, &tag].map(|t| text::width(t));
    let room = room.saturating_sub(taken.iter().sum());
    let change = model.change_in(node, room);
    let left = room.saturating_sub(text::width(&change));
    let style = if node.pruned {
        palette.pruned
    } else {
        palette.text
    };
    vec![
        Span::styled(rails, palette.rail),
        Span::styled(id, palette.dim),
        Span::styled(change, style),
        Span::styled(tag, palette.changed),
        Span::styled(hidden, palette.dim),
        Span::raw(" ".repeat(left)),
    ]
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
    let deep = tree_row.depth.saturating_sub(1).min(DEEPEST);
    let rail = |depth| match tree_row.rails >> depth & 1 {
        1 => format!("{} ", symbols.rail),
        _ => String::from("  "),
    };
    let joint = match tree_row.joint {
        _ if tree_row.depth == 0 => "",
        Joint::Onward => symbols.onward,
        Joint::Branch => symbols.branch,
        Joint::LastBranch => symbols.last_branch,
    };
    let fold = match (tree_row.fold, tree_row.depth) {
        (Fold::Open, _) => symbols.fold_open,
        (Fold::Closed(_), _) => symbols.fold_closed,
        (Fold::Leaf, 0) => symbols.trunk,
        (Fold::Leaf, _) => symbols.leaf,
    };
    // Letters would run into the number.
    let gap = if symbols.ascii { " " } else { "" };
    (0..deep).map(rail).collect::<String>() + joint + fold + gap
}

/// Symbol and word of where the node stands, or of what is being done to it.
fn state(model: &Model, node: &Candidate, columns: usize) -> [Span<'static>; 3] {
    let (symbols, palette) = (&model.theme.symbols, &model.theme.palette);
    let work = model.activity.work.filter(|w| w.candidate == Some(node.id));
    let (symbol, word, style) = match work {
        Some(work) => (spinner(model), work.task.word(), palette.busy),
        None if node.undone => (symbols.pruned, "undone", palette.dim),
        None if node.pruned => (symbols.pruned, "pruned", palette.dim),
        None => model.theme.state(node.state()),
    };
    [
        Span::raw(" "),
        cell(symbol, 2, style),
        cell(if columns == STATE { word } else { "" }, columns - 3, style),
    ]
}
