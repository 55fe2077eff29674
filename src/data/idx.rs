//! The IDX format of MNIST: a magic number, big-endian sizes, bytes. Gzip or not, seen by its first
//! two bytes.
//!
//! A file is believed only as far as it has bytes: nothing is allocated from a size that it merely
//! claims.

use std::fs::File;
use std::io::{BufRead, BufReader, ErrorKind, Read};
use std::path::{Path, PathBuf};

use flate2::bufread::MultiGzDecoder;

use super::error::DataError;

/// The most bytes of items taken from one file.
const MAX_BYTES: u64 = 768 << 20;
/// Deflate cannot expand further than this.
const MAX_EXPANSION: u64 = 1032;
/// IDX's code for items of unsigned bytes.
const UNSIGNED_BYTE: u8 = 0x08;

/// Grey images.
#[derive(Debug)]
pub(super) struct Images {
    pub(super) count: usize,
    pub(super) rows: usize,
    pub(super) columns: usize,
    /// Image by image, row by row.
    pub(super) pixels: Vec<u8>,
}

/// A file (or embedded bytes) about to be read.
pub(super) struct Input<'a> {
    name: PathBuf,
    reader: Box<dyn Read + 'a>,
    /// It cannot give more bytes than this.
    limit: u64,
}

impl<'a> Input<'a> {
    /// Opens a file.
    pub(super) fn open(path: &Path) -> Result<Input<'static>, DataError> {
        let failed = DataError::read(path);
        let file = File::open(path).map_err(&failed)?;
        let metadata = file.metadata().map_err(&failed)?;
        if !metadata.is_file() {
            return Err(DataError::format(path, "not a regular file"));
        }
        Input::new(path, metadata.len(), BufReader::new(file))
    }

    /// Bytes in memory.
    pub(super) fn embedded(name: &str, bytes: &'a [u8]) -> Result<Input<'a>, DataError> {
        Input::new(Path::new(name), bytes.len() as u64, bytes)
    }

    fn new(name: &Path, len: u64, mut reader: impl BufRead + 'a) -> Result<Input<'a>, DataError> {
        let name = name.to_owned();
        let start = reader.fill_buf().map_err(DataError::read(&name))?;
        let packed = start.starts_with(&[0x1f, 0x8b]);
        let reader: Box<dyn Read + 'a> = match packed {
            true => Box::new(MultiGzDecoder::new(reader)),
            false => Box::new(reader),
        };
        let limit = len.saturating_mul(if packed { MAX_EXPANSION } else { 1 });
        Ok(Input {
            name,
            reader,
            limit,
        })
    }

    /// Reads a file of images.
    pub(super) fn images(self) -> Result<Images, DataError> {
        let ([count, rows, columns], pixels) = self.items("images")?;
        Ok(Images {
            count,
            rows,
            columns,
            pixels,
        })
    }

    /// Reads a file of labels.
    pub(super) fn labels(self) -> Result<Vec<u8>, DataError> {
        self.items::<1>("labels").map(|(_, labels)| labels)
    }

    fn wrong(&self, what: impl Into<String>) -> DataError {
        DataError::format(&self.name, what)
    }

    fn header(&mut self) -> Result<[u8; 4], DataError> {
        let mut word = [0; 4];
        match self.reader.read_exact(&mut word) {
            Ok(()) => Ok(word),
            Err(e) if e.kind() == ErrorKind::UnexpectedEof => {
                Err(self.wrong("truncated: it ends inside its IDX header"))
            }
            Err(e) => Err(DataError::read(&self.name)(e)),
        }
    }

    /// The sizes and the items of a file with `N` dimensions.
    fn items<const N: usize>(mut self, what: &str) -> Result<([usize; N], Vec<u8>), DataError> {
        let [zero, zero_too, kind, dimensions] = self.header()?;
        if (zero, zero_too) != (0, 0) {
            return Err(self.wrong("not an IDX file (it does not begin with two zero bytes)"));
        }
        if kind != UNSIGNED_BYTE {
            return Err(self.wrong(format!(
                "IDX items of type 0x{kind:02x}, but {what} must be unsigned bytes (0x08)"
            )));
        }
        if usize::from(dimensions) != N {
            return Err(self.wrong(format!(
                "{dimensions} dimension(s), but an IDX file of {what} has {N}"
            )));
        }
        let mut sizes = [0; N];
        let mut bytes = Some(1_u64);
        for size in &mut sizes {
            let word = u32::from_be_bytes(self.header()?);
            *size = word as usize;
            bytes = bytes.and_then(|bytes| bytes.checked_mul(u64::from(word)));
        }
        let claim = sizes.map(|size| size.to_string()).join("x");
        let bytes = match bytes {
            Some(0) => {
                return Err(self.wrong(format!("it holds no {what} (its header says {claim})")));
            }
            Some(bytes) if bytes <= MAX_BYTES => bytes,
            _ => {
                return Err(self.wrong(format!(
                    "its header says {claim} bytes, more than this program reads ({MAX_BYTES})"
                )));
            }
        };
        if bytes > self.limit {
            return Err(self.wrong(format!(
                "truncated: its header says {claim} bytes, the file is too short for that"
            )));
        }
        let mut items = Vec::new();
        // One byte more than wanted shows whether there is more, and makes gzip check its sum.
        let read = (&mut self.reader).take(bytes + 1).read_to_end(&mut items);
        read.map_err(DataError::read(&self.name))?;
        let found = items.len() as u64;
        if found < bytes {
            return Err(self.wrong(format!(
                "truncated: its header says {claim} bytes, found {found}"
            )));
        }
        if found > bytes {
            return Err(self.wrong(format!("its header says {claim} bytes, but more follow")));
        }
        items.shrink_to_fit();
        Ok((sizes, items))
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use flate2::Compression;
    use flate2::write::GzEncoder;
    use proptest::prelude::*;

    use super::*;

    fn idx(sizes: &[u32], items: &[u8]) -> Vec<u8> {
        let mut file = vec![0, 0, 8, sizes.len() as u8];
        for size in sizes {
            file.extend(size.to_be_bytes());
        }
        file.extend(items);
        file
    }

    fn gzip(bytes: &[u8]) -> Vec<u8> {
        let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
        encoder.write_all(bytes).unwrap();
        encoder.finish().unwrap()
    }

    fn images(bytes: &[u8]) -> Result<Images, String> {
        Input::embedded("file", bytes)
            .and_then(Input::images)
            .map_err(|e| e.to_string())
    }

    fn labels(bytes: &[u8]) -> Result<Vec<u8>, String> {
        Input::embedded("file", bytes)
            .and_then(Input::labels)
            .map_err(|e| e.to_string())
    }

    proptest! {
        #[test]
        fn what_was_written_is_read(rows in 1..5_u32, columns in 1..5_u32, seed in prop::collection::vec(any::<u8>(), 1..9)) {
            let pixels: Vec<u8> = seed.iter().flat_map(|v| vec![*v; (rows * columns) as usize]).collect();
            let file = idx(&[seed.len() as u32, rows, columns], &pixels);
            for bytes in [gzip(&file), file] {
                let read = images(&bytes).unwrap();
                prop_assert_eq!((read.count, read.rows, read.columns), (seed.len(), rows as usize, columns as usize));
                prop_assert_eq!(&read.pixels, &pixels);
            }
            prop_assert_eq!(labels(&idx(&[seed.len() as u32], &seed)).unwrap(), seed);
        }

        #[test]
        fn any_bytes_are_read_or_refused(bytes in prop::collection::vec(any::<u8>(), 0..64)) {
            for file in [bytes.clone(), gzip(&bytes)] {
                if let Ok(read) = images(&file) {
                    prop_assert_eq!(read.pixels.len(), read.count * read.rows * read.columns);
                }
                let _ = labels(&file);
            }
        }

        #[test]
        fn a_changed_file_is_read_or_refused(at in 0..200_usize, value: u8, cut in 0..200_usize, packed: bool) {
            let file = idx(&[7, 5, 5], &[9; 175]);
            let mut file = if packed { gzip(&file) } else { file };
            let at = at % file.len();
            file[at] = value;
            if let Ok(read) = images(&file) {
                prop_assert_eq!(read.pixels.len(), 175);
            }
            file.truncate(cut);
            if let Ok(read) = images(&file) {
                prop_assert_eq!(read.pixels.len(), read.count * read.rows * read.columns);
            }
        }
    }

    #[test]
    fn every_mistake_is_named() {
        let good = idx(&[2, 1, 2], &[1, 2, 3, 4]);
        let mut floats = good.clone();
        floats[2] = 0x0d;
        let mut long = good.clone();
        long.push(0);
        for (bytes, part) in [
            (&b""[..], "truncated: it ends inside its IDX header"),
            (&good[..9], "truncated: it ends inside its IDX header"),
            (
                &good[..good.len() - 1],
                "truncated: its header says 2x1x2 bytes",
            ),
            (&long, "but more follow"),
            (b"PNG\0\0\0\0\0", "not an IDX file"),
            (&floats, "type 0x0d"),
            (
                &idx(&[4], &[1, 2, 3, 4]),
                "1 dimension(s), but an IDX file of images has 3",
            ),
            (&idx(&[0, 28, 28], &[]), "it holds no images"),
            (
                &idx(&[u32::MAX, u32::MAX, u32::MAX], &[]),
                "more than this program reads",
            ),
            (&idx(&[60_000, 28, 28], &[1]), "truncated"),
        ] {
            let message = images(bytes).unwrap_err();
            assert!(
                message.starts_with("file: ") && message.contains(part),
                "{part}: {message}"
            );
        }
        let message = labels(&good).unwrap_err();
        assert!(
            message.contains("3 dimension(s), but an IDX file of labels has 1"),
            "{message}"
        );
    }

    #[test]
    fn gzip_is_checked_to_its_end() {
        let good = gzip(&idx(&[2, 1, 2], &[1, 2, 3, 4]));
        assert!(images(&good).is_ok());
        let cut = images(&good[..good.len() - 4]).unwrap_err();
        assert!(cut.starts_with("cannot read file: "), "{cut}");
        let mut changed = good;
        let checksum = changed.len() - 8;
        changed[checksum] ^= 1;
        assert!(images(&changed).is_err());
        // A short file cannot claim much, and a long one is not unpacked further than it claims.
        let claim = images(&gzip(&idx(&[60_000, 28, 28], &[1]))).unwrap_err();
        assert!(claim.contains("too short for that"), "{claim}");
        let bomb = images(&gzip(&idx(&[1, 1, 1], &vec![0; 1 << 22]))).unwrap_err();
        assert!(bomb.contains("but more follow"), "{bomb}");
    }

    #[test]
    fn files_that_cannot_be_read_are_named() {
        let folder = tempfile::tempdir().unwrap();
        let missing = folder.path().join("missing.gz");
        let message = Input::open(&missing).err().unwrap().to_string();
        assert!(
            message.starts_with("cannot read ") && message.contains("missing.gz"),
            "{message}"
        );
        let message = Input::open(folder.path()).err().unwrap().to_string();
        assert!(message.contains("not a regular file"), "{message}");
    }
}
