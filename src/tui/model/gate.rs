//! The gate's decisions and how well they hold.

use std::collections::VecDeque;

use super::scroll::Scroll;
use crate::search::{CandidateId, GateEvidence, Tree};

/// The gate as shown.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct GatePane {
    /// The candidates decided on, oldest first; the numbers are in the tree.
    pub decisions: VecDeque<CandidateId>,
    /// The decisions in the order in which they are shown.
    pub shown: Vec<CandidateId>,
    /// By what they are ordered.
    pub order: GateOrder,
    /// Cursor and window.
    pub scroll: Scroll,
    /// How well the decisions hold.
    pub evidence: GateEvidence,
    /// True when the numbers have to be counted anew.
    pub stale: bool,
    unordered: bool,
}

/// By what the decisions are ordered.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum GateOrder {
    /// The earliest first.
    #[default]
    Time,
    /// The largest drift first.
    Drift,
    /// The largest measured drop first; what was not evaluated last.
    Drop,
}

impl GateOrder {
    /// The next one; after the last the first.
    pub fn next(self) -> Self {
        match self {
            GateOrder::Time => GateOrder::Drift,
            GateOrder::Drift => GateOrder::Drop,
            GateOrder::Drop => GateOrder::Time,
        }
    }
}

impl GatePane {
    /// Orders the decisions by the next column.
    pub fn next_order(&mut self) {
        self.order = self.order.next();
        self.unordered = true;
    }

    /// Puts the decisions in order where any came.
    pub fn arrange(&mut self, tree: &Tree) {
        let came = std::mem::take(&mut self.unordered);
        // A drop may have been measured since.
        let measured = self.stale && self.order == GateOrder::Drop;
        if !came && !measured {
            return;
        }
        self.shown = self.decisions.iter().copied().collect();
        let drift = |id: &CandidateId| tree.get(*id).and_then(|c| c.drift).unwrap_or(0.0);
        let drop = |id: &CandidateId| {
            let judged = tree.get(*id).and_then(|c| c.judgement());
            judged.map_or(f64::NEG_INFINITY, |j| j.drop())
        };
        match self.order {
            GateOrder::Time => {}
            GateOrder::Drift => self.shown.sort_by(|a, b| drift(b).total_cmp(&drift(a))),
            GateOrder::Drop => self.shown.sort_by(|a, b| drop(b).total_cmp(&drop(a))),
        }
    }

    const MOST: usize = 5_000;

    /// Adds a decision; the oldest ones go. A cursor on the last one stays there.
    pub fn push(&mut self, id: CandidateId) {
        let at_end = self.scroll.cursor + 1 >= self.decisions.len();
        if self.decisions.len() == Self::MOST {
            self.decisions.pop_front();
            self.scroll.cursor = self.scroll.cursor.saturating_sub(1);
            self.scroll.offset = self.scroll.offset.saturating_sub(1);
        }
        self.decisions.push_back(id);
        self.unordered = true;
        if at_end {
            self.scroll.cursor = self.decisions.len() - 1;
        }
        self.stale = true;
    }
}
