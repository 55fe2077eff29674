//! Files mapped into memory.
#![allow(unsafe_code, reason = "mapping a file is unsafe")]

use std::fs::File;
use std::io;

use memmap2::Mmap;

/// Maps a file for reading from its start to its end.
///
/// # Errors
/// Those of the operating system; an empty file cannot be mapped everywhere.
pub(super) fn map(file: &File) -> io::Result<Mmap> {
    // SAFETY: the map is read-only and private to this process, and nothing but bytes is ever read
    // from it: no value of it is trusted before it was checked. Another program that writes the
    // file meanwhile changes numbers, as it would under plain reading; one that shortens it ends
    // this program with a signal, which loses nothing: weights are read before a run begins, and
    // runs are journalled.
    let map = unsafe { Mmap::map(file)? };
    // Advice only: without it the file is read all the same.
    #[cfg(unix)]
    let _ = map.advise(memmap2::Advice::Sequential);
    Ok(map)
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;

    #[test]
    fn a_map_has_the_bytes_of_the_file() {
        let mut file = tempfile::tempfile().unwrap();
        file.write_all(b"eight by").unwrap();
        assert_eq!(&map(&file).unwrap()[..], b"eight by");
    }
}
