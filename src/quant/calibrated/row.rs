//! The integers of some output channels of one group.

use ndarray::{Array2, ArrayView2};

use super::descent::{Objective, dot};
use super::gptq::{Candidate, Grid, gptq};
use super::hessian::Hessian;
use super::linear::add_product;
use super::statistics::GroupStatistics;

/// Every how many scales are tried first, so that the others can be given up early.
const FIRST_SCALES: usize = 4;

/// GPTQ's results that coordinate descent begins with, beside rounding to the nearest.
const STARTS: usize = 3;

/// Scales to try.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Scales {
    /// Largest first.
    pub candidates: Vec<f64>,
    /// Whether the best of them is fitted further.
    pub refit: bool,
}

/// Channels that share an input.
pub(super) struct Channels<'a> {
    pub statistics: &'a GroupStatistics,
    pub hessian: &'a Hessian,
    pub grid: Grid,
    /// `[channels, n]`.
    pub weights: Array2<f64>,
    /// `H w` of every channel, `[channels, n]`.
    hw: Array2<f64>,
}

impl<'a> Channels<'a> {
    pub(super) fn new(
        statistics: &'a GroupStatistics,
        hessian: &'a Hessian,
        grid: Grid,
        weights: &[f32],
    ) -> Self {
        let n = statistics.mean.len();
        let rows = weights.len() / n.max(1);
        let weights = Array2::from_shape_fn((rows, n), |(r, i)| f64::from(weights[r * n + i]));
        let mut channels = Channels {
            statistics,
            hessian,
            grid,
            hw: Array2::zeros((0, 0)),
            weights,
        };
        channels.hw = channels.hessian_times(&channels.weights.view());
        channels
    }

    /// `H x` of every row.
    fn hessian_times(&self, x: &ArrayView2<'_, f64>) -> Array2<f64> {
        let mut product = x.to_owned();
        product *= self.hessian.shift;
        add_product(
            1.0,
            x,
            &self.statistics.covariance.view(),
            product.view_mut(),
        );
        product
    }

    /// The integers of a channel: the best of GPTQ at all scales and of `others` (rounding to the
    /// nearest), each improved by coordinate descent.
    pub(super) fn solve(&self, channel: usize, scales: &Scales, others: &[Candidate]) -> Candidate {
        let mut starts = self.gptq_starts(channel, scales);
        starts.extend_from_slice(others);
        let products = self.products(&starts);
        let objective = self.objective(channel, scales.refit);
        let improved = starts
            .into_iter()
            .zip(products)
            .map(|(start, hq)| objective.descend(start, hq));
        let least = improved.min_by(|a, b| a.error.total_cmp(&b.error));
        // There is a start for every scale.
        least.unwrap_or_else(|| Candidate {
            scale: 1.0,
            codes: vec![0; self.weights.ncols()],
            error: objective.whw,
        })
    }

    /// `q · H w` and `q · H q` of a channel's integers.
    pub(super) fn products_of(&self, channel: usize, codes: &[i16]) -> (f64, f64) {
        let candidate = Candidate {
            scale: 1.0,
            codes: codes.to_vec(),
            error: 0.0,
        };
        let q: Vec<f64> = codes.iter().map(|&q| f64::from(q)).collect();
        let hq = self.products(&[candidate]).pop().unwrap_or_default();
        (dot(&q, row(&self.hw, channel)), dot(&q, &hq))
    }

    /// The errors of GPTQ at every scale.
    pub(super) fn errors(&self, channel: usize, scales: &[f64]) -> Vec<f64> {
        let weights = self.row(channel);
        let all = gptq(self.hessian, weights, self.grid, scales, f64::INFINITY);
        all.into_iter().map(|c| c.error).collect()
    }

    /// The candidates of least error over all scales; of equal ones that of the smaller scale
    /// first.
    fn gptq_starts(&self, channel: usize, scales: &Scales) -> Vec<Candidate> {
        let weights = self.row(channel);
        let run = |scales: &[f64], bound| gptq(self.hessian, weights, self.grid, scales, bound);
        if self.grid == Grid::Sign && scales.refit {
            let all = run(&scales.candidates, f64::INFINITY);
            return least(self.refitted(channel, all));
        }
        let pick = |first: bool| -> Vec<f64> {
            let all = scales.candidates.iter().copied().enumerate();
            all.filter(|(i, _)| (i % FIRST_SCALES == 0) == first)
                .map(|(_, s)| s)
                .collect()
        };
        let mut all = run(&pick(true), f64::INFINITY);
        // Of the others those count that are among the best so far.
        all = least(all);
        let bound = match all.get(STARTS - 1) {
            Some(last) => last.error,
            None => f64::INFINITY,
        };
        all.extend(run(&pick(false), bound));
        least(all)
    }

    /// Candidates with the scales of least error.
    fn refitted(&self, channel: usize, mut all: Vec<Candidate>) -> Vec<Candidate> {
        let products = self.products(&all);
        let objective = self.objective(channel, true);
        for (candidate, hq) in all.iter_mut().zip(products) {
            let q: Vec<f64> = candidate.codes.iter().map(|&q| f64::from(q)).collect();
            if let Some(scale) = objective.best_scale(&q, &hq) {
                candidate.scale = scale;
            }
            candidate.error = objective.error(&q, &hq, candidate.scale);
        }
        all
    }

    /// `H q` of every candidate.
    fn products(&self, candidates: &[Candidate]) -> Vec<Vec<f64>> {
        let n = self.weights.ncols();
        let codes = candidates
            .iter()
            .flat_map(|c| &c.codes)
            .map(|&q| f64::from(q));
        let Ok(q) = Array2::from_shape_vec((candidates.len(), n), codes.collect()) else {
            return Vec::new();
        };
        let product = self.hessian_times(&q.view());
        product.rows().into_iter().map(|row| row.to_vec()).collect()
    }

    pub(super) fn objective(&self, channel: usize, refit: bool) -> Objective<'_> {
        let hw = row(&self.hw, channel);
        Objective {
            covariance: &self.statistics.covariance,
            shift: self.hessian.shift,
            grid: self.grid,
            refit,
            hw,
            whw: dot(hw, self.row(channel)),
        }
    }

    /// A channel's weights.
    pub(super) fn row(&self, channel: usize) -> &[f64] {
        row(&self.weights, channel)
    }
}

fn row(matrix: &Array2<f64>, row: usize) -> &[f64] {
    let n = matrix.ncols();
    let all = matrix.as_slice().unwrap_or(&[]);
    all.get(row * n..(row + 1) * n).unwrap_or(&[])
}

/// The best of some candidates, in order.
fn least(mut candidates: Vec<Candidate>) -> Vec<Candidate> {
    candidates.sort_by(|a, b| {
        a.error
            .total_cmp(&b.error)
            .then(a.scale.total_cmp(&b.scale))
    });
    candidates.truncate(STARTS);
    candidates
}
