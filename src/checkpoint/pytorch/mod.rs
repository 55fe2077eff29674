//! What `torch.save` writes: a pickle that describes objects, and the numbers of their tensors
//! beside it.
//!
//! A pickle is a program. The one here is followed as far as it builds plain data and tensors
//! ([`globals`] lists all that it may name); whatever else it wants made becomes an inert
//! placeholder, and nothing is ever executed. Two containers exist: a zip archive, and the stream
//! of versions before 1.6.

mod arena;
mod globals;
mod legacy;
mod opcodes;
mod pickle;
mod root;
mod tensors;
mod zip;

use super::CheckpointError;
use super::error::Format;
pub(super) use legacy::list as list_legacy;
pub(super) use zip::list as list_zip;

/// The most bytes of pickle that are read. Networks and their optimizers take a few hundred KiB:
/// the numbers are not in it.
const MAX_PICKLE: u64 = 32 << 20;

/// What to do with a file that only Python can read.
const SAVE_ANEW: &str = "load it in Python and save its weights by torch.save({\"state_dict\": model.state_dict()}, FILE)";

/// What to do with a file whose numbers stand the other way round.
const SAVE_ELSEWHERE: &str = "save it anew on a little-endian machine";

fn corrupt(origin: &str, reason: &str) -> CheckpointError {
    CheckpointError::corrupt(origin, Format::PyTorch, reason)
}

/// True for the first bytes of a zip archive.
pub(super) fn starts_zip(bytes: &[u8]) -> bool {
    bytes.starts_with(b"PK\x03\x04") || bytes.starts_with(b"PK\x05\x06")
}

/// True for the first bytes of a binary pickle.
pub(super) fn starts_pickle(bytes: &[u8]) -> bool {
    matches!(bytes, [0x80, 1..=5, ..])
}

/// True for the first bytes of a tar archive, as versions before 0.1.10 wrote.
pub(super) fn starts_tar(bytes: &[u8]) -> bool {
    bytes.get(257..262) == Some(b"ustar")
}
