//! Files that are read whole, within a bound: what is larger is some other file, or a device that
//! never ends.

use std::fs::File;
use std::io::{self, ErrorKind, Read};
use std::path::Path;

/// The bytes of a file; none where there are more than `most`.
///
/// # Errors
/// As the file system's.
pub(crate) fn read_at_most(path: &Path, most: u64) -> io::Result<Option<Vec<u8>>> {
    let file = File::open(path)?;
    if file.metadata()?.len() > most {
        return Ok(None);
    }
    let mut bytes = Vec::new();
    file.take(most + 1).read_to_end(&mut bytes)?;
    Ok((bytes.len() as u64 <= most).then_some(bytes))
}

/// The bytes of a file.
///
/// # Errors
/// As the file system's; [`ErrorKind::FileTooLarge`] where there are more than `most`.
pub(crate) fn read_within(path: &Path, most: u64) -> io::Result<Vec<u8>> {
    read_at_most(path, most)?.ok_or_else(|| {
        let why = format!("it is larger than {most} bytes, which no such file is");
        io::Error::new(ErrorKind::FileTooLarge, why)
    })
}

/// The text of a file.
///
/// # Errors
/// As [`read_within`]; [`ErrorKind::InvalidData`] where it is not UTF-8.
pub(crate) fn read_text_within(path: &Path, most: u64) -> io::Result<String> {
    let not_text = |_| io::Error::new(ErrorKind::InvalidData, "it is not text (UTF-8)");
    String::from_utf8(read_within(path, most)?).map_err(not_text)
}
