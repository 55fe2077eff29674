//! An independent engine that runs a package on its golden inputs and compares everything.
//!
//! It is written from the documentation of [`export::manifest`](crate::export::manifest) alone: of
//! this program it uses the types of the manifest and nothing else, no tensors of libtorch and no
//! arithmetic of other rooms. Integers are summed in 64 bits. Packages are hostile until proven
//! otherwise: hashes first, then the manifest against itself and against the tensors, and only then
//! is anything computed.
//!
//! A golden image whose margin is at least [`SAFE_MARGIN`](crate::export::manifest::SAFE_MARGIN) is
//! computed from its input on. With a smaller margin another order of summing real numbers may flip
//! a spike: there the engine's own sums of layers that are not exact are compared with the stored
//! ones as everywhere, and it goes on with the stored ones.
#![forbid(unsafe_code)]
// What is read here comes from outside, and no panic is to be reached from there.
#![cfg_attr(
    not(test),
    deny(clippy::expect_used, clippy::indexing_slicing, clippy::panic)
)]

mod check;
mod compare;
mod convolution;
mod engine;
mod error;
mod golden;
mod heads;
mod integers;
mod membrane;
mod operations;
mod report;
mod sums;
mod tensors;
mod tokens;
mod unpack;

use std::path::Path;

use crate::export::manifest::{FIXED_FORMAT, MANIFEST, Manifest, WEIGHTS};
pub use error::VerifyError;
pub use report::{LayerReport, LogitsReport, Report, SiteReport};
pub use sums::SUMS;

/// The largest manifest that is read, in bytes.
const LARGEST_MANIFEST: u64 = 32 << 20;
/// The largest file of weights that is read, in bytes.
const LARGEST_WEIGHTS: u64 = 512 << 20;

/// How to verify.
#[derive(Clone, Copy)]
pub struct Options<'a> {
    /// Bits of an accumulator for which sums that do not fit are counted.
    pub accumulator: Option<u32>,
    /// Asked now and then: whether to give up.
    pub cancelled: &'a dyn Fn() -> bool,
}

impl std::fmt::Debug for Options<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Options")
            .field("accumulator", &self.accumulator)
            .finish_non_exhaustive()
    }
}

/// Checks a package's hashes and its manifest, and reads both. What it returns can be computed
/// with.
///
/// # Errors
/// [`VerifyError`] names the file and the field.
pub fn read(folder: &Path) -> Result<Read, VerifyError> {
    sums::check(folder)?;
    let text = tensors::read_at_most(folder, MANIFEST, LARGEST_MANIFEST)?;
    let manifest: Manifest = serde_json::from_slice(&text)
        .map_err(|e| VerifyError::wrong(MANIFEST, "the file", e.to_string()))?;
    let bytes = tensors::read_at_most(folder, WEIGHTS, LARGEST_WEIGHTS)?;
    let network = check::check(&manifest, &bytes)?;
    Ok(Read { manifest, network })
}

/// A package that contradicts itself nowhere.
#[derive(Debug)]
pub struct Read {
    /// The manifest.
    pub manifest: Manifest,
    network: engine::Network,
}

impl Read {
    /// The weights of a layer by its place in the manifest, in the order `[out, in / groups, rows,
    /// columns]`: integers; none for a float layer.
    pub fn integers(&self, layer: usize) -> Option<&[i16]> {
        match &self.network.layers.get(layer)?.weights {
            engine::Weights::Integers(codes) => Some(codes),
            engine::Weights::Floats(_) => None,
        }
    }

    /// The factors and summands behind a layer's sums; of a package in integer arithmetic over sums
    /// that count 1, in numbers of the grid of the layer's result.
    pub fn affine(&self, layer: usize) -> Option<(&[f32], &[f32])> {
        let layer = self.network.layers.get(layer)?;
        Some((&layer.factor, &layer.summand))
    }
}

/// Verifies a package: hashes, manifest, and what it does on its golden inputs.
///
/// # Errors
/// [`VerifyError`] names the file and the field that is wrong. A package that is in order but
/// computes something else than it says is no error: [`Report::agrees`].
pub fn verify(folder: &Path, options: Options<'_>) -> Result<Report, VerifyError> {
    let Read { manifest, network } = read(folder)?;
    let mut comparison = compare::Comparison::new(&manifest, options.accumulator);
    for (index, entry) in manifest.golden.images.iter().enumerate() {
        let golden = golden::read(folder, &manifest, index, entry)?;
        let run = match manifest.format {
            FIXED_FORMAT => integers::run,
            _ => engine::run,
        };
        run(&network, &golden, &mut comparison, options.cancelled)?;
    }
    comparison.finish(&manifest)
}
