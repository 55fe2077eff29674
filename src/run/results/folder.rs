//! The files of the folder of results: replaced as a whole.

use std::io::{self, Write};
use std::path::Path;

/// Writes a file as a whole: programs that read it see the old content or the new. The new file has
/// the ending of the old one until it is in place, so that what a killed program leaves behind is
/// removed by [`make_room`](crate::system::make_room) as well.
///
/// # Errors
/// As the file system's.
pub(super) fn replace(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let ending = path.extension().unwrap_or_default().to_string_lossy();
    let mut file = tempfile::Builder::new()
        .prefix(".new-")
        .suffix(&format!(".{ending}"))
        .tempfile_in(path.parent().unwrap_or(Path::new(".")))?;
    file.write_all(bytes)?;
    file.persist(path)?;
    Ok(())
}
