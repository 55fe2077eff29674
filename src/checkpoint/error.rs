//! What can be wrong with a checkpoint.

use std::path::PathBuf;

use super::Mismatch;

/// Why a checkpoint cannot be used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CheckpointError {
    /// The program comes with no such checkpoint.
    #[error("there is no built-in checkpoint {name:?}: the program comes with {known}")]
    NoBuiltin {
        /// The name.
        name: String,
        /// The names there are.
        known: String,
    },
    /// There is no such file.
    #[error(
        "there is no checkpoint at {}: correct model.checkpoint in the profile (a relative path starts at \
         the profile's folder), or put the file there",
        path.display()
    )]
    NotFound {
        /// The path.
        path: PathBuf,
    },
    /// A folder, a device or the like.
    #[error("the checkpoint {} is not a file: give the path of a .safetensors file", path.display())]
    NotAFile {
        /// The path.
        path: PathBuf,
    },
    /// The operating system refused.
    #[error("cannot read the checkpoint {}: {source}", path.display())]
    Read {
        /// The path.
        path: PathBuf,
        /// The reason.
        source: std::io::Error,
    },
    /// More than any network of this program takes.
    #[error(
        "the checkpoint {} has {bytes} bytes, more than the {limit} that the largest network takes: is it \
         the right file?",
        path.display()
    )]
    TooLarge {
        /// The path.
        path: PathBuf,
        /// Its length.
        bytes: u64,
        /// The most that is read.
        limit: u64,
    },
    /// A file of PyTorch's own format.
    #[error(
        "{origin} is a PyTorch file, which is not supported yet: convert it to .safetensors (in Python: \
         safetensors.torch.save_file(state_dict, \"weights.safetensors\"))"
    )]
    PyTorch {
        /// The file.
        origin: String,
    },
    /// The file ends too early, or goes on after its end.
    #[error(
        "{origin} has {found} bytes where its header tells of {expected}: it is truncated or damaged, copy \
         or download it again"
    )]
    Length {
        /// The file.
        origin: String,
        /// The length that the header promises.
        expected: u64,
        /// The length.
        found: u64,
    },
    /// Not a safetensors file, or a damaged one.
    #[error(
        "{origin} is not a readable .safetensors file ({reason}): check that it is the right file, and copy \
         or convert it again"
    )]
    Corrupt {
        /// The file.
        origin: String,
        /// What was found.
        reason: String,
    },
    /// Tensors that are not those of the model.
    #[error(transparent)]
    Mismatch(Box<Mismatch>),
}

/// Text from a file, for a message: of bounded length and without control characters.
pub(super) fn printable(text: &str, limit: usize) -> String {
    let mut shown: String = text.chars().take(limit).collect();
    if shown.len() < text.len() {
        shown.push('…');
    }
    shown.escape_debug().to_string()
}
