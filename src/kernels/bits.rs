//! Spikes as bits: the first of eight is the lowest bit.
#![forbid(unsafe_code)]

use super::Kernel;

/// The eight numbers 0 or 1 of every byte.
const BYTES: [[u8; 8]; 256] = {
    let mut bytes = [[0; 8]; 256];
    let mut i = 0;
    while i < 256 {
        let mut j = 0;
        while j < 8 {
            bytes[i][j] = (i >> j & 1) as u8;
            j += 1;
        }
        i += 1;
    }
    bytes
};

/// Numbers that are 0 or 1 to bits; the last byte is padded with zeros.
#[derive(Debug)]
pub struct ToBits<'a, X> {
    /// The numbers.
    pub input: &'a [X],
    /// One byte for eight numbers.
    pub out: &'a mut [u8],
}

impl Kernel for ToBits<'_, u8> {
    #[inline(always)]
    fn run(self) {
        let (eights, rest) = self.input.as_chunks::<8>();
        for (out, eight) in self.out.iter_mut().zip(eights) {
            // The products put the lowest bits of the eight bytes side by side at the top.
            let spikes = u64::from_le_bytes(*eight) & 0x0101_0101_0101_0101;
            *out = (spikes.wrapping_mul(0x0102_0408_1020_4080) >> 56) as u8;
        }
        if let (Some(out), false) = (self.out.get_mut(eights.len()), rest.is_empty()) {
            *out = rest.iter().rev().fold(0, |bits, x| bits << 1 | x & 1);
        }
    }
}

impl Kernel for ToBits<'_, f32> {
    #[inline(always)]
    fn run(self) {
        for (out, eight) in self.out.iter_mut().zip(self.input.chunks(8)) {
            let eight = eight.iter().rev();
            *out = eight.fold(0, |bits, &x| bits << 1 | u8::from(x != 0.0));
        }
    }
}

/// Bits to numbers that are 0 or 1.
#[derive(Debug)]
pub struct FromBits<'a, X> {
    /// One byte for eight numbers.
    pub input: &'a [u8],
    /// The numbers.
    pub out: &'a mut [X],
}

impl Kernel for FromBits<'_, u8> {
    #[inline(always)]
    fn run(self) {
        for (out, &bits) in self.out.chunks_mut(8).zip(self.input) {
            let bytes = &BYTES[usize::from(bits)];
            match out.as_chunks_mut::<8>() {
                ([eight], _) => *eight = *bytes,
                (_, rest) => rest.iter_mut().zip(bytes).for_each(|(out, x)| *out = *x),
            }
        }
    }
}

impl Kernel for FromBits<'_, f32> {
    #[inline(always)]
    fn run(self) {
        for (out, &bits) in self.out.chunks_mut(8).zip(self.input) {
            let bytes = BYTES[usize::from(bits)].iter();
            out.iter_mut()
                .zip(bytes)
                .for_each(|(out, &x)| *out = f32::from(x));
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn bits_come_back(spikes in prop::collection::vec(0u8..2, 0..100)) {
            let mut bits = vec![0xff; spikes.len().div_ceil(8)];
            ToBits { input: &spikes[..], out: &mut bits }.run();
            for (i, &spike) in spikes.iter().enumerate() {
                prop_assert_eq!(bits[i / 8] >> (i % 8) & 1, spike);
            }
            let floats: Vec<f32> = spikes.iter().map(|&x| f32::from(x)).collect();
            let mut same = vec![0xff; bits.len()];
            ToBits { input: &floats[..], out: &mut same }.run();
            prop_assert_eq!(&bits, &same);
            let mut back = vec![7u8; spikes.len()];
            FromBits { input: &bits, out: &mut back }.run();
            prop_assert_eq!(back, spikes);
            let mut back = vec![7f32; floats.len()];
            FromBits { input: &bits, out: &mut back }.run();
            prop_assert_eq!(back, floats);
        }
    }
}
