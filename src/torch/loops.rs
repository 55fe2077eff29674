//! The arithmetic of the executor's own kernels, on plain slices.
//!
//! Every value lies in memory as `[rows, positions, channels]` with the channels innermost (rows are time steps
//! times images, time-major), so that one affine vector serves a whole row and sums per channel need no
//! particular order of lanes. No operation is contracted or reassociated: results do not depend on the
//! instruction set.
#![forbid(unsafe_code)]

use super::record::Recorder;

/// The two number formats the executor computes in.
pub(super) trait Float:
    tch::kind::Element
    + Copy
    + Default
    + PartialOrd
    + std::ops::Add<Output = Self>
    + std::ops::Sub<Output = Self>
    + std::ops::Mul<Output = Self>
    + std::ops::Div<Output = Self>
{
    /// One.
    const ONE: Self;
    /// Rounds to this format.
    fn of(x: f64) -> Self;
    /// The same number, exactly.
    fn f64(self) -> f64;
}

impl Float for f32 {
    const ONE: f32 = 1.0;
    fn of(x: f64) -> f32 {
        x as f32
    }
    fn f64(self) -> f64 {
        f64::from(self)
    }
}

impl Float for f64 {
    const ONE: f64 = 1.0;
    fn of(x: f64) -> f64 {
        x
    }
    fn f64(self) -> f64 {
        self
    }
}

/// A loop that may be compiled for several instruction sets.
pub(super) trait Kernel {
    /// Runs it. Implementations are `#[inline(always)]`, so that they are compiled with the caller's
    /// instruction set.
    fn run(self);
}

/// `y = scale * x + shift` per channel.
#[derive(Clone, Copy)]
pub(super) struct AffineRows<'a, F> {
    pub scale: &'a [F],
    pub shift: &'a [F],
}

impl<F: Float> AffineRows<'_, F> {
    /// Repeats both vectors over `positions`, to be applied to a run of positions at once.
    fn tiled(self, positions: usize) -> (Vec<F>, Vec<F>) {
        (self.scale.repeat(positions), self.shift.repeat(positions))
    }
}

/// `x[i] <- scale * x[i] + shift`, in place.
pub(super) struct Affine<'a, F> {
    pub affine: AffineRows<'a, F>,
    pub values: &'a mut [F],
}

impl<F: Float> Kernel for Affine<'_, F> {
    #[inline(always)]
    fn run(self) {
        let channels = self.affine.scale.len();
        let (scale, shift) = self.affine.tiled(tile_positions(channels));
        for tile in self.values.chunks_mut(scale.len().max(1)) {
            for ((x, &a), &b) in tile.iter_mut().zip(&scale).zip(&shift) {
                *x = *x * a + b;
            }
        }
    }
}

/// Where a neuron population's input comes from.
#[derive(Clone, Copy)]
pub(super) enum Drive<'a, F> {
    /// The output slice holds it and is overwritten.
    InPlace,
    /// Another value for every time step.
    Steps(&'a [F]),
    /// The same value at every time step.
    Static(&'a [F]),
}

/// Leaky integrate-and-fire over all time steps in one sweep of memory:
/// `v += (x - v) / tau`, spike where `v >= threshold`, `v *= 1 - spike`; output spike (+ residual).
pub(super) struct Lif<'a, F, R> {
    pub steps: usize,
    /// Images per time step.
    pub images: usize,
    pub channels: usize,
    pub tau: f64,
    pub threshold: f64,
    pub affine: Option<AffineRows<'a, F>>,
    pub drive: Drive<'a, F>,
    /// Added to the spikes: `Steps` or `Static`; `InPlace` means none.
    pub residual: Drive<'a, F>,
    /// `[steps, images, positions, channels]`.
    pub out: &'a mut [F],
    pub recorder: R,
}

impl<F: Float, R: Recorder<F>> Kernel for Lif<'_, F, R> {
    #[inline(always)]
    fn run(mut self) {
        let step = self.out.len() / self.steps.max(1);
        let image = step / self.images.max(1);
        let tile = tile_positions(self.channels) * self.channels;
        if image == 0 || tile == 0 {
            return;
        }
        let affine = self.affine.map(|a| a.tiled(tile_positions(self.channels)));
        let decay = Decay::new(self.tau);
        let threshold = F::of(self.threshold);
        let mut potential = vec![F::default(); tile];
        for i in 0..self.images {
            for start in (0..image).step_by(tile) {
                let length = tile.min(image - start);
                let first = i * image + start;
                let v = &mut potential[..length];
                v.fill(F::default());
                for t in 0..self.steps {
                    let now = t * step + first..t * step + first + length;
                    let x = match self.drive {
                        Drive::InPlace => &self.out[now.clone()],
                        Drive::Steps(x) => &x[now.clone()],
                        Drive::Static(x) => &x[first..first + length],
                    };
                    integrate(v, x, affine.as_ref(), decay);
                    self.recorder.tile(i, t, v);
                    let residual = match self.residual {
                        Drive::InPlace => None,
                        Drive::Steps(x) => Some(&x[now.clone()]),
                        Drive::Static(x) => Some(&x[first..first + length]),
                    };
                    fire(v, threshold, residual, &mut self.out[now]);
                }
            }
            self.recorder.end_of_image(i);
        }
    }
}

/// Division by tau. By a power of two it is the same as multiplying by the inverse, which is faster.
#[derive(Clone, Copy)]
enum Decay<F> {
    Times(F),
    Over(F),
}

impl<F: Float> Decay<F> {
    fn new(tau: f64) -> Self {
        let mantissa = tau.to_bits() & ((1 << 52) - 1);
        if mantissa == 0 && (1e-30..1e30).contains(&tau) {
            Decay::Times(F::of(1.0 / tau))
        } else {
            Decay::Over(F::of(tau))
        }
    }
}

#[inline(always)]
fn integrate<F: Float>(v: &mut [F], x: &[F], affine: Option<&(Vec<F>, Vec<F>)>, decay: Decay<F>) {
    let v = v.iter_mut().zip(x);
    match (affine, decay) {
        (None, Decay::Times(k)) => v.for_each(|(v, &x)| *v = *v + (x - *v) * k),
        (None, Decay::Over(tau)) => v.for_each(|(v, &x)| *v = *v + (x - *v) / tau),
        (Some((a, b)), decay) => {
            let v = v.zip(a).zip(b);
            match decay {
                Decay::Times(k) => {
                    v.for_each(|(((v, &x), &a), &b)| *v = *v + (x * a + b - *v) * k);
                }
                Decay::Over(tau) => {
                    v.for_each(|(((v, &x), &a), &b)| *v = *v + (x * a + b - *v) / tau);
                }
            }
        }
    }
}

#[inline(always)]
fn fire<F: Float>(v: &mut [F], threshold: F, residual: Option<&[F]>, out: &mut [F]) {
    let spike = |v: &mut F| {
        let s = if *v >= threshold {
            F::ONE
        } else {
            F::default()
        };
        *v = *v * (F::ONE - s);
        s
    };
    let v = v.iter_mut().zip(out);
    match residual {
        None => v.for_each(|(v, out)| *out = spike(v)),
        Some(residual) => v
            .zip(residual)
            .for_each(|((v, out), &r)| *out = r + spike(v)),
    }
}

/// Max-pooling of `[rows, height, width, channels]`, of `scale * x + shift` where an affine is given.
pub(super) struct MaxPool<'a, F> {
    pub height: usize,
    pub width: usize,
    pub channels: usize,
    pub kernel: usize,
    pub stride: usize,
    pub padding: usize,
    pub affine: Option<AffineRows<'a, F>>,
    pub input: &'a [F],
    /// `[rows, out_height, out_width, channels]`.
    pub out: &'a mut [F],
    pub out_height: usize,
    pub out_width: usize,
}

impl<F: Float> Kernel for MaxPool<'_, F> {
    #[inline(always)]
    fn run(self) {
        let (c, line) = (self.channels, self.width * self.channels);
        let out_line = self.out_width * c;
        if line == 0 || out_line == 0 {
            return;
        }
        let affine = self.affine.map(|a| a.tiled(self.width));
        // The largest of the window's lines, then of the window's columns.
        let mut tallest = vec![F::default(); line];
        let maps = self.input.chunks_exact(self.height * line);
        let outs = self.out.chunks_exact_mut(self.out_height * out_line);
        for (map, out) in maps.zip(outs) {
            for (oy, out) in out.chunks_exact_mut(out_line).enumerate() {
                let lines = window(oy, self.kernel, self.stride, self.padding, self.height);
                for (i, x) in map[lines.start * line..lines.end * line]
                    .chunks_exact(line)
                    .enumerate()
                {
                    keep_larger(&mut tallest, x, affine.as_ref(), i == 0);
                }
                for (ox, out) in out.chunks_exact_mut(c).enumerate() {
                    let columns = window(ox, self.kernel, self.stride, self.padding, self.width);
                    out.copy_from_slice(&tallest[columns.start * c..][..c]);
                    for x in columns.skip(1) {
                        keep_larger(out, &tallest[x * c..][..c], None, false);
                    }
                }
            }
        }
    }
}

/// The input indices under output `o` that are not padding.
fn window(
    o: usize,
    kernel: usize,
    stride: usize,
    padding: usize,
    length: usize,
) -> std::ops::Range<usize> {
    let start = o * stride;
    start.saturating_sub(padding)..(start + kernel).saturating_sub(padding).min(length)
}

#[inline(always)]
fn keep_larger<F: Float>(best: &mut [F], x: &[F], affine: Option<&(Vec<F>, Vec<F>)>, first: bool) {
    let larger = |best: &mut F, y: F| {
        if first || y > *best {
            *best = y;
        }
    };
    let best = best.iter_mut().zip(x);
    match affine {
        None => best.for_each(|(best, &x)| larger(best, x)),
        Some((a, b)) => best
            .zip(a)
            .zip(b)
            .for_each(|(((best, &x), &a), &b)| larger(best, x * a + b)),
    }
}

/// The sum over each head's channels.
pub(super) struct HeadSum<'a, F> {
    /// Channels of one head.
    pub width: usize,
    pub input: &'a [F],
    /// One number per head.
    pub out: &'a mut [F],
}

impl<F: Float> Kernel for HeadSum<'_, F> {
    #[inline(always)]
    fn run(self) {
        for (x, out) in self.input.chunks_exact(self.width.max(1)).zip(self.out) {
            *out = x.iter().fold(F::default(), |sum, &x| sum + x);
        }
    }
}

/// Each head's channels times the head's mask, in place.
pub(super) struct HeadMask<'a, F> {
    /// Channels of one head.
    pub width: usize,
    /// One number per head.
    pub mask: &'a [F],
    pub values: &'a mut [F],
}

impl<F: Float> Kernel for HeadMask<'_, F> {
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

/// Spiking self-attention `scale * q (k^T v)` per head on `[rows, tokens, channels]`.
///
/// The spikes and their sums are integers, so any order gives the same numbers. `k^T v` comes first (there are more
/// tokens than channels per head) and silent channels are skipped, which are most.
pub(super) struct Attention<'a, F> {
    pub tokens: usize,
    pub heads: usize,
    pub channels: usize,
    pub scale: f64,
    pub q: &'a [F],
    pub k: &'a [F],
    pub v: &'a [F],
    pub out: &'a mut [F],
}

impl<F: Float> Kernel for Attention<'_, F> {
    #[inline(always)]
    fn run(self) {
        let (c, d) = (self.channels, self.channels / self.heads.max(1));
        let row = self.tokens * c;
        if row == 0 || d == 0 {
            return;
        }
        let scale = F::of(self.scale);
        let mut state = vec![F::default(); d * d];
        let qk = self.q.chunks_exact(row).zip(self.k.chunks_exact(row));
        let v_out = self.v.chunks_exact(row).zip(self.out.chunks_exact_mut(row));
        for ((q, k), (v, out)) in qk.zip(v_out) {
            for head in (0..c).step_by(d) {
                state.fill(F::default());
                for n in (head..row).step_by(c) {
                    add_outer(&mut state, &k[n..n + d], &v[n..n + d]);
                }
                for n in (head..row).step_by(c) {
                    let out = &mut out[n..n + d];
                    out.fill(F::default());
                    for (line, &q) in state.chunks_exact(d).zip(&q[n..n + d]) {
                        add_scaled(out, line, q);
                    }
                    out.iter_mut().for_each(|x| *x = *x * scale);
                }
            }
        }
    }
}

#[inline(always)]
fn add_outer<F: Float>(state: &mut [F], k: &[F], v: &[F]) {
    for (line, &k) in state.chunks_exact_mut(v.len()).zip(k) {
        add_scaled(line, v, k);
    }
}

#[inline(always)]
fn add_scaled<F: Float>(sum: &mut [F], x: &[F], factor: F) {
    if factor != F::default() {
        for (sum, &x) in sum.iter_mut().zip(x) {
            *sum = *sum + factor * x;
        }
    }
}

/// The sum over time steps and positions: `[steps, images, positions, channels]` to `[images, channels]`, in f64 and
/// rounded once.
pub(super) struct TokenTimeSum<'a, F> {
    pub images: usize,
    pub channels: usize,
    pub input: &'a [F],
    /// `[images, channels]`.
    pub out: &'a mut [F],
    pub steps: usize,
}

impl<F: Float> Kernel for TokenTimeSum<'_, F> {
    #[inline(always)]
    fn run(self) {
        let image = self.input.len() / (self.steps * self.images).max(1);
        if image == 0 || self.channels == 0 {
            return;
        }
        let mut sums = vec![0f64; self.channels];
        for (i, out) in self.out.chunks_exact_mut(self.channels).enumerate() {
            sums.fill(0.0);
            let rows = self.input.chunks_exact(image);
            for row in rows.skip(i).step_by(self.images) {
                for x in row.chunks_exact(self.channels) {
                    for (sum, &x) in sums.iter_mut().zip(x) {
                        *sum += x.f64();
                    }
                }
            }
            for (out, &sum) in out.iter_mut().zip(&sums) {
                *out = F::of(sum);
            }
        }
    }
}

/// Positions that are worked on at once: a tile of a few KiB stays in the fastest cache over all time steps.
pub(super) fn tile_positions(channels: usize) -> usize {
    (1024 / channels.max(1)).max(1)
}
