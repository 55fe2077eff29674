//! A model of the accuracy drop, fitted while a search runs: what does the cheap evidence of a
//! candidate say about the drop that its evaluation will show? (Ours.)
//!
//! *Features* of an allocation are the logarithms of drift, output divergence, spike-flip rate and
//! summed output error, and the signed square root of the increase of the labels' cross-entropy,
//! each standardised over what has been measured. The *response* is asinh(drop / u), where u is
//! the largest drop allowed: linear near the limit, logarithmic far from it. The model is a
//! Bayesian linear regression (ridge): every observation has the sampling error of its drop, and
//! all share a misfit whose size is the one of greatest marginal likelihood. A candidate is
//! *anchored* at its parent: half of the parent's misfit is taken to be the candidate's, as far as
//! the parent's drop is known. Standard errors are scaled by what leaving one observation out
//! misses, and, because that scale is itself estimated, widened as Student's t distribution of the
//! observations beyond the model's effective parameters is wider than the normal one.
//!
//! Logarithms and the like come from the crate `libm`: the same bits on every machine, so that a
//! journal can be replayed elsewhere.

use std::collections::HashMap;

use libm::{asinh, erfc, log, sinh, sqrt};

use super::predict::Estimate;
use super::{Candidate, CandidateId, Proxy, Tree};
use crate::quant::Allocation;

/// What the drop is predicted from.
const FEATURES: [Proxy; 5] = [
    Proxy::Drift,
    Proxy::Divergence,
    Proxy::SpikeFlips,
    Proxy::OutputError,
    Proxy::LossIncrease,
];
/// Weights: one for each feature, and a constant.
const WEIGHTS: usize = FEATURES.len() + 1;
/// Fewer observations make no model.
const ENOUGH: usize = 6;
/// Variance of the prior of the weights; the constant is nearly free.
const PRIOR: [f64; 2] = [1.0, 100.0];
/// Sizes of the misfit that are tried.
const MISFITS: [f64; 6] = [0.05, 0.1, 0.2, 0.4, 0.8, 1.6];
/// Share of the parent's misfit that a candidate is taken to have.
const SHARED: f64 = 0.5;
/// Two-sided 90 % of a normal distribution, in standard deviations.
const NINETY: f64 = 1.644_853_626_951_472_7;

type Row = [f64; WEIGHTS];
/// What a drop is predicted from; none for what is not known.
pub(super) type Features = [Option<f64>; FEATURE_COUNT];
/// How many features there are.
pub(super) const FEATURE_COUNT: usize = FEATURES.len();

/// An allocation with the evidence and the drop that were measured.
#[derive(Clone, Debug)]
struct Observation {
    /// None for float, which loses nothing.
    candidate: Option<CandidateId>,
    features: Features,
    /// The response.
    response: f64,
    /// Its sampling variance.
    variance: f64,
}

/// The fitted model.
#[derive(Clone, Debug)]
pub(super) struct DropModel {
    /// The largest drop allowed, in points.
    unit: f64,
    means: [f64; FEATURES.len()],
    deviations: [f64; FEATURES.len()],
    weights: Row,
    covariance: [Row; WEIGHTS],
    /// Variance of the misfit.
    misfit: f64,
    /// Mean sampling variance of what was observed.
    sampling: f64,
    /// What standard errors are multiplied by.
    scale: f64,
    /// The logarithm of its marginal likelihood, but for a constant.
    evidence: f64,
    /// By candidate: how far its response lies from the fit, and its sampling variance.
    residuals: HashMap<CandidateId, (f64, f64)>,
}

/// What the model says of a candidate.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Forecast {
    /// The drop in points with its 90 % interval.
    pub drop: Estimate,
    /// The chance that it is at most what is allowed.
    pub chance: f64,
}

impl DropModel {
    /// The model of everything that has been evaluated, where at most `limit` points may be lost;
    /// none while that is too little.
    pub fn fit(tree: &Tree, limit: f64) -> Option<Self> {
        let measured = |c: &Candidate| c.drift.is_some().then(|| features(c));
        Self::of(observations(tree, unit(limit), measured), limit)
    }

    /// The model by other features than the evidence; float has `of_float` and loses nothing.
    pub fn fit_by(
        tree: &Tree,
        limit: f64,
        features: impl Fn(&Allocation) -> Features,
        of_float: Features,
    ) -> Option<Self> {
        let of = |c: &Candidate| Some(features(&c.allocation));
        let mut observations = observations(tree, unit(limit), of);
        if observations.len() < ENOUGH {
            return None;
        }
        observations.push(Observation {
            candidate: None,
            features: of_float,
            response: 0.0,
            variance: 1e-6,
        });
        Self::of(observations, limit)
    }

    fn of(observations: Vec<Observation>, limit: f64) -> Option<Self> {
        if observations.len() < ENOUGH {
            return None;
        }
        let (means, deviations) = standards(&observations);
        let rows: Vec<(Row, &Observation)> = observations
            .iter()
            .map(|o| (row(&o.features, &means, &deviations), o))
            .collect();
        let fits = MISFITS
            .iter()
            .filter_map(|size| Posterior::of(&rows, size * size));
        let best = fits.max_by(|a, b| a.evidence.total_cmp(&b.evidence))?;
        let residual = |(row, o): &(Row, &Observation)| {
            let residual = o.response - dot(row, &best.weights);
            Some((o.candidate?, (residual, o.variance)))
        };
        let sampling = observations.iter().map(|o| o.variance).sum::<f64>();
        Some(DropModel {
            unit: unit(limit),
            evidence: best.evidence,
            means,
            deviations,
            scale: best.scale(&rows),
            residuals: rows.iter().filter_map(residual).collect(),
            sampling: sampling / observations.len() as f64,
            weights: best.weights,
            covariance: best.covariance,
            misfit: best.misfit,
        })
    }

    /// What is to be expected of a candidate whose evidence is known, where at most `limit` points
    /// may be lost.
    pub fn forecast(&self, candidate: &Candidate, limit: f64) -> Forecast {
        self.at(&features(candidate), candidate.parent, limit)
    }

    /// The logarithm of its marginal likelihood, but for a constant that models of the same
    /// evaluations share.
    pub fn evidence(&self) -> f64 {
        self.evidence
    }

    /// True where the drop grows with a feature.
    pub fn grows(&self, feature: usize) -> bool {
        self.weights.get(feature).is_some_and(|w| *w > 0.0)
    }

    /// What is to be expected where some features are known, and the candidate that it is anchored
    /// at.
    pub fn at(&self, features: &Features, parent: Option<CandidateId>, limit: f64) -> Forecast {
        let row = row(features, &self.means, &self.deviations);
        let mut mean = dot(&row, &self.weights);
        let mut variance = self.misfit;
        let parent = parent.and_then(|p| self.residuals.get(&p));
        if let Some((residual, sampling)) = parent {
            let known = self.misfit / (self.misfit + sampling);
            mean += SHARED * known * residual;
            variance *= 1.0 - SHARED * SHARED * known;
        }
        let times = |row: &Row, by: &[Row; WEIGHTS]| -> f64 {
            let terms = by.iter().zip(row).map(|(line, x)| x * dot(line, row));
            terms.sum()
        };
        variance += times(&row, &self.covariance) + self.sampling;
        let deviation = self.scale * sqrt(variance.max(1e-12));
        let points = |response: f64| (self.unit * sinh(response)).clamp(-100.0, 100.0);
        let drop = Estimate {
            drop: points(mean),
            low: Some(points(mean - NINETY * deviation)),
            high: Some(points(mean + NINETY * deviation)),
        };
        let away = (asinh(limit / self.unit) - mean) / deviation;
        Forecast {
            drop,
            chance: erfc(-away / std::f64::consts::SQRT_2) / 2.0,
        }
    }
}

/// The unit of the response where at most `limit` points may be lost.
fn unit(limit: f64) -> f64 {
    match limit.is_finite() && limit > 0.1 {
        true => limit.min(100.0),
        false => 1.0,
    }
}

/// What has been evaluated and has features: every allocation once, the one with the most images.
fn observations(
    tree: &Tree,
    unit: f64,
    features: impl Fn(&Candidate) -> Option<Features>,
) -> Vec<Observation> {
    let mut best: HashMap<&Allocation, &Candidate> = HashMap::new();
    for candidate in tree.active() {
        if candidate.bits.is_empty() || features(candidate).is_none() {
            continue;
        }
        let known = best.entry(&candidate.allocation).or_insert(candidate);
        if known.bits.len() < candidate.bits.len() {
            *known = candidate;
        }
    }
    let mut chosen: Vec<&Candidate> = best.into_values().collect();
    chosen.sort_by_key(|c| c.turn);
    let observation = |c: &Candidate| {
        let (drop, sampled) = tree.measured_drop(&c.bits);
        Some(Observation {
            candidate: Some(c.id),
            features: features(c)?,
            response: asinh(drop / unit),
            // To first order the variance of a function of the drop.
            variance: sampled / (unit * unit + drop * drop) + 1e-6,
        })
    };
    chosen.into_iter().filter_map(observation).collect()
}

/// The features of a candidate, before they are standardised.
fn features(candidate: &Candidate) -> Features {
    FEATURES.map(|proxy| {
        let value = proxy.of(candidate).filter(|v| v.is_finite())?;
        Some(match proxy {
            Proxy::LossIncrease => sqrt(value.abs()).copysign(value),
            _ => log(value.max(1e-9)),
        })
    })
}

fn standards(observations: &[Observation]) -> ([f64; FEATURES.len()], [f64; FEATURES.len()]) {
    let of = |feature: usize| {
        let values = || observations.iter().filter_map(|o| o.features[feature]);
        let n = values().count().max(1) as f64;
        let mean = values().sum::<f64>() / n;
        let variance = values().map(|v| (v - mean) * (v - mean)).sum::<f64>() / n;
        let deviation = sqrt(variance);
        (mean, if deviation > 1e-9 { deviation } else { 1.0 })
    };
    let all: [(f64, f64); FEATURES.len()] = std::array::from_fn(of);
    (
        all.map(|(mean, _)| mean),
        all.map(|(_, deviation)| deviation),
    )
}

/// Standardised features and a one; what is not known is average.
fn row(
    features: &Features,
    means: &[f64; FEATURES.len()],
    deviations: &[f64; FEATURES.len()],
) -> Row {
    let standard = |i: usize| features[i].map_or(0.0, |v| (v - means[i]) / deviations[i]);
    std::array::from_fn(|i| if i < FEATURES.len() { standard(i) } else { 1.0 })
}

fn dot(a: &Row, b: &Row) -> f64 {
    a.iter().zip(b).map(|(a, b)| a * b).sum()
}

/// The weights after the observations, for one size of the misfit.
struct Posterior {
    weights: Row,
    covariance: [Row; WEIGHTS],
    misfit: f64,
    /// The logarithm of the marginal likelihood, but for a constant.
    evidence: f64,
}

impl Posterior {
    fn of(rows: &[(Row, &Observation)], misfit: f64) -> Option<Self> {
        let prior = |i: usize| 1.0 / PRIOR[usize::from(i == FEATURES.len())];
        let mut precision: [Row; WEIGHTS] =
            std::array::from_fn(|i| std::array::from_fn(|j| if i == j { prior(i) } else { 0.0 }));
        let mut pull: Row = [0.0; WEIGHTS];
        let mut evidence = 0.0;
        for (row, o) in rows {
            let weight = 1.0 / (o.variance + misfit);
            for (i, line) in precision.iter_mut().enumerate() {
                for (entry, x) in line.iter_mut().zip(row) {
                    *entry += weight * row[i] * x;
                }
                pull[i] += weight * row[i] * o.response;
            }
            evidence += log(weight) - weight * o.response * o.response;
        }
        let (covariance, log_determinant) = inverse(&precision)?;
        let weights: Row = std::array::from_fn(|i| dot(&covariance[i], &pull));
        evidence += dot(&weights, &pull) - log_determinant;
        Some(Posterior {
            weights,
            covariance,
            misfit,
            evidence,
        })
    }

    /// The root mean square, in standard errors, of what the fit of all others misses, widened for
    /// how few observations it is estimated from.
    fn scale(&self, rows: &[(Row, &Observation)]) -> f64 {
        let (mut missed, mut parameters) = (0.0, 0.0);
        for (row, o) in rows {
            let noise = o.variance + self.misfit;
            let line: Row = std::array::from_fn(|i| dot(&self.covariance[i], row));
            let leverage = (dot(&line, row) / noise).min(0.99);
            let residual = (o.response - dot(row, &self.weights)) / (1.0 - leverage);
            missed += residual * residual * (1.0 - leverage) / noise;
            parameters += leverage;
        }
        let observations = rows.len() as f64;
        sqrt(missed / observations.max(1.0)).clamp(0.8, 3.0) * widened(observations - parameters)
    }
}

/// The 95 % quantile of Student's t distribution over that of the normal one, by the expansion of
/// Cornish and Fisher (Abramowitz and Stegun 26.7.5), for at least 2 degrees of freedom.
fn widened(freedom: f64) -> f64 {
    let (z, n) = (NINETY, freedom.max(2.0));
    let z3 = z * z * z;
    let (z5, z7) = (z3 * z * z, z3 * z3 * z);
    let t = z
        + (z3 + z) / (4.0 * n)
        + (5.0 * z5 + 16.0 * z3 + 3.0 * z) / (96.0 * n * n)
        + (3.0 * z7 + 19.0 * z5 + 17.0 * z3 - 15.0 * z) / (384.0 * n * n * n);
    t / z
}

/// The inverse of a symmetric positive definite matrix and the logarithm of its determinant, by
/// Gauss-Jordan elimination; none where it is singular.
fn inverse(matrix: &[Row; WEIGHTS]) -> Option<([Row; WEIGHTS], f64)> {
    let mut left = *matrix;
    let mut right: [Row; WEIGHTS] =
        std::array::from_fn(|i| std::array::from_fn(|j| f64::from(u8::from(i == j))));
    let mut log_determinant = 0.0;
    for i in 0..WEIGHTS {
        let pivot = left[i][i];
        if !pivot.is_finite() || pivot <= 1e-12 {
            return None;
        }
        log_determinant += log(pivot);
        for j in 0..WEIGHTS {
            left[i][j] /= pivot;
            right[i][j] /= pivot;
        }
        for k in (0..WEIGHTS).filter(|k| *k != i) {
            let factor = left[k][i];
            for j in 0..WEIGHTS {
                left[k][j] -= factor * left[i][j];
                right[k][j] -= factor * right[i][j];
            }
        }
    }
    Some((right, log_determinant))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn intervals_of_few_observations_are_those_of_students_distribution() {
        // Quantiles from tables.
        for (freedom, quantile, near) in [
            (2.0, 2.920, 0.04),
            (3.0, 2.353, 0.01),
            (5.0, 2.015, 0.002),
            (10.0, 1.812, 0.001),
            (30.0, 1.697, 0.001),
            (1e6, 1.645, 0.001),
        ] {
            let found = NINETY * widened(freedom);
            assert!((found - quantile).abs() < near, "{freedom}: {found}");
        }
        assert_eq!(widened(0.5), widened(2.0));
    }
}
