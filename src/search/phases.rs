//! The phases of a greedy search: one step of each.

use super::engine::{Ask, Engine, Next};
use super::level::OpenLevel;
use super::{BaseReason, Candidate, CandidateId, CloseReason, Event, GateDecision, StopReason};
use crate::evaluate::Verdict;

/// What to do when the base is confirmed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum After {
    /// The base should be the smallest width everywhere: then the search is done, else the first level opens.
    Lowest,
    /// Open the level at this position, or finish behind the last.
    Level(usize),
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
    /// Confirming the base on the whole search split, walking back where it fails.
    Confirm(After),
    /// Testing the result.
    Test(StopReason),
    /// Done.
    Finished,
}

impl Engine {
    pub(super) fn step(&mut self) -> Next {
        if self.tree.base.is_some()
            && !self.is_finished()
            && let Some(candidate) = self.by_hand.front().copied()
        {
            return self.step_by_hand(candidate);
        }
        match self.phase.clone() {
            Phase::Baseline => self.step_baseline(),
            Phase::Start(candidate) => self.step_start(candidate),
            Phase::Lowest(candidate) => self.step_lowest(candidate),
            Phase::Level(open) => self.step_level(open),
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
        if judgement.is_some_and(|j| j.verdict == Verdict::Met) {
            self.emit(Event::BaseChanged {
                candidate: start,
                reason: BaseReason::Start,
            });
            self.update_incumbent();
            self.open_lowest();
        } else {
            self.open_start();
        }
        Next::Again
    }

    pub(super) fn step_lowest(&mut self, lowest: CandidateId) -> Next {
        let Some(candidate) = self.tree.get(lowest).cloned() else {
            return Next::Wait;
        };
        if candidate.allocation != self.lowest() {
            self.open_lowest();
            return Next::Again;
        }
        if candidate.pruned {
            self.open_level(0);
            return Next::Again;
        }
        let Some(drift) = candidate.drift else {
            return Next::Ask(Ask::Drift(lowest));
        };
        let Some(gate) = candidate.gate else {
            self.decide(&candidate, drift);
            return Next::Again;
        };
        match candidate.judgement() {
            None if gate.decision == GateDecision::HeldBack => self.open_level(0),
            None => return Next::Ask(Ask::Screen(lowest)),
            Some(judgement) if judgement.verdict == Verdict::Met => {
                if self.tree.base != Some(lowest) {
                    self.emit(Event::BaseChanged {
                        candidate: lowest,
                        reason: BaseReason::Accepted,
                    });
                }
                self.phase = Phase::Confirm(After::Lowest);
            }
            Some(_) => self.open_level(0),
        }
        Next::Again
    }

    pub(super) fn step_level(&mut self, mut open: OpenLevel) -> Next {
        let Some(base) = self.tree.base else {
            return Next::Wait;
        };
        if open.opening {
            return self.step_opening(open, base);
        }
        if let Some(top) = self.resumed.pop_front() {
            self.take_up(top, &mut open);
            return Next::Again;
        }
        if let Some(candidate) = self.extras.front().copied() {
            return self.step_extra(candidate);
        }
        let ranking = open.ranking(base, &self.allowed, &self.tree, &self.settings);
        let Some(head) = ranking.first() else {
            self.emit(Event::LevelClosed { level: open.level });
            self.phase = Phase::Confirm(After::Level(open.index + 1));
            return Next::Again;
        };
        let Some(fresh) = head.fresh else {
            if let Some(reason) = self.hopeless(&head.step.allocation) {
                self.close_group(&mut open, head.group, head.step.bits, reason);
                self.phase = Phase::Level(open);
                return Next::Again;
            }
            let candidate = self.child(base, &open.groups[head.group].group.clone(), &head.step);
            open.groups[head.group].candidate = Some(candidate);
            self.phase = Phase::Level(open);
            let measured = self.tree.get(candidate).is_some_and(|c| c.drift.is_some());
            return if measured {
                Next::Again
            } else {
                Next::Ask(Ask::Drift(candidate))
            };
        };
        let Some(candidate) = self.tree.get(fresh).cloned() else {
            return Next::Wait;
        };
        if candidate.pruned {
            self.close_group(&mut open, head.group, head.step.bits, CloseReason::Pruned);
            self.phase = Phase::Level(open);
            return Next::Again;
        }
        let Some(gate) = candidate.gate else {
            self.decide(&candidate, candidate.drift.unwrap_or(0.0));
            return Next::Again;
        };
        match candidate.screening {
            None if gate.decision == GateDecision::HeldBack => {
                self.close_group(&mut open, head.group, head.step.bits, CloseReason::HeldBack);
                self.phase = Phase::Level(open);
            }
            None => return Next::Ask(Ask::Screen(fresh)),
            Some(judgement) if judgement.verdict == Verdict::Met => {
                open.groups[head.group].candidate = None;
                self.emit(Event::BaseChanged {
                    candidate: fresh,
                    reason: BaseReason::Accepted,
                });
                self.open_round(&open);
                self.phase = Phase::Level(open);
            }
            Some(_) => {
                self.close_group(&mut open, head.group, head.step.bits, CloseReason::Failed);
                self.phase = Phase::Level(open);
            }
        }
        Next::Again
    }

    /// Proposes and measures the first step of every group of a newly opened level.
    pub(super) fn step_opening(&mut self, mut open: OpenLevel, base: CandidateId) -> Next {
        let Some(base_allocation) = self.tree.get(base).map(|b| b.allocation.clone()) else {
            return Next::Wait;
        };
        for i in 0..open.groups.len() {
            let group = &open.groups[i];
            if group.candidate.is_some() {
                continue;
            }
            let Some(step) = group.next(&base_allocation, &self.allowed, &self.settings) else {
                continue;
            };
            if let Some(reason) = self.hopeless(&step.allocation) {
                self.close_group(&mut open, i, step.bits, reason);
                continue;
            }
            let group = group.group.clone();
            open.groups[i].candidate = Some(self.child(base, &group, &step));
        }
        let unmeasured = |id: &CandidateId| {
            self.tree
                .get(*id)
                .is_some_and(|c| c.drift.is_none() && !c.pruned)
        };
        let first = open
            .groups
            .iter()
            .filter_map(|g| g.candidate)
            .find(unmeasured);
        if let Some(candidate) = first {
            self.phase = Phase::Level(open);
            return Next::Ask(Ask::Drift(candidate));
        }
        open.opening = false;
        self.open_round(&open);
        self.phase = Phase::Level(open);
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
        self.update_incumbent();
        match after {
            After::Lowest if base.allocation == self.lowest() => {
                self.phase = Phase::Test(StopReason::LowestPasses);
            }
            After::Lowest => self.open_level(0),
            After::Level(index) => self.open_level(index),
        }
        Next::Again
    }

    pub(super) fn step_test(&mut self, reason: StopReason) -> Next {
        let Some(incumbent) = self.tree.incumbent.and_then(|i| self.tree.get(i)) else {
            self.finish(if reason == StopReason::Stopped {
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
        let fits = self
            .settings
            .constraint
            .max_memory
            .is_none_or(|most| incumbent.bytes <= most);
        self.finish(if fits { reason } else { StopReason::NothingMet });
        Next::Again
    }

    pub(super) fn finish(&mut self, reason: StopReason) {
        let c = self.counters;
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

    /// Lets the gate of the round decide and records it.
    pub(super) fn decide(&mut self, candidate: &Candidate, drift: f64) {
        let reason = self.frozen.decide(drift, &candidate.allocation);
        match reason.decision {
            GateDecision::HeldBack => self.counters.gated += 1,
            GateDecision::Audited => self.counters.audited += 1,
            GateDecision::Passed | GateDecision::Exempt => {}
        }
        self.emit(Event::Gated {
            candidate: candidate.id,
            reason,
        });
    }
}
