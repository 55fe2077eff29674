//! Sums and masks per head, and spiking self-attention.
#![forbid(unsafe_code)]

use super::{Float, Kernel, Stored};

/// The sum over each head's channels.
#[derive(Debug)]
pub struct HeadSum<'a, F, X> {
    /// Channels of one head.
    pub width: usize,
    /// `[positions, heads, width]`.
    pub input: &'a [X],
    /// One number per head.
    pub out: &'a mut [F],
}

impl<F: Float, X: Stored<F>> Kernel for HeadSum<'_, F, X> {
    #[inline(always)]
    fn run(self) {
        for (x, out) in self.input.chunks_exact(self.width.max(1)).zip(self.out) {
            *out = x.iter().fold(F::default(), |sum, &x| sum + x.get());
        }
    }
}

/// Each head's channels times the head's mask, in place.
#[derive(Debug)]
pub struct HeadMask<'a, X> {
    /// Channels of one head.
    pub width: usize,
    /// One number per head.
    pub mask: &'a [X],
    /// `[positions, heads, width]`.
    pub values: &'a mut [X],
}

impl<X: Copy + std::ops::Mul<Output = X>> Kernel for HeadMask<'_, X> {
    #[inline(always)]
    fn run(self) {
        for (x, &mask) in self
            .values
            .chunks_exact_mut(self.width.max(1))
            .zip(self.mask)
        {
            x.iter_mut().for_each(|x| *x = *x * mask);
        }
    }
}

/// Spiking self-attention `scale * q (k^T v)` per head on `[rows, tokens, channels]`, where v may
/// have more channels than q and k.
///
/// The spikes and their sums are integers, so any order gives the same numbers. `k^T v` comes first
/// (there are more tokens than channels per head) and silent channels are skipped, which are most.
#[derive(Debug)]
pub struct Attention<'a, F, X> {
    /// Positions.
    pub tokens: usize,
    /// Heads.
    pub heads: usize,
    /// Channels of q and k.
    pub channels: usize,
    /// Channels of v and the result.
    pub v_channels: usize,
    /// A factor of the result.
    pub scale: f64,
    /// Queries.
    pub q: &'a [X],
    /// Keys.
    pub k: &'a [X],
    /// Values.
    pub v: &'a [X],
    /// `[rows, tokens, v_channels]`.
    pub out: &'a mut [F],
}

impl<F: Float, X: Stored<F>> Kernel for Attention<'_, F, X> {
    #[inline(always)]
    fn run(self) {
        let heads = self.heads.max(1);
        let (c, d) = (self.channels, self.channels / heads);
        let (vc, vd) = (self.v_channels, self.v_channels / heads);
        let (row, v_row) = (self.tokens * c, self.tokens * vc);
        if row == 0 || d == 0 || vd == 0 {
            return;
        }
        let scale = F::of(self.scale);
        let mut state = vec![F::default(); d * vd];
        let qk = self.q.chunks_exact(row).zip(self.k.chunks_exact(row));
        let v_out = self
            .v
            .chunks_exact(v_row)
            .zip(self.out.chunks_exact_mut(v_row));
        for ((q, k), (v, out)) in qk.zip(v_out) {
            for head in 0..heads {
                let tokens = || {
                    let at = (head * d..row).step_by(c);
                    at.zip((head * vd..v_row).step_by(vc))
                };
                state.fill(F::default());
                for (n, vn) in tokens() {
                    add_outer(&mut state, &k[n..n + d], &v[vn..vn + vd]);
                }
                for (n, vn) in tokens() {
                    let out = &mut out[vn..vn + vd];
                    out.fill(F::default());
                    for (line, &q) in state.chunks_exact(vd).zip(&q[n..n + d]) {
                        add_scaled(out, line, q.get());
                    }
                    out.iter_mut().for_each(|x| *x = *x * scale);
                }
            }
        }
    }
}

#[inline(always)]
fn add_outer<F: Float, X: Stored<F>>(state: &mut [F], k: &[X], v: &[X]) {
    for (line, &k) in state.chunks_exact_mut(v.len()).zip(k) {
        add_scaled(line, v, k.get());
    }
}

#[inline(always)]
fn add_scaled<F: Float, X: Stored<F>>(sum: &mut [F], x: &[X], factor: F) {
    if factor != F::default() {
        for (sum, &x) in sum.iter_mut().zip(x) {
            *sum = *sum + factor * x.get();
        }
    }
}
