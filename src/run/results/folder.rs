//! The folder of results: bounded in size, its files replaced as a whole.

use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::time::SystemTime;

/// Removes the files of an ending that were used longest ago until they take at most `largest`
/// bytes together; never `kept`.
pub(super) fn make_room((folder, ending): (&Path, &str), kept: &Path, largest: u64) {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    let ours = entries
        .map(|e| e.path())
        .filter(|p| p.extension().is_some_and(|e| e == ending));
    let mut files: Vec<(SystemTime, u64, PathBuf)> = ours
        .filter_map(|path| {
            let about = fs::metadata(&path).ok()?;
            Some((about.modified().ok()?, about.len(), path))
        })
        .collect();
    files.sort();
    let mut total: u64 = files.iter().map(|f| f.1).sum();
    for (_, len, path) in files.iter().filter(|f| f.2 != kept) {
        if total <= largest {
            return;
        }
        if fs::remove_file(path).is_ok() {
            total -= len;
        }
    }
}

/// Writes a file as a whole: programs that read it see the old content or the new. The new file has
/// the ending of the old one until it is in place, so that what a killed program leaves behind is
/// removed by [`make_room`] as well.
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
