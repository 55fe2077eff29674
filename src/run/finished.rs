//! The result of a run in one object: the last line of `search --headless --json`.

use std::fmt;
use std::path::{Path, PathBuf};

use serde::Serialize;

use super::Totals;
use super::certified::CertificateSummary;
use super::files::BEST;
use crate::evaluate::percent;
use crate::profile::Screening;
use crate::quant::{Allocation, BitWidth, saving_percent};
use crate::search::{ClosestInfeasible, Counters, GateEvidence, StopReason, Tree};

/// The result of a search. Accuracies in percent, counters over the whole run, resumes included.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(tag = "type", rename = "finished")]
pub struct Finished {
    /// Float accuracy on the search split; none where it was not measured.
    pub accuracy_float: Option<f64>,
    /// The result's accuracy on the search split, from its confirmation (from its screening where
    /// what was certified was not confirmed).
    pub accuracy: Option<f64>,
    /// Their difference in percentage points.
    pub accuracy_drop: Option<f64>,
    /// Float accuracy on the test split.
    pub accuracy_test_float: Option<f64>,
    /// The result's accuracy on the test split.
    pub accuracy_test: Option<f64>,
    /// True where the search was steered on after a result on the test split was known: these
    /// images are no longer unseen.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub test_seen: bool,
    /// Memory of the float network.
    pub memory_float_bytes: u64,
    /// Memory of the result.
    pub memory_bytes: Option<u64>,
    /// Memory saved.
    pub memory_saving_percent: Option<f64>,
    /// Memory of packed weights saved, affines left out.
    pub weights_saving_percent: Option<f64>,
    /// The certificate of the result.
    #[serde(flatten)]
    pub certification: CertificateSummary,
    /// What was counted.
    #[serde(flatten)]
    pub counters: Counters,
    /// How well the gate's decisions hold, and how every proxy goes with the measured drop.
    pub gate: GateEvidence,
    /// Layers run on one image over all time steps.
    pub layer_forwards: u64,
    /// All of them but those of the test split and of the certificate.
    pub layer_forwards_search: u64,
    /// What the same run does with every optimization off.
    pub layer_forwards_plain: u64,
    /// What a sequential screening was allowed to get wrong, and how often it decided; none where
    /// it is exact.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sequential: Option<SequentialScreening>,
    /// How often a two-sided screening decided before its verdict was certain; none where it is
    /// something else.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub two_sided: Option<DecidedEarly>,
    /// Seconds of searching.
    pub seconds: f64,
    /// Why it ended.
    pub stop_reason: StopReason,
    /// True when the result meets every constraint.
    #[serde(skip)]
    met: bool,
    /// What came nearest, where nothing met the constraint.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub nearest: Vec<ClosestInfeasible>,
    /// The profile that holds the result; none where nothing was confirmed.
    pub profile: Option<PathBuf>,
}

/// Screening by a sequential test, as it was asked for and as it went.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct SequentialScreening {
    /// Largest probability of rejecting what clearly meets the constraint.
    pub alpha: f64,
    /// Largest probability of taking what clearly does not.
    pub beta: f64,
    /// How far from the largest drop "clearly" begins, in points.
    pub indifference: f64,
    /// How it went.
    #[serde(flatten)]
    pub early: DecidedEarly,
}

/// Screenings, and how many of them a test ended before their verdict was certain.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct DecidedEarly {
    /// Screenings that were judged.
    pub screenings: usize,
    /// Those that ended before their verdict was certain.
    pub decided_early: usize,
}

impl DecidedEarly {
    /// Counts over a search's candidates; none where they were screened in another way.
    fn of(tree: &Tree, screening: Screening) -> Option<Self> {
        if tree.settings.as_ref()?.search.screening != screening {
            return None;
        }
        let screened = || tree.candidates.iter().filter_map(|c| c.screening);
        Some(DecidedEarly {
            screenings: screened().count(),
            decided_early: screened().filter(|judgement| judgement.sequential).count(),
        })
    }
}

impl fmt::Display for DecidedEarly {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (early, all) = (self.decided_early, self.screenings);
        write!(f, "{early} of {all} decided before certain")
    }
}

impl SequentialScreening {
    fn of(tree: &Tree) -> Option<Self> {
        let search = &tree.settings.as_ref()?.search;
        Some(SequentialScreening {
            alpha: search.alpha,
            beta: search.beta,
            indifference: search.indifference,
            early: DecidedEarly::of(tree, Screening::Sequential)?,
        })
    }
}

impl fmt::Display for SequentialScreening {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "sequential: {} (alpha {}, beta {}, indifferent within {} points)",
            self.early, self.alpha, self.beta, self.indifference
        )
    }
}

impl Finished {
    /// The result of a finished search; none while it goes on.
    pub fn new(tree: &Tree, counters: Counters, totals: Totals, folder: &Path) -> Option<Self> {
        let stop_reason = tree.finished?;
        let space = &tree.settings.as_ref()?.space;
        let result = tree.result();
        let judged = result.and_then(|c| c.judgement());
        let float = Allocation::uniform(space.layers.len(), BitWidth::FLOAT);
        let saving = |of: fn(&crate::search::Space, &Allocation) -> u64| {
            result.map(|c| saving_percent(of(space, &c.allocation), of(space, &float)))
        };
        let best = folder.join(BEST);
        Some(Finished {
            accuracy_float: (!tree.float.is_empty())
                .then(|| percent(tree.float.correct(), tree.float.len())),
            accuracy: judged.map(|j| j.accuracy()),
            accuracy_drop: judged.map(|j| j.drop()),
            accuracy_test_float: tree
                .tested_float
                .map(|(images, correct)| percent(correct, images)),
            accuracy_test: tree
                .tested()
                .map(|(images, _, correct)| percent(correct, images)),
            test_seen: tree.test_seen,
            memory_float_bytes: space.float_bytes(),
            memory_bytes: result.map(|c| c.bytes),
            memory_saving_percent: saving(crate::search::Space::bytes),
            weights_saving_percent: saving(crate::search::Space::weight_bytes),
            certification: CertificateSummary::of(tree, folder),
            counters,
            gate: GateEvidence::of(tree),
            layer_forwards: totals.layer_forwards,
            layer_forwards_search: totals.layer_forwards_search,
            layer_forwards_plain: totals.layer_forwards_plain,
            sequential: SequentialScreening::of(tree),
            two_sided: DecidedEarly::of(tree, Screening::TwoSided),
            seconds: totals.seconds,
            stop_reason,
            met: result.is_some(),
            nearest: match tree.best() {
                Some(_) => Vec::new(),
                None => tree.closest_infeasible(),
            },
            profile: result.map(|_| std::path::absolute(&best).unwrap_or(best)),
        })
    }

    /// True when the result meets every constraint.
    pub fn is_met(&self) -> bool {
        self.met
    }
}

impl fmt::Display for Finished {
    /// The result in a few lines.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (Some(accuracy), Some(drop), Some(bytes), Some(saving), Some(weights)) = (
            self.accuracy,
            self.accuracy_drop,
            self.memory_bytes,
            self.memory_saving_percent,
            self.weights_saving_percent,
        ) else {
            if !self.certification.ladder.is_empty() {
                return write!(f, "{}", self.certification);
            }
            match self.accuracy_float {
                Some(float) => write!(
                    f,
                    "nothing met the constraint; the float network has {float:.2} % on the search split"
                )?,
                None => write!(
                    f,
                    "nothing was measured before the search ended, not even the float network"
                )?,
            }
            let mut closest = self.nearest.iter();
            return closest.try_for_each(|miss| write!(f, "\n  closest   {miss}"));
        };
        let title = match self.stop_reason {
            StopReason::Stopped => "stopped; the best confirmed so far",
            StopReason::MaxEvaluations => "evaluation budget exhausted; the best confirmed by then",
            StopReason::MaxSeconds => "time limit reached; the best confirmed by then",
            StopReason::Complete | StopReason::LowestPasses | StopReason::NothingMet => "done",
        };
        writeln!(f, "{title}:")?;
        writeln!(
            f,
            "  memory    {bytes} of {} bytes: {saving:.2} % saved (weights alone {weights:.2} %)",
            self.memory_float_bytes
        )?;
        let split = |accuracy, float, split, drop| {
            format!(
                "{accuracy:.2} % (float {float:.2} %) on the {split} split: drop {drop:.2} percentage points"
            )
        };
        let search = split(
            accuracy,
            self.accuracy_float.unwrap_or(accuracy + drop),
            "search",
            drop,
        );
        let test = self.accuracy_test.zip(self.accuracy_test_float);
        let test = test.map(|(test, float)| split(test, float, "test", float - test));
        let none = "no test split: accuracy on unseen images was not measured";
        writeln!(f, "  accuracy  {search}")?;
        writeln!(f, "            {}", test.as_deref().unwrap_or(none))?;
        if test.is_some() && self.test_seen {
            writeln!(
                f,
                "            the test split is no longer unseen: the search was steered after its result was known"
            )?;
        }
        if self.certification.certified.is_some() {
            writeln!(f, "{}", self.certification)?;
        }
        self.write_work(f)
    }
}

impl Finished {
    /// Writes what the search took, and where its result is.
    fn write_work(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let c = &self.counters;
        writeln!(
            f,
            "  work      {} evaluations, {} drift measurements, {} rejected by the gate, {} audited, {:.0} s",
            c.evaluations, c.drift_evaluations, c.gated, c.audited, self.seconds
        )?;
        if let Some(sequential) = &self.sequential {
            writeln!(f, "  screening {sequential}")?;
        }
        if let Some(two_sided) = &self.two_sided {
            writeln!(f, "  screening two-sided: {two_sided}")?;
        }
        match &self.profile {
            Some(profile) => write!(f, "  profile   {}", profile.display()),
            None => Ok(()),
        }
    }
}
