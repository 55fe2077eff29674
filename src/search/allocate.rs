//! Allocate: the exact optimum of what single groups' drifts predict, brought to the truth by bisection and trades.
//!
//! Every group of the finest level is lowered alone and its drift measured; a dynamic programme gives all allocations
//! that no other beats in bytes and predicted cost. Along that front the smallest that passes is found by bisection.
//! Then groups are traded: one goes up a step, another down, as long as the memory shrinks. A trade must hold on the
//! whole search split at once: among so many, some would pass the screening by luck.

use std::collections::VecDeque;

use super::engine::{Ask, Engine, Next};
use super::phases::{After, Phase};
use super::probes::Probes;
use super::{BaseReason, Candidate, CandidateId, Event, GateDecision, Origin, State};
use crate::evaluate::Verdict;
use crate::quant::Allocation;

/// Trades that fail one after the other before no more are tried, as a multiple of the number of groups.
const PATIENCE: usize = 2;

/// Where the stage stands.
#[derive(Clone, Debug)]
pub(super) struct Allocating {
    probes: Probes,
    work: Work,
}

#[derive(Clone, Debug)]
enum Work {
    /// Measuring the probes.
    Probing,
    /// Bisecting the front: everything up to `low` is larger than what passes, everything from `high` on fails.
    Bisecting {
        front: Vec<(u64, Allocation)>,
        low: usize,
        high: usize,
    },
    /// Trying trades on a base.
    Trading {
        base: CandidateId,
        queue: VecDeque<Allocation>,
        failed: usize,
    },
}

/// What became of a proposal.
enum Tried {
    Open(Next),
    Passed(CandidateId),
    Failed,
}

impl Allocating {
    pub(super) fn probes(&self) -> &Probes {
        &self.probes
    }
}

impl Engine {
    pub(super) fn open_allocate(&mut self) {
        match self.probe() {
            Some(probes) => {
                let work = Work::Probing;
                self.phase = Phase::Allocate(Allocating { probes, work });
            }
            None => self.phase = Phase::Confirm(After::Stage),
        }
    }

    pub(super) fn step_allocate(&mut self, mut stage: Allocating) -> Next {
        if matches!(stage.work, Work::Probing)
            && let Some(ask) = self.unprobed(&stage.probes).first()
        {
            return Next::Ask(*ask);
        }
        if let Some(next) = self.step_resumed() {
            return next;
        }
        let next = match &mut stage.work {
            Work::Probing => {
                let bytes = self
                    .tree
                    .base
                    .and_then(|b| self.tree.get(b))
                    .map_or(0, |b| b.bytes);
                let mut front = stage.probes.front(self);
                front.retain(|(of, a)| *of < bytes && self.conforms(a));
                let refuted = |(_, a): &(u64, Allocation)| {
                    self.twin(a).is_some_and(|c| c.state() == State::Refuted)
                };
                stage.work = Work::Bisecting {
                    high: front.iter().position(refuted).unwrap_or(front.len()),
                    front,
                    low: 0,
                };
                Next::Again
            }
            Work::Bisecting { front, low, high } => {
                let middle = (*low + *high) / 2;
                match front
                    .get(middle)
                    .filter(|_| low < high)
                    .map(|f| f.1.clone())
                {
                    None => {
                        stage.work = self.trading(&stage.probes);
                        Next::Again
                    }
                    Some(allocation) => match self.try_out(allocation, false) {
                        Tried::Open(next) => next,
                        Tried::Passed(candidate) => {
                            *low = middle + 1;
                            self.accept(candidate);
                            Next::Again
                        }
                        Tried::Failed => {
                            *high = middle;
                            Next::Again
                        }
                    },
                }
            }
            Work::Trading {
                base,
                queue,
                failed,
            } => {
                let judged = self.tree.get(*base).and_then(|b| b.confirmation);
                if self.tree.base == Some(*base) && judged.is_none() {
                    return Next::Ask(Ask::Confirm(*base));
                }
                let patience = PATIENCE * self.settings.space.layers.len();
                match queue.front().filter(|_| *failed < patience).cloned() {
                    None => {
                        self.phase = Phase::Confirm(After::Stage);
                        return Next::Again;
                    }
                    Some(_) if self.tree.base != Some(*base) => {
                        stage.work = self.trading(&stage.probes);
                        Next::Again
                    }
                    Some(allocation) => match self.try_out(allocation, true) {
                        Tried::Open(next) => next,
                        Tried::Passed(candidate) => {
                            self.accept(candidate);
                            stage.work = self.trading(&stage.probes);
                            Next::Again
                        }
                        Tried::Failed => {
                            queue.pop_front();
                            *failed += 1;
                            Next::Again
                        }
                    },
                }
            }
        };
        self.phase = Phase::Allocate(stage);
        next
    }

    fn trading(&self, probes: &Probes) -> Work {
        let base = self.tree.base.and_then(|b| self.tree.get(b));
        let queue = base.map(|b| probes.trades(self, &b.allocation));
        let mut queue = queue.unwrap_or_default();
        queue.retain(|a| self.conforms(a) && self.hopeless(a).is_none());
        Work::Trading {
            base: base.map_or(CandidateId(0), |b| b.id),
            queue: queue.into(),
            failed: 0,
        }
    }

    /// Makes, measures, gates and screens an allocation, in a round of its own; on the `whole` split if that is wanted.
    fn try_out(&mut self, allocation: Allocation, whole: bool) -> Tried {
        if self.hopeless(&allocation).is_some() {
            return Tried::Failed;
        }
        let twin: Option<Candidate> = self.twin(&allocation).cloned();
        let Some(candidate) = twin else {
            let parent = self.tree.base;
            self.propose(parent, None, Origin::Allocated, allocation);
            self.frozen = self.gate.freeze();
            return Tried::Open(Next::Again);
        };
        let Some(drift) = candidate.drift else {
            return Tried::Open(Next::Ask(Ask::Drift(candidate.id)));
        };
        match (candidate.gate, candidate.judgement()) {
            (_, Some(judgement)) if judgement.verdict == Verdict::Met => {
                if whole && candidate.confirmation.is_none() {
                    return Tried::Open(Next::Ask(Ask::Confirm(candidate.id)));
                }
                Tried::Passed(candidate.id)
            }
            (_, Some(_)) => Tried::Failed,
            (None, None) => {
                self.decide(&candidate, drift);
                Tried::Open(Next::Again)
            }
            (Some(gate), None) if gate.decision == GateDecision::HeldBack => Tried::Failed,
            (Some(_), None) => Tried::Open(Next::Ask(Ask::Screen(candidate.id))),
        }
    }

    fn accept(&mut self, candidate: CandidateId) {
        let bytes = |id: CandidateId| self.tree.get(id).map(|c| c.bytes);
        let smaller = self
            .tree
            .base
            .and_then(bytes)
            .is_none_or(|b| bytes(candidate) < Some(b));
        if smaller {
            self.emit(Event::BaseChanged {
                candidate,
                reason: BaseReason::Accepted,
            });
        }
    }
}
