//! Packed integers: `bits` bits each, two's complement, from the least significant bit of the first
//! byte on.

/// Reads `count` integers. What is wrong is said.
pub(super) fn unpack(bytes: &[u8], count: usize, bits: u8) -> Result<Vec<i16>, String> {
    let bits = usize::from(bits);
    let total = count
        .checked_mul(bits)
        .ok_or("there are too many weights")?;
    if bytes.len() != total.div_ceil(8) {
        return Err(format!(
            "{} bytes are not {count} weights of {bits} bits",
            bytes.len()
        ));
    }
    let bit = |at: usize| bytes.get(at / 8).map_or(0, |byte| byte >> (at % 8) & 1);
    if (total..bytes.len() * 8).any(|at| bit(at) == 1) {
        return Err("the bits behind the last weight are not zero".to_owned());
    }
    let mut weights = Vec::with_capacity(count);
    for n in 0..count {
        let begin = n * bits;
        // A weight touches at most three bytes.
        let word = (0..3).fold(0u32, |word, i| {
            let byte = bytes.get(begin / 8 + i).copied().unwrap_or(0);
            word | u32::from(byte) << (8 * i)
        });
        let field = word >> (begin % 8) & ((1 << bits) - 1);
        weights.push(integer(field, bits).ok_or_else(|| {
            format!("weight {n} is outside of the symmetric range of {bits} bits")
        })?);
    }
    Ok(weights)
}

/// The integer of a field; none for the one number that the range does not have.
fn integer(field: u32, bits: usize) -> Option<i16> {
    let half = 1i32 << (bits - 1);
    let value = field.cast_signed();
    match bits {
        1 => Some(if value == 1 { 1 } else { -1 }),
        _ if value == half => None,
        _ if value > half => i16::try_from(value - 2 * half).ok(),
        _ => i16::try_from(value).ok(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_by_hand() {
        assert_eq!(unpack(&[0b1111_1001, 0], 3, 3), Ok(vec![1, -1, 3]));
        assert_eq!(unpack(&[0b0000_0101], 3, 1), Ok(vec![1, -1, 1]));
        assert_eq!(
            unpack(&[0x34, 0x12, 0xFE, 0xFF], 2, 16),
            Ok(vec![0x1234, -2])
        );
        assert_eq!(unpack(&[0x81], 1, 8), Ok(vec![-127]));
        assert!(unpack(&[0x80], 1, 8).is_err());
        assert!(unpack(&[0b0000_1000], 3, 1).is_err());
        assert!(unpack(&[0], 3, 3).is_err());
        assert!(unpack(&[], usize::MAX, 8).is_err());
    }

    /// Whatever the writer packs, this reads.
    #[test]
    fn it_reads_what_is_written() {
        use crate::quant::{BitWidth, pack};
        for bits in [1, 2, 3, 4, 5, 6, 7, 8, 16] {
            let width = BitWidth::new(bits).unwrap();
            let most = width.q_max().unwrap() as i16;
            let value = |n: i16| match bits {
                1 => 2 * (n % 2) - 1,
                _ => (n.wrapping_mul(31) % most).clamp(-most, most),
            };
            let values: Vec<i16> = (0..97).map(value).collect();
            let packed = pack(&values, width).unwrap();
            assert_eq!(unpack(&packed, values.len(), bits).unwrap(), values);
        }
    }
}
