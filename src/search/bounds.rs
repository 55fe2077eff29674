//! What need not be tried at a level, and which children go on.

use super::engine::Engine;
use super::level::OpenLevel;
use super::{Candidate, CandidateId, CloseReason, State};
use crate::profile::Stage;
use crate::quant::Allocation;

/// A child that passed, with the positions of its state and of the group that was lowered.
#[derive(Clone, Copy, Debug)]
pub(super) struct Found {
    pub candidate: CandidateId,
    pub state: usize,
    pub group: usize,
    pub greedy: bool,
}

impl Engine {
    /// True where children have to hold on the whole search split to go on: in a beam at the finest level.
    pub(super) fn keeps_confirmed(&self) -> bool {
        self.settings.search.beam() > 1 && !self.is_level(self.stage + 1)
    }

    fn is_level(&self, stage: usize) -> bool {
        let plan = self.settings.search.plan();
        matches!(plan.get(stage), Some(Stage::Level(_)))
    }

    /// The children that go on, greedy's first, then fewest bytes. Equal allocations count once.
    ///
    /// # Errors
    /// The child that has to be confirmed first.
    pub(super) fn keep(&self, open: &OpenLevel) -> Result<Vec<Found>, CandidateId> {
        let beam = self.settings.search.beam();
        let mut pool = self.pool(open);
        let smallest = self.smallest_leaf(open);
        pool.retain(|f| {
            let candidate = self.tree.get(f.candidate);
            let least = candidate.map(|c| self.least_bytes(open, f.state, &c.allocation));
            f.greedy || least.is_some_and(|least| least < smallest)
        });
        pool.sort_by(|a, b| {
            b.greedy
                .cmp(&a.greedy)
                .then(self.order(a.candidate, b.candidate))
        });
        pool.truncate(beam);
        let unconfirmed = |f: &&Found| {
            let candidate = self.tree.get(f.candidate);
            candidate.is_some_and(|c| c.confirmation.is_none())
        };
        match pool.iter().find(unconfirmed) {
            Some(found) if self.keeps_confirmed() => Err(found.candidate),
            _ => Ok(pool),
        }
    }

    /// The fewest bytes of what the level could not lower any further.
    fn smallest_leaf(&self, open: &OpenLevel) -> u64 {
        let leaves = open.leaves.iter().filter_map(|c| self.tree.get(*c));
        leaves.map(|c| c.bytes).min().unwrap_or(u64::MAX)
    }

    /// All children found at this depth that were not refuted since, equal ones once.
    fn pool(&self, open: &OpenLevel) -> Vec<Found> {
        let mut pool: Vec<Found> = Vec::new();
        for (state, of) in open.states.iter().enumerate() {
            for (nth, (candidate, group)) in of.found.iter().enumerate() {
                if !self.tree.get(*candidate).is_some_and(|c| self.eligible(c)) {
                    continue;
                }
                let greedy = of.greedy && nth == 0;
                match pool.iter_mut().find(|f| f.candidate == *candidate) {
                    Some(same) => same.greedy |= greedy,
                    None => pool.push(Found {
                        candidate: *candidate,
                        state,
                        group: *group,
                        greedy,
                    }),
                }
            }
        }
        pool
    }

    /// A child of more bytes would not go on from this depth, because enough smaller ones were found. What greedy alone
    /// would take always goes on.
    pub(super) fn most_bytes(&self, open: &OpenLevel, at: usize) -> u64 {
        let beam = self.settings.search.beam();
        let greedy_next = open
            .states
            .get(at)
            .is_some_and(|s| s.greedy && s.found.is_empty());
        if beam == 1 || greedy_next {
            return u64::MAX;
        }
        let others = self.pool(open).into_iter().filter(|f| !f.greedy);
        let bytes = others.filter_map(|f| self.tree.get(f.candidate).map(|c| c.bytes));
        let mut bytes: Vec<u64> = bytes.collect();
        bytes.sort_unstable();
        // One place is greedy's.
        bytes.get(beam - 2).copied().unwrap_or(u64::MAX)
    }

    /// The fewest bytes that an allocation may still come to from a state: at a finer level whatever the pins allow, at the
    /// last one what is not closed.
    fn least_bytes(&self, open: &OpenLevel, state: usize, from: &Allocation) -> u64 {
        let finer = self.is_level(self.stage + 1);
        let mut least = from.clone();
        let groups = open.states.get(state).map(|s| s.groups.as_slice());
        for group in groups.unwrap_or_default() {
            let shut = group
                .closed
                .is_some_and(|(_, why)| why != CloseReason::Pruned);
            for i in group.members.iter().filter(|_| finer || !shut) {
                let lowest = self.domains.lowest_of(*i);
                if let (Some(width), Some(lowest)) = (least.0.get_mut(*i), lowest) {
                    *width = (*width).min(lowest);
                }
            }
        }
        self.settings.space.bytes(&least)
    }

    /// Closes what is open of a state that cannot lead below the incumbent nor, off the line that greedy alone would follow,
    /// below what the level has come to already; true where it did.
    pub(super) fn close_beaten(&mut self, open: &mut OpenLevel, at: usize) -> bool {
        let incumbent = self.tree.incumbent.and_then(|i| self.tree.get(i));
        let incumbent = incumbent.map_or(u64::MAX, |i| i.bytes);
        let bound = match open.states.get(at) {
            Some(state) if !state.greedy => incumbent.min(self.smallest_leaf(open)),
            _ => incumbent,
        };
        let state = open.states.get(at).and_then(|s| self.tree.get(s.base));
        let Some(state) = state.cloned() else {
            return false;
        };
        if self.least_bytes(open, at, &state.allocation) < bound {
            return false;
        }
        let next = |engine: &Engine, i: usize| {
            let group = open.states.get(at)?.groups.get(i)?;
            group.next(&state.allocation, &engine.domains, &engine.settings)
        };
        let groups = open.states.get(at).map_or(0, |s| s.groups.len());
        let steps: Vec<_> = (0..groups)
            .filter_map(|i| Some((i, next(self, i)?)))
            .collect();
        for (i, step) in &steps {
            let state = &mut open.states[at];
            self.close_group(state, *i, step.bits, CloseReason::CannotBeat);
        }
        !steps.is_empty()
    }

    /// Beam: greedy closes a group at the width at which it failed on a wider base. A beam does the same across its
    /// states, but on the line that greedy alone would follow.
    pub(super) fn wider_failed(
        &self,
        open: &OpenLevel,
        at: usize,
        allocation: &Allocation,
    ) -> Option<CloseReason> {
        if open.states.get(at).is_none_or(|s| s.greedy) {
            return None;
        }
        let of_level = self.tree.candidates.iter().skip(open.since);
        let has_failed = |c: &&Candidate| matches!(c.state(), State::Failed | State::Refuted);
        let mut failed = of_level.filter(|c| has_failed(c) && !c.pruned);
        let wider = |a: &Allocation| a.0.iter().zip(&allocation.0).all(|(a, b)| a >= b);
        failed
            .any(|c| wider(&c.allocation))
            .then_some(CloseReason::WiderFailed)
    }
}
