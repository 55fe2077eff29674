//! Quantizer arithmetic on plain slices: bit-widths, scales, rounding, packing and memory accounting.
#![forbid(unsafe_code)]

mod allocation;
mod scheme;

pub use allocation::{Allocation, BitWidth, BitWidthError};
pub use scheme::{Affine, Granularity, Rounding, ScaleRule, Scheme};
