//! GPTQ of one output channel at several scales side by side.
//!
//! At scale s, with the inputs in the Hessian's order, `q_j = clamp(round_half_even(w_j / s))`,
//! `e_j = (w_j - s q_j) / U_jj`, and every later weight takes its part of the error, `w_i -= e_j
//! U_ji`. Since `w - s q = Uᵀ e` in the end, the output error is `Σ e_j²`: it is known while the
//! integers are made, and a scale whose sum exceeds the best one's is given up.

use ndarray::{ArrayView2, ArrayViewMut2};

use super::hessian::Hessian;
use super::linear::{add_product, part};
use crate::kernels::{Kernel, launch};
use crate::quant::rounding::nearest;

/// Inputs whose updates of the later weights are made at once.
const BLOCK: usize = 64;
/// Scales that share vector instructions.
const LANES: usize = 8;

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

/// GPTQ of a channel's weights, in natural order, at every scale: candidates in the order of
/// `scales`; some whose error exceeds `bound` may be missing.
pub(super) fn gptq(
    hessian: &Hessian,
    weights: &[f64],
    grid: Grid,
    scales: &[f64],
    bound: f64,
) -> Vec<Candidate> {
    let n = weights.len();
    if scales.is_empty() {
        return Vec::new();
    }
    let mut lanes = Lanes::new(hessian, weights, scales);
    for start in (0..n).step_by(BLOCK) {
        let end = (start + BLOCK).min(n);
        let width = lanes.width;
        let mut errors = vec![0.0; (end - start) * width];
        launch(Block {
            upper: hessian.upper.view(),
            grid,
            start,
            end,
            lanes: &mut lanes,
            errors: &mut errors,
        });
        lanes.keep_below(bound, end, &mut errors);
        if lanes.ids.is_empty() {
            break;
        }
        lanes.update_later(hessian, &errors, start, end);
    }
    lanes.candidates(hessian, scales)
}

/// Copies of a channel's weights, one a scale.
struct Lanes {
    /// Scales that are still worked on, by their place in the list.
    ids: Vec<usize>,
    /// Lanes in memory: a multiple of [`LANES`].
    width: usize,
    /// Of every lane; 1 where no scale belongs to it.
    scales: Vec<f64>,
    /// The weights, `[n, width]`, in the Hessian's order.
    work: Vec<f64>,
    /// The sum of the errors so far.
    sums: Vec<f64>,
    /// The integers, `[all scales, n]`, in the Hessian's order.
    codes: Vec<i16>,
    n: usize,
}

impl Lanes {
    fn new(hessian: &Hessian, weights: &[f64], scales: &[f64]) -> Self {
        let width = scales.len().next_multiple_of(LANES);
        let mut padded = scales.to_vec();
        padded.resize(width, 1.0);
        let mut work = Vec::with_capacity(weights.len() * width);
        for &i in &hessian.order {
            let weight = weights.get(i).copied().unwrap_or(0.0);
            work.resize(work.len() + width, weight);
        }
        Lanes {
            ids: (0..scales.len()).collect(),
            width,
            scales: padded,
            work,
            sums: vec![0.0; width],
            codes: vec![0; scales.len() * weights.len()],
            n: weights.len(),
        }
    }

    /// Gives up the scales whose error exceeds a bound, where that leaves fewer vectors. The inputs
    /// up to `done` are finished; `errors` are those of the last of them, `[inputs, width]`.
    fn keep_below(&mut self, bound: f64, done: usize, errors: &mut Vec<f64>) {
        let kept: Vec<usize> = (0..self.ids.len())
            .filter(|&lane| self.sums.get(lane).is_some_and(|sum| *sum <= bound))
            .collect();
        let width = kept.len().next_multiple_of(LANES);
        if kept.len() == self.ids.len() || (width == self.width && !kept.is_empty()) {
            return;
        }
        let pick = |from: &[f64]| {
            let mut to: Vec<f64> = kept.iter().filter_map(|&i| from.get(i).copied()).collect();
            to.resize(width, 1.0);
            to
        };
        *errors = errors.chunks_exact(self.width).flat_map(pick).collect();
        let (finished, later) = self.work.split_at(done * self.width);
        let mut work = vec![0.0; finished.len() / self.width * width];
        work.extend(later.chunks_exact(self.width).flat_map(pick));
        self.scales = pick(&self.scales);
        self.sums = pick(&self.sums);
        self.ids = kept
            .iter()
            .filter_map(|&i| self.ids.get(i).copied())
            .collect();
        (self.work, self.width) = (work, width);
    }

    /// Hands the errors of a block, `[end - start, width]`, on to the weights after it.
    fn update_later(&mut self, hessian: &Hessian, errors: &[f64], start: usize, end: usize) {
        if end == self.n {
            return;
        }
        let width = self.width;
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

    fn candidates(self, hessian: &Hessian, scales: &[f64]) -> Vec<Candidate> {
        let finished = self.ids.iter().zip(&self.sums);
        finished
            .filter_map(|(&id, &error)| {
                let mut codes = vec![0; self.n];
                let own = self.codes.get(id * self.n..)?;
                for (&at, &code) in hessian.order.iter().zip(own) {
                    *codes.get_mut(at)? = code;
                }
                let scale = *scales.get(id)?;
                Some(Candidate {
                    scale,
                    codes,
                    error,
                })
            })
            .collect()
    }
}

/// The integers of the inputs `start .. end`, and the updates among them.
struct Block<'a> {
    upper: ArrayView2<'a, f64>,
    grid: Grid,
    start: usize,
    end: usize,
    lanes: &'a mut Lanes,
    /// `[end - start, width]`.
    errors: &'a mut [f64],
}

impl Kernel for Block<'_> {
    #[inline(always)]
    fn run(self) {
        let Lanes {
            ids,
            width,
            scales,
            work,
            sums,
            codes,
            n,
        } = self.lanes;
        let (width, n) = (*width, *n);
        for j in self.start..self.end {
            let factors = self.upper.row(j);
            let Some(factors) = factors.as_slice() else {
                return;
            };
            let (row, later) = work[j * width..self.end * width].split_at_mut(width);
            let errors = &mut self.errors[(j - self.start) * width..][..width];
            let pivot = 1.0 / factors[j];
            let numbers = row.iter().zip(scales.iter()).zip(errors.iter_mut());
            for (((&w, &s), e), sum) in numbers.zip(sums.iter_mut()) {
                let q = self.grid.nearest(w / s);
                *e = (w - s * q) * pivot;
                *sum += *e * *e;
            }
            for ((lane, &id), &w) in ids.iter().enumerate().zip(row.iter()) {
                codes[id * n + j] = self.grid.nearest(w / scales[lane]) as i16;
            }
            let factors = &factors[j + 1..self.end];
            for (row, &u) in later.chunks_exact_mut(width).zip(factors) {
                for (w, e) in row.iter_mut().zip(errors.iter()) {
                    *w -= u * e;
                }
            }
        }
    }
}
