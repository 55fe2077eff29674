//! Files of weights to named tensors.
//!
//! [`Contents::open`] reads what a `.safetensors`, `.pth` or `.pth.tar` file, or a folder of
//! several, says of its tensors; what kind of file it is is seen from its content, not from its
//! name. [`Contents::read_for`] then
//! reads the tensors of a [`Graph`](crate::network::Graph) into a [`StateDict`], and
//! [`StateDict::check`] says everything in which one differs from a graph. [`load`] reads all
//! tensors at once. [`StateDict::weight_and_bias`] is a layer's float weight, that of a merged
//! RepConv chain among them. [`recognise`] finds the network that has such tensors.
//! [`QuantizedFile`] is the content of a file of quantized layers.
//!
//! Files are hostile until proven otherwise: any content gives a [`CheckpointError`] at worst.
//! Tables and pickles are read within fixed bounds, and tensors only from bytes that the file
//! really has, so memory stays in proportion to what is read of it. Nothing in a file is ever
//! executed.
// What is read here comes from outside, and no panic is to be reached from there.
#![cfg_attr(
    not(test),
    deny(clippy::expect_used, clippy::indexing_slicing, clippy::panic)
)]
#![deny(unsafe_code)] // mapping a file is the one exception

mod builtin;
mod choice;
mod contents;
mod differences;
mod element;
mod error;
mod golden;
mod grids;
mod input;
mod listing;
mod mapped;
mod mismatch;
mod names;
mod notes;
mod old_names;
mod parameters;
mod part;
mod pytorch;
mod quantized;
mod random;
mod read;
mod recognise;
mod repconv;
mod safetensors;
mod shards;
mod state_dict;

use std::path::{Path, PathBuf};

pub use builtin::builtin;
pub use choice::WeightsChoice;
pub use contents::Contents;
pub use error::{CheckpointError, Format};
pub use golden::{GoldenData, GoldenSite};
pub(crate) use input::Metered;
pub use mismatch::{Mismatch, WrongShape, WrongValues};
pub use parameters::{Weight, WeightAndBias, WrongTensor};
pub use part::is_checkpoint;
pub use quantized::{QuantizedFile, QuantizedFileError};
pub use random::{RandomNumbers, random_weights};
pub use recognise::{
    Candidate, Evidence, Recognition, Setting, Shapes, cannot_tell, recognise, taken_for,
};
pub(crate) use safetensors::check_header;
pub use state_dict::{StateDict, TensorData};

/// The files of a checkpoint: itself, or those of a folder or of an index, with the index first.
///
/// # Errors
/// [`CheckpointError`] for an index that cannot be used.
pub fn files(path: &Path) -> Result<Vec<PathBuf>, CheckpointError> {
    let found = match path.is_dir() || shards::is_index(path) {
        true => shards::find(path)?,
        false => None,
    };
    Ok(found.map_or_else(|| vec![path.to_owned()], shards::Shards::all))
}

/// Reads all floating-point tensors of a checkpoint file.
///
/// # Errors
/// [`CheckpointError`] names the file and what to do.
pub fn load(path: &Path) -> Result<StateDict, CheckpointError> {
    Contents::open(path)?.read()
}

/// Reads all floating-point tensors of a checkpoint file's content. `origin` names it in messages.
///
/// # Errors
/// [`CheckpointError`] names the origin and what to do.
pub fn from_bytes(bytes: &[u8], origin: &str) -> Result<StateDict, CheckpointError> {
    Contents::of_bytes(bytes, origin)?.read()
}
