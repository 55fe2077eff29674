//! The gate: from cheap evidence, does a candidate deserve an accuracy evaluation? (Ours, not the
//! paper's: its gate equations are not public.)
//!
//! `adaptive`: by a model of the drop over all the evidence, once what it said before verdicts
//! tells those that met the constraint from those that did not; until then everything is evaluated.
//! `drift`: by an isotonic fit of the verdicts on drift alone, the idea of the paper.

use super::drop_model::{DropModel, Forecast};
use super::isotonic::pools;
use super::{Candidate, GateDecision, GateEvidence, GateReason, Tree};
use crate::profile::{GateConfig, GateMode};
use crate::quant::Allocation;

/// The gate of a search: it learns from every verdict, and decides by what it had learned when the
/// round opened.
#[derive(Clone, Debug)]
pub struct Gate {
    config: GateConfig,
    seed: u64,
    /// Drift and whether screening met the constraint, in order of commitment.
    verdicts: Vec<(f64, bool)>,
    /// How many of them were known when the round opened, and what follows from these.
    known: usize,
    largest_pass: Option<f64>,
    fit: Isotonic,
    /// `adaptive`: the model, and whether its forecasts have told verdicts apart.
    model: Option<DropModel>,
    trusted: bool,
}

/// The area under the curve from which on the model is trusted. 0.5 is chance.
const TRUSTED: f64 = 0.7;

impl Gate {
    /// A gate that knows no verdict.
    pub fn new(config: GateConfig, seed: u64) -> Self {
        Gate {
            config,
            seed,
            verdicts: Vec::new(),
            known: 0,
            largest_pass: None,
            fit: Isotonic::default(),
            model: None,
            trusted: false,
        }
    }
    /// Learns one screening verdict.
    pub fn learn(&mut self, drift: f64, met: bool) {
        self.verdicts.push((drift, met));
    }
    /// Knows these verdicts instead of all it learned, in a new round.
    pub fn relearn(&mut self, verdicts: Vec<(f64, bool)>, tree: &Tree) {
        self.verdicts = verdicts;
        self.open_round(tree);
    }
    /// Opens a round: what was learned counts from now on.
    pub fn open_round(&mut self, tree: &Tree) {
        let passes = self.verdicts.iter().filter(|v| v.1).map(|v| v.0);
        self.largest_pass = passes.max_by(f64::total_cmp);
        self.known = self.verdicts.len();
        match self.config.mode {
            GateMode::Drift => self.fit = Isotonic::new(&self.verdicts),
            GateMode::Adaptive => {
                self.model = DropModel::fit(tree, tree.max_drop());
                let area = GateEvidence::forecasts(tree).area;
                self.trusted =
                    self.known >= self.config.warm_up && area.is_some_and(|a| a >= TRUSTED);
            }
            GateMode::Fixed | GateMode::Off => {}
        }
    }
    /// What the model that the round opened with says of a candidate where at most `limit` points
    /// may be lost; none in other modes, and before enough was evaluated.
    pub fn forecast(&self, candidate: &Candidate, limit: f64) -> Option<Forecast> {
        let model = self.model.as_ref()?;
        Some(model.forecast(candidate, limit))
    }
    /// The reason recorded for a candidate that the user asked for.
    pub fn exempt(
        &self,
        drift: f64,
        allocation: &Allocation,
        forecast: Option<Forecast>,
    ) -> GateReason {
        GateReason {
            decision: GateDecision::Exempt,
            ..self.decide(drift, allocation, forecast)
        }
    }
    /// Decides on a candidate by its drift, or by what the model says of it; the audit share is
    /// drawn from the seed and the allocation, so it does not depend on order.
    pub fn decide(
        &self,
        drift: f64,
        allocation: &Allocation,
        forecast: Option<Forecast>,
    ) -> GateReason {
        let mut reason = GateReason {
            decision: GateDecision::Passed,
            mode: self.config.mode,
            drift,
            limit: None,
            chance: None,
            min_chance: None,
            verdicts: self.known,
            predicted: forecast.map(|f| f.drop),
            untrusted: false,
        };
        let hold_back = match self.config.mode {
            GateMode::Off => false,
            GateMode::Fixed => {
                reason.limit = Some(self.config.limit);
                drift > self.config.limit
            }
            GateMode::Adaptive => {
                reason.min_chance = Some(self.config.min_chance);
                reason.chance = forecast.map(|f| f.chance);
                reason.untrusted = forecast.is_some() && !self.trusted;
                self.trusted && reason.chance.is_some_and(|c| c < self.config.min_chance)
            }
            GateMode::Drift => {
                reason.limit = self.largest_pass;
                reason.min_chance = Some(self.config.min_chance);
                if self.known >= self.config.warm_up {
                    reason.chance = self.fit.at(drift);
                }
                reason
                    .chance
                    .is_some_and(|chance| chance < self.config.min_chance)
            }
        };
        if hold_back {
            let audited = draw(self.seed, allocation) < self.config.audit;
            reason.decision = if audited {
                GateDecision::Audited
            } else {
                GateDecision::HeldBack
            };
        }
        reason
    }
}

/// A number in 0..1 that depends on the seed and the allocation only.
fn draw(seed: u64, allocation: &Allocation) -> f64 {
    let mut hasher = blake3::Hasher::new();
    hasher
        .update(b"audit")
        .update(&seed.to_le_bytes())
        .update(&allocation.bytes());
    let mut eight = [0u8; 8];
    hasher.finalize_xof().fill(&mut eight);
    (u64::from_le_bytes(eight) >> 11) as f64 / (1u64 << 53) as f64
}

/// The least-squares fit of a non-increasing function to verdicts (isotonic regression), asked at
/// one drift.
///
/// The candidate itself counts as half a verdict, as likely to pass as not: a single verdict is no
/// certainty, and what failed at larger drifts says nothing against a smaller one. Where nothing
/// passed beyond, three failures in a row make the chance fall below 0.1. (Ours.)
#[derive(Clone, Debug, Default, PartialEq)]
struct Isotonic {
    /// Drift, passes and verdicts, of each drift that was seen; ascending.
    seen: Vec<(f64, f64, f64)>,
}

/// What the candidate asked about counts for.
const OWN_WEIGHT: f64 = 0.5;

impl Isotonic {
    fn new(verdicts: &[(f64, bool)]) -> Self {
        let mut verdicts = verdicts.to_vec();
        verdicts.sort_by(|a, b| a.0.total_cmp(&b.0));
        let seen = verdicts.chunk_by(|a, b| a.0 == b.0).map(|same| {
            let passes = same.iter().filter(|v| v.1).count();
            (same[0].0, passes as f64, same.len() as f64)
        });
        Isotonic {
            seen: seen.collect(),
        }
    }

    /// The fitted chance at a drift; none without verdicts. By pool adjacent violators: a pool that
    /// passes more often than the one before it joins it.
    fn at(&self, drift: f64) -> Option<f64> {
        if self.seen.is_empty() {
            return None;
        }
        let split = self.seen.partition_point(|s| s.0 < drift);
        let (below, from) = self.seen.split_at(split);
        let asked = match from.first() {
            Some(same) if same.0 == drift => {
                (drift, same.1 + OWN_WEIGHT / 2.0, same.2 + OWN_WEIGHT)
            }
            _ => (drift, OWN_WEIGHT / 2.0, OWN_WEIGHT),
        };
        let above = from.iter().filter(|s| s.0 > drift);
        let points = below.iter().chain([&asked]).chain(above);
        // Each pool: its smallest drift, passes, verdicts.
        let pools = pools(
            points.copied(),
            |last, next| last.1 / last.2 >= next.1 / next.2,
            |last, next| (last.0, last.1 + next.1, last.2 + next.2),
        );
        let with_it = pools.partition_point(|pool| pool.0 <= drift);
        pools.get(with_it.saturating_sub(1)).map(|p| p.1 / p.2)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::quant::BitWidth;

    fn allocation(bits: &[u8]) -> Allocation {
        Allocation(
            bits.iter()
                .map(|b| BitWidth::new(*b).expect("a width"))
                .collect(),
        )
    }

    fn isotonic(warm_up: usize, audit: f64) -> Gate {
        Gate::new(
            GateConfig {
                mode: GateMode::Drift,
                warm_up,
                audit,
                ..GateConfig::default()
            },
            7,
        )
    }

    #[test]
    fn nothing_is_held_back_before_the_warm_up() {
        let mut gate = isotonic(6, 0.0);
        for drift in [0.1, 0.2, 0.25, 0.26, 0.27] {
            gate.learn(drift, false);
        }
        gate.open_round(&Tree::default());
        assert_eq!(
            gate.decide(9.0, &allocation(&[4]), None).decision,
            GateDecision::Passed
        );
        gate.learn(0.3, false);
        gate.open_round(&Tree::default());
        assert_eq!(
            gate.decide(9.0, &allocation(&[4]), None).decision,
            GateDecision::HeldBack
        );
    }

    #[test]
    fn the_gate_of_a_round_does_not_learn() {
        let mut gate = isotonic(0, 0.0);
        gate.learn(0.1, true);
        gate.open_round(&Tree::default());
        for _ in 0..5 {
            gate.learn(0.2, false);
        }
        assert_eq!(
            gate.decide(0.5, &allocation(&[4]), None).decision,
            GateDecision::Passed
        );
        gate.open_round(&Tree::default());
        assert_eq!(
            gate.decide(0.5, &allocation(&[4]), None).decision,
            GateDecision::HeldBack
        );
    }

    #[test]
    fn fixed_limit_is_inclusive() {
        let config = GateConfig {
            mode: GateMode::Fixed,
            limit: 0.1,
            audit: 0.0,
            ..GateConfig::default()
        };
        let gate = Gate::new(config, 0);
        assert_eq!(
            gate.decide(0.1, &allocation(&[4]), None).decision,
            GateDecision::Passed
        );
        assert_eq!(
            gate.decide(0.1000001, &allocation(&[4]), None).decision,
            GateDecision::HeldBack
        );
    }

    #[test]
    fn the_audit_share_is_about_what_was_asked() {
        let config = GateConfig {
            mode: GateMode::Fixed,
            limit: 0.0,
            audit: 0.05,
            ..GateConfig::default()
        };
        let gate = Gate::new(config, 3);
        let audited = (0..4000u32)
            .filter(|i| {
                let bits: Vec<u8> = (0..8)
                    .map(|d| 1 + (i >> d & 1) as u8 + (i >> (8 + d) & 1) as u8)
                    .collect();
                gate.decide(
                    1.0,
                    &allocation(&[&bits[..], &[1 + (i % 8) as u8]].concat()),
                    None,
                )
                .decision
                    == GateDecision::Audited
            })
            .count();
        assert!((100..320).contains(&audited), "{audited} of 4000");
    }

    proptest! {
        /// Against a naive reference: the least over left ends of the largest over right ends of
        /// the mean.
        #[test]
        fn isotonic_fit_is_the_min_max_formula(
            points in prop::collection::vec((0u8..12, any::<bool>()), 1..24),
            asked in 0u8..12,
        ) {
            let points: Vec<(f64, bool)> = points.into_iter().map(|(d, met)| (f64::from(d), met)).collect();
            let asked = f64::from(asked);
            // Drift, chance, weight.
            let mut weighed: Vec<(f64, f64, f64)> = points.iter().map(|p| (p.0, f64::from(u8::from(p.1)), 1.0)).collect();
            weighed.push((asked, 0.5, OWN_WEIGHT));
            let mean = |from: f64, to: f64| {
                let inside = || weighed.iter().filter(|p| p.0 >= from && p.0 <= to);
                inside().map(|p| p.1 * p.2).sum::<f64>() / inside().map(|p| p.2).sum::<f64>()
            };
            let drifts: Vec<f64> = weighed.iter().map(|p| p.0).collect();
            let naive = drifts.iter().filter(|l| **l <= asked)
                .map(|l| drifts.iter().filter(|r| **r >= asked).map(|r| mean(*l, *r)).fold(0.0, f64::max))
                .fold(1.0, f64::min);
            let found = Isotonic::new(&points).at(asked).expect("verdicts");
            prop_assert!((found - naive).abs() < 1e-12, "{} {}", found, naive);
        }

        /// A smaller drift never has a smaller chance.
        #[test]
        fn chances_do_not_grow_with_drift(points in prop::collection::vec((0u8..12, any::<bool>()), 1..24)) {
            let points: Vec<(f64, bool)> = points.into_iter().map(|(d, met)| (f64::from(d), met)).collect();
            let fit = Isotonic::new(&points);
            let chances: Vec<f64> = (0..26).filter_map(|d| fit.at(f64::from(d) / 2.0)).collect();
            prop_assert!(chances.windows(2).all(|w| w[0] >= w[1] - 1e-12), "{:?}", chances);
        }

        #[test]
        fn order_of_arrival_does_not_matter(mut points in prop::collection::vec((0u8..6, any::<bool>()), 1..12)) {
            let fit = |p: &[(u8, bool)]| Isotonic::new(&p.iter().map(|(d, m)| (f64::from(*d), *m)).collect::<Vec<_>>());
            let one = fit(&points);
            points.reverse();
            prop_assert_eq!(one, fit(&points));
        }
    }
}
