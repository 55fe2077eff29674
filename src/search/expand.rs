//! Expanding the base: candidates, groups, levels and rounds, and what the pins allow.

use std::cmp::Ordering;

use super::engine::Engine;
use super::level::{OpenLevel, OpenState, Step};
use super::{Candidate, CandidateId, CloseReason, Event, Group, Move, Origin};
use crate::quant::{Allocation, BitWidth};

impl Engine {
    pub(super) fn propose(
        &mut self,
        parent: Option<CandidateId>,
        change: Option<Move>,
        origin: Origin,
        allocation: Allocation,
    ) -> CandidateId {
        let candidate = CandidateId(self.tree.candidates.len() as u32);
        let bytes = self.settings.space.bytes(&allocation);
        self.emit(Event::Proposed {
            candidate,
            parent,
            change,
            origin,
            allocation,
            bytes,
        });
        candidate
    }

    /// Why an allocation need not be proposed, if so.
    pub(super) fn hopeless(&self, allocation: &Allocation) -> Option<CloseReason> {
        if self.tree.with(allocation).any(|c| c.pruned) {
            return Some(CloseReason::Pruned);
        }
        let max_drop = self.tree.max_drop();
        let fails = |bar| self.known.fails(allocation, &bar);
        (fails(self.settings.screening(max_drop)) || fails(self.to_confirm(allocation)))
            .then_some(CloseReason::AlreadyFailed)
    }

    /// The candidate that stands for a step: one that exists, whatever it was made from, or a new child of the base.
    pub(super) fn child(&mut self, base: CandidateId, group: &Group, step: &Step) -> CandidateId {
        if let Some(twin) = self.twin(&step.allocation) {
            return twin.id;
        }
        let change = Move {
            group: group.clone(),
            bits: step.bits,
        };
        let allocation = step.allocation.clone();
        self.propose(Some(base), Some(change), Origin::Search, allocation)
    }

    /// Fewest bytes first, then smallest drift, then a content hash.
    pub(super) fn order(&self, a: CandidateId, b: CandidateId) -> Ordering {
        let (Some(a), Some(b)) = (self.tree.get(a), self.tree.get(b)) else {
            return Ordering::Equal;
        };
        let drift = |c: &Candidate| c.drift.unwrap_or(f64::INFINITY);
        let hash = |c: &Candidate| blake3::hash(&c.allocation.bytes());
        let by_content = || hash(a).as_bytes().cmp(hash(b).as_bytes());
        a.bytes
            .cmp(&b.bytes)
            .then(drift(a).total_cmp(&drift(b)))
            .then_with(by_content)
    }

    pub(super) fn close_group(
        &mut self,
        state: &mut OpenState,
        index: usize,
        at: BitWidth,
        reason: CloseReason,
    ) {
        let greedy = state.greedy;
        let group = &mut state.groups[index];
        group.closed = Some((at, reason));
        // Under the other reasons the same widths may do on another base.
        let failed = !matches!(reason, CloseReason::Pruned | CloseReason::CannotBeat);
        if failed && greedy {
            self.closed.insert(group.members.clone(), (at, reason));
        }
        let group = group.group.clone();
        self.emit(Event::GroupClosed {
            base: state.base,
            group,
            at,
            reason,
        });
    }

    pub(super) fn open_round(&mut self, open: &OpenLevel) {
        let Some(base) = self.tree.base else { return };
        let ranking = |s: &OpenState| s.ranking(&self.domains, &self.tree, &self.settings).len();
        let groups = open.states.iter().map(ranking).sum();
        if groups == 0 {
            return;
        }
        self.frozen = self.gate.freeze();
        self.emit(Event::RoundOpened {
            round: self.tree.round + 1,
            level: open.level,
            base,
            open: groups,
        });
    }

    /// True when an allocation keeps to the pins now in force.
    pub(super) fn conforms(&self, allocation: &Allocation) -> bool {
        self.domains.allows(allocation)
    }
    /// An allocation brought within the pins now in force, tied layers to the largest width among them.
    pub(super) fn clamped(&self, allocation: &Allocation) -> Allocation {
        let mut within = self.domains.clamp(allocation);
        self.settings.space.level_ties(&mut within);
        within
    }
    pub(super) fn lowest(&self) -> Allocation {
        self.domains.lowest()
    }
    pub(super) fn lowest_width(&self) -> BitWidth {
        self.settings
            .space
            .menu
            .iter()
            .copied()
            .min()
            .unwrap_or(BitWidth::FLOAT)
    }
}
