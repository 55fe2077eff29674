//! The arithmetic of the executor's own kernels, on plain slices.
//!
//! Every value lies in memory as `[rows, positions, channels]` with the channels innermost (rows are time steps
//! times images, time-major), so that one affine vector serves a whole row and sums per channel need no
//! particular order of lanes. No operation is contracted or reassociated: results do not depend on the
//! instruction set.
#![forbid(unsafe_code)]

mod affine;
mod attention;
mod bits;
mod dot;
mod levels;
mod lif;
mod packed;
mod pool;
mod sweep;

pub(super) use affine::Affine;
pub(super) use attention::{Attention, HeadMask, HeadSum};
pub(super) use bits::{OfBits, ToBits};
pub(super) use dot::{Dot, Input};
pub(super) use levels::{Level, Levels};
pub(super) use lif::Lif;
pub(super) use packed::{Bytes, Floats, Window};
pub(super) use pool::MaxPool;
pub(super) use sweep::{Drive, Sweep, Tail};

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
    /// The nearest whole number, of two the even one.
    fn half_even(self) -> Self;
    /// The largest whole number that is not above.
    fn floor(self) -> Self;
}

impl Float for f32 {
    const ONE: f32 = 1.0;
    fn of(x: f64) -> f32 {
        x as f32
    }
    fn f64(self) -> f64 {
        f64::from(self)
    }
    fn half_even(self) -> f32 {
        self.round_ties_even()
    }
    fn floor(self) -> f32 {
        f32::floor(self)
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
    fn half_even(self) -> f64 {
        self.round_ties_even()
    }
    fn floor(self) -> f64 {
        f64::floor(self)
    }
}

/// A format that numbers are stored in and computed with as `F`: `F` itself, or bytes for whole numbers from 0 to 255.
pub(super) trait Stored<F>:
    tch::kind::Element + Copy + Default + PartialOrd + std::ops::Add<Output = Self>
{
    /// The number.
    fn get(self) -> F;
    /// Stores a number of this format.
    fn put(x: F) -> Self;
    /// 1 or 0.
    fn spike(fires: bool) -> Self;
}

impl<F: Float> Stored<F> for F {
    #[inline(always)]
    fn get(self) -> F {
        self
    }
    #[inline(always)]
    fn put(x: F) -> F {
        x
    }
    #[inline(always)]
    fn spike(fires: bool) -> F {
        if fires { F::ONE } else { F::default() }
    }
}

impl Stored<f32> for u8 {
    #[inline(always)]
    fn get(self) -> f32 {
        f32::from(self)
    }
    #[inline(always)]
    fn put(x: f32) -> u8 {
        x as u8
    }
    #[inline(always)]
    fn spike(fires: bool) -> u8 {
        u8::from(fires)
    }
}

/// A copy in another format.
pub(super) struct Convert<'a, A, B> {
    pub input: &'a [A],
    pub out: &'a mut [B],
}

impl Kernel for Convert<'_, u8, f32> {
    #[inline(always)]
    fn run(self) {
        let pairs = self.out.iter_mut().zip(self.input);
        pairs.for_each(|(out, &x)| *out = x.get());
    }
}

impl Kernel for Convert<'_, f32, u8> {
    #[inline(always)]
    fn run(self) {
        let pairs = self.out.iter_mut().zip(self.input);
        pairs.for_each(|(out, &x)| *out = u8::put(x));
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

impl<F: Copy> AffineRows<'_, F> {
    /// Repeats both vectors over `positions`, to be applied to a run of positions at once.
    fn tiled(self, positions: usize) -> (Vec<F>, Vec<F>) {
        (self.scale.repeat(positions), self.shift.repeat(positions))
    }
}

/// The sum over time steps and positions, divided by a number: `[steps, images, positions, channels]` to
/// `[images, channels]`, in f64 and rounded once.
pub(super) struct TokenTimeSum<'a, F, X> {
    pub divisor: f64,
    pub images: usize,
    pub channels: usize,
    pub input: &'a [X],
    /// `[images, channels]`.
    pub out: &'a mut [F],
    pub steps: usize,
}

impl<F: Float, X: Stored<F>> Kernel for TokenTimeSum<'_, F, X> {
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
                        *sum += x.get().f64();
                    }
                }
            }
            for (out, &sum) in out.iter_mut().zip(&sums) {
                *out = F::of(sum / self.divisor);
            }
        }
    }
}

/// Positions that are worked on at once: a tile of a few KiB stays in the fastest cache over all time steps.
pub(super) fn tile_positions(channels: usize) -> usize {
    (1024 / channels.max(1)).max(1)
}
