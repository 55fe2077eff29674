//! Calibrated quantization: integers that keep each layer's *output* over the calibration images.
//!
//! For an output channel with weights w and the input's covariance Σ over the calibration images,
//! [`Calibrated`] looks for integers q and a scale s of small `E = (w - s q)ᵀ H (w - s q)`, where
//! `H = Σ + damping mean(diag Σ) I`. The covariance is centred because the channel's shift absorbs
//! the mean. Every channel is a problem of its own:
//!
//! 1. GPTQ (arXiv 2210.17323, a form of OBQ, arXiv 2208.11580) at every candidate scale, the inputs
//!    in the order of descending `diag H`: [`gptq`]. The candidates are the clipping ratios of the
//!    scale rule; that the scale is searched around GPTQ, not before it, is this project's own.
//! 2. Coordinate descent from the best of them, and from the integers of rounding to the nearest,
//!    so that E is never above theirs: [`descent`].
//!
//! [`InputStatistics`] holds what is measured of a layer's input, [`moments`] what the correction
//! of the affine needs of float and quantized outputs ([`OutputMoments`]).

mod channels;
mod descent;
mod gptq;
mod gram;
mod hessian;
mod linear;
mod moments;
mod quantizer;
mod statistics;
#[cfg(test)]
mod tests;

pub use gram::Gram;
pub use moments::OutputMoments;
pub use quantizer::Calibrated;
pub use statistics::{InputMoments, InputStatistics, StatisticsError};
