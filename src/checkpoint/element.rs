//! Types of numbers in files, and their bytes as f32.

use std::borrow::Cow;

use half::{bf16, f16};

/// The type of a tensor's numbers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Element {
    F16,
    Bf16,
    F32,
    F64,
    /// Not floating-point: never read, only named and stepped over.
    Other {
        name: Cow<'static, str>,
        bytes: u64,
    },
}

impl Element {
    pub(super) const fn other(name: &'static str, bytes: u64) -> Self {
        let name = Cow::Borrowed(name);
        Element::Other { name, bytes }
    }

    /// Bytes of one number.
    pub(super) fn bytes(&self) -> u64 {
        match self {
            Element::F16 | Element::Bf16 => 2,
            Element::F32 => 4,
            Element::F64 => 8,
            Element::Other { bytes, .. } => *bytes,
        }
    }

    /// The type's name; none for floating-point types.
    pub(super) fn other_name(&self) -> Option<&str> {
        match self {
            Element::Other { name, .. } => Some(name),
            _ => None,
        }
    }

    /// Appends little-endian numbers as f32. Bytes that are no whole number, and numbers of other
    /// types, are left out.
    pub(super) fn append(&self, bytes: &[u8], values: &mut Vec<f32>) {
        match self {
            Element::F16 => convert(bytes, values, |b| f16::from_le_bytes(b).to_f32()),
            Element::Bf16 => convert(bytes, values, |b| bf16::from_le_bytes(b).to_f32()),
            Element::F32 => convert(bytes, values, f32::from_le_bytes),
            Element::F64 => convert(bytes, values, |b| f64::from_le_bytes(b) as f32),
            Element::Other { .. } => {}
        }
    }
}

fn convert<const N: usize>(bytes: &[u8], values: &mut Vec<f32>, number: impl Fn([u8; N]) -> f32) {
    let (chunks, _) = bytes.as_chunks::<N>();
    values.extend(chunks.iter().map(|&chunk| number(chunk)));
}
