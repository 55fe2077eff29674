//! Where a checkpoint's bytes come from.

use std::fs::File;
use std::io::{self, Cursor, Read, Seek, SeekFrom};

use memmap2::Mmap;

use super::mapped::map;

/// A checkpoint's bytes: a file, of which only what is needed is read, or bytes in memory.
#[derive(Debug)]
pub(super) enum Input<'a> {
    File(File),
    Mapped(Cursor<Mmap>),
    Memory(Cursor<&'a [u8]>),
}

impl Input<'_> {
    /// The same bytes mapped into memory, where they are a file that can be.
    pub(super) fn mapped(self) -> Self {
        match self {
            Input::File(file) => match map(&file) {
                Ok(map) => Input::Mapped(Cursor::new(map)),
                // Some file systems cannot; the file is read instead.
                Err(_) => Input::File(file),
            },
            other => other,
        }
    }

    /// How many bytes there are.
    pub(super) fn length(&self) -> io::Result<u64> {
        match self {
            Input::File(file) => Ok(file.metadata()?.len()),
            Input::Mapped(map) => Ok(map.get_ref().len() as u64),
            Input::Memory(bytes) => Ok(bytes.get_ref().len() as u64),
        }
    }

    /// The first bytes, at most `limit` of them.
    pub(super) fn start(&mut self, limit: u64) -> io::Result<Vec<u8>> {
        let mut bytes = Vec::new();
        self.seek(SeekFrom::Start(0))?;
        self.take(limit).read_to_end(&mut bytes)?;
        self.seek(SeekFrom::Start(0))?;
        Ok(bytes)
    }
}

impl Read for Input<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match self {
            Input::File(file) => file.read(buffer),
            Input::Mapped(map) => map.read(buffer),
            Input::Memory(bytes) => bytes.read(buffer),
        }
    }
}

impl Seek for Input<'_> {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        match self {
            Input::File(file) => file.seek(to),
            Input::Mapped(map) => map.seek(to),
            Input::Memory(bytes) => bytes.seek(to),
        }
    }
}

/// A reader limited to a number of bytes: what bounds the memory that a hostile file's
/// tables take.
pub(crate) struct Metered<R> {
    inner: R,
    left: u64,
}

impl<R> Metered<R> {
    pub(crate) fn new(inner: R, limit: u64) -> Self {
        Metered { inner, left: limit }
    }
}

impl<R: Read> Read for Metered<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let most = usize::try_from(self.left)
            .unwrap_or(usize::MAX)
            .min(buffer.len());
        if most == 0 && !buffer.is_empty() {
            return Err(io::Error::other(
                "its tables are larger than any network needs",
            ));
        }
        let read = self
            .inner
            .read(buffer.get_mut(..most).unwrap_or_default())?;
        self.left -= read as u64;
        Ok(read)
    }
}

impl<R: Seek> Seek for Metered<R> {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        self.inner.seek(to)
    }
}
