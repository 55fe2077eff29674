//! What a reader of the result must know before believing it.

use super::Report;
use crate::profile::{GateMode, Screening};
use crate::search::GateEvidence;
use crate::text::gate::false_rejections;
use crate::text::numbers::{count, points};

fn sentence(doubt: &str) -> String {
    let mut letters = doubt.chars();
    let first = letters.next().map(|c| c.to_uppercase().to_string());
    format!("{}{}.", first.unwrap_or_default(), letters.as_str())
}

impl Report {
    /// Every caveat that applies, as sentences.
    pub(super) fn find_caveats(&self) -> Vec<String> {
        let mut all = self.doubts.iter().map(|doubt| sentence(doubt)).collect();
        self.of_result(&mut all);
        self.of_splits(&mut all);
        self.of_search(&mut all);
        self.of_costs(&mut all);
        all
    }

    fn of_result(&self, all: &mut Vec<String>) {
        if self.incumbent.is_none() {
            all.push("Nothing is confirmed: there is no result to rely on.".to_owned());
            return;
        }
        all.push(
            "Selection bias: the search chose this result on the search split, so its accuracy there is optimistic.".to_owned(),
        );
        let tested = self.finished.as_ref().and_then(|f| f.accuracy_test);
        all.push(match (self.images[2], tested) {
            (0, _) => "No test split: accuracy on images that the search never saw was not measured.".to_owned(),
            (_, None) => "The test split was not evaluated: the run did not come to its end.".to_owned(),
            (_, Some(_)) if self.finished.as_ref().is_some_and(|f| f.test_seen) => {
                "The test split is no longer unseen: the search was steered on after a result on it was known, so the accuracy on \
                 it may be optimistic."
                    .to_owned()
            }
            (_, Some(_)) => "The accuracy on the test split is unbiased only while nobody chooses between runs by it.".to_owned(),
        });
        let certified = self.finished.as_ref().map(|f| &f.certification);
        let certified = certified.and_then(|c| c.certified.as_ref());
        all.push(match certified {
            Some(c) => format!(
                "Certified: the bound of {} points holds for images drawn like those of the certify split, with the confidence of \
                 the constraint, and for no others.",
                points(c.bound)
            ),
            None => "Not certified: no bound on the drop on unseen images was asked for or could be given \
                     (`constraint.confidence`)."
                .to_owned(),
        });
        if self.condition != "finished" {
            all.push(format!(
                "The run is {}: the result may still become another one.",
                self.condition
            ));
        }
        if self
            .finished
            .as_ref()
            .is_some_and(|f| f.stop_reason.is_early())
        {
            all.push(
                "The search was ended before it was done: a smaller result may exist.".to_owned(),
            );
        }
        if self.commands.iter().any(|given| given.accepted) {
            all.push("The search was steered by commands (listed below): another run with the same seed and without them differs.".to_owned());
        }
    }

    fn of_splits(&self, all: &mut Vec<String>) {
        let [calibration, search, test] = self.images.map(|n| count(n as u64));
        let one = 100.0 / self.images[1].max(1) as f64;
        all.push(format!(
            "Split sizes: {calibration} images for drift, {search} for the search, {test} for the test. One image of the search split is \
             {one:.3} points; a difference smaller than the 95 % intervals is no finding."
        ));
    }

    fn of_search(&self, all: &mut Vec<String>) {
        match self.search.screening {
            Screening::Exact => {}
            Screening::TwoSided | Screening::Sequential => all.push(
                "Screenings may stop before their verdict is certain, so an allocation that meets the constraint may have been \
                 turned down. What is reported as confirmed was evaluated on the whole search split."
                    .to_owned(),
            ),
        }
        if self.gate.mode != GateMode::Off {
            let audits = match self.evidence.false_rejection {
                Some(_) => String::new(),
                None => format!("; a rate takes {} audits", GateEvidence::ENOUGH_AUDITS),
            };
            all.push(format!(
                "The gate rejects candidates unevaluated, some of which may meet the constraint: {}{audits}.",
                false_rejections(&self.evidence)
            ));
        }
        if self
            .front
            .iter()
            .any(|line| line.point.basis == "predicted")
        {
            all.push(
                "Points of the front that are marked predicted were not evaluated; the predictions are ours and of this run's \
                 measurements."
                    .to_owned(),
            );
        }
    }

    fn of_costs(&self, all: &mut Vec<String>) {
        all.push(
            "Memory counts packed weights, affines and tensors of no layer; activations, membrane states and code are not counted."
                .to_owned(),
        );
        let energy = self.activity.as_ref().and_then(|a| a.energy.as_ref());
        all.push(match energy {
            Some(_) => "The energy is the field's estimate of arithmetic in 45 nm: memory accesses do not enter, nor do bit-widths, \
                        so quantization changes it only by the spikes."
                .to_owned(),
            None => "Synaptic operations and energy were not measured for this report (`--activity`).".to_owned(),
        });
        if self.savings.cached_from_earlier_runs > 0 {
            all.push(format!(
                "Earlier runs had answered {} of its requests: seconds and evaluations are fewer than in a first run.",
                count(self.savings.cached_from_earlier_runs)
            ));
        }
        all.push("Seconds depend on the machine and on what else ran there.".to_owned());
    }
}
