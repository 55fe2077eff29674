//! Candidates: proposing one, finding the one with an allocation, ordering them, and why one need
//! not be tried.

use std::cmp::Ordering;

use super::engine::Engine;
use super::measurements::judged;
use super::{BaseReason, Candidate, CandidateId, CloseReason, Event, Move, Origin, State};
use crate::evaluate::Verdict;
use crate::quant::Allocation;

impl Engine {
    pub(super) fn propose(
        &mut self,
        parent: Option<CandidateId>,
        change: Option<Move>,
        origin: Origin,
        allocation: Allocation,
    ) -> CandidateId {
        let candidate = self.tree.number(&allocation);
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

    /// The candidate with an allocation: one that is not pruned before one that is.
    pub(super) fn duplicate(&self, allocation: &Allocation) -> Option<&Candidate> {
        let duplicates = self.tree.with(allocation);
        duplicates.min_by_key(|c| (c.pruned, c.turn))
    }

    /// Why an allocation need not be proposed, if so.
    pub(super) fn closed_by(&self, allocation: &Allocation) -> Option<CloseReason> {
        if self.tree.with(allocation).any(|c| c.pruned) {
            return Some(CloseReason::Pruned);
        }
        // Of what an undo took out nothing is known here, as if it had never been asked.
        let known = self.tree.with(allocation).map(|c| &c.bits);
        let known = known.max_by_key(|bits| bits.len());
        let fails = |criterion| {
            let judged = known.map(|bits| judged(bits, &self.tree.float, &criterion));
            matches!(judged, Some(Ok(judgement)) if judgement.verdict == Verdict::NotMet)
        };
        let screening = self.settings.screening(self.tree.max_drop());
        (fails(screening) || fails(self.confirmation(allocation)))
            .then_some(CloseReason::AlreadyFailed)
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

    /// An allocation brought within the pins in force, tied layers to the largest width among them.
    pub(super) fn clamped(&self, allocation: &Allocation) -> Allocation {
        let mut within = self.domains.clamp(allocation);
        self.settings.space.level_ties(&mut within);
        within
    }

    /// True for what may be the base: it passed, was not refuted or pruned, and satisfies the pins
    /// in force.
    pub(super) fn eligible(&self, candidate: &Candidate) -> bool {
        let passed = matches!(candidate.state(), State::Passed | State::Confirmed);
        passed && !candidate.pruned && self.domains.allows(&candidate.allocation)
    }

    /// The base, where it may be expanded.
    pub(super) fn eligible_base(&self) -> Option<&Candidate> {
        let base = self.tree.expanded()?;
        self.eligible(base).then_some(base)
    }

    /// Makes a candidate the base.
    pub(super) fn take(&mut self, candidate: CandidateId) {
        if self.tree.base != Some(candidate) {
            self.accept(candidate);
        }
    }

    /// Makes a candidate the base, or says that the base was accepted anew.
    pub(super) fn accept(&mut self, candidate: CandidateId) {
        let reason = BaseReason::Accepted;
        self.emit(Event::BaseChanged { candidate, reason });
    }
}
