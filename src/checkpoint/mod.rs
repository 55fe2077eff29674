//! Files of weights to named tensors.
//!
//! [`load`] reads a file, [`from_bytes`] bytes in memory, into a [`StateDict`]; [`StateDict::check`] then says
//! everything in which it differs from what a [`Graph`](crate::network::Graph) needs. Files are hostile until
//! proven otherwise: any content gives a [`CheckpointError`] at worst, and memory stays in proportion to the
//! file's size.
#![forbid(unsafe_code)]

mod builtin;
mod error;
mod mismatch;
mod safetensors;
mod state_dict;

use std::fs::File;
use std::io::{ErrorKind, Read};
use std::path::Path;

pub use builtin::builtin;
pub use error::CheckpointError;
pub use mismatch::{Mismatch, WrongShape, WrongValues};
pub use state_dict::{StateDict, TensorData};

/// The largest file read: what the largest network this program describes takes in f64.
const MAX_FILE_BYTES: u64 = 8 * crate::network::MAX_PARAMETERS;

/// How much of a file is read to see what it is.
const START_BYTES: u64 = 64;

/// Reads a checkpoint file in the `.safetensors` format.
///
/// # Errors
/// [`CheckpointError`] names the file and what to do.
pub fn load(path: &Path) -> Result<StateDict, CheckpointError> {
    let read_error = |source: std::io::Error| match source.kind() {
        ErrorKind::NotFound => CheckpointError::NotFound {
            path: path.to_owned(),
        },
        _ => CheckpointError::Read {
            path: path.to_owned(),
            source,
        },
    };
    // Before opening: opening a pipe would wait for its writer.
    let information = path.metadata().map_err(read_error)?;
    if !information.is_file() {
        return Err(CheckpointError::NotAFile {
            path: path.to_owned(),
        });
    }
    let origin = path.display().to_string();
    if is_pytorch_name(path) {
        return Err(CheckpointError::PyTorch { origin });
    }
    if information.len() > MAX_FILE_BYTES {
        return Err(CheckpointError::TooLarge {
            path: path.to_owned(),
            bytes: information.len(),
            limit: MAX_FILE_BYTES,
        });
    }
    let mut file = File::open(path).map_err(read_error)?;
    let mut bytes = Vec::new();
    // The start tells whether the rest is worth reading.
    file.by_ref()
        .take(START_BYTES)
        .read_to_end(&mut bytes)
        .map_err(read_error)?;
    check_start(&bytes, &origin)?;
    file.take(MAX_FILE_BYTES)
        .read_to_end(&mut bytes)
        .map_err(read_error)?;
    from_bytes(&bytes, &origin)
}

/// Reads the content of a checkpoint file. `origin` names it in messages.
///
/// # Errors
/// [`CheckpointError`] names the origin and what to do.
pub fn from_bytes(bytes: &[u8], origin: &str) -> Result<StateDict, CheckpointError> {
    check_start(bytes, origin)?;
    safetensors::read(bytes, origin)
}

fn check_start(bytes: &[u8], origin: &str) -> Result<(), CheckpointError> {
    if is_pytorch_content(bytes) {
        return Err(CheckpointError::PyTorch {
            origin: origin.to_owned(),
        });
    }
    safetensors::check_start(bytes, origin)
}

fn is_pytorch_name(path: &Path) -> bool {
    let name = path
        .file_name()
        .map(|n| n.to_string_lossy().to_lowercase())
        .unwrap_or_default();
    [".pth", ".pth.tar", ".pt"]
        .iter()
        .any(|ending| name.ends_with(ending))
}

/// PyTorch files are zip archives; those written before PyTorch 1.6 are pickles (protocol 2).
fn is_pytorch_content(bytes: &[u8]) -> bool {
    bytes.starts_with(b"PK\x03\x04") || bytes.starts_with(b"\x80\x02")
}
