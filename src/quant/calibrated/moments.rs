//! What float and quantized weights make of a layer's input: mean and spread of every channel.

use ndarray::{Array2, ArrayView2};

use super::descent::dot;
use super::linear::add_product;
use super::statistics::InputStatistics;
use crate::quant::{ChannelAffine, Quantized};

/// The spread of the integers' sums below which a channel says nothing.
const LEAST_SPREAD: f64 = 1e-9;
/// The same of the float sums.
const LEAST_FLOAT_SPREAD: f64 = 1e-12;

/// Mean and standard deviation of a channel's sums over the calibration images, of the float
/// weights and of the integers.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct OutputMoments {
    /// `w · mean(x)`.
    pub float_mean: f64,
    /// `sqrt(wᵀ Σ w)`.
    pub float_spread: f64,
    /// `q · mean(x)`, in units of the integers.
    pub mean: f64,
    /// `sqrt(qᵀ Σ q)`, in units of the integers.
    pub spread: f64,
    /// `wᵀ Σ q / (float_spread spread)`: how well the one follows the other; 0 where a spread is 0.
    pub correlation: f64,
}

impl InputStatistics {
    /// `(w - s q)ᵀ H (w - s q)` of every channel, with the damped covariance H: the mean squared
    /// error of the layer's output, up to the damping. `weights` are those that were quantized. 0
    /// where the input never varies; empty where sizes do not fit.
    pub fn errors(&self, weights: &[f32], quantized: &Quantized) -> Vec<f64> {
        let n = self.fan_in();
        let per_group = quantized.channels / self.groups().max(1);
        if quantized.fan_in != n || weights.len() != quantized.values.len() {
            return Vec::new();
        }
        let difference = |channel: usize| -> Vec<f64> {
            let scale = quantized.scales.get(channel).copied().unwrap_or(0.0);
            let rows = weights
                .iter()
                .zip(&quantized.values)
                .skip(channel * n)
                .take(n);
            rows.map(|(&w, &q)| f64::from(w) - scale * f64::from(q))
                .collect()
        };
        let error = |channel: usize| {
            let group = channel / per_group.max(1);
            let Some(hessian) = self.hessian(group) else {
                return 0.0;
            };
            let d = difference(channel);
            let rows = self.group(group).covariance.rows();
            let products = rows.into_iter().zip(&d).map(|(row, d_i)| {
                d_i * (dot(row.as_slice().unwrap_or(&[]), &d) + hessian.shift * d_i)
            });
            products.sum()
        };
        (0..quantized.channels).map(error).collect()
    }
}

impl OutputMoments {
    /// Of every channel; `weights` are those that were quantized.
    pub fn of(statistics: &InputStatistics, weights: &[f32], quantized: &Quantized) -> Vec<Self> {
        let n = statistics.fan_in();
        let per_group = quantized.channels / statistics.groups().max(1);
        if quantized.fan_in != n || per_group == 0 || weights.len() != quantized.values.len() {
            return vec![OutputMoments::default(); quantized.channels];
        }
        let mut all = Vec::with_capacity(quantized.channels);
        let sizes = per_group * n;
        let groups = weights.chunks(sizes).zip(quantized.values.chunks(sizes));
        for (group, (weights, codes)) in groups.enumerate() {
            let of = statistics.group(group);
            let w = Array2::from_shape_fn((per_group, n), |(r, i)| f64::from(weights[r * n + i]));
            let q = Array2::from_shape_fn((per_group, n), |(r, i)| f64::from(codes[r * n + i]));
            let times = |x: &ArrayView2<'_, f64>| {
                let mut product = Array2::zeros((per_group, n));
                add_product(1.0, x, &of.covariance.view(), product.view_mut());
                product
            };
            let (sw, sq) = (times(&w.view()), times(&q.view()));
            for row in 0..per_group {
                let (w, q) = (w.row(row), q.row(row));
                let (sw, sq) = (sw.row(row), sq.row(row));
                let of_rows = (w.as_slice(), q.as_slice(), sw.as_slice(), sq.as_slice());
                let (Some(w), Some(q), Some(sw), Some(sq)) = of_rows else {
                    continue;
                };
                let float_spread = dot(w, sw).max(0.0).sqrt();
                let spread = dot(q, sq).max(0.0).sqrt();
                let both = float_spread * spread;
                all.push(OutputMoments {
                    float_mean: dot(w, &of.mean),
                    float_spread,
                    mean: dot(q, &of.mean),
                    spread,
                    correlation: if both > 0.0 { dot(q, sw) / both } else { 0.0 },
                });
            }
        }
        all
    }

    /// The affine behind the integers' sums that gives a channel the mean and the spread that
    /// `y = a (w x) + b` has: multiplier `m = a float_spread / spread`, shift
    /// `a float_mean + b - m mean`. Where the sums do not vary, the multiplier is `a scale`.
    pub fn corrected(&self, a: f64, b: f64, scale: f64) -> (f64, f64) {
        let silent = self.spread < LEAST_SPREAD || self.float_spread < LEAST_FLOAT_SPREAD;
        let multiplier = match silent {
            true => a * scale,
            false => a * self.float_spread / self.spread,
        };
        (multiplier, a * self.float_mean + b - multiplier * self.mean)
    }

    /// The mean squared error of a layer's corrected output, relative to the variance of the float
    /// one: over all channels, where channel c counts by the variance of `a[c]` times its float
    /// sum. 0 where nothing varies.
    pub fn layer_error(moments: &[Self], a: &[f64]) -> f64 {
        let (mut error, mut variance) = (0.0, 0.0);
        for (moments, a) in moments.iter().zip(a) {
            let of_channel = (a * moments.float_spread).powi(2);
            error += of_channel * moments.relative_error();
            variance += of_channel;
        }
        if variance > 0.0 {
            error / variance
        } else {
            0.0
        }
    }

    /// The mean squared error of the corrected output, relative to the variance of the float one:
    /// `2 (1 - correlation)`.
    pub fn relative_error(&self) -> f64 {
        2.0 * (1.0 - self.correlation).max(0.0)
    }
}

impl ChannelAffine {
    /// The affine behind a layer's integers, corrected by moments: this one is the float affine,
    /// of sums of float weights. `scales` and `moments` are `[C]`.
    pub fn corrected(mut self, scales: &[f64], moments: &[OutputMoments]) -> Self {
        let own = self.scale.iter_mut().zip(&mut self.shift);
        for (((a, b), scale), moments) in own.zip(scales).zip(moments) {
            (*a, *b) = moments.corrected(*a, *b, *scale);
        }
        self
    }
}
