//! An append-only file of JSON lines: what journal, work log and results store have in common.
//!
//! Every line is written whole and ends in a line feed. A last line without one is torn (a killed
//! process, a full disk) and never read; it is cut off or left behind a line feed before the file
//! grows.

use std::fs::{File, OpenOptions};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::path::Path;

use super::guard::Guard;

/// The most bytes of lines: of a journal, a million events and more.
pub(super) const LARGEST: u64 = 512 << 20;

/// An open file of lines, and how far it has been read.
#[derive(Debug)]
pub struct JsonLines {
    file: File,
    /// Bytes of whole lines that were read or, by a sole writer, written.
    at: u64,
    /// Where this program alone writes: what keeps others out.
    sole: Option<Guard>,
}

impl JsonLines {
    /// Opens a file that several programs may append to; it is made where it is missing.
    ///
    /// # Errors
    /// As the file system's.
    pub fn shared(path: &Path) -> io::Result<Self> {
        let mut options = OpenOptions::new();
        let file = options.read(true).append(true).create(true).open(path)?;
        Ok(JsonLines {
            file,
            at: 0,
            sole: None,
        })
    }

    /// Opens a file to append to it alone.
    ///
    /// # Errors
    /// As the file system's; [`io::ErrorKind::WouldBlock`] while another program has it.
    pub fn sole(path: &Path) -> io::Result<Self> {
        loop {
            let file = OpenOptions::new().read(true).append(true).open(path)?;
            let lines = Self::sole_of(file, path)?;
            if lines.is_at(path)? {
                return Ok(lines);
            }
        }
    }

    /// True where the file is still the one of its name: before it was locked, another program may
    /// have put a new one in its place.
    fn is_at(&self, path: &Path) -> io::Result<bool> {
        #[cfg(unix)]
        {
            use std::os::unix::fs::MetadataExt;
            let (own, named) = (self.file.metadata()?, std::fs::metadata(path)?);
            Ok((own.dev(), own.ino()) == (named.dev(), named.ino()))
        }
        #[cfg(not(unix))]
        path.try_exists()
    }

    /// Takes over a file that was opened for appending, as its only writer. `path`: the name that
    /// it has or will have.
    ///
    /// # Errors
    /// As [`JsonLines::sole`].
    pub fn sole_of(file: File, path: &Path) -> io::Result<Self> {
        let sole = Some(Guard::take(&file, path)?);
        Ok(JsonLines { file, at: 0, sole })
    }

    /// The only writer of a file that is to take the place of this one.
    ///
    /// # Errors
    /// As [`JsonLines::sole`].
    pub fn successor(&mut self, file: File, path: &Path) -> io::Result<Self> {
        match self.sole.take_if(|guard| guard.file().is_some()) {
            // It guards the name, whatever file has it.
            sole @ Some(_) => Ok(JsonLines { file, at: 0, sole }),
            None => Self::sole_of(file, path),
        }
    }

    /// True once no name leads to the file any more: what is written goes with this program.
    pub fn is_deleted(&self) -> bool {
        #[cfg(unix)]
        {
            use std::os::unix::fs::MetadataExt;
            self.file.metadata().is_ok_and(|about| about.nlink() == 0)
        }
        #[cfg(not(unix))]
        false
    }

    /// The file that keeps other programs out, where the file system has no locks.
    pub fn guard_file(&self) -> Option<&Path> {
        self.sole.as_ref()?.file()
    }

    /// Opens a file for reading from a position, the end of a whole line.
    ///
    /// # Errors
    /// As the file system's.
    pub fn reader(path: &Path, at: u64) -> io::Result<Self> {
        Ok(JsonLines {
            file: File::open(path)?,
            at,
            sole: None,
        })
    }

    /// Bytes of whole lines that were read or, by a sole writer, written.
    pub fn position(&self) -> u64 {
        self.at
    }

    /// The whole lines that follow what has been read so far, by whomever they were written.
    ///
    /// # Errors
    /// As the file system's; [`io::ErrorKind::FileTooLarge`] for more than 512 MiB.
    pub fn read(&mut self) -> io::Result<Vec<u8>> {
        let mut bytes = Vec::new();
        let more = self.file.metadata()?.len().saturating_sub(self.at);
        if more > LARGEST {
            let why = format!("{more} bytes of lines are more than this program reads ({LARGEST})");
            return Err(io::Error::new(io::ErrorKind::FileTooLarge, why));
        }
        if more > 0 {
            self.file.seek(SeekFrom::Start(self.at))?;
            (&self.file).take(LARGEST).read_to_end(&mut bytes)?;
        }
        let whole = bytes.iter().rposition(|b| *b == b'\n').map_or(0, |i| i + 1);
        bytes.truncate(whole);
        self.at += whole as u64;
        Ok(bytes)
    }

    /// Cuts the file off at the end of a line.
    ///
    /// # Errors
    /// As the file system's.
    pub fn cut(&mut self, at: u64) -> io::Result<()> {
        self.at = at;
        self.file.set_len(at)
    }

    /// Appends lines, each with its line feed. A sole writer's are on disk when this returns, and
    /// where they cannot be written the file stays as it was.
    ///
    /// # Errors
    /// As the file system's.
    pub fn append(&mut self, lines: &str) -> io::Result<()> {
        if self.sole.is_none() {
            return self.append_shared(lines);
        }
        let written = self.file.write_all(lines.as_bytes());
        if let Err(e) = written.and_then(|()| self.file.sync_data()) {
            // Half a line is harmless to readers, but later lines must not be glued to it.
            let _ = self.cut(self.at);
            return Err(e);
        }
        self.at += lines.len() as u64;
        Ok(())
    }

    fn append_shared(&mut self, lines: &str) -> io::Result<()> {
        // File systems without locks: whole lines are appended at once nearly always.
        let _ = self.file.lock();
        // What another program was killed at must not glue itself to these lines.
        let text = match self.is_torn() {
            true => format!("\n{lines}"),
            false => lines.to_owned(),
        };
        let written = self.file.write_all(text.as_bytes());
        let _ = self.file.unlock();
        written
    }

    fn is_torn(&mut self) -> bool {
        let mut last = [b'\n'];
        let there = self.file.seek(SeekFrom::End(-1)).is_ok();
        there && self.file.read_exact(&mut last).is_ok() && last != [b'\n']
    }

    /// The file itself.
    pub fn file(&self) -> &File {
        &self.file
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_torn_end_is_not_read_and_not_glued_to() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("f");
        let mut lines = JsonLines::shared(&path).expect("new");
        lines.append("1\n2\n").expect("space");
        std::fs::write(&path, "1\n2\n{\"a\":").expect("space");
        assert_eq!(lines.read().expect("there"), b"1\n2\n");
        lines.append("3\n").expect("space");
        assert_eq!(lines.read().expect("there"), b"{\"a\":\n3\n");
        std::fs::write(&path, "1\n{").expect("space");
        let mut sole = JsonLines::sole(&path).expect("free");
        assert_eq!(sole.read().expect("there"), b"1\n");
        sole.cut(2).expect("space");
        sole.append("2\n").expect("space");
        assert_eq!(sole.position(), 4);
        assert_eq!(std::fs::read(&path).expect("there"), b"1\n2\n");
        let again = JsonLines::sole(&path).map(|_| ());
        assert_eq!(again.map_err(|e| e.kind()), Err(io::ErrorKind::WouldBlock));
    }

    #[cfg(unix)]
    #[test]
    fn a_file_that_another_took_the_place_of_is_not_taken_for_it() {
        let folder = tempfile::tempdir().expect("a folder");
        let (path, new) = (folder.path().join("f"), folder.path().join("new"));
        std::fs::write(&path, "1\n").expect("space");
        // Opened, and before it is locked another program upgrades it.
        let file = OpenOptions::new().read(true).append(true).open(&path);
        std::fs::write(&new, "2\n").expect("space");
        std::fs::rename(&new, &path).expect("space");
        let old = JsonLines::sole_of(file.expect("there"), &path).expect("free");
        assert!(!old.is_at(&path).expect("there"));
        let mut now = JsonLines::sole(&path).expect("free");
        assert!(now.is_at(&path).expect("there"));
        assert_eq!(now.read().expect("there"), b"2\n");
    }
}
