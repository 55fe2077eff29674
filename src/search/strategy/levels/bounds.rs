//! The bounds of a level: what need not be tried, and which children go on.

use super::OneLevel;
use crate::quant::Allocation;
use crate::search::strategy::Context;
use crate::search::{Candidate, CandidateId, CloseReason, State};

/// A child that passed, with the positions of its state and of the group that was lowered.
#[derive(Clone, Copy, Debug)]
pub(super) struct Found {
    pub candidate: CandidateId,
    pub state: usize,
    pub group: usize,
    pub greedy: bool,
}

impl OneLevel {
    /// The children that go on, greedy's first, then fewest bytes. Equal allocations count once.
    ///
    /// # Errors
    /// The child that has to be confirmed first.
    pub(super) fn best_children(
        &self,
        search: &Context<'_>,
        leaves: &[CandidateId],
    ) -> Result<Vec<Found>, CandidateId> {
        let mut pool = self.pool(search);
        let smallest = smallest_of(search, leaves);
        pool.retain(|f| {
            let candidate = search.tree().get(f.candidate);
            let least = candidate.map(|c| self.least_bytes(search, f.state, &c.allocation));
            f.greedy || least.is_some_and(|least| least < smallest)
        });
        pool.sort_by(|a, b| {
            b.greedy
                .cmp(&a.greedy)
                .then(search.engine.order(a.candidate, b.candidate))
        });
        pool.truncate(self.beam);
        let unconfirmed = |f: &&Found| {
            let candidate = search.tree().get(f.candidate);
            candidate.is_some_and(|c| c.confirmation.is_none())
        };
        match pool.iter().find(unconfirmed) {
            Some(found) if self.keeps_confirmed() => Err(found.candidate),
            _ => Ok(pool),
        }
    }

    /// All children found at this depth that were not refuted since, equal ones once.
    fn pool(&self, search: &Context<'_>) -> Vec<Found> {
        let mut pool: Vec<Found> = Vec::new();
        for (state, of) in self.states.iter().enumerate() {
            for (nth, (candidate, group)) in of.found.iter().enumerate() {
                let found = search.tree().get(*candidate);
                if !found.is_some_and(|c| search.eligible(c)) {
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

    /// The most bytes with which a child of a state may go on from this depth: enough smaller ones
    /// were found. What greedy alone would take always goes on.
    pub(super) fn most_bytes(&self, search: &Context<'_>, at: usize) -> u64 {
        let state = &self.states[at];
        if self.beam == 1 || (state.greedy && state.found.is_empty()) {
            return u64::MAX;
        }
        let others = self.pool(search).into_iter().filter(|f| !f.greedy);
        let bytes = others.filter_map(|f| search.tree().get(f.candidate).map(|c| c.bytes));
        let mut bytes: Vec<u64> = bytes.collect();
        bytes.sort_unstable();
        // One place is greedy's.
        bytes.get(self.beam - 2).copied().unwrap_or(u64::MAX)
    }

    /// The fewest bytes that an allocation may still come to from a state: at a finer level
    /// whatever the pins allow, at the last one what is not closed.
    fn least_bytes(&self, search: &Context<'_>, state: usize, from: &Allocation) -> u64 {
        let mut least = from.clone();
        for group in &self.states[state].groups {
            let shut = group
                .closed
                .is_some_and(|(_, why)| why != CloseReason::Pruned);
            for i in group.members.iter().filter(|_| !self.finest || !shut) {
                let lowest = search.domains().lowest_of(*i);
                if let (Some(width), Some(lowest)) = (least.0.get_mut(*i), lowest) {
                    *width = (*width).min(lowest);
                }
            }
        }
        search.space().bytes(&least)
    }

    /// Closes what is open of a state that cannot lead below the incumbent nor, off the line that
    /// greedy alone would follow, below what the level has come to already; true where it did.
    pub(super) fn close_beaten(&mut self, search: &mut Context<'_>, at: usize) -> bool {
        let state = &self.states[at];
        let incumbent = search.incumbent().map_or(u64::MAX, |i| i.bytes);
        let bound = match state.greedy {
            true => incumbent,
            false => incumbent.min(smallest_of(search, &self.leaves)),
        };
        let Some(base) = search.tree().get(state.base) else {
            return false;
        };
        if self.least_bytes(search, at, &base.allocation) < bound {
            return false;
        }
        let groups = state.groups.iter().enumerate();
        let next = groups.filter_map(|(i, g)| Some((i, g.next(&base.allocation, search)?.bits)));
        let open: Vec<_> = next.collect();
        for (i, bits) in &open {
            self.close_group(search, at, *i, *bits, CloseReason::CannotBeat);
        }
        !open.is_empty()
    }

    /// Beam: greedy closes a group at the width at which it failed on a wider base. A beam does the
    /// same across its states, but on the line that greedy alone would follow.
    pub(super) fn wider_failed(
        &self,
        search: &Context<'_>,
        at: usize,
        allocation: &Allocation,
    ) -> Option<CloseReason> {
        if self.states[at].greedy {
            return None;
        }
        let of_level = search.tree().active().skip(self.since);
        let has_failed = |c: &&Candidate| matches!(c.state(), State::Failed | State::Refuted);
        let mut failed = of_level.filter(|c| has_failed(c) && !c.pruned);
        let wider = |a: &Allocation| a.0.iter().zip(&allocation.0).all(|(a, b)| a >= b);
        failed
            .any(|c| wider(&c.allocation))
            .then_some(CloseReason::WiderFailed)
    }
}

/// The fewest bytes of some candidates.
fn smallest_of(search: &Context<'_>, candidates: &[CandidateId]) -> u64 {
    let candidates = candidates.iter().filter_map(|c| search.tree().get(*c));
    candidates.map(|c| c.bytes).min().unwrap_or(u64::MAX)
}
