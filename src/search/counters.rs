//! The counts of a search, folded from its events: the one place that counts.
//!
//! The engine, the run, the interface, `watch` and the reports all fold the same events with
//! [`Ledger::apply`]. The engine writes its own counts into [`Event::Finished`]; they do not depend
//! on what earlier runs had answered, so that the journal does not, either.

use std::collections::{HashMap, HashSet};

use serde::{Deserialize, Serialize};

use super::{CandidateId, Event, GateDecision, Judgement, Origin, Tree};
use crate::evaluate::Provenance;
use crate::quant::Allocation;

/// Counts of requests to the evaluator and of the gate's decisions.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Counters {
    /// Screenings and confirmations evaluated.
    pub evaluations: u64,
    /// Images evaluated in them.
    #[serde(default)]
    pub images: u64,
    /// Requests answered by an earlier result, of this run or of an earlier one.
    pub cached: u64,
    /// Those of `cached` that an earlier run had answered.
    #[serde(skip)]
    pub reused: u64,
    /// Drifts measured.
    pub drift_evaluations: u64,
    /// Candidates rejected by the gate and not audited.
    pub gated: u64,
    /// Candidates rejected by the gate, but evaluated anyway.
    pub audited: u64,
}

/// The counters of a search and what they are folded from.
#[derive(Clone, Debug, PartialEq)]
pub struct Ledger {
    /// Images per batch.
    batch: usize,
    counters: Counters,
    /// Images that the requests take when nothing stops early; what is known is not run again.
    plain_images: u64,
    /// Images run when every request is answered in full, from the first image on.
    images_from_scratch: u64,
    /// Calibration images that the affines of every request's layers are fitted on; 0 for none.
    correction_images: usize,
    /// Layer-forwards of that.
    corrections: u64,
    /// Images of the search split whose answers are known, by allocation.
    known: HashMap<Allocation, usize>,
    /// Candidates that the gate rejected.
    gated: HashSet<CandidateId>,
}

impl Default for Ledger {
    fn default() -> Self {
        Ledger::new(1)
    }
}

impl Ledger {
    /// An empty ledger of an evaluator that runs `batch` images together.
    pub fn new(batch: usize) -> Self {
        Ledger {
            batch: batch.max(1),
            counters: Counters::default(),
            plain_images: 0,
            images_from_scratch: 0,
            correction_images: 0,
            corrections: 0,
            known: HashMap::new(),
            gated: HashSet::new(),
        }
    }

    /// The same of an evaluator that fits the affines of an allocation's quantized layers front to
    /// back over so many calibration images ([`crate::evaluate::Evaluator::correction_images`]).
    pub fn with_corrections(self, images: usize) -> Self {
        Ledger {
            correction_images: images,
            ..self
        }
    }

    /// Adds an event and where its answer came from. `tree` knows the event already.
    pub fn apply(&mut self, event: &Event, tree: &Tree, provenance: Provenance) {
        let Some(settings) = &tree.settings else {
            return;
        };
        match event {
            Event::Baseline { correct } => {
                // The float network's potentials are measured once, too.
                self.run(0, correct.len(), settings.search_images);
                let images = settings.images_of_drift(Origin::Start);
                self.run(0, images, images);
            }
            Event::Measured {
                candidate, cached, ..
            } => {
                if self.answered(*cached, provenance) {
                    self.counters.drift_evaluations += 1;
                }
                if !cached {
                    let origin = tree.get(*candidate).map_or(Origin::Start, |c| c.origin);
                    let images = settings.images_of_drift(origin);
                    self.run(0, images, images);
                    self.corrected(tree, *candidate);
                }
            }
            Event::Gated { candidate, reason } => match reason.decision {
                // Once for each candidate, also where a changed constraint has it decided on again.
                GateDecision::HeldBack => {
                    self.counters.gated += u64::from(self.gated.insert(*candidate));
                }
                GateDecision::Audited => self.counters.audited += 1,
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
                let computed = self.answered(judgement.cached, provenance);
                self.counters.evaluations += u64::from(computed);
                if let Some(candidate) = tree.get(*candidate).filter(|_| !judgement.cached) {
                    let allocation = candidate.allocation.clone();
                    let id = candidate.id;
                    let (runs, new) =
                        self.judged(allocation, judgement, bits.len(), settings.search_images);
                    self.counters.images += if computed { new } else { 0 };
                    if runs {
                        self.corrected(tree, id);
                    }
                }
            }
            Event::CertifyBaseline { correct } => {
                self.run(0, correct.len(), settings.certify_images);
            }
            Event::RungTested {
                candidate,
                bits,
                cached: false,
                ..
            } => {
                self.run(0, bits.len(), settings.certify_images);
                self.corrected(tree, *candidate);
            }
            Event::Tested {
                candidate, images, ..
            } => {
                self.run(0, *images, settings.test_images);
                candidate.iter().for_each(|id| self.corrected(tree, *id));
            }
            _ => {}
        }
    }

    /// Counts an answer that is not computed; true for one that is.
    fn answered(&mut self, cached: bool, provenance: Provenance) -> bool {
        let reused = !cached && provenance == Provenance::EarlierRun;
        self.counters.reused += u64::from(reused);
        self.counters.cached += u64::from(cached || reused);
        !cached && !reused
    }

    /// Fits the affines of a candidate's quantized layers: the sums of each, and the value of every
    /// layer before the last one.
    fn corrected(&mut self, tree: &Tree, candidate: CandidateId) {
        let Some(candidate) = tree.get(candidate) else {
            return;
        };
        let widths = &candidate.allocation.0;
        let last = widths.iter().rposition(|w| !w.is_float());
        let fitted = widths.iter().filter(|w| !w.is_float()).count();
        let layers = (fitted + last.unwrap_or(0)) as u64;
        let all = (self.correction_images as u64).saturating_mul(layers);
        self.corrections = self.corrections.saturating_add(all);
    }

    /// Counts the images that a judgement takes beyond those whose answers are known. Whether there
    /// are any where nothing ends early, and how many were looked at.
    fn judged(
        &mut self,
        allocation: Allocation,
        judgement: &Judgement,
        bits: usize,
        split: usize,
    ) -> (bool, u64) {
        let known = self.known.entry(allocation).or_default();
        let from = std::mem::replace(known, bits.max(*known));
        // Where a sequential test stops is a decision.
        let to = match judgement.sequential {
            true => judgement.images,
            false => judgement.of,
        };
        self.run(from, to, split);
        (from < to, bits.saturating_sub(from) as u64)
    }

    /// The counts so far.
    pub fn counters(&self) -> Counters {
        self.counters
    }

    /// Images that the requests take when nothing stops early.
    pub fn plain_images(&self) -> u64 {
        self.plain_images
    }

    /// Layer-forwards that the same run does with every optimization off.
    pub fn layer_forwards_plain(&self, tree: &Tree) -> u64 {
        let layers = tree.settings.as_ref().map_or(0, |s| s.space.layers.len());
        let images = self.images_from_scratch.saturating_mul(layers as u64);
        images.saturating_add(self.corrections)
    }

    /// Images `from..to` of a split of `len` images, run by whole batches.
    fn run(&mut self, from: usize, to: usize, len: usize) {
        if from >= to {
            return;
        }
        let first = from / self.batch * self.batch;
        let last = to.checked_next_multiple_of(self.batch).unwrap_or(to);
        let last = last.min(len.max(to)) as u64;
        self.plain_images = self.plain_images.saturating_add(last - first as u64);
        self.images_from_scratch = self.images_from_scratch.saturating_add(last);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whole_batches_are_run_but_never_more_than_the_split() {
        let images = |from, to, len| {
            let mut ledger = Ledger::new(8);
            ledger.run(from, to, len);
            (ledger.images_from_scratch, ledger.plain_images)
        };
        assert_eq!(images(0, 150, 400), (152, 152));
        assert_eq!(images(150, 400, 400), (400, 256));
        assert_eq!(images(0, 21, 21), (21, 21));
        assert_eq!(images(5, 5, 21), (0, 0));
        let most = usize::MAX as u64;
        assert_eq!(images(0, usize::MAX, 1), (most, most));
        let mut ledger = Ledger::new(8);
        ledger.run(0, usize::MAX, 1);
        ledger.run(0, usize::MAX, 1);
        assert_eq!(ledger.images_from_scratch, u64::MAX);
    }
}
