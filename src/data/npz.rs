//! One array of an `.npz` file of numpy: a zip archive with a `.npy` file for each array, stored
//! (`numpy.savez`) or deflated (`numpy.savez_compressed`).
//!
//! Only the archive's table and the one array are read. What is unpacked is never more than the
//! array's own header asks for, and whoever calls has approved of that before.

use std::fs::File;
use std::io::{self, BufReader, Read, Seek, SeekFrom};
use std::path::Path;

use flate2::CrcReader;
use flate2::read::DeflateDecoder;
use zip::CompressionMethod;
use zip::read::ZipArchive;
use zip::result::ZipError;

use super::npy::{Header, NpyError};
use crate::checkpoint::Metered;

/// The most bytes of tables that are read: the archive has few files.
const MAX_TABLES: u64 = 1 << 20;
/// Bytes read at a time of the tables.
const BUFFER: usize = 1 << 10;

/// The error of an array that cannot be had.
#[derive(Debug)]
pub(super) enum NpzError {
    /// The operating system says no.
    Read(io::Error),
    /// The file is damaged or of another kind, in words.
    Damaged(String),
    /// It is whole, and the array is not one that can be used, in words.
    Unusable(String),
}

/// Where an array is in the archive.
struct Member {
    deflated: bool,
    offset: u64,
    packed: u64,
    crc: u32,
}

/// Reads the array of a name: its header, then, if `usable` has nothing against it, its numbers in
/// the order of the file.
pub(super) fn array(
    path: &Path,
    name: &str,
    usable: impl FnOnce(&Header) -> Result<(), String>,
) -> Result<(Header, Vec<f32>), NpzError> {
    let mut file = File::open(path).map_err(NpzError::Read)?;
    let member = find(&mut file, name)?;
    file.seek(SeekFrom::Start(member.offset))
        .map_err(NpzError::Read)?;
    let packed = BufReader::new(file.take(member.packed));
    match member.deflated {
        true => numbers(DeflateDecoder::new(packed), member.crc, usable),
        false => numbers(packed, member.crc, usable),
    }
}

fn find(file: &mut File, name: &str) -> Result<Member, NpzError> {
    let damaged = |what: &str| NpzError::Damaged(what.to_owned());
    let length = file.metadata().map_err(NpzError::Read)?.len();
    let tables = BufReader::with_capacity(BUFFER, Metered::new(file, MAX_TABLES));
    let mut zip = ZipArchive::new(tables).map_err(of_zip)?;
    let Some(index) = zip.index_for_name(&format!("{name}.npy")) else {
        return Err(NpzError::Unusable(without(name, &zip)));
    };
    let found = zip.by_index_raw(index).map_err(of_zip)?;
    let deflated = match found.compression() {
        _ if found.encrypted() => return Err(damaged("it is encrypted")),
        CompressionMethod::Stored => false,
        // The archive's crate is built without it; unpacking is done here.
        CompressionMethod::DEFLATE => true,
        _ => return Err(damaged("it is packed as numpy does not pack")),
    };
    let (offset, packed) = (found.data_start(), found.compressed_size());
    let offset = offset.filter(|at| at.saturating_add(packed) <= length);
    Ok(Member {
        deflated,
        offset: offset.ok_or_else(|| damaged("it ends too early: it is truncated"))?,
        packed,
        crc: found.crc32(),
    })
}

/// That there is no such array, and what there is instead.
fn without<R: Read + Seek>(name: &str, zip: &ZipArchive<R>) -> String {
    let names = zip.file_names_raw().take(8);
    let mut names: Vec<String> = names
        .map(|name| String::from_utf8_lossy(name.strip_suffix(b".npy").unwrap_or(name)))
        .map(|name| name.chars().take(40).collect::<String>())
        .map(|name| name.escape_debug().to_string())
        .collect();
    names.sort_unstable();
    let events = ["p", "t", "x", "y"]
        .iter()
        .all(|n| names.iter().any(|has| has == n));
    match (events, names.is_empty()) {
        (true, _) => format!(
            "it holds single events (arrays t, x, y, p) and no `{name}`: make frames of them, as spikingjelly does with \
             data_type=\"frame\""
        ),
        (false, true) => format!("it is empty: it has no array `{name}`"),
        (false, false) => format!("it has no array `{name}` (it has {})", names.join(", ")),
    }
}

fn numbers(
    input: impl Read,
    crc: u32,
    usable: impl FnOnce(&Header) -> Result<(), String>,
) -> Result<(Header, Vec<f32>), NpzError> {
    let mut input = CrcReader::new(input);
    let header = Header::read(&mut input).map_err(of_npy)?;
    usable(&header).map_err(NpzError::Unusable)?;
    let numbers = header.numbers(&mut input).map_err(of_npy)?;
    let more = input.read(&mut [0]).map_err(|e| of_npy(e.into()))?;
    if more > 0 {
        let what = "it has more bytes than its header tells: it is damaged";
        return Err(NpzError::Damaged(what.to_owned()));
    }
    match input.crc().sum() == crc {
        true => Ok((header, numbers)),
        false => Err(NpzError::Damaged(
            "its checksum is wrong: it is damaged".to_owned(),
        )),
    }
}

fn of_npy(error: NpyError) -> NpzError {
    match error {
        NpyError::Io(error) => of_io(error),
        NpyError::Wrong(what) => NpzError::Damaged(what),
    }
}

fn of_zip(error: ZipError) -> NpzError {
    match error {
        ZipError::Io(error) => of_io(error),
        other => NpzError::Damaged(format!("it is no .npz file, or truncated: {other}")),
    }
}

/// The operating system's refusals are told from what the file itself is to blame for.
fn of_io(error: io::Error) -> NpzError {
    match (error.raw_os_error(), error.kind()) {
        (Some(_), _) => NpzError::Read(error),
        (None, io::ErrorKind::UnexpectedEof) => {
            NpzError::Damaged("it ends too early: it is truncated or damaged".to_owned())
        }
        _ => NpzError::Damaged(format!("it is damaged: {error}")),
    }
}
