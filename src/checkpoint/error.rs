//! What can be wrong with a checkpoint.

use std::fmt;
use std::path::PathBuf;

use super::Mismatch;
use crate::network::GraphFileError;

/// The error of a checkpoint that cannot be used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CheckpointError {
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
    /// The operating system refused.
    #[error("cannot read the checkpoint {}: {source}", path.display())]
    Read {
        /// The path.
        path: PathBuf,
        /// The reason.
        source: std::io::Error,
    },
    /// Not a checkpoint, or a damaged one.
    #[error("{origin} is not a readable {format} ({reason}): {}", format.remedy())]
    Corrupt {
        /// The file.
        origin: String,
        /// What it should be.
        format: Format,
        /// The value found.
        reason: String,
    },
    /// A name or a file that cannot be used; the message says why and what to do.
    #[error("{0}")]
    Unusable(String),
    /// A graph file whose document describes no network.
    #[error(
        "the graph in {origin} is refused: {source}\nwrite the file anew: by aq4svit_export.py (`aq4svit export-script`), or by `aq4svit inspect PROFILE --write-graph FILE`"
    )]
    Graph {
        /// The file.
        origin: String,
        /// What is wrong.
        source: GraphFileError,
    },
    /// Tensors that are not those of the model.
    #[error(transparent)]
    Mismatch(Box<Mismatch>),
}

/// A kind of file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// Any kind that is read.
    Any,
    /// `.safetensors`.
    Safetensors,
    /// `.aq4.safetensors`, with a graph and golden data.
    Graph,
    /// What `torch.save` writes.
    PyTorch,
}

impl Format {
    fn remedy(self) -> &'static str {
        match self {
            Format::Any | Format::Safetensors => {
                "check that it is the right file, and copy or convert it again"
            }
            Format::Graph => "write it anew with aq4svit_export.py (`aq4svit export-script`)",
            Format::PyTorch => {
                "check that it is the right file and copy or download it again; where PyTorch itself reads it, save \
                 it anew by torch.save({\"state_dict\": model.state_dict()}, FILE)"
            }
        }
    }
}

impl fmt::Display for Format {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Format::Any => "checkpoint",
            Format::Safetensors => ".safetensors file",
            Format::Graph => "graph file",
            Format::PyTorch => "PyTorch file",
        })
    }
}

impl CheckpointError {
    /// The operating system's refusal.
    pub(super) fn read(origin: &str, source: std::io::Error) -> Self {
        CheckpointError::Read {
            path: PathBuf::from(origin),
            source,
        }
    }

    /// A file of PyTorch that is sound, as far as is known, but is not of the kind that is read.
    pub(super) fn unsupported(origin: &str, what: impl fmt::Display, instead: &str) -> Self {
        CheckpointError::Unusable(format!("{origin} is {what}: {instead}"))
    }

    /// The file ends before what its header promises, or goes on after it.
    pub(super) fn length(origin: &str, expected: u64, found: u64) -> Self {
        CheckpointError::Unusable(format!(
            "{origin} has {found} bytes where its header tells of {expected}: it is truncated or damaged, copy or \
             download it again"
        ))
    }

    /// A damaged file.
    pub(super) fn corrupt(origin: &str, format: Format, reason: &str) -> Self {
        CheckpointError::Corrupt {
            origin: origin.to_owned(),
            format,
            reason: printable(reason, 200),
        }
    }
}

/// Text from a file, for a message: of bounded length and without control characters.
pub(super) fn printable(text: &str, limit: usize) -> String {
    let mut shown: String = text.chars().take(limit).collect();
    if shown.len() < text.len() {
        shown.push('…');
    }
    shown.escape_debug().to_string()
}
