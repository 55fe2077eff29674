//! The objective: what counts as better, which candidate is the base and which the incumbent, and
//! what a candidate must meet. The only place that tells the objectives apart, beside the plans.
//!
//! *Smallest memory*: the incumbent is the smallest confirmed allocation. A candidate is screened
//! before it is confirmed, and the gate has its say.
//!
//! *Highest accuracy* within a memory budget (ours): what counts is the *loss* of an allocation
//! that fits: correct images against float over the whole search split. The incumbent is the one
//! of least loss, of equal ones the smallest; a candidate is evaluated exactly as long as it can
//! still beat it. So there is no fixed limit for a gate to learn: drift orders what is tried,
//! nothing is rejected by the gate. First the widest uniform widths that fit are confirmed, so
//! that there is a result from the beginning.

use super::engine::Engine;
use super::measurements::AcceptanceCriterion;
use super::phase::Phase;
use super::step::{Ask, Judged, Step};
use super::{Candidate, CandidateId, Event, State};
use crate::evaluate::Verdict;
use crate::profile::Objective;
use crate::quant::Allocation;

impl Engine {
    /// What the constraint in force looks for.
    pub(super) fn objective(&self) -> Objective {
        self.tree.constraint.objective()
    }

    /// True where the search looks for the highest accuracy within a memory budget.
    pub(super) fn seeks_accuracy(&self) -> bool {
        self.objective() == Objective::HighestAccuracy
    }

    /// What an allocation must meet on the whole search split: the constraint, and to beat the
    /// incumbent where the highest accuracy is looked for.
    pub(super) fn confirmation(&self, allocation: &Allocation) -> AcceptanceCriterion {
        let criterion = self.settings.confirmation(self.tree.max_drop());
        let bytes = self.settings.space.bytes(allocation);
        let to_beat = self.tree.to_beat(bytes).unwrap_or(criterion.allowed_loss);
        AcceptanceCriterion {
            allowed_loss: criterion.allowed_loss.min(to_beat),
            ..criterion
        }
    }

    /// Judging for the highest accuracy: on all images at once, because it may be the best.
    pub(super) fn judging_accuracy(&self, candidate: &Candidate) -> Judged {
        let id = candidate.id;
        match candidate.confirmation.map(|j| j.verdict) {
            _ if candidate.drift.is_none() => Judged::Open(Step::Ask(Ask::Drift(id))),
            None => Judged::Open(Step::Ask(Ask::Confirm(id))),
            Some(Verdict::Met) => Judged::Passed,
            Some(Verdict::NotMet) => Judged::Failed,
        }
    }

    /// Makes the best confirmed allocation within the pins and the memory limit the incumbent.
    /// Where a worse one takes its place, what failed to beat the old one is judged again: the best
    /// may then be among that.
    pub(super) fn update_incumbent(&mut self) {
        loop {
            let candidate = self.best_confirmed();
            if candidate == self.tree.incumbent {
                return;
            }
            self.emit(Event::IncumbentChanged { candidate });
        }
    }

    fn best_confirmed(&self) -> Option<CandidateId> {
        let tree = &self.tree;
        let confirmed = tree.active().filter(|c| {
            let within = self.domains.allows(&c.allocation) && tree.constraint.fits(c.bytes);
            within && c.state() == State::Confirmed
        });
        let order = |c: &&Candidate| {
            let loss = self.seeks_accuracy().then(|| tree.loss(c)).flatten();
            (loss, c.bytes, tree.incumbent != Some(c.id), c.turn)
        };
        confirmed.min_by_key(order).map(|c| c.id)
    }

    /// For the highest accuracy the base is what may be expanded and has the least loss; a start
    /// is judged where nothing is.
    pub(super) fn settle_on_most_accurate(&mut self) {
        let at_work = match self.phase {
            Phase::Plan => true,
            Phase::Test(reason) => !reason.is_early(),
            _ => false,
        };
        if !at_work {
            return;
        }
        let tree = &self.tree;
        let met = |c: &&Candidate| {
            let met = c.confirmation.is_some_and(|j| j.verdict == Verdict::Met);
            met && self.eligible(c) && tree.constraint.fits(c.bytes)
        };
        let best = tree.active().filter(met);
        let best = best.min_by_key(|c| (tree.loss(c), c.bytes, c.turn));
        match best.map(|c| c.id) {
            Some(best) => self.take(best),
            None => self.open_start(),
        }
    }

    /// True where the memory is all that counts and even the smallest widths that the pins allow
    /// take more. (With a largest drop beside it the search goes on: the closest infeasible
    /// candidate is then the smallest that keeps the accuracy.)
    pub(super) fn nothing_fits(&self) -> bool {
        let least = self.settings.space.bytes(&self.domains.lowest());
        self.seeks_accuracy() && !self.tree.constraint.fits(least)
    }

    /// True for what the search may start from: within the memory where that is all that counts.
    pub(super) fn may_start(&self, allocation: &Allocation) -> bool {
        let bytes = self.settings.space.bytes(allocation);
        !self.seeks_accuracy() || self.tree.constraint.fits(bytes)
    }

    /// True where a candidate that was asked for by hand takes the base's place; for the highest
    /// accuracy the base follows from the losses.
    pub(super) fn replaces_base(&self, candidate: CandidateId) -> bool {
        let Some(candidate) = self.tree.get(candidate) else {
            return false;
        };
        let smaller = |base: &Candidate| candidate.bytes < base.bytes;
        let wanted = !self.seeks_accuracy() && self.eligible_base().is_none_or(smaller);
        wanted && self.eligible(candidate)
    }
}
