//! The stored form of quantized weights.
//!
//! Each weight takes its width's bits in two's complement, least significant bit first, filling
//! bytes from their least significant bit up (so 16-bit weights are little-endian words); a layer
//! is rounded up to a byte with zeros. 1 bit stores 1 for +1 and 0 for -1.

use super::BitWidth;

/// Integers that have no stored form, or bytes that store no weights.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[non_exhaustive]
pub enum PackError {
    /// Float weights are not integers.
    #[error("float weights have no packed form")]
    Float,
    /// The number of bytes does not fit the number of weights.
    #[error("{count} weights of {width} bits take {expected} bytes, not {found}")]
    Length {
        /// Number of weights.
        count: usize,
        /// Their width.
        width: BitWidth,
        /// Bytes they take.
        expected: u64,
        /// Bytes given.
        found: usize,
    },
    /// A value outside the symmetric grid of its width.
    #[error("weight {index} is {value}, which {width} bits cannot be")]
    Value {
        /// Position of the weight.
        index: usize,
        /// The value.
        value: i32,
        /// The width.
        width: BitWidth,
    },
    /// Bits behind the last weight are set.
    #[error("the bits behind the last weight are not zero")]
    Padding,
}

/// Bytes of `count` weights of one layer: their bits, rounded up to a byte (four bytes each for
/// float).
pub fn packed_bytes(count: u64, width: BitWidth) -> u64 {
    let bits = u64::from(width.bits());
    // By eights, so that nothing can overflow before the answer itself does.
    (count / 8)
        .saturating_mul(bits)
        .saturating_add((count % 8 * bits).div_ceil(8))
}

/// Packs the integers of one layer.
///
/// # Errors
/// [`PackError::Float`], and [`PackError::Value`] for an integer outside the width's grid.
pub fn pack(values: &[i16], width: BitWidth) -> Result<Vec<u8>, PackError> {
    let q_max = width.q_max().ok_or(PackError::Float)?;
    let bits = u32::from(width.bits());
    let mask = (1u32 << bits) - 1;
    let mut bytes = Vec::with_capacity(packed_bytes(values.len() as u64, width) as usize);
    let (mut pending, mut held) = (0u32, 0u32);
    for (index, &value) in values.iter().enumerate() {
        check(index, i32::from(value), q_max, width)?;
        let code = match bits {
            1 => u32::from(value > 0),
            _ => i32::from(value).cast_unsigned() & mask,
        };
        pending |= code << held;
        held += bits;
        while held >= 8 {
            bytes.push(pending as u8);
            pending >>= 8;
            held -= 8;
        }
    }
    if held > 0 {
        bytes.push(pending as u8);
    }
    Ok(bytes)
}

/// Reads `count` packed integers of one layer.
///
/// # Errors
/// [`PackError`] when `bytes` is not exactly what [`pack`] writes for some `count` integers.
pub fn unpack(bytes: &[u8], count: usize, width: BitWidth) -> Result<Vec<i16>, PackError> {
    let q_max = width.q_max().ok_or(PackError::Float)?;
    let expected = packed_bytes(count as u64, width);
    if bytes.len() as u64 != expected {
        return Err(PackError::Length {
            count,
            width,
            expected,
            found: bytes.len(),
        });
    }
    let bits = u32::from(width.bits());
    let mask = (1u32 << bits) - 1;
    let mut values = Vec::with_capacity(count);
    let (mut pending, mut held) = (0u32, 0u32);
    let mut rest = bytes.iter();
    for index in 0..count {
        while held < bits {
            // The length was checked: there is a byte for every bit asked for.
            pending |= u32::from(rest.next().copied().unwrap_or(0)) << held;
            held += 8;
        }
        let code = pending & mask;
        pending >>= bits;
        held -= bits;
        let value = match bits {
            1 => 2 * code.cast_signed() - 1,
            // Moves the sign bit to the top and back down, copying it.
            _ => (code << (32 - bits)).cast_signed() >> (32 - bits),
        };
        check(index, value, q_max, width)?;
        values.push(value as i16);
    }
    if pending != 0 {
        return Err(PackError::Padding);
    }
    Ok(values)
}

fn check(index: usize, value: i32, q_max: u32, width: BitWidth) -> Result<(), PackError> {
    let fits = value.unsigned_abs() <= q_max && !(width.bits() == 1 && value == 0);
    fits.then_some(()).ok_or(PackError::Value {
        index,
        value,
        width,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn width(bits: u8) -> BitWidth {
        BitWidth::new(bits).unwrap()
    }
    fn integer_width() -> impl Strategy<Value = BitWidth> {
        prop::sample::select(vec![1, 2, 3, 4, 5, 6, 7, 8, 16]).prop_map(width)
    }
    fn values(width: BitWidth) -> impl Strategy<Value = Vec<i16>> {
        let q_max = width.q_max().unwrap() as i16;
        let value = (-q_max..=q_max).prop_map(move |v| match width.bits() {
            1 if v <= 0 => -1,
            _ => v,
        });
        prop::collection::vec(value, 0..200)
    }

    #[test]
    fn the_layout_by_hand() {
        assert_eq!(
            pack(&[1, -1, -1, 1, 1, 1, 1, 1, 1], width(1)),
            Ok(vec![0b1111_1001, 1])
        );
        // 3 bits: 1 = 001, -1 = 111, 3 = 011 -> bits, last first: 0 1111 1001.
        assert_eq!(pack(&[1, -1, 3], width(3)), Ok(vec![0b1111_1001, 0]));
        assert_eq!(pack(&[-7, 7], width(4)), Ok(vec![0x79]));
        assert_eq!(pack(&[-2, 127], width(8)), Ok(vec![0xFE, 0x7F]));
        assert_eq!(
            pack(&[0x1234, -2], width(16)),
            Ok(vec![0x34, 0x12, 0xFE, 0xFF])
        );
        assert_eq!(pack(&[], width(5)), Ok(vec![]));
    }

    #[test]
    fn sizes() {
        assert_eq!(packed_bytes(0, width(3)), 0);
        assert_eq!(packed_bytes(3, width(3)), 2);
        assert_eq!(packed_bytes(8, width(3)), 3);
        assert_eq!(packed_bytes(5, width(16)), 10);
        assert_eq!(packed_bytes(5, BitWidth::FLOAT), 20);
        assert_eq!(packed_bytes(u64::MAX, width(16)), u64::MAX);
    }

    #[test]
    fn what_no_width_can_store_is_refused() {
        assert!(matches!(
            pack(&[0], width(1)),
            Err(PackError::Value { value: 0, .. })
        ));
        assert!(matches!(
            pack(&[7, -8], width(4)),
            Err(PackError::Value {
                index: 1,
                value: -8,
                ..
            })
        ));
        assert!(matches!(
            pack(&[i16::MIN], width(16)),
            Err(PackError::Value { .. })
        ));
        assert_eq!(pack(&[1], BitWidth::FLOAT), Err(PackError::Float));
        assert_eq!(unpack(&[1], 1, BitWidth::FLOAT), Err(PackError::Float));
    }

    #[test]
    fn bytes_that_store_no_weights_are_refused() {
        assert!(matches!(
            unpack(&[0], 3, width(4)),
            Err(PackError::Length { expected: 2, .. })
        ));
        assert!(matches!(
            unpack(&[0; 3], 3, width(4)),
            Err(PackError::Length { .. })
        ));
        assert!(matches!(
            unpack(&[0; 3], usize::MAX, width(16)),
            Err(PackError::Length { .. })
        ));
        assert_eq!(unpack(&[0x21, 0x13], 3, width(4)), Err(PackError::Padding));
        assert!(matches!(
            unpack(&[0x80], 2, width(4)),
            Err(PackError::Value {
                index: 1,
                value: -8,
                ..
            })
        ));
        let error = unpack(&[0], 3, width(4)).unwrap_err();
        assert_eq!(error.to_string(), "3 weights of 4 bits take 2 bytes, not 1");
    }

    proptest! {
        #[test]
        fn unpacking_undoes_packing((width, values) in integer_width().prop_flat_map(|w| (Just(w), values(w)))) {
            let bytes = pack(&values, width).unwrap();
            prop_assert_eq!(bytes.len() as u64, packed_bytes(values.len() as u64, width));
            prop_assert_eq!(unpack(&bytes, values.len(), width).unwrap(), values);
        }

        #[test]
        fn any_bytes_are_refused_or_are_what_packing_writes(
            width in integer_width(),
            count in 0usize..40,
            bytes in prop::collection::vec(any::<u8>(), 0..40),
        ) {
            let expected = packed_bytes(count as u64, width) as usize;
            let fitted: Vec<u8> = bytes.iter().copied().cycle().take(if bytes.is_empty() { 0 } else { expected }).collect();
            for bytes in [bytes, fitted] {
                if let Ok(values) = unpack(&bytes, count, width) {
                    prop_assert_eq!(pack(&values, width).unwrap(), bytes);
                }
            }
        }
    }
}
