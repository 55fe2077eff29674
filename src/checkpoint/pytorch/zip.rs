//! The container of PyTorch 1.6 and later: a zip archive of `<stem>/data.pkl` and one file of
//! numbers for each storage, all stored as they are.
//!
//! The archive is only looked into, never unpacked: its names are compared with the few that are
//! looked for, and lead nowhere else. Compressed files are refused, as PyTorch writes none: so
//! nothing here is larger than the file itself.

use std::collections::HashSet;
use std::io::{self, BufReader, Read, Seek};

use ::zip::read::{ZipArchive, ZipReadOptions};
use ::zip::result::ZipError;
use ::zip::{CompressionMethod, read::ZipFile};

use super::arena::Arena;
use super::tensors::{self, Location};
use super::{MAX_PICKLE, SAVE_ANEW, SAVE_ELSEWHERE, corrupt, pickle};
use crate::checkpoint::element::Element;
use crate::checkpoint::error::printable;
use crate::checkpoint::input::{Input, Metered};
use crate::checkpoint::listing::Listing;
use crate::checkpoint::{CheckpointError, WeightsChoice};

/// The most that is read of an archive besides numbers: the list of its files, their headers and
/// the pickle.
const MAX_TABLES: u64 = MAX_PICKLE + (32 << 20);
/// Bytes read at a time: headers lie far apart and are short.
const BUFFER: usize = 1 << 10;
/// The most files of an archive: ten times those of the largest network with its optimizer.
const MAX_FILES: usize = 1 << 17;

/// Lists the tensors of an archive.
pub(in crate::checkpoint) fn list(
    input: &mut Input,
    origin: &str,
    choice: WeightsChoice,
) -> Result<Listing, CheckpointError> {
    let length = input
        .length()
        .map_err(|source| CheckpointError::read(origin, source))?;
    let metered = BufReader::with_capacity(BUFFER, Metered::new(input, MAX_TABLES));
    let zip = ZipArchive::new(metered).map_err(|error| of_zip(origin, "its table", error))?;
    let mut archive = Archive {
        zip,
        origin,
        length,
        folder: String::new(),
    };
    archive.folder = archive.find_folder()?;
    archive.check_byte_order()?;
    let (arena, root) = archive.pickle()?;
    tensors::list(&arena, root, (origin, choice), |key, element, count| {
        archive.locate(key, element, count)
    })
}

/// A file of the archive.
struct Entry {
    index: usize,
    bytes: u64,
    /// Its checksum, which PyTorch can be told to leave out.
    crc: Option<u32>,
    /// Where its bytes begin.
    offset: u64,
}

struct Archive<'a, R> {
    zip: ZipArchive<R>,
    origin: &'a str,
    /// Bytes of the whole file.
    length: u64,
    /// What stands before `data.pkl`: nothing, or a folder with its slash.
    folder: String,
}

impl<R: Read + Seek> Archive<'_, R> {
    fn find_folder(&self) -> Result<String, CheckpointError> {
        if self.zip.len() > MAX_FILES {
            return Err(corrupt(
                self.origin,
                "it has more files than any network needs",
            ));
        }
        let names: HashSet<&[u8]> = self.zip.file_names_raw().collect();
        let folder = |name: &&&[u8]| {
            let folder = name.strip_suffix(b"data.pkl")?;
            let folder = std::str::from_utf8(folder).ok()?;
            (folder.is_empty() || folder.ends_with('/')).then(|| folder.to_owned())
        };
        let mut folders: Vec<String> = names.iter().filter_map(|n| folder(&n)).collect();
        folders.sort_by_key(String::len);
        match folders.into_iter().next() {
            None => Err(CheckpointError::unsupported(
                self.origin,
                "a zip archive without data.pkl, so not one that torch.save wrote",
                "unpack it if the checkpoint is inside",
            )),
            Some(folder) if names.contains(format!("{folder}constants.pkl").as_bytes()) => {
                let what = "a TorchScript program";
                Err(CheckpointError::unsupported(self.origin, what, SAVE_ANEW))
            }
            Some(folder) => Ok(folder),
        }
    }

    /// Newer versions say which end of a number comes first.
    fn check_byte_order(&mut self) -> Result<(), CheckpointError> {
        let origin = self.origin;
        let name = format!("{}byteorder", self.folder);
        if self.zip.index_for_name(&name).is_none() {
            return Ok(());
        }
        let mut order = Vec::new();
        let file = self.open(&name)?;
        file.take(16)
            .read_to_end(&mut order)
            .map_err(|error| of_io(origin, error))?;
        match order.trim_ascii() {
            b"little" => Ok(()),
            other => {
                let order = printable(&String::from_utf8_lossy(other), 16);
                let what = format!("a file of byte order {order}");
                Err(CheckpointError::unsupported(origin, what, SAVE_ELSEWHERE))
            }
        }
    }

    fn pickle(&mut self) -> Result<(Arena, super::arena::Id), CheckpointError> {
        let origin = self.origin;
        let name = format!("{}data.pkl", self.folder);
        let file = self.open(&name)?;
        let mut input = BufReader::new(file);
        let mut arena = Arena::new();
        let root = pickle::read(&mut input, &mut arena)
            .map_err(|error| corrupt(origin, &error.to_string()))?;
        // The checksum is compared at the end.
        io::copy(&mut input, &mut io::sink()).map_err(|error| of_io(origin, error))?;
        Ok((arena, root))
    }

    /// A small file of the archive, to be read.
    fn open(&mut self, name: &str) -> Result<ZipFile<'_, R>, CheckpointError> {
        let origin = self.origin;
        let entry = self.entry(name)?;
        if entry.bytes > MAX_PICKLE {
            let reason = format!("its {name} is larger than any network needs");
            return Err(corrupt(origin, &reason));
        }
        let options = ZipReadOptions::new().ignore_crc32(entry.crc.is_none());
        let file = self.zip.by_index_with_options(entry.index, options);
        file.map_err(|error| of_zip(origin, name, error))
    }

    fn entry(&mut self, name: &str) -> Result<Entry, CheckpointError> {
        let origin = self.origin;
        let wrong = |what: &str| corrupt(origin, &format!("its {name} {what}"));
        let index = self.zip.index_for_name(name);
        let index = index.ok_or_else(|| wrong("is missing"))?;
        let file = self.zip.by_index_raw(index);
        let file = file.map_err(|error| of_zip(origin, name, error))?;
        if file.compression() != CompressionMethod::Stored || file.encrypted() {
            let what = "a zip archive of compressed or encrypted files, as PyTorch does not write";
            return Err(CheckpointError::unsupported(origin, what, SAVE_ANEW));
        }
        let bytes = file.size();
        if bytes != file.compressed_size() {
            return Err(wrong("has two lengths"));
        }
        let offset = file.data_start();
        let offset = offset.filter(|at| at.saturating_add(bytes) <= self.length);
        Ok(Entry {
            index,
            bytes,
            crc: Some(file.crc32()).filter(|crc| *crc != 0),
            offset: offset.ok_or_else(|| wrong("reaches beyond the file's end"))?,
        })
    }

    /// Where the numbers of a storage are.
    fn locate(
        &mut self,
        key: &str,
        element: &Element,
        count: u64,
    ) -> Result<Location, CheckpointError> {
        let name = format!("{}data/{key}", self.folder);
        let Entry {
            bytes, crc, offset, ..
        } = self.entry(&name)?;
        match count.checked_mul(element.bytes()) == Some(bytes) {
            true => Ok(Location { offset, crc }),
            false => Err(corrupt(
                self.origin,
                &format!("its {name} has {bytes} bytes, not those of {count} numbers"),
            )),
        }
    }
}

fn of_zip(origin: &str, what: &str, error: ZipError) -> CheckpointError {
    match error {
        ZipError::Io(error) => of_io(origin, error),
        // The archive's end holds its table.
        other => corrupt(
            origin,
            &format!("{what} cannot be read, so it is truncated or damaged: {other}"),
        ),
    }
}

/// What reading a file of the archive met: the operating system's refusals are told from what the
/// file itself is to blame for.
fn of_io(origin: &str, error: io::Error) -> CheckpointError {
    match error.raw_os_error() {
        Some(_) => CheckpointError::read(origin, error),
        None => corrupt(origin, &error.to_string()),
    }
}
