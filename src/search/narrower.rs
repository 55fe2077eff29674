//! Narrower bit-widths behind the plan: accuracy is not monotone in bits, so that what failed at
//! one width may pass at a lower one.
//!
//! The strategies close a group below the width at which it failed, because there it mostly fails,
//! too. Behind the last of them two kinds of allocations are left, each smaller than the base: the
//! uniform bit-widths, smallest first, and each closed group at a width below the one it failed at,
//! the nearest such width first. All uniform ones are tried, whatever the gate says, so that no
//! search ends larger than one that would have passed; where there is no result yet a screening has
//! no say either. Of the groups as many are tried until some fail one after the other; what is left
//! is told. What passes on the whole search split is the base, and the plan begins again on it. A
//! search that finds nothing here has spent a few evaluations, and all before is as it was.

use super::engine::Engine;
use super::phase::{Narrowing, Phase};
use super::predict::Costs;
use super::step::{Ask, Judged, Step, Trial};
use super::strategy::{GroupStep, lower};
use super::{Candidate, CandidateId, CloseReason, Event, Group, Move, Origin, State, StopReason};
use crate::quant::{Allocation, BitWidth};

/// Groups that fail one after the other before no more are tried.
const PATIENCE: u32 = 3;

/// A narrower allocation that was not tried.
struct Narrower {
    change: Move,
    allocation: Allocation,
}

impl Engine {
    /// Goes on behind the last strategy of the plan.
    pub(super) fn open_narrower(&mut self) {
        let tried = self.settings.narrower && !self.seeks_accuracy();
        self.phase = match tried {
            true => Phase::Narrower(Narrowing::default()),
            false => Phase::Test(StopReason::Complete),
        };
    }

    /// One step: what is under way is judged, else the next one is proposed.
    pub(super) fn step_narrower(&mut self, mut at: Narrowing) -> Step {
        let under_way = at.under_way.and_then(|id| self.tree.get(id));
        let Some(candidate) = under_way.filter(|c| !c.pruned).cloned() else {
            return self.next_narrower(at);
        };
        let judged = match at.uniform {
            true => self.judging_uniform(&candidate),
            false => self.judging(candidate.id, Trial::Whole),
        };
        match judged {
            Judged::Open(step) => return step,
            Judged::Passed => return self.begin_again(&candidate),
            Judged::Failed | Judged::Rejected => {}
        }
        at.under_way = None;
        at.failures += u32::from(!at.uniform);
        self.phase = Phase::Narrower(at);
        Step::Again
    }

    /// Proposes the next uniform width, else the next group; behind the last one the search is
    /// done.
    fn next_narrower(&mut self, mut at: Narrowing) -> Step {
        let uniform = self.uniform_left();
        at.uniform = uniform.is_some();
        let mut groups = match at.uniform {
            true => Vec::new(),
            false => self.groups_left(),
        };
        let patient = at.failures < PATIENCE;
        let next = uniform.or_else(|| (patient && !groups.is_empty()).then(|| groups.remove(0)));
        let Some(next) = next else {
            if let Some(base) = self.tree.base.filter(|_| !groups.is_empty()) {
                let moves = groups.into_iter().map(|n| n.change).collect();
                self.emit(Event::NotTried { base, moves });
            }
            self.phase = Phase::Test(StopReason::Complete);
            return Step::Again;
        };
        let known = self.duplicate(&next.allocation).map(|c| c.id);
        at.under_way = Some(known.unwrap_or_else(|| self.propose_narrower(next)));
        self.phase = Phase::Narrower(at);
        Step::Again
    }

    fn propose_narrower(&mut self, next: Narrower) -> CandidateId {
        self.open_round();
        let Narrower { change, allocation } = next;
        self.propose(self.tree.base, Some(change), Origin::Search, allocation)
    }

    /// What passed is the base, and the plan begins again on it. What failed at a larger width than
    /// its layers now have says nothing any more.
    fn begin_again(&mut self, passed: &Candidate) -> Step {
        let widths = &passed.allocation.0;
        self.closed.retain(|members, (at, _)| {
            let below = |layer: &usize| widths.get(*layer).is_some_and(|width| width < at);
            !members.iter().all(below)
        });
        self.expanded.clear();
        self.take(passed.id);
        self.open_strategy(0);
        Step::Again
    }

    /// The smallest uniform width below the base of which nothing decides yet.
    fn uniform_left(&self) -> Option<Narrower> {
        let base = self.eligible_base()?.bytes;
        let layers = self.settings.space.layers.len();
        let mut uniform = self.settings.space.menu.iter().map(|bits| Narrower {
            change: Move {
                group: Group::Network,
                bits: *bits,
            },
            allocation: self.clamped(&Allocation::uniform(layers, *bits)),
        });
        uniform.find(|n| {
            let smaller = self.settings.space.bytes(&n.allocation) < base;
            smaller && self.is_left(&n.allocation, true)
        })
    }

    /// The closed groups at widths below the one that they failed at, of which nothing decides yet:
    /// the nearest widths first, then most bytes saved for what they are predicted to cost.
    fn groups_left(&self) -> Vec<Narrower> {
        let Some(base) = self.eligible_base() else {
            return Vec::new();
        };
        let space = &self.settings.space;
        let costs = Costs::of(&self.tree, &self.settings);
        let cost = |a: &Allocation| costs.as_ref().map_or(0.0, |costs| costs.of_allocation(a));
        let worth = |allocation: &Allocation| {
            let saved = base.bytes.saturating_sub(space.bytes(allocation));
            let added = cost(allocation) - cost(&base.allocation);
            saved as f64 / added.max(1e-12)
        };
        let mut seen: Vec<Vec<usize>> = Vec::new();
        let mut left: Vec<(usize, f64, Narrower)> = Vec::new();
        let levels = self.settings.search.levels.iter();
        for group in levels.flat_map(|level| space.groups(*level)) {
            let members = space.members(&group);
            let closed = self.closed.get(&members);
            let Some((failed, _)) = closed.filter(|_| !seen.contains(&members)) else {
                continue;
            };
            let below = self.lowered_below(&base.allocation, &members, *failed);
            left.extend(below.into_iter().enumerate().map(|(nth, step)| {
                let GroupStep { bits, allocation } = step;
                let group = group.clone();
                let change = Move { group, bits };
                (nth, worth(&allocation), Narrower { change, allocation })
            }));
            seen.push(members);
        }
        left.retain(|(_, _, n)| self.is_left(&n.allocation, false));
        left.sort_by(|a, b| a.0.cmp(&b.0).then(b.1.total_cmp(&a.1)));
        left.into_iter().map(|(_, _, n)| n).collect()
    }

    /// A group lowered in an allocation to each width below the one that it failed at.
    fn lowered_below(
        &self,
        from: &Allocation,
        members: &[usize],
        failed: BitWidth,
    ) -> Vec<GroupStep> {
        let menu = &self.settings.space.menu;
        let below = |from: &Allocation| lower(from, members, &self.domains, menu);
        let steps = std::iter::successors(below(from), |step| below(&step.allocation));
        steps.filter(|step| step.bits < failed).collect()
    }

    /// True while an allocation may be tried: nothing decides about it. About a uniform width the
    /// gate decides nothing, and where there is no result yet nothing but the whole search split.
    fn is_left(&self, allocation: &Allocation, uniform: bool) -> bool {
        let whole = uniform && self.tree.best().is_none();
        let closed = self.closed_by(allocation);
        let Some(known) = self.duplicate(allocation) else {
            return closed.is_none() || whole;
        };
        if whole {
            return known.confirmation.is_none() && closed != Some(CloseReason::Pruned);
        }
        let open = match known.state() {
            State::Proposed | State::Measured | State::Passed => true,
            State::HeldBack => uniform,
            State::Failed | State::Refuted | State::Confirmed => false,
        };
        open && closed.is_none()
    }

    /// A uniform width is exempt from the gate. Where there is no result yet it is judged as a
    /// start is: on the whole search split at once.
    fn judging_uniform(&mut self, candidate: &Candidate) -> Judged {
        let confirm = Judged::Open(Step::Ask(Ask::Confirm(candidate.id)));
        if self.tree.best().is_some() {
            return match self.judging(candidate.id, Trial::Exempt) {
                Judged::Passed if candidate.confirmation.is_none() => confirm,
                judged => judged,
            };
        }
        match candidate.state() {
            State::Confirmed => Judged::Passed,
            State::Refuted => Judged::Failed,
            _ if candidate.drift.is_none() => Judged::Open(Step::Ask(Ask::Drift(candidate.id))),
            _ => confirm,
        }
    }
}
