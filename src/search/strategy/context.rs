//! What a strategy sees of a search, and all that it may do.

use crate::profile::Objective;
use crate::quant::{Allocation, Domains};
use crate::search::engine::Engine;
use crate::search::step::{Ask, Judged, Trial};
use crate::search::{Candidate, CandidateId, CloseReason, Move, Origin, Settings, Space, Tree};

/// The view of a search that a strategy gets: it proposes, judges and takes through it.
pub struct Context<'a> {
    /// For the strategies of this crate, which do more than others can.
    pub(in crate::search) engine: &'a mut Engine,
}

impl Context<'_> {
    /// The tree: all candidates and what is known of them.
    pub fn tree(&self) -> &Tree {
        &self.engine.tree
    }
    /// Everything that the search depends on.
    pub fn settings(&self) -> &Settings {
        &self.engine.settings
    }
    /// The search space.
    pub fn space(&self) -> &Space {
        &self.engine.settings.space
    }
    /// The bit-widths that each layer may have under the pins in force.
    pub fn domains(&self) -> &Domains {
        &self.engine.domains
    }
    /// What the search looks for.
    pub fn objective(&self) -> Objective {
        self.engine.objective()
    }
    /// The base, where it may be expanded.
    pub fn base(&self) -> Option<&Candidate> {
        self.engine.eligible_base()
    }
    /// The incumbent: the best confirmed allocation.
    pub fn incumbent(&self) -> Option<&Candidate> {
        self.tree().best()
    }
    /// True for what may be the base: it passed, was not refuted or pruned and satisfies the pins.
    pub fn eligible(&self, candidate: &Candidate) -> bool {
        self.engine.eligible(candidate)
    }
    /// True where an allocation satisfies the pins in force.
    pub fn satisfies_pins(&self, allocation: &Allocation) -> bool {
        self.engine.domains.allows(allocation)
    }
    /// Why an allocation need not be tried, if so: it was pruned, or is known to fail.
    pub fn closed(&self, allocation: &Allocation) -> Option<CloseReason> {
        self.engine.closed_by(allocation)
    }
    /// The candidate with an allocation: one that is not pruned before one that is.
    pub fn duplicate(&self, allocation: &Allocation) -> Option<&Candidate> {
        self.engine.duplicate(allocation)
    }

    /// The candidate with an allocation: one that exists, or a new one in a round of its own, made
    /// from the base (else from the start).
    pub fn propose(&mut self, allocation: Allocation) -> CandidateId {
        if let Some(duplicate) = self.duplicate(&allocation) {
            return duplicate.id;
        }
        self.engine.open_round();
        self.propose_as(Origin::Search, None, allocation)
    }

    /// One step of judging a candidate: drift, gate, screening, confirmation, as far as the trial
    /// goes. Where the highest accuracy is looked for, always on the whole search split.
    pub fn judge(&mut self, candidate: CandidateId, trial: Trial) -> Judged {
        self.engine.judging(candidate, trial)
    }

    /// Makes a candidate the base.
    pub fn take(&mut self, candidate: CandidateId) {
        self.engine.take(candidate);
    }

    /// Makes a candidate the base where it is smaller than the one that is there.
    pub fn take_smaller(&mut self, candidate: CandidateId) {
        let tree = self.tree();
        let bytes = tree.get(candidate).map(|c| c.bytes);
        if tree.expanded().is_none_or(|base| bytes < Some(base.bytes)) {
            self.engine.accept(candidate);
        }
    }
}

/// What the strategies of this crate do beside that.
impl Context<'_> {
    /// A new candidate that is made from the base, else from the start.
    pub(super) fn propose_as(
        &mut self,
        origin: Origin,
        change: Option<Move>,
        allocation: Allocation,
    ) -> CandidateId {
        let tree = self.tree();
        let parent = tree.base.or(tree.active.first().copied());
        self.engine.propose(parent, change, origin, allocation)
    }
    /// The allocation that the search started from: the first of those that led to the base which
    /// may still be expanded.
    pub(super) fn start(&self) -> Option<CandidateId> {
        let tree = self.tree();
        let mut first = tree.accepted.iter().copied().chain(tree.base);
        first.find(|id| tree.get(*id).is_some_and(|c| self.eligible(c)))
    }
    /// The candidate with a group lowered alone: one that exists, or a new one.
    pub(super) fn probe(
        &mut self,
        around: CandidateId,
        change: Move,
        allocation: Allocation,
    ) -> CandidateId {
        let duplicate = self.duplicate(&allocation).map(|c| c.id);
        duplicate.unwrap_or_else(|| {
            let change = Some(change);
            self.engine
                .propose(Some(around), change, Origin::Probe, allocation)
        })
    }
    /// The question about the first candidate whose drift is not known yet.
    pub(super) fn unmeasured(
        &self,
        candidates: impl IntoIterator<Item = CandidateId>,
    ) -> Option<Ask> {
        let unmeasured = |id: &CandidateId| {
            let candidate = self.tree().get(*id);
            candidate.is_some_and(|c| c.drift.is_none() && !c.pruned)
        };
        candidates.into_iter().find(unmeasured).map(Ask::Drift)
    }
    /// True for what the memory limit has room for.
    pub(super) fn fits(&self, allocation: &Allocation) -> bool {
        self.tree().constraint.fits(self.space().bytes(allocation))
    }
}
