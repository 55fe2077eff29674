//! Sums over positions and time steps.
#![forbid(unsafe_code)]

use super::{Float, Kernel, Stored};

/// The sum over time steps and positions, divided by a number:
/// `[steps, images, positions, channels]` to `[images, channels]`, in f64 and rounded once.
#[derive(Debug)]
pub struct TokenTimeSum<'a, F, X> {
    /// The divisor of every sum.
    pub divisor: f64,
    /// Time steps.
    pub steps: usize,
    /// Images per time step.
    pub images: usize,
    /// Channels.
    pub channels: usize,
    /// `[steps, images, positions, channels]`.
    pub input: &'a [X],
    /// `[images, channels]`.
    pub out: &'a mut [F],
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

/// Per channel the sum and the sum of squares of rows `[positions, channels]`, in f64 and in the
/// order of memory.
#[derive(Debug)]
pub struct ChannelSums<'a> {
    /// The numbers.
    pub input: &'a [f32],
    /// `[channels]`, added to.
    pub sums: &'a mut [f64],
    /// `[channels]`, added to.
    pub squares: &'a mut [f64],
}

impl Kernel for ChannelSums<'_> {
    #[inline(always)]
    fn run(self) {
        let channels = self.sums.len().max(1);
        for position in self.input.chunks_exact(channels) {
            let pairs = self.sums.iter_mut().zip(self.squares.iter_mut());
            for ((sum, square), &x) in pairs.zip(position) {
                let x = f64::from(x);
                *sum += x;
                *square += x * x;
            }
        }
    }
}
