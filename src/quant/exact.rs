//! Where a quantized layer's sums are exact.

use super::BitWidth;
use crate::network::{Layer, ValueRange};

impl Layer {
    /// True when the layer's accumulator holds every possible sum at this width exactly in f32, in
    /// any order: its input is whole numbers and `fan_in * q_max * input_max < 2^24`. Real inputs,
    /// float and 16-bit weights are never exact. (It lives in this room because `network` knows no
    /// bit-widths.)
    pub fn exact_at(&self, width: BitWidth) -> bool {
        let (ValueRange::Integer(input_max), Some(q_max), ..=8) =
            (self.input, width.q_max(), width.bits())
        else {
            return false;
        };
        u128::from(input_max)
            .checked_mul(self.fan_in() as u128 * u128::from(q_max))
            .is_some_and(|largest| largest < 1 << 24)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::network::{BlockId, LayerKind, WeightSource};

    fn layer(fan_in: usize, input: ValueRange) -> Layer {
        Layer {
            name: "head".to_owned(),
            block: BlockId(0),
            kind: LayerKind::Linear,
            weight_shape: vec![10, fan_in],
            bias: false,
            source: WeightSource::Stored,
            absorbed: Vec::new(),
            input,
            macs: 0,
        }
    }

    fn bits(bits: u8) -> BitWidth {
        BitWidth::new(bits).unwrap()
    }

    #[test]
    fn the_bound_is_two_to_the_24th() {
        // 4 bits: q_max = 7, and 7 * 2396745 = 2^24 - 1.
        assert!(layer(2_396_745, ValueRange::Integer(1)).exact_at(bits(4)));
        assert!(!layer(2_396_746, ValueRange::Integer(1)).exact_at(bits(4)));
        // 1 and 2 bits: q_max = 1; the product equals 2^24.
        for width in [1, 2] {
            assert!(!layer(1 << 20, ValueRange::Integer(16)).exact_at(bits(width)));
            assert!(layer(1 << 20, ValueRange::Integer(15)).exact_at(bits(width)));
        }
        // 8 bits on the demo's head: 64 * 127 * 1176.
        assert!(layer(64, ValueRange::Integer(1176)).exact_at(bits(8)));
        assert!(!layer(64, ValueRange::Integer(u64::MAX)).exact_at(bits(8)));
    }

    #[test]
    fn real_inputs_and_wide_weights_are_never_exact() {
        for width in [1, 2, 3, 4, 5, 6, 7, 8, 16, 32] {
            assert!(!layer(1, ValueRange::Real).exact_at(bits(width)));
            assert_eq!(
                layer(1, ValueRange::Integer(1)).exact_at(bits(width)),
                width <= 8
            );
        }
    }
}
