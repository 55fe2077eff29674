//! A RepConv chain as one dense 3x3 convolution, in f64.
//!
//! The chain is a 1x1 convolution W, batch norm (s1, t1), a depthwise 3x3 D, a 1x1 convolution V,
//! batch norms (s2, t2) and (s3, t3), all without bias, with what the first batch norm makes of 0
//! as padding. With `A[o, m] = s3 s2 V[o, m]`: `K[o, i, y, x] = sum_m A[o, m] D[m, y, x] s1[m] W[m,
//! i]`, padded by 0, and `bias[o] = sum_m A[o, m] t1[m] sum_yx D[m, y, x] + s3 t2 + t3`.

use super::{StateDict, WrongTensor};
use crate::network::{Layer, RepConv};
use crate::quant::ChannelAffine;

/// Taps of a 3x3 convolution.
const TAPS: usize = 9;
/// Inputs whose sums stay in the fastest cache.
const BLOCK: usize = 256;

/// The matrices of a chain of C channels, and the affines of its batch norms.
pub(super) struct Chain {
    /// W, `[C, C]`.
    first: Vec<f64>,
    /// D, `[C, 3, 3]`.
    depthwise: Vec<f64>,
    /// V, `[C, C]`.
    second: Vec<f64>,
    /// The first batch norm.
    inner: ChannelAffine,
    /// The second and the third one.
    outer: ChannelAffine,
}

impl Chain {
    /// The chain that a merged layer stands for.
    pub(super) fn of(tensors: &StateDict, layer: &Layer) -> Result<Self, WrongTensor> {
        let c = layer.channels();
        let chain = RepConv::of(&layer.name);
        let weight = |name: &str, shape: &[usize]| tensors.wide(&format!("{name}.weight"), shape);
        let norm = |name: &str| tensors.batch_norm(name, c);
        Ok(Chain {
            first: weight(&chain.first, &[c, c, 1, 1])?,
            depthwise: weight(&chain.depthwise, &[c, 1, 3, 3])?,
            second: weight(&chain.second, &[c, c, 1, 1])?,
            inner: ChannelAffine::identity(c).then(&norm(&chain.first_norm)?),
            outer: ChannelAffine::identity(c)
                .then(&norm(&chain.second_norm)?)
                .then(&norm(&chain.third_norm)?),
        })
    }

    /// The merged weight, `[C, C, 3, 3]`.
    pub(super) fn weight(mut self) -> Vec<f64> {
        scale_rows(&mut self.first, &self.inner.scale);
        scale_rows(&mut self.second, &self.outer.scale);
        product(
            &self.second,
            &self.depthwise,
            &self.first,
            self.inner.scale.len(),
        )
    }

    /// The merged bias, `[C]`.
    pub(super) fn bias(self) -> Vec<f64> {
        let mut bias = self.outer.shift;
        let rows = self.second.chunks_exact(self.inner.shift.len());
        for ((row, scale), bias) in rows.zip(&self.outer.scale).zip(&mut bias) {
            let terms = row.iter().zip(self.depthwise.chunks_exact(TAPS));
            for ((v, taps), shift) in terms.zip(&self.inner.shift) {
                *bias += scale * v * taps.iter().sum::<f64>() * shift;
            }
        }
        bias
    }
}

/// Multiplies each row of a square matrix by its factor.
fn scale_rows(matrix: &mut [f64], factors: &[f64]) {
    for (row, factor) in matrix.chunks_exact_mut(factors.len()).zip(factors) {
        row.iter_mut().for_each(|x| *x *= factor);
    }
}

/// `K[o, i, t] = sum_m A[o, m] D[m, t] B[m, i]` over `c` channels each.
#[expect(
    clippy::indexing_slicing,
    reason = "a block is at most BLOCK wide and within its row"
)]
fn product(a: &[f64], d: &[f64], b: &[f64], c: usize) -> Vec<f64> {
    let mut kernel = vec![0.0; c * c * TAPS];
    let mut sums = [[0.0; BLOCK]; TAPS];
    for (row, kernel) in a.chunks_exact(c).zip(kernel.chunks_exact_mut(c * TAPS)) {
        for (block, kernel) in kernel.chunks_mut(BLOCK * TAPS).enumerate() {
            let width = kernel.len() / TAPS;
            sums.iter_mut().for_each(|s| s[..width].fill(0.0));
            for ((a, d), b) in row.iter().zip(d.chunks_exact(TAPS)).zip(b.chunks_exact(c)) {
                let inputs = &b[block * BLOCK..][..width];
                for (sums, d) in sums.iter_mut().zip(d) {
                    let factor = a * d;
                    for (sum, x) in sums.iter_mut().zip(inputs) {
                        *sum += factor * x;
                    }
                }
            }
            for (i, taps) in kernel.chunks_exact_mut(TAPS).enumerate() {
                taps.iter_mut().zip(&sums).for_each(|(k, s)| *k = s[i]);
            }
        }
    }
    kernel
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Blocks, and a rest of one, change nothing but the order of sums.
    #[test]
    fn product_is_its_formula() {
        let c = BLOCK + 1;
        let number = |i: usize| ((i * 2_654_435_761) % 1009) as f64 / 1009.0 - 0.5;
        let values = |n: usize, seed: usize| (0..n).map(|i| number(i + seed)).collect::<Vec<_>>();
        let (a, d, b) = (values(c * c, 1), values(c * TAPS, 2), values(c * c, 3));
        let kernel = product(&a, &d, &b, c);
        for (o, i, t) in [
            (0, 0, 0),
            (3, BLOCK - 1, 8),
            (7, BLOCK, 4),
            (c - 1, c - 1, 1),
        ] {
            let terms = (0..c).map(|m| a[o * c + m] * d[m * TAPS + t] * b[m * c + i]);
            let expected: f64 = terms.sum();
            let got = kernel[(o * c + i) * TAPS + t];
            assert!(
                (got - expected).abs() < 1e-12,
                "{o} {i} {t}: {got} {expected}"
            );
        }
    }
}
