//! The phases of a greedy search: one step of each.

use super::allocate::Allocating;
use super::budget::Budgeting;
use super::draw::Drawing;
use super::engine::{Ask, Engine, Next};
use super::enumerate::Enumerating;
use super::judge::{Judged, Trial};
use super::level::OpenLevel;
use super::{BaseReason, Candidate, CandidateId, Event, StopReason};
use crate::evaluate::Verdict;

/// What to do when the base is confirmed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum After {
    /// The base should be the smallest width everywhere: then the search is done, else the first level opens.
    Lowest,
    /// Open the next stage, or finish behind the last.
    Stage,
}

/// Where the search stands.
#[derive(Clone, Debug)]
pub(super) enum Phase {
    /// Asking for the float network's results.
    Baseline,
    /// Judging the allocation the search starts from.
    Start(CandidateId),
    /// Trying the smallest width everywhere.
    Lowest(CandidateId),
    /// A level is open.
    Level(OpenLevel),
    /// Allocating by what single groups' drifts predict.
    Allocate(Allocating),
    /// Trying every allocation in the order of its bytes.
    Enumerate(Enumerating),
    /// Drawing allocations at random.
    Draw(Drawing),
    /// Looking for the highest accuracy within a memory budget.
    Budget(Budgeting),
    /// Confirming the base on the whole search split, walking back where it fails.
    Confirm(After),
    /// Testing the result.
    Test(StopReason),
    /// Done.
    Finished,
}

impl Engine {
    pub(super) fn step(&mut self) -> Next {
        // Until there is a base, only what was asked for of a search that makes its candidates from none.
        let started = self.tree.base.is_some()
            || matches!(
                self.phase,
                Phase::Enumerate(_) | Phase::Draw(_) | Phase::Test(_)
            );
        if started
            && !self.is_finished()
            && !self.is_ending()
            && let Some(candidate) = self.by_hand.front().copied()
        {
            return self.step_by_hand(candidate);
        }
        match self.phase.clone() {
            Phase::Baseline => self.step_baseline(),
            Phase::Start(candidate) => self.step_start(candidate),
            Phase::Lowest(candidate) => self.step_lowest(candidate),
            Phase::Level(open) => self.step_level(open),
            Phase::Allocate(stage) => self.step_allocate(stage),
            Phase::Enumerate(stage) => self.step_enumerate(stage),
            Phase::Draw(stage) => self.step_draw(stage),
            Phase::Budget(stage) => self.step_budget(stage),
            Phase::Confirm(after) => self.step_confirm(after),
            Phase::Test(reason) => self.step_test(reason),
            Phase::Finished => Next::Wait,
        }
    }

    pub(super) fn step_baseline(&mut self) -> Next {
        if self.tree.float.is_empty() {
            return Next::Ask(Ask::Baseline);
        }
        self.open_start();
        Next::Again
    }

    pub(super) fn step_start(&mut self, start: CandidateId) -> Next {
        let Some(candidate) = self.tree.get(start) else {
            return Next::Wait;
        };
        let judgement = match candidate.confirmation {
            _ if candidate.pruned => None,
            Some(judgement) => Some(judgement),
            None if candidate.drift.is_none() => return Next::Ask(Ask::Drift(start)),
            None => return Next::Ask(Ask::Confirm(start)),
        };
        if judgement.is_some() && self.nothing_fits() && candidate.allocation == self.lowest() {
            self.phase = Phase::Test(StopReason::Complete);
        } else if judgement.is_some_and(|j| j.verdict == Verdict::Met) {
            self.emit(Event::BaseChanged {
                candidate: start,
                reason: BaseReason::Start,
            });
            self.open_lowest();
        } else {
            self.open_start();
        }
        Next::Again
    }

    pub(super) fn step_lowest(&mut self, lowest: CandidateId) -> Next {
        let Some(candidate) = self.tree.get(lowest) else {
            return Next::Wait;
        };
        if candidate.allocation != self.lowest() {
            self.open_lowest();
            return Next::Again;
        }
        if candidate.pruned {
            self.open_stage(0);
            return Next::Again;
        }
        match self.judging(lowest, Trial::Screened) {
            Judged::Open(next) => return next,
            Judged::HeldBack | Judged::Failed => self.open_stage(0),
            Judged::Passed => {
                self.take(lowest);
                self.phase = Phase::Confirm(After::Lowest);
            }
        }
        Next::Again
    }

    pub(super) fn step_confirm(&mut self, after: After) -> Next {
        let Some(base) = self.tree.base.and_then(|b| self.tree.get(b)).cloned() else {
            return Next::Wait;
        };
        let Some(judgement) = base.confirmation else {
            return Next::Ask(Ask::Confirm(base.id));
        };
        if judgement.verdict == Verdict::NotMet {
            return Next::Again;
        }
        match after {
            After::Lowest if base.allocation == self.lowest() => {
                self.phase = Phase::Test(StopReason::LowestPasses);
            }
            After::Lowest => self.open_stage(0),
            After::Stage => self.open_stage(self.stage + 1),
        }
        Next::Again
    }

    pub(super) fn step_test(&mut self, reason: StopReason) -> Next {
        let Some(incumbent) = self.tree.incumbent.and_then(|i| self.tree.get(i)) else {
            self.finish(if reason.is_early() {
                reason
            } else {
                StopReason::NothingMet
            });
            return Next::Again;
        };
        if self.settings.test_images > 0 {
            if self.tree.tested_float.is_none() {
                return Next::Ask(Ask::TestFloat);
            }
            if incumbent.tested.is_none() {
                return Next::Ask(Ask::Test(incumbent.id));
            }
        }
        self.finish(reason);
        Next::Again
    }

    pub(super) fn finish(&mut self, reason: StopReason) {
        let c = self.counters();
        self.phase = Phase::Finished;
        self.emit(Event::Finished {
            reason,
            incumbent: self.tree.incumbent,
            evaluations: c.evaluations,
            cached: c.cached,
            drift_evaluations: c.drift_evaluations,
            gated: c.gated,
            audited: c.audited,
            plain_images: c.plain_images,
        });
    }

    /// Lets the gate of the round decide and records it; of what a person asked for it only records what it knows.
    pub(super) fn decide(&mut self, candidate: &Candidate, drift: f64, trial: Trial) {
        let reason = match trial {
            Trial::Exempt => self.frozen.exempt(drift, &candidate.allocation),
            Trial::Screened | Trial::Whole => self.frozen.decide(drift, &candidate.allocation),
        };
        self.emit(Event::Gated {
            candidate: candidate.id,
            reason,
        });
    }
}
