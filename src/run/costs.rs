//! What the questions of a run cost, folded from its events: as exact for a run that goes on as for one that has ended,
//! and the same on every machine.

use std::collections::{HashMap, HashSet};

use super::Totals;
use super::work::Spent;
use crate::quant::Allocation;
use crate::search::{CandidateId, Counters, Event, GateDecision, Tree};

/// Counts of questions, and what they cost when every trick is off.
#[derive(Clone, Debug)]
pub(super) struct Costs {
    /// Images per batch.
    batch: usize,
    counters: Counters,
    /// Screenings and confirmations that earlier runs had answered.
    recalled_evaluations: u64,
    /// Drifts likewise.
    recalled_drifts: u64,
    /// Images run when every question is answered in full, by whole batches and from the first image on.
    plain_images: u64,
    /// Likewise, but what is known of an allocation is not run again.
    asked_images: u64,
    /// How many images of the search split are known, by allocation.
    known: HashMap<Allocation, usize>,
    /// Candidates that the gate held back.
    gated: HashSet<CandidateId>,
}

impl Costs {
    /// Nothing yet, of an evaluator that runs so many images together.
    pub fn new(batch: usize) -> Self {
        Costs {
            batch: batch.max(1),
            counters: Counters::default(),
            recalled_evaluations: 0,
            recalled_drifts: 0,
            plain_images: 0,
            asked_images: 0,
            known: HashMap::new(),
            gated: HashSet::new(),
        }
    }

    /// Adds an event; `recalled` where an earlier run's answer led to it. `tree` knows it already.
    pub fn apply(&mut self, event: &Event, tree: &Tree, recalled: bool) {
        let Some(settings) = &tree.settings else {
            return;
        };
        let calibration = settings.calibration_images;
        let counters = &mut self.counters;
        match event {
            Event::Baseline { correct } => {
                // The float network's potentials are measured once, too.
                self.run(0, correct.len(), settings.search_images);
                self.run(0, calibration, calibration);
            }
            Event::Measured { cached: true, .. } => counters.cached += 1,
            Event::Measured { .. } => {
                self.recalled_drifts += u64::from(recalled);
                match recalled {
                    true => counters.cached += 1,
                    false => counters.drift_evaluations += 1,
                }
                self.run(0, calibration, calibration);
            }
            Event::Gated { candidate, reason } => match reason.decision {
                GateDecision::HeldBack => {
                    counters.gated += u64::from(self.gated.insert(*candidate));
                }
                GateDecision::Audited => counters.audited += 1,
                GateDecision::Passed | GateDecision::Exempt => {}
            },
            Event::Screened {
                candidate,
                judgement,
                bits,
            }
            | Event::Confirmed {
                candidate,
                judgement,
                bits,
            } => {
                if judgement.cached {
                    counters.cached += 1;
                    return;
                }
                self.recalled_evaluations += u64::from(recalled);
                match recalled {
                    true => counters.cached += 1,
                    false => counters.evaluations += 1,
                }
                let Some(candidate) = tree.get(*candidate) else {
                    return;
                };
                let known = self.known.entry(candidate.allocation.clone()).or_default();
                let from = std::mem::replace(known, bits.len().max(*known));
                // Where a sequential test stops is a decision.
                let to = match judgement.sequential {
                    true => judgement.images,
                    false => judgement.of,
                };
                self.run(from, to, settings.search_images);
            }
            Event::Tested { images, .. } => self.run(0, *images, settings.test_images),
            _ => {}
        }
    }

    /// Counts of questions so far.
    pub fn counters(&self) -> Counters {
        Counters {
            plain_images: self.asked_images,
            ..self.counters
        }
    }

    /// The work counters of a run: what was spent, and what was not.
    pub fn totals(&self, spent: Spent, tree: &Tree) -> Totals {
        Totals {
            layer_forwards: spent.layer_forwards,
            layer_forwards_plain: self.layer_forwards_plain(tree),
            images: spent.images,
            seconds: spent.seconds,
            recalled_evaluations: self.recalled_evaluations,
            recalled_drifts: self.recalled_drifts,
        }
    }

    /// Layer-forwards that the same run does with every trick off.
    fn layer_forwards_plain(&self, tree: &Tree) -> u64 {
        let layers = tree.settings.as_ref().map_or(0, |s| s.space.layers.len());
        self.plain_images.saturating_mul(layers as u64)
    }

    /// Images `from..to` of a split of `len` images, run by whole batches.
    fn run(&mut self, from: usize, to: usize, len: usize) {
        if from >= to {
            return;
        }
        let first = from / self.batch * self.batch;
        let last = to.checked_next_multiple_of(self.batch).unwrap_or(to);
        let last = last.min(len.max(to)) as u64;
        self.plain_images = self.plain_images.saturating_add(last);
        self.asked_images = self.asked_images.saturating_add(last - first as u64);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whole_batches_are_run_but_never_more_than_the_split() {
        let images = |from, to, len| {
            let mut costs = Costs::new(8);
            costs.run(from, to, len);
            (costs.plain_images, costs.asked_images)
        };
        assert_eq!(images(0, 150, 400), (152, 152));
        assert_eq!(images(150, 400, 400), (400, 256));
        assert_eq!(images(0, 21, 21), (21, 21));
        assert_eq!(images(5, 5, 21), (0, 0));
        let most = usize::MAX as u64;
        assert_eq!(images(0, usize::MAX, 1), (most, most));
        let mut costs = Costs::new(8);
        costs.run(0, usize::MAX, 1);
        costs.run(0, usize::MAX, 1);
        assert_eq!(costs.plain_images, u64::MAX);
    }
}
