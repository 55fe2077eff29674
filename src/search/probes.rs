//! Every group of the finest level lowered alone: what its drift says about allocations that lower many.
//!
//! The cost of a choice is the square of the drift that it adds alone, and costs add up over groups. (Ours. Accuracy
//! drops with about the square of drift: on the network of the design's table drifts of 0.05, 0.12 and 0.31 go with
//! drops of 1.1, 8.5 and 71 points.)

use super::engine::{Ask, Engine};
use super::knapsack::{Choice, Point, front};
use super::{CandidateId, Move, Origin};
use crate::quant::{Allocation, BitWidth};

/// A group of the finest level with what was made to learn its drifts.
#[derive(Clone, Debug)]
struct Probed {
    members: Vec<usize>,
    /// Distinct choices, from what the group has in the allocation that was probed to the smallest.
    choices: Vec<(Vec<BitWidth>, CandidateId)>,
}

/// The probes around an allocation.
#[derive(Clone, Debug)]
pub(super) struct Probes {
    around: CandidateId,
    groups: Vec<Probed>,
}

impl Engine {
    /// Makes the probes around the allocation that the search started from.
    pub(super) fn probe(&mut self) -> Option<Probes> {
        let first = self.tree.accepted.iter().copied().chain(self.tree.base);
        let eligible = |id: &CandidateId| self.tree.get(*id).is_some_and(|c| self.eligible(c));
        let around = first.into_iter().find(eligible)?;
        self.probe_around(around)
    }

    /// Makes the probes around an allocation.
    pub(super) fn probe_around(&mut self, around: CandidateId) -> Option<Probes> {
        let start = self.tree.get(around)?.allocation.clone();
        let level = *self.settings.search.levels.last()?;
        let mut groups = Vec::new();
        for group in self.settings.space.groups(level) {
            let members = self.settings.space.members(&group);
            let now = widths_of(&start, &members);
            let mut choices = vec![(now, around)];
            let menu = self.settings.space.menu.clone();
            for bits in menu.iter().rev().copied() {
                let allocation = self.domains.lowered(&start, &members, bits);
                let widths = widths_of(&allocation, &members);
                if choices.iter().any(|(known, _)| *known == widths) {
                    continue;
                }
                let twin = self.twin(&allocation).map(|c| c.id);
                let candidate = twin.unwrap_or_else(|| {
                    let change = Move {
                        group: group.clone(),
                        bits,
                    };
                    self.propose(Some(around), Some(change), Origin::Probe, allocation)
                });
                choices.push((widths, candidate));
            }
            groups.push(Probed { members, choices });
        }
        Some(Probes { around, groups })
    }

    /// The drifts still to be measured.
    pub(super) fn unprobed(&self, probes: &Probes) -> Vec<Ask> {
        let candidates = probes.groups.iter().flat_map(|g| &g.choices);
        let unmeasured = candidates.filter(|(_, id)| {
            let candidate = self.tree.get(*id);
            candidate.is_some_and(|c| c.drift.is_none() && !c.pruned)
        });
        unmeasured.map(|(_, id)| Ask::Drift(*id)).collect()
    }
}

fn widths_of(allocation: &Allocation, members: &[usize]) -> Vec<BitWidth> {
    let width = |i: &usize| allocation.0.get(*i).copied();
    members.iter().filter_map(width).collect()
}

impl Probes {
    /// What every choice of every group costs; none for what was pruned before it was measured.
    fn costs(&self, engine: &Engine) -> Vec<Vec<Choice>> {
        let tree = &engine.tree;
        let Some(start) = tree.get(self.around) else {
            return Vec::new();
        };
        let of_choice = |(_, id): &(Vec<BitWidth>, CandidateId)| {
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
        let groups = self.groups.iter();
        groups
            .map(|g| g.choices.iter().map(of_choice).collect())
            .collect()
    }

    /// Allocations that no other beats in both bytes and predicted cost, most bytes first.
    pub(super) fn front(&self, engine: &Engine) -> Vec<(u64, Allocation)> {
        let Some(start) = engine.tree.get(self.around) else {
            return Vec::new();
        };
        let points = front(&self.costs(engine));
        let allocation = |point: &Point| {
            let mut allocation = start.allocation.clone();
            for (group, choice) in self.groups.iter().zip(&point.choices) {
                let Some((widths, _)) = group.choices.get(*choice) else {
                    continue;
                };
                for (i, width) in group.members.iter().zip(widths) {
                    if let Some(slot) = allocation.0.get_mut(*i) {
                        *slot = *width;
                    }
                }
            }
            (engine.settings.space.bytes(&allocation), allocation)
        };
        points.iter().map(allocation).collect()
    }

    /// Allocations smaller than the given one by raising one group a step and lowering another: fewest predicted cost
    /// for the bytes they save first.
    pub(super) fn trades(&self, engine: &Engine, from: &Allocation) -> Vec<Allocation> {
        let costs = self.costs(engine);
        let position = |g: &Probed| {
            let now = widths_of(from, &g.members);
            g.choices.iter().position(|(widths, _)| *widths == now)
        };
        let positions: Vec<Option<usize>> = self.groups.iter().map(position).collect();
        let bytes_of = |allocation: &Allocation| engine.settings.space.bytes(allocation);
        let bytes = bytes_of(from);
        let change = |allocation: &mut Allocation, group: usize, to: usize| -> Option<f64> {
            let (at, of) = (positions[group]?, &self.groups[group]);
            let (widths, _) = of.choices.get(to)?;
            for (i, width) in of.members.iter().zip(widths) {
                *allocation.0.get_mut(*i)? = *width;
            }
            Some(costs[group][to].cost - costs[group][at].cost)
        };
        let mut trades: Vec<(f64, u64, Allocation)> = Vec::new();
        let groups = self.groups.len();
        for down in 0..groups {
            let Some(at) = positions[down] else { continue };
            for to in at + 1..self.groups[down].choices.len() {
                let mut lower = from.clone();
                let Some(added) = change(&mut lower, down, to) else {
                    continue;
                };
                trades.push((added, bytes_of(&lower), lower.clone()));
                for up in (0..groups).filter(|up| *up != down) {
                    let raised = positions[up].and_then(|at| at.checked_sub(1));
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
