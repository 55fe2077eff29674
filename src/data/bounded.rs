//! Files that are read whole, within a bound.

use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

/// The bytes of a file; none where there are more than `most`.
///
/// # Errors
/// As the file system's.
pub(crate) fn read_at_most(path: &Path, most: u64) -> io::Result<Option<Vec<u8>>> {
    let mut bytes = Vec::new();
    File::open(path)?.take(most + 1).read_to_end(&mut bytes)?;
    Ok((bytes.len() as u64 <= most).then_some(bytes))
}
