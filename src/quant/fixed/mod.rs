//! Fixed-point arithmetic to the end: what a chip without floating point computes behind the
//! accumulators (`quantizer.affine = "fixed"`, `quantizer.membrane_bits = N`).
//!
//! A fixed-point number is an integer n of N bits in two's complement on a [`Grid`]; it stands for
//! `n * 2^-fraction`. Results that do not fit saturate. Our formulas, all on integers (`>>` is an
//! arithmetic shift, which rounds down; `half(s)` is `2^(s-1)`, 0 for s = 0):
//!
//! * *Affine* ([`FixedAffine`]). Of every output channel a multiplier m of 11 bits and a shift s of
//!   5 bits (together a word of 16) and an offset o of 16 bits; of the layer a number g of guard
//!   bits of the offsets: `y = m acc / 2^s + o / 2^g`, rounded once to the nearest integer, halves
//!   up, then saturated to N bits.
//! * *Leak* ([`Leak`]). `v + (((x - v) K) >> r)` with K of at most 15 bits; K = 1 where tau is a
//!   power of two. The neuron fires where `v >= ceil(threshold * 2^fraction)`.
//! * *Other neurons* ([`Membrane`]), saturated to N bits: `v + x` without a leak,
//!   `v - (((v - r) K) >> r) + x` where the input does not decay; a soft reset subtracts the
//!   nearest number to the threshold. Those that fire above the threshold do so from
//!   `floor(threshold * 2^fraction) + 1` on.
//! * *Sums* of two values of one grid saturate to N bits. Their *mean* is rounded, halves up.
//!
//! Products and sums before the rounding are exact. [`FixedNetwork`] says which values of a network
//! are on which grid.

mod affine;
mod error;
mod leak;
mod membrane;
mod network;
mod parts;
#[cfg(test)]
mod tests;

pub use affine::{FixedAffine, FixedAffineError, OFFSET_BITS, SHIFTS, Word};
pub use error::FixedError;
pub use leak::Leak;
pub use membrane::{FixedReset, Membrane};
pub use network::{FRAMES, FixedNetwork, Form, IMAGE, SiteGrid};
pub use parts::{LOGIT_BITS, Part};

use crate::kernels::Steps;

/// Widths of a membrane that a profile may choose.
pub const MEMBRANE_BITS: std::ops::RangeInclusive<u8> = 4..=16;

/// A grid of fixed-point numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Grid {
    /// Bits of a number, in two's complement.
    pub bits: u8,
    /// Bits behind the binary point: a number n stands for `n * 2^-fraction`.
    pub fraction: i32,
}

impl Grid {
    /// The finest grid with `bits` bits whose magnitudes reach `range`, to the power of two.
    pub fn reaching(range: f64, bits: u8) -> Self {
        let mut fraction = LARGEST_FRACTION;
        while fraction > 0 && range * two_to(fraction) > two_to(i32::from(bits) - 1) {
            fraction -= 1;
        }
        Grid { bits, fraction }
    }

    /// The least number.
    pub fn least(self) -> i64 {
        -(1 << (self.bits - 1))
    }

    /// The largest number.
    pub fn most(self) -> i64 {
        (1 << (self.bits - 1)) - 1
    }

    /// What a number of 1 stands for.
    pub fn step(self) -> f64 {
        two_to(-self.fraction)
    }

    /// The same for kernels.
    pub fn steps(self) -> Steps {
        Steps {
            step: self.step(),
            least: self.least() as f64,
            most: self.most() as f64,
        }
    }

    /// A number that is limited to the grid's.
    pub fn saturate(self, n: i64) -> i64 {
        n.clamp(self.least(), self.most())
    }

    /// The nearest number to a real one, halves up, saturated.
    pub fn nearest(self, x: f64) -> i64 {
        let n = (x * two_to(self.fraction) + 0.5).floor();
        n.clamp(self.least() as f64, self.most() as f64) as i64
    }

    /// The least number that stands for at least a real one: a neuron of that threshold fires from
    /// it on.
    pub fn threshold(self, threshold: f64) -> i64 {
        (threshold * two_to(self.fraction)).ceil() as i64
    }
}

/// The largest fraction of a grid.
const LARGEST_FRACTION: i32 = 24;

/// `2^n`, exactly.
pub(crate) fn two_to(n: i32) -> f64 {
    f64::from(n).exp2()
}

#[cfg(test)]
mod grid_tests {
    use super::*;

    #[test]
    fn grids_by_hand() {
        let grid = Grid::reaching(4.0, 8);
        assert_eq!(
            grid,
            Grid {
                bits: 8,
                fraction: 5
            }
        );
        assert_eq!(
            (grid.least(), grid.most(), grid.step()),
            (-128, 127, 0.03125)
        );
        assert_eq!(
            [4.0, 0.015625, -0.015625, 0.01, -9.0].map(|x| grid.nearest(x)),
            [127, 1, 0, 0, -128]
        );
        assert_eq!([1.0, 0.5, 0.3].map(|x| grid.threshold(x)), [32, 16, 10]);
        assert_eq!(Grid::reaching(4.1, 8).fraction, 4);
        assert_eq!(Grid::reaching(1e9, 8).fraction, 0);
        assert_eq!(Grid::reaching(0.0, 8).fraction, LARGEST_FRACTION);
        assert_eq!(
            (grid.saturate(200), grid.saturate(-200), grid.saturate(5)),
            (127, -128, 5)
        );
    }
}
