//! Coordinate descent: single integers and the scale, changed in turn while the error falls.

use ndarray::Array2;

use super::gptq::{Candidate, Grid};
use crate::kernels::{Kernel, launch};

/// The most sweeps over all inputs.
const SWEEPS: usize = 50;
/// The smallest gain of a change, in units of the squared scale times H's diagonal.
const LEAST_GAIN: f64 = 1e-12;

/// The error of one channel as a function of its integers and scale.
pub(super) struct Objective<'a> {
    /// Σ, in natural order.
    pub covariance: &'a Array2<f64>,
    /// δ: H is Σ plus δ on the diagonal.
    pub shift: f64,
    pub grid: Grid,
    /// Whether the scale is fitted too.
    pub refit: bool,
    /// `H w`.
    pub hw: &'a [f64],
    /// `wᵀ H w`.
    pub whw: f64,
}

impl Objective<'_> {
    /// Improves integers whose `H q` is given.
    pub(super) fn descend(&self, candidate: Candidate, hq: Vec<f64>) -> Candidate {
        let mut q: Vec<f64> = candidate.codes.iter().map(|&q| f64::from(q)).collect();
        let (mut scale, mut hq) = (candidate.scale, hq);
        launch(Descent {
            objective: self,
            q: &mut q,
            hq: &mut hq,
            scale: &mut scale,
        });
        let error = self.error(&q, &hq, scale);
        // No -0: `as` makes it 0.
        let codes = q.iter().map(|&q| q as i16).collect();
        Candidate {
            scale,
            codes,
            error,
        }
    }

    /// `(w - s q)ᵀ H (w - s q)`, never below 0.
    pub(super) fn error(&self, q: &[f64], hq: &[f64], scale: f64) -> f64 {
        let (qhw, qhq) = (dot(q, self.hw), dot(q, hq));
        (self.whw - 2.0 * scale * qhw + scale * scale * qhq).max(0.0)
    }

    /// The scale of least error, where there is a positive one.
    pub(super) fn best_scale(&self, q: &[f64], hq: &[f64]) -> Option<f64> {
        let (qhw, qhq) = (dot(q, self.hw), dot(q, hq));
        (qhw > 0.0 && qhq > 0.0).then(|| qhw / qhq)
    }
}

/// The sum of products, in eight running sums: a fixed order that vector instructions can follow.
#[inline(always)]
pub(super) fn dot(a: &[f64], b: &[f64]) -> f64 {
    let ((a, a_rest), (b, b_rest)) = (a.as_chunks::<8>(), b.as_chunks::<8>());
    let mut sums = [0.0; 8];
    for (a, b) in a.iter().zip(b) {
        for ((sum, a), b) in sums.iter_mut().zip(a).zip(b) {
            *sum += a * b;
        }
    }
    let rest: f64 = a_rest.iter().zip(b_rest).map(|(a, b)| a * b).sum();
    sums.iter().sum::<f64>() + rest
}

struct Descent<'a> {
    objective: &'a Objective<'a>,
    q: &'a mut [f64],
    hq: &'a mut [f64],
    scale: &'a mut f64,
}

impl Kernel for Descent<'_> {
    #[inline(always)]
    fn run(self) {
        let Objective {
            covariance,
            shift,
            grid,
            refit,
            hw,
            ..
        } = *self.objective;
        let refit_scale = |q: &[f64], hq: &[f64], scale: &mut f64| {
            if let (true, Some(best)) = (refit, self.objective.best_scale(q, hq)) {
                *scale = best;
            }
        };
        for _ in 0..SWEEPS {
            refit_scale(self.q, self.hq, self.scale);
            let per_scale = 1.0 / *self.scale;
            if !per_scale.is_finite() {
                return;
            }
            let mut changed = false;
            for j in 0..self.q.len() {
                let row = covariance.row(j);
                let Some(row) = row.as_slice() else { return };
                let step = (hw[j] * per_scale - self.hq[j]) / (row[j] + shift);
                let q = self.q[j];
                let d = match grid {
                    Grid::Sign => -2.0 * q,
                    Grid::UpTo(_) => grid.nearest(q + step) - q,
                };
                let gains = d * step - d * d / 2.0 > LEAST_GAIN;
                if d == 0.0 || !gains {
                    continue;
                }
                self.q[j] = q + d;
                for (hq, h) in self.hq.iter_mut().zip(row) {
                    *hq += d * h;
                }
                self.hq[j] += d * shift;
                changed = true;
            }
            if !changed {
                break;
            }
        }
        refit_scale(self.q, self.hq, self.scale);
    }
}
