//! What a strategy sees of a search, and all that it may do.

use std::cmp::Ordering;

use crate::profile::Objective;
use crate::quant::{Allocation, BitWidth, Domains};
use crate::search::engine::Engine;
use crate::search::step::{Judged, Trial};
use crate::search::{
    Candidate, CandidateId, CloseReason, Event, Move, Origin, Settings, Space, Tree,
};

/// The view of a search that a strategy gets: it proposes, judges and takes through it.
pub struct Context<'a>(pub(in crate::search) &'a mut Engine);

impl Context<'_> {
    /// The tree: all candidates and what is known of them.
    pub fn tree(&self) -> &Tree {
        &self.0.tree
    }
    /// Everything that the search depends on.
    pub fn settings(&self) -> &Settings {
        &self.0.settings
    }
    /// The search space.
    pub fn space(&self) -> &Space {
        &self.0.settings.space
    }
    /// The bit-widths that each layer may have under the pins in force.
    pub fn domains(&self) -> &Domains {
        &self.0.domains
    }
    /// What the search looks for.
    pub fn objective(&self) -> Objective {
        self.0.objective()
    }
    /// The base, where it may be expanded.
    pub fn base(&self) -> Option<&Candidate> {
        self.0.eligible_base()
    }
    /// The incumbent: the best confirmed allocation.
    pub fn incumbent(&self) -> Option<&Candidate> {
        self.0.tree.incumbent.and_then(|i| self.0.tree.get(i))
    }
    /// True for what may be the base: it passed, was not refuted or pruned and satisfies the pins.
    pub fn eligible(&self, candidate: &Candidate) -> bool {
        self.0.eligible(candidate)
    }
    /// True where an allocation satisfies the pins in force.
    pub fn satisfies_pins(&self, allocation: &Allocation) -> bool {
        self.0.domains.allows(allocation)
    }
    /// Why an allocation need not be tried, if so: it was pruned, or is known to fail.
    pub fn closed(&self, allocation: &Allocation) -> Option<CloseReason> {
        self.0.closed_by(allocation)
    }
    /// The candidate with an allocation: one that is not pruned before one that is.
    pub fn duplicate(&self, allocation: &Allocation) -> Option<&Candidate> {
        self.0.duplicate(allocation)
    }

    /// The candidate with an allocation: one that exists, or a new one in a round of its own, made
    /// from the base (else from the start).
    pub fn propose(&mut self, allocation: Allocation) -> CandidateId {
        if let Some(duplicate) = self.duplicate(&allocation) {
            return duplicate.id;
        }
        self.freeze_gate();
        self.propose_as(Origin::Search, None, allocation)
    }

    /// One step of judging a candidate: drift, gate, screening, confirmation, as far as the trial
    /// goes. Where the highest accuracy is looked for, always on the whole search split.
    pub fn judge(&mut self, candidate: CandidateId, trial: Trial) -> Judged {
        self.0.judging(candidate, trial)
    }

    /// Makes a candidate the base.
    pub fn take(&mut self, candidate: CandidateId) {
        self.0.take(candidate);
    }

    /// Makes a candidate the base where it is smaller than the one that is there.
    pub fn take_smaller(&mut self, candidate: CandidateId) {
        let bytes = |id: CandidateId| self.0.tree.get(id).map(|c| c.bytes);
        let base = self.0.tree.base.and_then(bytes);
        if base.is_none_or(|b| bytes(candidate) < Some(b)) {
            self.accept(candidate);
        }
    }
}

/// What the strategies of this crate do beside that.
impl Context<'_> {
    pub(super) fn accept(&mut self, candidate: CandidateId) {
        self.0.accept(candidate);
    }
    pub(super) fn emit(&mut self, event: Event) {
        self.0.emit(event);
    }
    /// The gate knows what it learned so far: a round begins.
    pub(super) fn freeze_gate(&mut self) {
        self.0.gate.open_round();
    }
    /// A new candidate that is made from the base, else from the start.
    pub(super) fn propose_as(
        &mut self,
        origin: Origin,
        change: Option<Move>,
        allocation: Allocation,
    ) -> CandidateId {
        let parent = self.0.tree.base.unwrap_or(CandidateId(0));
        self.0.propose(Some(parent), change, origin, allocation)
    }
    pub(super) fn propose_from(
        &mut self,
        parent: Option<CandidateId>,
        change: Option<Move>,
        origin: Origin,
        allocation: Allocation,
    ) -> CandidateId {
        self.0.propose(parent, change, origin, allocation)
    }
    /// Fewest bytes first, then smallest drift, then a content hash.
    pub(super) fn order(&self, a: CandidateId, b: CandidateId) -> Ordering {
        self.0.order(a, b)
    }
    pub(super) fn clamped(&self, allocation: &Allocation) -> Allocation {
        self.0.clamped(allocation)
    }
    /// True for what the memory limit has room for.
    pub(super) fn fits(&self, allocation: &Allocation) -> bool {
        self.tree().constraint.fits(self.space().bytes(allocation))
    }
    /// Where a set of layers was closed by failure at an earlier level.
    pub(super) fn closed_at(&self, layers: &[usize]) -> Option<(BitWidth, CloseReason)> {
        self.0.closed.get(layers).copied()
    }
    pub(super) fn close(&mut self, layers: Vec<usize>, at: BitWidth, reason: CloseReason) {
        self.0.closed.insert(layers, (at, reason));
    }
    /// What the last strategy expanded beside its base.
    pub(super) fn take_expanded(&mut self) -> Vec<CandidateId> {
        std::mem::take(&mut self.0.expanded)
    }
    pub(super) fn leave_expanded(&mut self, candidates: Vec<CandidateId>) {
        self.0.expanded = candidates;
    }
    /// Tops of resumed branches that wait.
    pub(super) fn take_resumed(&mut self) -> Vec<CandidateId> {
        self.0.resumed.take_branches()
    }
}
