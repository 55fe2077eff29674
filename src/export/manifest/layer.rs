//! Layers and their tensors.

use serde::{Deserialize, Serialize};

use super::operation::Number;

/// One layer: its weights, and the affine behind its sums.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Layer {
    /// The state-dict key without `.weight`.
    pub name: String,
    /// Stage.
    pub stage: String,
    /// Block.
    pub block: String,
    /// The weight as `[out, in / groups, rows, columns]`; a matrix is the 1x1 case.
    pub shape: [usize; 4],
    /// The weight's shape in the state dict: the same numbers in the same order.
    pub weight_shape: Vec<usize>,
    /// Stride, both directions.
    pub stride: usize,
    /// Zero padding, both directions.
    pub padding: usize,
    /// Groups that inputs and outputs are divided among.
    pub groups: usize,
    /// True for a 1-D convolution over tokens: the positions of its input, row by row, are one row,
    /// which it goes along (`shape` has one row, `padding` and `stride` are of columns). Where the
    /// number of positions stays, its result has the rows and columns of its input, else one row.
    #[serde(default, skip_serializing_if = "is_false")]
    pub over_tokens: bool,
    /// Bits of one weight: 1 to 8, 16, or 32 for float (not quantized).
    pub bits: u8,
    /// The packed integers, `NAME.codes`, U8; null for float.
    pub codes: Option<TensorRef>,
    /// The weights of a float layer, `NAME.weight`, F32; null for integers.
    pub weight: Option<TensorRef>,
    /// The scale of the integers; null for float.
    pub scale: Option<Scale>,
    /// The affine behind the sums, `NAME.affine`, F32 or F16: row 0 holds the factors `a`, row 1
    /// the summands `b`, one for each output channel. In packages of format 2 it is I16: words of a
    /// multiplier and a shift, and offsets.
    pub affine: TensorRef,
    /// The guard bits g of the offsets, in packages of format 2 and only there: an offset o stands
    /// for `o / 2^g` numbers of the result's grid.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub guard: Option<i32>,
    /// The numbers that it reads.
    pub input: Number,
    /// True where it sums integers exactly: its input and its weights are whole numbers, and
    /// `fan_in * (2^(bits-1) - 1) * input maximum` (1 for 1 bit) is below 2^24. Where it is false
    /// sums are rounded to f32. In packages of format 2 it is true.
    pub exact: bool,
    /// The accumulator; null where weights or input are real.
    pub accumulator: Option<Accumulator>,
    /// Bytes of the packed integers or of the float weights.
    pub weight_bytes: u64,
    /// Bytes of the affine.
    pub affine_bytes: u64,
}

fn is_false(flag: &bool) -> bool {
    !*flag
}

/// The scale of a layer's integers: a weight is its integer times this.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Scale {
    /// `NAME.scale`, F64, one for each output channel. After a correction (calibrated quantizer)
    /// the affine's factor is not made of it alone; the affine is what counts.
    pub tensor: TensorRef,
    /// k where the scale is `2^k`, by output channel; null where some are not powers of two.
    pub power_of_two: Option<Vec<i32>>,
}

/// Sums of integers.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Accumulator {
    /// The least and the largest sum that any input can make with these weights, over all channels:
    /// the sums of the negative and of the positive weights of a channel, times the largest input
    /// (of fixed-point inputs the least and the largest one, as the sign of the weight wants).
    pub worst: Span<i64>,
    /// Bits of a two's complement accumulator that holds them.
    pub worst_bits: u32,
    /// The least and the largest sum over the golden images; null without any.
    pub observed: Option<Span<i64>>,
    /// Bits of a two's complement accumulator that holds those.
    pub observed_bits: Option<u32>,
}

/// The least and the largest of some numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Span<T> {
    /// The least.
    pub min: T,
    /// The largest.
    pub max: T,
}

/// A tensor of `weights.safetensors`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct TensorRef {
    /// Its name.
    pub tensor: String,
    /// The type of its numbers, as safetensors calls it; little-endian.
    pub dtype: String,
    /// Its shape.
    pub shape: Vec<usize>,
    /// The bytes of the file that it takes: from, and up to but without.
    pub bytes: [u64; 2],
}

/// Leaky integrate-and-fire in units of a layer's accumulator. With `u = v / a` the neuron is
/// `u + (acc + offset - u) / tau`, and fires where `u >= threshold` (`a > 0`) or
/// `u <= threshold` (`a < 0`). It is the same in real numbers; rounding to f32 differs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Units {
    /// `SITE.accumulator_units`, F64 `[2, C]`: row 0 holds `threshold / a`, row 1 the offset
    /// `b / a`. The sign of row 0 says how to compare (for a positive threshold).
    pub tensor: TensorRef,
}

impl Span<i64> {
    /// Bits of the narrowest two's complement number that holds both ends; at least 1.
    pub fn bits(self) -> u32 {
        let magnitude = |x: i64| 64 - (x ^ (x >> 63)).leading_zeros();
        magnitude(self.min).max(magnitude(self.max)) + 1
    }
}

impl<T: PartialOrd + Copy> Span<T> {
    /// Both together.
    pub fn with(self, other: Self) -> Self {
        Span {
            min: if other.min < self.min {
                other.min
            } else {
                self.min
            },
            max: if other.max > self.max {
                other.max
            } else {
                self.max
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_width_of_an_accumulator() {
        let bits = |min, max| Span { min, max }.bits();
        assert_eq!((bits(0, 0), bits(-1, 0), bits(0, 1)), (1, 1, 2));
        assert_eq!((bits(-8, 7), bits(-9, 7), bits(-8, 8)), (4, 5, 5));
        assert_eq!(bits(-32768, 32767), 16);
        assert_eq!(bits(i64::MIN, i64::MAX), 64);
    }
}
