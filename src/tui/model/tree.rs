//! The search tree as rows.
//!
//! A greedy search is a long chain of accepted moves, each with a fan of candidates that were tried
//! and left. Drawn with one indentation per generation it would run out of the screen after a dozen
//! moves, so a node's *onward* child (the one through which the base went on) stands at the same
//! depth as the node itself, after the fan. Folding a node hides its fan, never what goes on; the
//! fans behind the base fold themselves.

use std::collections::{HashMap, HashSet};

use super::scroll::Scroll;
use crate::search::{Candidate, CandidateId, Origin, State, Tree};

/// Which nodes are shown.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Filter {
    /// All but the probes that nothing came of: a search by fronts makes two for each group.
    #[default]
    Searched,
    /// Those that were decided on: rejected by the gate or evaluated.
    Decided,
    /// Those that passed screening or confirmation.
    Passed,
    /// Those that failed screening or confirmation.
    Failed,
    /// Those that the gate rejected.
    Rejected,
    /// All.
    All,
}

impl Filter {
    const ALL: [(Filter, &str); 6] = [
        (Filter::Searched, "without probes"),
        (Filter::Decided, "decided nodes only"),
        (Filter::Passed, "passed nodes only"),
        (Filter::Failed, "failed nodes only"),
        (Filter::Rejected, "rejected nodes only"),
        (Filter::All, "all nodes"),
    ];

    /// The next one; after the last the first.
    pub fn next(self) -> Self {
        Self::ALL[(self as usize + 1) % Self::ALL.len()].0
    }

    /// The text in the frame.
    pub fn text(self) -> &'static str {
        Self::ALL[self as usize].1
    }

    fn shows(self, node: &Candidate) -> bool {
        let state = node.state();
        match self {
            Filter::All => true,
            Filter::Searched => !is_probe(node),
            Filter::Decided => !matches!(state, State::Proposed | State::Measured),
            Filter::Passed => matches!(state, State::Passed | State::Confirmed),
            Filter::Failed => matches!(state, State::Failed | State::Refuted),
            Filter::Rejected => state == State::HeldBack,
        }
    }
}

/// True for a probe that nothing came of.
pub fn is_probe(node: &Candidate) -> bool {
    let open = matches!(node.state(), State::Proposed | State::Measured);
    node.origin == Origin::Probe && open
}

/// True for what takes part, and for what an undo took out and was evaluated, or has children: of
/// the rest there is nothing to see.
fn is_drawn(node: &Candidate) -> bool {
    !node.undone || !node.bits.is_empty() || !node.children.is_empty()
}

/// How a row hangs on what is above it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Joint {
    /// Goes on at the same depth.
    Onward,
    /// One of a fan, with more to come below.
    Branch,
    /// The last of a fan that nothing follows.
    LastBranch,
}

/// Whether a row has a fan, and whether it is shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fold {
    /// No fan.
    Leaf,
    /// Shown.
    Open,
    /// Hidden, with the number of children.
    Closed(usize),
}

/// A row of the tree.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Row {
    /// The node.
    pub id: CandidateId,
    /// How deep it hangs.
    pub depth: usize,
    /// Bit d is set where a line goes on at depth d, beside this row.
    pub rails: u64,
    /// How it hangs there.
    pub joint: Joint,
    /// The fan.
    pub fold: Fold,
}

/// The search tree as shown.
#[derive(Clone, Debug)]
pub struct TreePane {
    /// The selected node: always one of the rows, unless there are none.
    pub selected: Option<CandidateId>,
    /// The selection goes with the base, and the window with the node being evaluated.
    pub follow: bool,
    /// Which nodes are shown.
    pub filter: Filter,
    /// The rows.
    pub rows: Vec<Row>,
    /// Cursor (the selected row) and window.
    pub scroll: Scroll,
    /// True when the rows have to be made anew.
    pub stale: bool,
    open: HashMap<CandidateId, bool>,
    onward: HashMap<CandidateId, CandidateId>,
}

impl Default for TreePane {
    fn default() -> Self {
        TreePane {
            selected: None,
            follow: true,
            filter: Filter::default(),
            rows: Vec::new(),
            scroll: Scroll::default(),
            stale: true,
            open: HashMap::new(),
            onward: HashMap::new(),
        }
    }
}

/// A candidate's parent, its parent and so on.
pub fn ancestors(tree: &Tree, id: CandidateId) -> impl Iterator<Item = CandidateId> + '_ {
    let parent = |id: CandidateId| tree.get(id)?.parent;
    std::iter::successors(parent(id), move |id| parent(*id))
}

impl TreePane {
    /// The base went from one node to another: the way to it is drawn straight.
    pub fn base_changed(&mut self, tree: &Tree, from: Option<CandidateId>, to: CandidateId) {
        let mut child = to;
        for parent in ancestors(tree, to) {
            self.onward.insert(parent, child);
            child = parent;
        }
        // Nothing goes on from the base yet: after a walk back or a pruning, what did is one of its
        // fan.
        self.onward.remove(&to);
        // Who reads the fan of the former base goes on reading.
        let parent = self.selected.and_then(|id| tree.get(id)?.parent);
        if let Some(from) = from.filter(|_| !self.follow && parent == from) {
            self.open.entry(from).or_insert(true);
        }
        self.stale = true;
    }

    /// An undo went back to an earlier base: the way to that one is drawn straight.
    pub fn base_restored(&mut self, tree: &Tree) {
        self.onward.clear();
        if let Some(base) = tree.base {
            self.base_changed(tree, None, base);
        }
    }

    /// Selects a node by hand: unfolds what hides it and stops following.
    pub fn select(&mut self, tree: &Tree, id: CandidateId) {
        if tree.get(id).is_none() {
            return;
        }
        self.follow = false;
        self.selected = Some(id);
        let hiding: Vec<_> = self.hiding(tree, id).map(|parent| (parent, true)).collect();
        self.open.extend(hiding);
        if tree.get(id).is_some_and(|c| !self.filter.shows(c)) {
            self.filter = Filter::All;
        }
        self.stale = true;
    }

    /// The nodes whose fans have to be open for a node to have a row.
    fn hiding(&self, tree: &Tree, id: CandidateId) -> impl Iterator<Item = CandidateId> {
        let mut child = id;
        ancestors(tree, id).filter(move |parent| {
            let below = std::mem::replace(&mut child, *parent);
            self.onward.get(parent) != Some(&below)
        })
    }

    /// Selects a row by hand.
    pub fn select_row(&mut self, row: usize) {
        if let Some(row) = self.rows.get(row) {
            self.follow = false;
            self.selected = Some(row.id);
        }
    }

    /// The selected row.
    pub fn row(&self) -> Option<&Row> {
        self.rows.get(self.scroll.cursor)
    }

    /// Shows or hides the fan of a row.
    pub fn fold(&mut self, id: CandidateId, open: bool) {
        self.open.insert(id, open);
        self.stale = true;
    }

    /// Makes rows, selection and window agree with the search. `working` is the node being
    /// evaluated, `held` one that the selection stays on although it follows.
    pub fn settle(
        &mut self,
        tree: &Tree,
        working: Option<CandidateId>,
        held: Option<CandidateId>,
        height: usize,
    ) {
        let working = working.filter(|id| tree.get(*id).is_some());
        if self.follow {
            let target = held.or(tree.base).or(working);
            if target.is_some() && target != self.selected {
                self.selected = target;
                self.stale = true;
            }
        }
        if self.stale {
            self.rebuild(tree, working);
            self.stale = false;
        }
        self.scroll.cursor = self.selected_row(tree).unwrap_or(0);
        self.selected = self.rows.get(self.scroll.cursor).map(|row| row.id);
        let at_work = working.filter(|_| self.follow);
        match at_work.and_then(|id| self.row_of(id)) {
            Some(row) => self.scroll_to(row, height),
            None => self.scroll.settle(self.rows.len(), height),
        }
    }

    /// Brings the row at work into the window, and the selected one too where both fit.
    fn scroll_to(&mut self, row: usize, height: usize) {
        let (first, last) = (row.min(self.scroll.cursor), row.max(self.scroll.cursor));
        let both = last - first < height;
        // A selected row out of the window takes the place of the window's first or last row.
        let margin = usize::from(!both);
        let (first, last) = if both { (first, last) } else { (row, row) };
        let lowest = (last + 1 + margin).saturating_sub(height.max(1));
        let highest = first.saturating_sub(margin).max(lowest);
        let end = self.rows.len().saturating_sub(height);
        self.scroll.offset = self.scroll.offset.clamp(lowest, highest).min(end);
    }

    /// The rows to draw: the window, with the selected row at its edge when it lies outside.
    pub fn window(&self, height: usize) -> Vec<usize> {
        let window = self.scroll.window(self.rows.len(), height);
        let mut rows: Vec<usize> = window.clone().collect();
        let edge = match self.scroll.cursor {
            above if above < window.start => rows.first_mut(),
            below if below >= window.end => rows.last_mut(),
            _ => None,
        };
        if let Some(edge) = edge {
            *edge = self.scroll.cursor;
        }
        rows
    }

    fn row_of(&self, id: CandidateId) -> Option<usize> {
        self.rows.iter().position(|row| row.id == id)
    }

    /// The selected node's row, or that of its nearest ancestor that has one.
    fn selected_row(&self, tree: &Tree) -> Option<usize> {
        let selected = self.selected?;
        let row_of = |id| self.row_of(id);
        row_of(selected).or_else(|| ancestors(tree, selected).find_map(row_of))
    }

    fn rebuild(&mut self, tree: &Tree, working: Option<CandidateId>) {
        let mut opened: HashSet<CandidateId> = HashSet::new();
        opened.extend(tree.base);
        for id in [working, self.selected.filter(|_| self.follow)] {
            opened.extend(id.into_iter().flat_map(|id| self.hiding(tree, id)));
        }
        let is_open = |id: CandidateId| {
            let by_itself = || tree.base.is_none() || opened.contains(&id);
            self.open.get(&id).copied().unwrap_or_else(by_itself)
        };
        self.rows.clear();
        let roots = tree
            .candidates
            .iter()
            .filter(|c| c.parent.is_none() && is_drawn(c));
        let mut todo: Vec<(CandidateId, usize, u64, Joint)> =
            roots.rev().map(|c| (c.id, 0, 0, Joint::Onward)).collect();
        while let Some((id, depth, rails, joint)) = todo.pop() {
            let Some(node) = tree.get(id) else { continue };
            let onward = self.onward.get(&id).copied();
            // It may have been proposed again elsewhere since.
            let onward =
                onward.filter(|id| tree.get(*id).is_some_and(|c| c.parent == Some(node.id)));
            let fan = node.children.iter().filter(|child| Some(**child) != onward);
            let fan = fan.filter_map(|child| tree.get(*child)).filter(|child| {
                let is_working = Some(child.id) == working;
                if child.undone && self.filter != Filter::All {
                    return is_drawn(child);
                }
                self.filter.shows(child) || !child.children.is_empty() || is_working
            });
            let fan: Vec<CandidateId> = fan.map(|child| child.id).collect();
            let open = is_open(id);
            self.rows.push(Row {
                id,
                depth,
                rails,
                joint,
                fold: match (fan.len(), open) {
                    (0, _) => Fold::Leaf,
                    (_, true) => Fold::Open,
                    (n, false) => Fold::Closed(n),
                },
            });
            if let Some(onward) = onward {
                todo.push((onward, depth, rails, Joint::Onward));
            }
            if !open {
                continue;
            }
            let rail = 1u64.checked_shl(depth as u32).unwrap_or(0);
            for (i, child) in fan.iter().enumerate().rev() {
                let (joint, rails) = match i + 1 < fan.len() || onward.is_some() {
                    true => (Joint::Branch, rails | rail),
                    false => (Joint::LastBranch, rails & !rail),
                };
                todo.push((*child, depth + 1, rails, joint));
            }
        }
    }
}
