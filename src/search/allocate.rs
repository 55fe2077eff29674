//! Allocate: the exact optimum of what single groups' drifts predict, brought to the truth by bisection and trades.
//!
//! Every group of the finest level is lowered alone and its drift measured; a dynamic programme gives all allocations
//! that no other beats in bytes and predicted cost. Along that front the smallest that passes is found by bisection.
//! Then groups are traded: one goes up a step, another down, as long as the memory shrinks. A trade must hold on the
//! whole search split at once: among so many, some would pass the screening by luck.

use std::collections::VecDeque;

use super::engine::{Ask, Engine, Next};
use super::judge::{Judged, Trial};
use super::phases::{After, Phase};
use super::probes::Probes;
use super::{BaseReason, CandidateId, Event, Origin, State};
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
    /// Bisecting the front.
    Bisecting(Bisecting),
    /// Trying trades on a base.
    Trading(Trading),
    /// Nothing is left to try.
    Done,
}

/// Everything on the front up to `low` is larger than what passes, everything from `high` on fails.
#[derive(Clone, Debug)]
struct Bisecting {
    front: Vec<(u64, Allocation)>,
    low: usize,
    high: usize,
}

#[derive(Clone, Debug)]
struct Trading {
    base: CandidateId,
    queue: VecDeque<Allocation>,
    failed: usize,
}

/// What became of a proposal.
enum Tried {
    Open(Next),
    Passed(CandidateId),
    Failed,
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

    pub(super) fn step_allocate(&mut self, stage: Allocating) -> Next {
        let Allocating { probes, work } = stage;
        if matches!(work, Work::Probing)
            && let Some(ask) = self.unprobed(&probes).first()
        {
            return Next::Ask(*ask);
        }
        if let Some(next) = self.step_resumed() {
            return next;
        }
        let (next, work) = match work {
            Work::Probing => (Next::Again, self.bisecting(&probes)),
            Work::Bisecting(work) => self.step_bisecting(work, &probes),
            Work::Trading(work) => self.step_trading(work, &probes),
            Work::Done => (Next::Again, Work::Done),
        };
        self.phase = match work {
            Work::Done => Phase::Confirm(After::Stage),
            work => Phase::Allocate(Allocating { probes, work }),
        };
        next
    }

    /// The front below the base, down to what is known to fail.
    fn bisecting(&self, probes: &Probes) -> Work {
        let base = self.tree.base.and_then(|b| self.tree.get(b));
        let bytes = base.map_or(0, |b| b.bytes);
        let mut front = probes.front(self);
        front.retain(|(of, a)| *of < bytes && self.conforms(a));
        let refuted =
            |(_, a): &(u64, Allocation)| self.twin(a).is_some_and(|c| c.state() == State::Refuted);
        Work::Bisecting(Bisecting {
            high: front.iter().position(refuted).unwrap_or(front.len()),
            front,
            low: 0,
        })
    }

    fn step_bisecting(&mut self, mut work: Bisecting, probes: &Probes) -> (Next, Work) {
        let middle = (work.low + work.high) / 2;
        let open = work.front.get(middle).filter(|_| work.low < work.high);
        let Some(allocation) = open.map(|(_, a)| a.clone()) else {
            return (Next::Again, self.trading(probes));
        };
        let next = match self.try_out(allocation, Trial::Screened) {
            Tried::Open(next) => next,
            Tried::Passed(candidate) => {
                work.low = middle + 1;
                self.accept(candidate);
                Next::Again
            }
            Tried::Failed => {
                work.high = middle;
                Next::Again
            }
        };
        (next, Work::Bisecting(work))
    }

    fn step_trading(&mut self, mut work: Trading, probes: &Probes) -> (Next, Work) {
        let unmoved = self.tree.base == Some(work.base);
        let judged = self.tree.get(work.base).and_then(|b| b.confirmation);
        if unmoved && judged.is_none() {
            return (Next::Ask(Ask::Confirm(work.base)), Work::Trading(work));
        }
        let patience = PATIENCE * self.settings.space.layers.len();
        let trade = work.queue.front().filter(|_| work.failed < patience);
        let Some(allocation) = trade.cloned() else {
            return (Next::Again, Work::Done);
        };
        if !unmoved {
            return (Next::Again, self.trading(probes));
        }
        match self.try_out(allocation, Trial::Whole) {
            Tried::Open(next) => (next, Work::Trading(work)),
            Tried::Passed(candidate) => {
                self.accept(candidate);
                (Next::Again, self.trading(probes))
            }
            Tried::Failed => {
                work.queue.pop_front();
                work.failed += 1;
                (Next::Again, Work::Trading(work))
            }
        }
    }

    fn trading(&self, probes: &Probes) -> Work {
        let base = self.tree.base.and_then(|b| self.tree.get(b));
        let queue = base.map(|b| probes.trades(self, &b.allocation));
        let mut queue = queue.unwrap_or_default();
        queue.retain(|a| self.conforms(a) && self.hopeless(a).is_none());
        Work::Trading(Trading {
            base: base.map_or(CandidateId(0), |b| b.id),
            queue: queue.into(),
            failed: 0,
        })
    }

    /// Makes an allocation, in a round of its own, and judges it.
    fn try_out(&mut self, allocation: Allocation, trial: Trial) -> Tried {
        if self.hopeless(&allocation).is_some() {
            return Tried::Failed;
        }
        let Some(candidate) = self.twin(&allocation).map(|c| c.id) else {
            let parent = self.tree.base;
            self.propose(parent, None, Origin::Allocated, allocation);
            self.frozen = self.gate.freeze();
            return Tried::Open(Next::Again);
        };
        match self.judging(candidate, trial) {
            Judged::Open(next) => Tried::Open(next),
            Judged::Passed => Tried::Passed(candidate),
            Judged::Failed | Judged::HeldBack => Tried::Failed,
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
