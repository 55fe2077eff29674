//! GPTQ of some output channels at several scales side by side.
//!
//! At scale s, with the inputs in the Hessian's order, `q_j = clamp(round_half_even(w_j / s))`,
//! `e_j = (w_j - s q_j) / U_jj`, and every later weight takes its part of the error, `w_i -= e_j
//! U_ji`. Since `w - s q = Uᵀ e` in the end, the output error is `Σ e_j²`: it is known while the
//! integers are made, and a trial whose sum exceeds a bound is given up. All trials of all channels
//! are columns of one matrix, so that a factor of U is read once for all of them.

use ndarray::{Array2, ArrayView2, ArrayViewMut2};

use super::hessian::Hessian;
use super::linear::{add_product, part};
use crate::kernels::{Kernel, launch};
use crate::quant::rounding::{nearest, small_integer};

/// Inputs whose updates of the later weights are made at once.
const BLOCK: usize = 64;
/// Trials that share vector instructions.
const LANES: usize = 16;

/// The grid of integers.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Grid {
    /// `±1`, the sign; 0 counts as positive.
    Sign,
    /// `-q_max ..= q_max`.
    UpTo(f64),
}

impl Grid {
    /// The integer nearest to x.
    #[inline(always)]
    pub(super) fn nearest(self, x: f64) -> f64 {
        match self {
            Grid::Sign => {
                if x >= 0.0 {
                    1.0
                } else {
                    -1.0
                }
            }
            Grid::UpTo(most) => nearest(x.max(-most).min(most)),
        }
    }
}

/// The integers of a channel at one scale.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Candidate {
    pub scale: f64,
    /// In the natural order of the inputs.
    pub codes: Vec<i16>,
    /// `(w - s q)ᵀ H (w - s q)`.
    pub error: f64,
}

impl Candidate {
    /// The integers as numbers to compute with.
    pub(super) fn numbers(&self) -> Vec<f64> {
        self.codes.iter().map(|&q| f64::from(q)).collect()
    }
}

/// A channel's weights at one scale.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Trial {
    /// The row of the weights.
    pub channel: usize,
    pub scale: f64,
    /// The error beyond which the trial is given up.
    pub bound: f64,
}

/// The results of GPTQ, in the order of the trials.
pub(super) struct Trials<'a> {
    hessian: &'a Hessian,
    trials: &'a [Trial],
    errors: Vec<Option<f64>>,
    blocks: Vec<Codes>,
}

/// The integers of a block of inputs.
struct Codes {
    /// The trials that were still worked on, ascending.
    ids: Vec<usize>,
    /// `[inputs, width]`; the first columns belong to those trials.
    values: Vec<i16>,
    width: usize,
}

impl Trials<'_> {
    /// The errors; none of a trial that was given up.
    pub(super) fn errors(&self) -> &[Option<f64>] {
        &self.errors
    }

    /// The integers of a trial that was not given up.
    pub(super) fn candidate(&self, trial: usize) -> Option<Candidate> {
        let error = (*self.errors.get(trial)?)?;
        let mut codes = vec![0; self.hessian.order.len()];
        let mut places = self.hessian.order.iter();
        for block in &self.blocks {
            let lane = block.ids.binary_search(&trial).ok()?;
            let own = block.values.chunks_exact(block.width);
            for (code, &place) in own.filter_map(|row| row.get(lane)).zip(&mut places) {
                *codes.get_mut(place)? = *code;
            }
        }
        Some(Candidate {
            scale: self.trials.get(trial)?.scale,
            codes,
            error,
        })
    }
}

/// GPTQ of some channels' weights, `[channels, n]` in natural order, of every trial.
pub(super) fn gptq<'a>(
    hessian: &'a Hessian,
    weights: &Array2<f64>,
    grid: Grid,
    trials: &'a [Trial],
) -> Trials<'a> {
    let n = weights.ncols();
    let mut lanes = Lanes::new(hessian, weights, trials);
    let mut blocks = Vec::with_capacity(n.div_ceil(BLOCK));
    for start in (0..n).step_by(BLOCK) {
        if lanes.ids.is_empty() {
            break;
        }
        let end = (start + BLOCK).min(n);
        let width = lanes.width;
        let mut errors = vec![0.0; (end - start) * width];
        let mut values = vec![0; (end - start) * width];
        let factors = factors(hessian, start, end);
        launch(Block {
            factors: &factors,
            grid,
            scales: &lanes.scales,
            work: lanes.work.get(start * width..end * width).unwrap_or(&[]),
            sums: &mut lanes.sums,
            errors: &mut errors,
            codes: &mut values,
        });
        blocks.push(Codes {
            ids: lanes.ids.clone(),
            values,
            width,
        });
        lanes.keep_below_bounds(end, &mut errors);
        lanes.update_later(hessian, &errors, start, end);
    }
    let mut errors = vec![None; trials.len()];
    for (&id, &sum) in lanes.ids.iter().zip(&lanes.sums) {
        if let Some(error) = errors.get_mut(id) {
            *error = Some(sum);
        }
    }
    Trials {
        hessian,
        trials,
        errors,
        blocks,
    }
}

/// The factors among the inputs of a block: for each the inverse of its own, then those by which
/// the errors of the ones before reach it.
fn factors(hessian: &Hessian, start: usize, end: usize) -> Vec<[f64; BLOCK]> {
    let upper = part(&hessian.upper, start..end, start..end);
    let columns = upper.columns().into_iter().enumerate();
    let of_input = columns.map(|(j, column)| {
        let mut factors = [0.0; BLOCK];
        factors.iter_mut().zip(column).for_each(|(to, u)| *to = *u);
        // The own one is the last: below it U is 0.
        factors[j] = 1.0 / factors[j];
        factors
    });
    of_input.collect()
}

/// Copies of channels' weights, one a trial.
struct Lanes<'a> {
    trials: &'a [Trial],
    /// Trials that are still worked on.
    ids: Vec<usize>,
    /// Lanes in memory: a multiple of [`LANES`].
    width: usize,
    /// Of every lane; 1 where no trial belongs to it.
    scales: Vec<f64>,
    /// The weights, `[n, width]`, in the Hessian's order.
    work: Vec<f64>,
    /// The sum of the squared errors so far.
    sums: Vec<f64>,
    n: usize,
}

impl<'a> Lanes<'a> {
    fn new(hessian: &Hessian, weights: &Array2<f64>, trials: &'a [Trial]) -> Self {
        let width = trials.len().next_multiple_of(LANES);
        let mut scales: Vec<f64> = trials.iter().map(|trial| trial.scale).collect();
        scales.resize(width, 1.0);
        let n = weights.ncols();
        let mut work = Vec::with_capacity(n * width);
        for (done, &input) in (1..).zip(&hessian.order) {
            let of_trial = |t: &Trial| weights.get((t.channel, input)).copied().unwrap_or(0.0);
            work.extend(trials.iter().map(of_trial));
            work.resize(done * width, 0.0);
        }
        Lanes {
            trials,
            ids: (0..trials.len()).collect(),
            width,
            scales,
            work,
            sums: vec![0.0; width],
            n,
        }
    }

    /// Gives up the trials whose error exceeds their bound, where that leaves clearly fewer lanes
    /// or the weights are finished. The inputs up to `done` are; `errors` are those of the last of
    /// them, `[inputs, width]`.
    fn keep_below_bounds(&mut self, done: usize, errors: &mut Vec<f64>) {
        let meets = |lane: &usize| {
            let trial = self.ids.get(*lane).and_then(|&id| self.trials.get(id));
            let sum = self.sums.get(*lane);
            trial.zip(sum).is_some_and(|(t, sum)| *sum <= t.bound)
        };
        let kept: Vec<usize> = (0..self.ids.len()).filter(meets).collect();
        let width = kept.len().next_multiple_of(LANES);
        if kept.len() == self.ids.len() || (8 * width > 7 * self.width && done < self.n) {
            return;
        }
        let pick = |from: &[f64], rest: f64, to: &mut Vec<f64>| {
            let begin = to.len();
            to.extend(kept.iter().filter_map(|&lane| from.get(lane)));
            to.resize(begin + width, rest);
        };
        let pick_rows = |rows: &[f64], to: &mut Vec<f64>| {
            let rows = rows.chunks_exact(self.width);
            rows.for_each(|row| pick(row, 0.0, to));
        };
        let mut fewer = Vec::with_capacity(errors.len());
        pick_rows(errors, &mut fewer);
        *errors = fewer;
        let (finished, later) = self.work.split_at(done * self.width);
        let mut work = vec![0.0; finished.len() / self.width.max(1) * width];
        pick_rows(later, &mut work);
        let (mut scales, mut sums) = (Vec::new(), Vec::new());
        pick(&self.scales, 1.0, &mut scales);
        pick(&self.sums, 0.0, &mut sums);
        let ids = kept.iter().filter_map(|&lane| self.ids.get(lane).copied());
        self.ids = ids.collect();
        (self.work, self.scales, self.sums, self.width) = (work, scales, sums, width);
    }

    /// Hands the errors of a block, `[end - start, width]`, on to the weights after it.
    fn update_later(&mut self, hessian: &Hessian, errors: &[f64], start: usize, end: usize) {
        let width = self.width;
        if end == self.n || width == 0 {
            return;
        }
        let later = self.work.split_at_mut(end * width).1;
        let sizes = ((end - start, width), (self.n - end, width));
        let (Ok(errors), Ok(later)) = (
            ArrayView2::from_shape(sizes.0, errors),
            ArrayViewMut2::from_shape(sizes.1, later),
        ) else {
            return;
        };
        let upper = part(&hessian.upper, start..end, end..self.n);
        add_product(-1.0, &upper.t(), &errors, later);
    }
}

/// The integers of a block of inputs, and the updates among them.
struct Block<'a> {
    /// [`factors`] of each input.
    factors: &'a [[f64; BLOCK]],
    grid: Grid,
    /// Of each lane, a multiple of [`LANES`] of them.
    scales: &'a [f64],
    /// The weights, `[inputs, lanes]`, which the errors of earlier blocks have reached.
    work: &'a [f64],
    /// Of each lane.
    sums: &'a mut [f64],
    /// `[inputs, lanes]`.
    errors: &'a mut [f64],
    /// `[inputs, lanes]`.
    codes: &'a mut [i16],
}

impl Kernel for Block<'_> {
    #[inline(always)]
    fn run(self) {
        let width = self.scales.len();
        let scales = self.scales.as_chunks::<LANES>().0;
        let sums = self.sums.as_chunks_mut::<LANES>().0;
        for (tile, (scales, sums)) in scales.iter().zip(sums).enumerate() {
            let place = |input: usize| input * width + tile * LANES..;
            // Of the inputs so far: in the first-level cache.
            let mut known = [[0.0; LANES]; BLOCK];
            for (j, factors) in self.factors.iter().enumerate() {
                let Some(work) = self.work[place(j)].first_chunk::<LANES>() else {
                    return;
                };
                let mut w = *work;
                for (u, before) in factors.iter().zip(&known).take(j) {
                    for (w, e) in w.iter_mut().zip(before) {
                        *w -= u * e;
                    }
                }
                let mut codes = [0; LANES];
                let numbers = w.iter().zip(scales).zip(&mut known[j]);
                for (((w, s), e), (sum, code)) in numbers.zip(sums.iter_mut().zip(&mut codes)) {
                    let q = self.grid.nearest(w / s);
                    *e = (w - s * q) * factors[j];
                    *sum += *e * *e;
                    *code = small_integer(q);
                }
                self.errors[place(j)][..LANES].copy_from_slice(&known[j]);
                self.codes[place(j)][..LANES].copy_from_slice(&codes);
            }
        }
    }
}
