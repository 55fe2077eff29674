//! The integers of some output channels of one group.

use ndarray::{Array2, ArrayView2};

use super::descent::{Objective, dot};
use super::gptq::{Candidate, Grid, Trial, gptq};
use super::hessian::Hessian;
use super::linear::add_product;
use super::statistics::GroupStatistics;

/// Every how many scales are tried first, so that the others can be given up early.
const FIRST_SCALES: usize = 4;

/// GPTQ's results that coordinate descent begins with, beside rounding to the nearest.
const STARTS: usize = 3;

/// Integers of a channel that coordinate descent begins with.
pub(super) type Start = (usize, Candidate);

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

    /// The integers of every channel: the best of GPTQ at all its scales and of `others` (rounding
    /// to the nearest), each improved by coordinate descent. None of a channel without scales.
    /// `refit`: whether the best scales are fitted further.
    pub(super) fn solve(
        &self,
        scales: &[Vec<f64>],
        refit: bool,
        others: Vec<Start>,
    ) -> Vec<Option<Candidate>> {
        let mut starts = self.gptq_starts(scales, refit);
        starts.extend(others);
        let products = self.products(starts.iter().map(|(_, start)| start));
        let mut best: Vec<Option<Candidate>> = vec![None; scales.len()];
        for ((channel, start), hq) in starts.into_iter().zip(products.rows()) {
            let improved = self.objective(channel, refit).descend(start, hq.to_vec());
            let Some(best) = best.get_mut(channel) else {
                continue;
            };
            let order = |b: &Candidate| improved.error.total_cmp(&b.error);
            let better = best.as_ref().is_none_or(|b| order(b).is_lt());
            if better {
                *best = Some(improved);
            }
        }
        best
    }

    /// The sums over channels of the error, `q · H w` and `q · H q`.
    pub(super) fn sums(&self, solved: &[Option<Candidate>]) -> [f64; 3] {
        let mut sums = [0.0; 3];
        let solved: Vec<(usize, &Candidate)> = solved
            .iter()
            .enumerate()
            .filter_map(|(channel, solved)| Some((channel, solved.as_ref()?)))
            .collect();
        let products = self.products(solved.iter().map(|(_, solved)| *solved));
        for ((channel, solved), hq) in solved.into_iter().zip(products.rows()) {
            let q = solved.numbers();
            let qhq = dot(&q, hq.as_slice().unwrap_or(&[]));
            let own = [solved.error, dot(&q, row(&self.hw, channel)), qhq];
            sums.iter_mut().zip(own).for_each(|(sum, x)| *sum += x);
        }
        sums
    }

    /// The errors of GPTQ at every scale, summed over the channels.
    pub(super) fn errors(&self, scales: &[f64]) -> Vec<f64> {
        let channels = self.weights.nrows();
        let trials: Vec<Trial> = (0..channels)
            .flat_map(|channel| trials(channel, scales, f64::INFINITY))
            .collect();
        let results = gptq(self.hessian, &self.weights, self.grid, &trials);
        let mut sums = vec![0.0; scales.len()];
        for errors in results.errors().chunks(scales.len().max(1)) {
            let own = sums.iter_mut().zip(errors);
            own.for_each(|(sum, error)| *sum += error.unwrap_or(f64::INFINITY));
        }
        sums
    }

    /// Of every channel the candidates of least error over its scales; of equal ones that of the
    /// smaller scale first.
    fn gptq_starts(&self, scales: &[Vec<f64>], refit: bool) -> Vec<Start> {
        let run = |trials: &[Trial]| -> Vec<Start> {
            let results = gptq(self.hessian, &self.weights, self.grid, trials);
            let candidates = trials.iter().enumerate();
            candidates
                .filter_map(|(at, trial)| Some((trial.channel, results.candidate(at)?)))
                .collect()
        };
        let all = |bound: f64, pick: &dyn Fn(usize) -> bool| -> Vec<Trial> {
            let channels = scales.iter().enumerate();
            let picked = channels.flat_map(|(channel, scales)| {
                let scales = scales.iter().enumerate();
                let scales = scales.filter(|(i, _)| pick(*i)).map(|(_, scale)| *scale);
                scales.map(move |scale| Trial {
                    channel,
                    scale,
                    bound,
                })
            });
            picked.collect()
        };
        if self.grid == Grid::Sign && refit {
            return least(self.refitted(run(&all(f64::INFINITY, &|_| true))));
        }
        let first = least(run(&all(f64::INFINITY, &|i| i % FIRST_SCALES == 0)));
        // Of the others those count that are among the best so far.
        let mut bounds = vec![f64::INFINITY; scales.len()];
        for of_channel in first.chunk_by(|a, b| a.0 == b.0) {
            if let Some((channel, last)) = of_channel.get(STARTS - 1) {
                bounds[*channel] = last.error;
            }
        }
        let mut others = all(f64::INFINITY, &|i| i % FIRST_SCALES != 0);
        for trial in &mut others {
            trial.bound = bounds[trial.channel];
        }
        let mut both = first;
        both.extend(run(&others));
        least(both)
    }

    /// Candidates with the scales of least error.
    fn refitted(&self, mut all: Vec<Start>) -> Vec<Start> {
        let products = self.products(all.iter().map(|(_, candidate)| candidate));
        for ((channel, candidate), hq) in all.iter_mut().zip(products.rows()) {
            let objective = self.objective(*channel, true);
            let (q, hq) = (candidate.numbers(), hq.as_slice().unwrap_or(&[]));
            if let Some(scale) = objective.best_scale(&q, hq) {
                candidate.scale = scale;
            }
            candidate.error = objective.error(&q, hq, candidate.scale);
        }
        all
    }

    /// `H q` of every candidate, a row each.
    fn products<'b>(&self, candidates: impl Iterator<Item = &'b Candidate>) -> Array2<f64> {
        let n = self.weights.ncols();
        let codes: Vec<f64> = candidates.flat_map(Candidate::numbers).collect();
        let rows = codes.len() / n.max(1);
        match Array2::from_shape_vec((rows, n), codes) {
            Ok(q) => self.hessian_times(&q.view()),
            Err(_) => Array2::zeros((0, n)),
        }
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

/// A channel's trials.
fn trials(channel: usize, scales: &[f64], bound: f64) -> impl Iterator<Item = Trial> {
    let of_scale = move |&scale: &f64| Trial {
        channel,
        scale,
        bound,
    };
    scales.iter().map(of_scale)
}

/// The best candidates of each channel, in order.
fn least(mut all: Vec<Start>) -> Vec<Start> {
    all.sort_by(|(channel, a), (other, b)| {
        let errors = a.error.total_cmp(&b.error);
        let ranks = errors.then(a.scale.total_cmp(&b.scale));
        channel.cmp(other).then(ranks)
    });
    let (mut channel, mut rank) = (None, 0);
    all.retain(|(own, _)| {
        rank = if channel == Some(*own) { rank + 1 } else { 0 };
        channel = Some(*own);
        rank < STARTS
    });
    all
}
