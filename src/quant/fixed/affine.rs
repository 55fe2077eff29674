//! The affine behind a layer's sums in integers.

use super::{Grid, two_to};
use crate::quant::ChannelAffine;

/// The shifts that a word can hold, below 0 to the left.
pub const SHIFTS: std::ops::RangeInclusive<i32> = -8..=23;
/// Bits of an offset.
pub const OFFSET_BITS: u8 = 16;
/// Bits of a word that hold the shift.
const SHIFT_BITS: u32 = 5;
/// The largest multiplier.
const LARGEST: i32 = 1023;
/// The most guard bits of offsets.
const MOST_GUARD: i32 = 15;

/// A multiplier of 11 bits in two's complement and a shift: `multiplier / 2^shift`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Word {
    /// -1023 to 1023.
    pub multiplier: i16,
    /// One of [`SHIFTS`].
    pub shift: i8,
}

impl Word {
    /// The word nearest to a factor; none for one that is too large. Magnitudes below `2^-14` keep
    /// fewer bits, and those below `2^-24` are 0.
    pub fn nearest(factor: f64) -> Option<Self> {
        let round = |shift: i32| (factor.abs() * two_to(shift)).round_ties_even();
        let shift = SHIFTS.rev().find(|&s| round(s) <= f64::from(LARGEST))?;
        let multiplier = round(shift) as i16;
        Some(Word {
            multiplier: if factor < 0.0 {
                -multiplier
            } else {
                multiplier
            },
            shift: shift as i8,
        })
    }

    /// The word in 16 bits: the multiplier above the shift, which is counted from the least one.
    pub fn packed(self) -> i16 {
        let shift = i16::from(self.shift) - *SHIFTS.start() as i16;
        (self.multiplier << SHIFT_BITS) | shift
    }

    /// The word of 16 bits.
    pub fn unpacked(bits: i16) -> Self {
        let shift = bits & ((1 << SHIFT_BITS) - 1);
        Word {
            multiplier: bits >> SHIFT_BITS,
            shift: shift as i8 + *SHIFTS.start() as i8,
        }
    }

    /// The factor, exactly.
    pub fn factor(self) -> f64 {
        f64::from(self.multiplier) * two_to(-i32::from(self.shift))
    }
}

/// The affine behind a layer's sums of integers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FixedAffine {
    /// The factor of every channel, from sums to numbers of the grid.
    pub words: Vec<Word>,
    /// The summand of every channel, in numbers of the grid divided by `2^guard`.
    pub offsets: Vec<i16>,
    /// Bits of the offsets below the last one of the grid; below 0 they leave bits of it out.
    pub guard: i32,
    /// The grid of the results.
    pub grid: Grid,
}

/// An affine that a word cannot hold.
#[derive(Clone, Copy, Debug, PartialEq, thiserror::Error)]
#[error(
    "channel {channel}: the {what} {value:e} is too large for the fixed-point affine ({bits}-bit results with {fraction} \
     fraction bits): take more membrane_bits, or quantizer.affine = \"f32\""
)]
pub struct FixedAffineError {
    /// The channel.
    pub channel: usize,
    /// Factor or summand.
    pub what: &'static str,
    /// The number.
    pub value: f64,
    /// Bits of the grid.
    pub bits: u8,
    /// Its fraction.
    pub fraction: i32,
}

impl FixedAffine {
    /// The nearest affine to a real one over sums that count 1.
    ///
    /// # Errors
    /// [`FixedAffineError`] for a number that is too large or not finite.
    pub fn new(affine: &ChannelAffine, grid: Grid) -> Result<Self, FixedAffineError> {
        let too_large = |what: &'static str, channel: usize, value: f64| FixedAffineError {
            channel,
            what,
            value,
            bits: grid.bits,
            fraction: grid.fraction,
        };
        let scaled = |x: f64| x * two_to(grid.fraction);
        let words = affine.scale.iter().enumerate().map(|(channel, &a)| {
            let word = Word::nearest(scaled(a)).filter(|_| a.is_finite());
            word.ok_or_else(|| too_large("factor", channel, a))
        });
        let words = words.collect::<Result<_, _>>()?;
        let shift = affine.shift.iter().enumerate();
        let largest = shift.reduce(|a, b| if b.1.abs() > a.1.abs() { b } else { a });
        let (channel, &largest) = largest.unwrap_or((0, &0.0));
        let number = |b: f64, guard: i32| (scaled(b) * two_to(guard)).round_ties_even();
        let fits = |guard: &i32| number(largest, *guard).abs() <= f64::from(i16::MAX);
        let guard = (-MOST_GUARD..=MOST_GUARD).rev().find(fits);
        let finite = affine.shift.iter().all(|b| b.is_finite());
        let guard = guard.filter(|_| finite);
        let guard = guard.ok_or_else(|| too_large("summand", channel, largest))?;
        let offsets = affine.shift.iter().map(|&b| number(b, guard) as i16);
        Ok(FixedAffine {
            words,
            offsets: offsets.collect(),
            guard,
            grid,
        })
    }

    /// The result of a channel's sum: an integer of the grid. Sums of 63 bits are exact.
    pub fn apply(&self, channel: usize, sum: i64) -> i64 {
        let (Some(word), Some(&offset)) = (self.words.get(channel), self.offsets.get(channel))
        else {
            return 0;
        };
        // Both parts in units of 2^-shift of the grid, without rounding.
        let shift = i32::from(word.shift).max(self.guard).max(0);
        let product = i128::from(sum) * i128::from(word.multiplier);
        let product = product << (shift - i32::from(word.shift));
        let offset = i128::from(offset) << (shift - self.guard);
        let half = if shift > 0 { 1i128 << (shift - 1) } else { 0 };
        let rounded = (product + offset + half) >> shift;
        let (least, most) = (self.grid.least(), self.grid.most());
        rounded.clamp(i128::from(least), i128::from(most)) as i64
    }

    /// Factors and summands in f64, exactly, in numbers of the grid. Of a sum x that f64 holds,
    /// `floor(x * factor + summand + 0.5)`, saturated, is [`FixedAffine::apply`]: f64 rounds
    /// nothing below `2^52 / 2^23` numbers of the grid, far beyond where results saturate.
    pub fn numbers(&self) -> (Vec<f64>, Vec<f64>) {
        let factors = self.words.iter().map(|w| w.factor());
        let offsets = self.offsets.iter();
        let offsets = offsets.map(|&o| f64::from(o) * two_to(-self.guard));
        (factors.collect(), offsets.collect())
    }

    /// The real affine that it is, over sums that count 1. [`FixedAffine::new`] gives it back.
    pub fn real(&self) -> ChannelAffine {
        let (mut scale, mut shift) = self.numbers();
        let step = self.grid.step();
        let both = scale.iter_mut().chain(&mut shift);
        both.for_each(|x| *x *= step);
        ChannelAffine { scale, shift }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const GRID: Grid = Grid {
        bits: 8,
        fraction: 5,
    };

    #[test]
    fn words_by_hand() {
        let word = |x| Word::nearest(x).map(|w| (w.multiplier, w.shift));
        assert_eq!(word(1.0), Some((512, 9)));
        assert_eq!(word(-0.75), Some((-768, 10)));
        // Rounds up to 1024, which is a power of two.
        assert_eq!(word(1023.9), Some((512, -1)));
        assert_eq!(word(0.0), Some((0, 23)));
        assert_eq!(word(1e-9), Some((0, 23)));
        assert_eq!(word(3.0 * 2f64.powi(-23)), Some((3, 23)));
        assert_eq!(word(1023.0 * 256.0), Some((1023, -8)));
        assert_eq!(word(1024.0 * 256.0), None);
        assert_eq!(word(f64::INFINITY), None);
    }

    #[test]
    fn affines_by_hand() {
        // y = acc / 16 + 0.25, in units of 1/32: 2 acc + 8.
        let affine = ChannelAffine::new(vec![0.0625], Some(vec![0.25]));
        let fixed = FixedAffine::new(&affine, GRID).unwrap();
        assert_eq!((fixed.words[0].multiplier, fixed.words[0].shift), (512, 8));
        assert_eq!((fixed.offsets[0], fixed.guard), (16384, 11));
        let sums = [0, 1, -4, -5, 59, 60, 1000, -68, -69, -1000];
        let expected = [8, 10, 0, -2, 126, 127, 127, -128, -128, -128];
        assert_eq!(sums.map(|s| fixed.apply(0, s)), expected);
        // Halves up: 0.5 and -0.5 units of the grid.
        let half = ChannelAffine::new(vec![0.5 / 32.0], None);
        let fixed = FixedAffine::new(&half, GRID).unwrap();
        assert_eq!([1, -1, 3, -3].map(|s| fixed.apply(0, s)), [1, 0, 2, -1]);
        let large = ChannelAffine::new(vec![1.0, 1e9], None);
        assert_eq!(FixedAffine::new(&large, GRID).unwrap_err().channel, 1);
        let far = ChannelAffine::new(vec![1.0, 1.0], Some(vec![0.0, -1e12]));
        assert_eq!(FixedAffine::new(&far, GRID).unwrap_err().what, "summand");
        let none = ChannelAffine::new(vec![f64::NAN], None);
        assert!(FixedAffine::new(&none, GRID).is_err());
    }

    #[test]
    fn words_are_packed() {
        for bits in i16::MIN..=i16::MAX {
            assert_eq!(Word::unpacked(bits).packed(), bits);
        }
    }

    proptest! {
        /// The formula on integers, the one in f64, and the real number rounded at the end agree.
        #[test]
        fn integers_and_f64_agree(
            factor in -9.0f64..9.0,
            exponent in -20i32..6,
            summand in -40.0f64..40.0,
            bits in 4u8..=16,
            fraction in 0i32..14,
            sum in prop_oneof![-100_000i64..100_000, -(1i64 << 40)..(1i64 << 40)],
        ) {
            let grid = Grid { bits, fraction };
            let real = ChannelAffine::new(vec![factor * two_to(exponent)], Some(vec![summand]));
            let Ok(fixed) = FixedAffine::new(&real, grid) else {
                return Ok(());
            };
            let (a, b) = fixed.numbers();
            let in_f64 = (sum as f64 * a[0] + b[0] + 0.5).floor();
            let in_f64 = in_f64.clamp(grid.least() as f64, grid.most() as f64) as i64;
            prop_assert_eq!(fixed.apply(0, sum), in_f64);
            // 10 significant bits of the factor, 14 of the summand.
            let exact = (real.scale[0] * sum as f64 + summand) * two_to(fraction);
            let off = (sum as f64 * real.scale[0]).abs() * two_to(fraction) / 1024.0
                + sum.abs() as f64 * two_to(-24)
                + two_to(-fixed.guard);
            let near = |x: f64| x.clamp(grid.least() as f64, grid.most() as f64);
            let got = fixed.apply(0, sum) as f64;
            prop_assert!(got >= near(exact - off - 0.51) && got <= near(exact + off + 0.51));
            // What it stands for is held exactly.
            prop_assert_eq!(FixedAffine::new(&fixed.real(), grid).unwrap(), fixed);
        }
    }
}
