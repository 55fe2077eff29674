//! Quantizer arithmetic on plain slices: bit-widths, scales, rounding, packing and memory accounting.
//!
//! [`quantize`] turns one layer's weights into integers and one scale per output channel as a [`Scheme`]
//! says; [`ChannelAffine`] merges what follows the accumulator; [`pack`] and [`unpack`] are their
//! stored form; [`MemoryModel`] counts what a deployment stores under an [`Allocation`]. The formulas are this project's own.
#![forbid(unsafe_code)]

mod affine;
mod allocation;
mod domains;
mod exact;
mod memory;
mod packing;
mod quantize;
mod rounding;
mod scale;
mod scheme;

#[cfg(test)]
mod properties;

pub use affine::{ChannelAffine, Normalization};
pub use allocation::{Allocation, BitWidth, BitWidthError};
pub use domains::Domains;
pub use memory::{MemoryModel, saving_percent};
pub use packing::{PackError, pack, packed_bytes, unpack};
pub use quantize::{QuantError, Quantized, quantize};
pub use scheme::{Affine, Granularity, Rounding, ScaleRule, Scheme};
