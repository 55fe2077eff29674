//! The drifts of single groups: every group of the finest level lowered alone, and what that says
//! about allocations that lower many.
//!
//! The cost of a choice is the square of the drift that it adds alone, and costs add up over
//! groups. (Ours. Accuracy drops with about the square of drift: on the network of the design's
//! table drifts of 0.05, 0.12 and 0.31 go with drops of 1.1, 8.5 and 71 points.)

use super::Context;
use crate::quant::Allocation;
use crate::search::choices::{Choices, undominated};
use crate::search::knapsack::Choice;
use crate::search::step::Ask;
use crate::search::{CandidateId, Move};

/// The single-group moves from an allocation, with the candidates that measure their drifts.
#[derive(Clone, Debug)]
pub(super) struct GroupDrifts {
    around: CandidateId,
    /// Each group's choices, from what it has in the allocation down to the smallest.
    groups: Vec<Choices>,
    /// The candidate of each choice.
    candidates: Vec<Vec<CandidateId>>,
}

impl GroupDrifts {
    /// Makes the candidates around the allocation that the search started from.
    pub fn of_start(search: &mut Context<'_>) -> Option<Self> {
        let around = search.start()?;
        Self::around(search, around)
    }

    /// Makes the candidates around an allocation.
    pub fn around(search: &mut Context<'_>, around: CandidateId) -> Option<Self> {
        let start = search.tree().get(around)?.allocation.clone();
        let level = *search.settings().search.levels.last()?;
        let (mut groups, mut candidates) = (Vec::new(), Vec::new());
        for group in search.space().groups(level) {
            let mut choices = Choices::only(search.space().members(&group), &start);
            let mut of_group = vec![around];
            for bits in search.space().menu.clone().into_iter().rev() {
                let allocation = search.domains().lowered(&start, &choices.members, bits);
                if !choices.add(&allocation) {
                    continue;
                }
                let group = group.clone();
                of_group.push(search.probe(around, Move { group, bits }, allocation));
            }
            groups.push(choices);
            candidates.push(of_group);
        }
        Some(GroupDrifts {
            around,
            groups,
            candidates,
        })
    }

    /// The first drift that is still to be measured.
    pub fn unmeasured(&self, search: &Context<'_>) -> Option<Ask> {
        search.unmeasured(self.candidates.iter().flatten().copied())
    }

    /// What every choice of every group costs; none for what was pruned before it was measured.
    fn costs(&self, search: &Context<'_>) -> Vec<Vec<Choice>> {
        let tree = search.tree();
        let Some(start) = tree.get(self.around) else {
            return Vec::new();
        };
        let of_choice = |id: &CandidateId| {
            let candidate = tree.get(*id);
            let bytes = candidate.map_or(0, |c| c.bytes);
            let drift = candidate.and_then(|c| c.drift).unwrap_or(f64::MAX.sqrt());
            let added = (drift - start.drift.unwrap_or(0.0)).max(0.0);
            Choice {
                // Bytes relative to the start's: only their sum matters.
                bytes,
                cost: added * added,
            }
        };
        let groups = self.candidates.iter();
        groups.map(|g| g.iter().map(of_choice).collect()).collect()
    }

    /// Allocations that no other beats in both bytes and predicted cost, most bytes first.
    pub fn front(&self, search: &Context<'_>) -> Vec<(u64, Allocation)> {
        let Some(start) = search.tree().get(self.around) else {
            return Vec::new();
        };
        let all = undominated(&self.groups, &self.costs(search), &start.allocation);
        let bytes = |a: Allocation| (search.space().bytes(&a), a);
        all.into_iter().map(bytes).collect()
    }

    /// Allocations smaller than the given one by raising one group a step and lowering another:
    /// fewest predicted cost for the bytes they save first.
    pub fn trades(&self, search: &Context<'_>, from: &Allocation) -> Vec<Allocation> {
        let costs = self.costs(search);
        let at: Vec<Option<usize>> = self.groups.iter().map(|g| g.choice_in(from)).collect();
        let bytes_of = |allocation: &Allocation| search.space().bytes(allocation);
        let bytes = bytes_of(from);
        let change = |allocation: &mut Allocation, group: usize, to: usize| -> Option<f64> {
            self.groups[group].set(allocation, to);
            Some(costs[group][to].cost - costs[group][at[group]?].cost)
        };
        let mut trades: Vec<(f64, u64, Allocation)> = Vec::new();
        let groups = self.groups.len();
        for down in 0..groups {
            let Some(from_choice) = at[down] else {
                continue;
            };
            for to in from_choice + 1..self.groups[down].widths.len() {
                let mut lower = from.clone();
                let Some(added) = change(&mut lower, down, to) else {
                    continue;
                };
                trades.push((added, bytes_of(&lower), lower.clone()));
                for up in (0..groups).filter(|up| *up != down) {
                    let raised = at[up].and_then(|at| at.checked_sub(1));
                    let mut traded = lower.clone();
                    if let Some(back) = raised.and_then(|to| change(&mut traded, up, to)) {
                        trades.push((added + back, bytes_of(&traded), traded));
                    }
                }
            }
        }
        trades.retain(|t| t.1 < bytes);
        let worth = |t: &(f64, u64, Allocation)| (bytes - t.1) as f64 / t.0.max(1e-12);
        trades.sort_by(|a, b| worth(b).total_cmp(&worth(a)).then(a.1.cmp(&b.1)));
        trades.into_iter().map(|t| t.2).collect()
    }
}
