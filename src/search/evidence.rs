//! What speaks for the gate and against it, counted over a search tree: the same for the interface,
//! the result and a report.

use std::cmp::Ordering;
use std::collections::HashSet;

use serde::{Deserialize, Serialize};

use super::{Candidate, Estimate, GateDecision, Tree};
use crate::evaluate::{Bounded, Proxies, Verdict, kendall, spearman, wilson_95};

/// A number that may say beforehand how much accuracy a candidate loses. The gate reads the drift
/// alone.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Proxy {
    /// The drift: the mean over sites.
    Drift,
    /// The largest drift of a site.
    MaxDrift,
    /// Share of spikes that are others.
    SpikeFlips,
    /// Kullback-Leibler divergence of the outputs.
    Divergence,
    /// Relative error of the weights.
    WeightError,
    /// The drift of every image by itself.
    ImageDrift,
    /// Kullback-Leibler divergence of the outputs on all images of the drift.
    WideDivergence,
    /// Sum of the relative errors of the layers' outputs.
    OutputError,
    /// Increase of the labels' cross-entropy.
    LossIncrease,
    /// Share of images that get another class.
    Disagreement,
}

impl Proxy {
    /// All of them, the gate's own first.
    pub const ALL: [Proxy; 10] = [
        Proxy::Drift,
        Proxy::MaxDrift,
        Proxy::SpikeFlips,
        Proxy::Divergence,
        Proxy::WeightError,
        Proxy::ImageDrift,
        Proxy::WideDivergence,
        Proxy::OutputError,
        Proxy::LossIncrease,
        Proxy::Disagreement,
    ];

    /// Whether it is measured under a calibrated quantizer alone.
    fn is_of_calibration(self) -> bool {
        use Proxy::{Disagreement, ImageDrift, LossIncrease, OutputError, WideDivergence};
        matches!(
            self,
            ImageDrift | WideDivergence | OutputError | LossIncrease | Disagreement
        )
    }

    /// Its name.
    pub fn name(self) -> &'static str {
        match self {
            Proxy::Drift => "drift",
            Proxy::MaxDrift => "max drift",
            Proxy::SpikeFlips => "spike flips",
            Proxy::Divergence => "output KL",
            Proxy::WeightError => "weight error",
            Proxy::ImageDrift => "image drift",
            Proxy::WideDivergence => "KL, all",
            Proxy::OutputError => "output error",
            Proxy::LossIncrease => "label loss",
            Proxy::Disagreement => "disagreement",
        }
    }

    /// Its value for a candidate, where it was measured.
    pub fn of(self, candidate: &Candidate) -> Option<f64> {
        self.among(candidate.drift, candidate.proxies)
    }

    /// Its value among the drift and what was measured beside it.
    pub fn among(self, drift: Option<f64>, proxies: Option<Proxies>) -> Option<f64> {
        match self {
            Proxy::Drift => drift,
            Proxy::MaxDrift => proxies.map(|p| p.max_drift),
            Proxy::SpikeFlips => proxies?.spike_flips,
            Proxy::Divergence => proxies?.divergence,
            Proxy::WeightError => proxies.map(|p| p.weight_error),
            Proxy::ImageDrift => proxies?.image_drift,
            Proxy::WideDivergence => proxies?.wide_divergence,
            Proxy::OutputError => proxies?.output_error,
            Proxy::LossIncrease => proxies?.loss_increase,
            Proxy::Disagreement => proxies?.disagreement,
        }
    }
}

/// Candidates by what their screening came to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Verdicts {
    /// Met the constraint.
    pub met: usize,
    /// Did not.
    pub not_met: usize,
    /// Not screened: not yet, or the search had no more use for it.
    pub open: usize,
}

impl Verdicts {
    /// All of them.
    pub fn all(self) -> usize {
        self.judged() + self.open
    }
    /// Those with a verdict.
    pub fn judged(self) -> usize {
        self.met + self.not_met
    }
    fn count(&mut self, candidate: &Candidate) {
        match candidate.screening.map(|j| j.verdict) {
            Some(Verdict::Met) => self.met += 1,
            Some(Verdict::NotMet) => self.not_met += 1,
            None => self.open += 1,
        }
    }
}

/// How a proxy goes with the accuracy drop that was measured.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct ProxyEvidence {
    /// The proxy.
    pub proxy: Proxy,
    /// Allocations of which both are known.
    pub n: usize,
    /// Spearman's rank correlation; none for fewer than three, and where one side does not vary.
    pub spearman: Option<Bounded>,
    /// Kendall's tau-b of the same pairs.
    pub kendall: Option<Bounded>,
}

/// How well the gate's decisions hold, and how well each proxy would have done.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct GateEvidence {
    /// Let through.
    pub passed: Verdicts,
    /// Held back but evaluated. Those that met the constraint are the gate's errors that are known.
    pub audited: Verdicts,
    /// Candidates held back and not audited, each once.
    pub held_back: usize,
    /// Of all that meet the constraint, the share that the gate holds back, with its interval; none
    /// below [`GateEvidence::ENOUGH_AUDITS`] audits with a verdict.
    pub false_rejection: Option<Bounded>,
    /// Allocations that were evaluated, with a drift that is known.
    pub evaluated: usize,
    /// What the model of the drop said before verdicts were known.
    #[serde(skip_serializing_if = "Forecasts::is_empty")]
    pub forecasts: Forecasts,
    /// Of each proxy.
    pub proxies: Vec<ProxyEvidence>,
}

/// How well the forecasts hold that the model of the drop made before the verdicts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
pub struct Forecasts {
    /// Candidates with a forecast and a verdict.
    pub n: usize,
    /// The chance that of two of them, one that met the constraint and one that did not, the former
    /// had the larger forecast chance: the area under the receiver's curve. None while there are
    /// fewer than [`Forecasts::ENOUGH`] pairs of such.
    pub area: Option<f64>,
    /// Share of the measured drops within their 90 % interval.
    pub covered: Option<f64>,
}

impl Forecasts {
    /// With fewer pairs the area would be a guess.
    pub const ENOUGH: usize = 8;

    fn is_empty(&self) -> bool {
        self.n == 0
    }
}

impl GateEvidence {
    /// With fewer audits a share would be a guess.
    pub const ENOUGH_AUDITS: usize = 20;

    /// Counts over a tree.
    pub fn of(tree: &Tree) -> Self {
        let mut evidence = GateEvidence::default();
        // The same allocation may have been proposed more than once; it is one measurement.
        let mut seen = HashSet::new();
        let mut evaluated: Vec<(&Candidate, f64)> = Vec::new();
        for candidate in &tree.candidates {
            evidence.held_back += usize::from(candidate.held_back);
            match candidate.gate.map(|g| g.decision) {
                Some(GateDecision::Passed) => evidence.passed.count(candidate),
                Some(GateDecision::Audited) => evidence.audited.count(candidate),
                Some(GateDecision::HeldBack | GateDecision::Exempt) | None => {}
            }
            let judged = candidate.judgement().filter(|j| j.images > 0);
            if let (Some(judged), true) = (judged, candidate.drift.is_some())
                && seen.insert(&candidate.allocation)
            {
                evaluated.push((candidate, judged.drop()));
            }
        }
        evidence.evaluated = evaluated.len();
        evidence.forecasts = Self::forecasts(tree);
        let share = tree.settings.as_ref().map_or(0.0, |s| s.gate.audit);
        evidence.false_rejection = false_rejection(evidence.passed, evidence.audited, share);
        let of = |proxy: Proxy| {
            let pair = |(candidate, drop): &(&Candidate, f64)| Some((proxy.of(candidate)?, *drop));
            let pairs: Vec<(f64, f64)> = evaluated.iter().filter_map(pair).collect();
            ProxyEvidence {
                proxy,
                n: pairs.len(),
                spearman: spearman(&pairs),
                kendall: kendall(&pairs),
            }
        };
        let measured = |p: &ProxyEvidence| p.n > 0 || !p.proxy.is_of_calibration();
        evidence.proxies = Proxy::ALL.map(of).into_iter().filter(measured).collect();
        evidence
    }

    /// The forecasts that a search's candidates were gated with.
    pub fn forecasts(tree: &Tree) -> Forecasts {
        let judged = tree.active().filter_map(|c| {
            let (reason, judgement) = (c.gate?, c.screening?);
            let met = judgement.verdict == Verdict::Met;
            Some((reason.chance?, reason.predicted?, met, judgement.drop()))
        });
        let judged: Vec<(f64, Estimate, bool, f64)> = judged.collect();
        let chances = |of: bool| judged.iter().filter(move |j| j.2 == of).map(|j| j.0);
        let pairs = chances(true).count() * chances(false).count();
        let order = |met: f64| -> f64 {
            let ahead = |not_met: f64| match met.total_cmp(&not_met) {
                Ordering::Greater => 1.0,
                Ordering::Equal => 0.5,
                Ordering::Less => 0.0,
            };
            chances(false).map(ahead).sum()
        };
        let area = chances(true).map(order).sum::<f64>() / pairs.max(1) as f64;
        let within = |(_, predicted, _, drop): &&(f64, Estimate, bool, f64)| {
            let bounds = predicted.low.zip(predicted.high);
            bounds.is_some_and(|(low, high)| low <= *drop && *drop <= high)
        };
        let n = judged.len();
        let covered = judged.iter().filter(within).count() as f64 / n.max(1) as f64;
        Forecasts {
            n,
            area: (pairs >= Forecasts::ENOUGH).then_some(area),
            covered: (n > 0).then_some(covered),
        }
    }

    /// Spearman's rank correlation of a proxy.
    pub fn correlation(&self, proxy: Proxy) -> Option<Bounded> {
        let of = self.proxies.iter().find(|p| p.proxy == proxy)?;
        of.spearman
    }
}

/// Of all that meet the constraint, the share that is held back: each audited one stands for `1 /
/// share` of those held back, those let through are all known. The interval is Wilson's at 95 % of
/// the share of audits that met the constraint, carried over (the estimate grows with it). It is
/// about which of those held back were audited: drawn with equal chances, whatever their drift.
fn false_rejection(passed: Verdicts, audited: Verdicts, share: f64) -> Option<Bounded> {
    let audits = audited.judged();
    if audits < GateEvidence::ENOUGH_AUDITS || share.is_nan() || share <= 0.0 {
        return None;
    }
    let of = |met_of_audits: f64| {
        let missed = met_of_audits * audits as f64 / share;
        let all = missed + passed.met as f64;
        if all > 0.0 { missed / all } else { 0.0 }
    };
    let (low, high) = wilson_95(audited.met, audits);
    Some(Bounded {
        value: of(audited.met as f64 / audits as f64),
        low: Some(of(low)),
        high: Some(of(high)),
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn verdicts(met: usize, not_met: usize) -> Verdicts {
        Verdicts {
            met,
            not_met,
            open: 7,
        }
    }

    #[test]
    fn false_rejections_by_hand() {
        let few = false_rejection(verdicts(10, 3), verdicts(1, 18), 0.05);
        assert_eq!(few, None, "19 audits are a guess");
        // One of 20 audits met it, each standing for 20 held back: 20 of 20 + 180.
        let found = false_rejection(verdicts(180, 3), verdicts(1, 19), 0.05).expect("20 audits");
        assert!((found.value - 0.1).abs() < 1e-12);
        // Newcombe 1998: Wilson for 1 of 20 is 0.0089 to 0.2361; times 400 of itself and 180.
        let bounds = (found.low.expect("low"), found.high.expect("high"));
        assert!((bounds.0 - 3.56 / 183.56).abs() < 1e-3, "{bounds:?}");
        assert!((bounds.1 - 94.4 / 274.4).abs() < 1e-3, "{bounds:?}");
        // None met it anywhere: nothing was missed, as far as is known.
        let none = false_rejection(verdicts(0, 3), verdicts(0, 30), 0.5).expect("30 audits");
        assert_eq!(
            (none.value, none.low, none.high),
            (0.0, Some(0.0), Some(1.0))
        );
        assert_eq!(false_rejection(verdicts(1, 1), verdicts(5, 30), 0.0), None);
    }

    proptest! {
        #[test]
        fn an_interval_holds_its_estimate(
            passed in 0usize..300, met in 0usize..40, not_met in 20usize..60, share in 0.01..=1.0f64,
        ) {
            let found = false_rejection(verdicts(passed, 5), verdicts(met, not_met), share).expect("enough");
            let (low, high) = (found.low.expect("low"), found.high.expect("high"));
            prop_assert!(0.0 <= low && low <= found.value + 1e-12);
            prop_assert!(found.value <= high + 1e-12 && high <= 1.0);
        }
    }
}
