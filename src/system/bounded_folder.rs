//! A folder of files that is bounded in size.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

/// Removes the files of an ending that were used longest ago until they take at most `largest`
/// bytes together; never `kept`.
pub(crate) fn make_room((folder, ending): (&Path, &str), kept: &Path, largest: u64) {
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
