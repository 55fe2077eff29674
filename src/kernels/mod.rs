//! The native CPU kernels: arithmetic on plain slices, without tensors and without libtorch.
//!
//! A value lies in memory as `[rows, positions, channels]` with the channels innermost (rows are
//! time steps times images, time-major), so that one affine vector serves a whole row and sums per
//! channel need no particular order of lanes. No operation is contracted or reassociated: results
//! do not depend on the instruction set.
//!
//! * [`Conv`] accumulates; an [`Epilogue`] ([`AffineEpilogue`], [`Lif`], [`FixedLif`], [`Levels`])
//!   follows while the sums are in the cache. [`Elementwise`] applies an epilogue to a value in
//!   memory.
//! * [`ByteConv`] and [`FloatConv`] are the convolutions that this processor can run; [`launch`]
//!   runs every other [`Kernel`] with the widest instruction set at hand.
//! * [`Recorder`] observes the membrane potentials of a population while they are computed.

mod affine;
mod attention;
mod bits;
mod conv;
mod dispatch;
mod epilogue;
mod fixed;
mod gram;
mod head_product;
mod levels;
mod lif;
mod membrane;
mod number;
mod packed;
mod pool;
mod recorder;
mod reduce;
mod simd;

pub use affine::AffineEpilogue;
pub use attention::{Attention, HeadMask, HeadSum};
pub use bits::{FromBits, ToBits};
pub use conv::{Conv, ConvInput};
pub use dispatch::{ByteConv, FloatConv, launch, launch_counting};
pub use epilogue::{AffineRows, Elementwise, Epilogue, Extent, Series, Signal, Target};
pub use fixed::{FixedDynamics, FixedLif, FixedRows, Requantize, Steps};
pub use gram::{CountPairs, INPUTS, PackColumns, Patches, WORD};
pub use head_product::{HeadProduct, Product};
pub use levels::{Level, Levels};
pub use lif::Lif;
pub use number::{Convert, Float, Stored};
pub use packed::{Bytes, Floats, Operands, Packed, Window};
pub use pool::MaxPool;
pub use recorder::{Launched, Recorder};
pub use reduce::{ChannelSums, TokenTimeSum};

/// A loop that may be compiled for several instruction sets.
pub trait Kernel {
    /// Runs the loop. Implementations are `#[inline(always)]`, so that they are compiled with the
    /// caller's instruction set.
    fn run(self);
}

/// The positions of a tile: its few KiB stay in the first-level cache over all time steps.
pub fn tile_positions(channels: usize) -> usize {
    (1024 / channels.max(1)).max(1)
}
