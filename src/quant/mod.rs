//! Quantizer arithmetic on plain slices: bit-widths, scales, rounding, packing and memory
//! accounting.
//!
//! [`quantize`] turns one layer's weights into integers and one scale per output channel as a
//! [`Scheme`] says; [`ChannelAffine`] merges what follows the accumulator; [`pack`] and [`unpack`]
//! are their stored form; [`MemoryModel`] counts what a deployment stores under an [`Allocation`].
//! The formulas are this project's own.
//!
//! ```
//! use aq4svit::quant::{Allocation, BitWidth, Scheme, pack, packed_bytes, quantize, unpack};
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! // Two output channels of three weights, with 4 bits: integers from -7 to 7, a scale for each.
//! let weights = [0.7, -0.35, 0.1, 2.0, 0.0, -1.0];
//! let four = BitWidth::new(4)?;
//! let quantized = quantize(&weights, 2, four, &Scheme::default(), "head")?;
//! assert!(quantized.values.iter().all(|q| q.abs() <= 7));
//! for (weight, restored) in weights.iter().zip(quantized.dequantized()) {
//!     assert!((weight - restored).abs() < 0.2);
//! }
//!
//! // Six weights of 4 bits take three bytes.
//! let bytes = pack(&quantized.values, four)?;
//! assert_eq!(bytes.len() as u64, packed_bytes(6, four));
//! assert_eq!(unpack(&bytes, 6, four)?, quantized.values);
//!
//! // An allocation is one bit-width for each layer.
//! let allocation = Allocation::uniform(32, four);
//! assert!(!allocation.is_float());
//! # Ok(())
//! # }
//! ```
#![forbid(unsafe_code)]

mod affine;
mod allocation;
pub mod calibrated;
mod domains;
mod exact;
pub mod fixed;
mod memory;
mod packing;
mod quantize;
mod quantizer;
mod rounding;
mod scale;
mod scheme;

#[cfg(test)]
mod tests;

pub use affine::{ChannelAffine, Normalization};
pub use allocation::{Allocation, BitWidth, BitWidthError};
pub use domains::Domains;
pub use memory::{MemoryModel, saving_percent};
pub use packing::{PackError, pack, packed_bytes, unpack};
pub use quantize::{QuantError, Quantized, quantize};
pub use quantizer::{LayerWeights, Nearest, QuantizedLayer, QuantizedStore, Quantizer, Resources};
pub use scheme::{
    Affine, Correction, DAMPING, Granularity, Method, Rounding, ScaleRule, Scheme, Weighting,
};
