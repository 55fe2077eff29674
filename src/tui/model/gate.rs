//! The gate's decisions and how well they hold.

use std::collections::VecDeque;

use super::scroll::Scroll;
use crate::search::{CandidateId, GateEvidence};

/// The gate as shown.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct GatePane {
    /// The candidates decided on, oldest first; the numbers are in the tree.
    pub decisions: VecDeque<CandidateId>,
    /// Cursor and window.
    pub scroll: Scroll,
    /// How well the decisions hold.
    pub evidence: GateEvidence,
    /// True when the numbers have to be counted anew.
    pub stale: bool,
}

impl GatePane {
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
        if at_end {
            self.scroll.cursor = self.decisions.len() - 1;
        }
        self.stale = true;
    }
}
