//! The numbers of a listing's tensors.
//!
//! Every run of numbers is read once, in the file's order, straight into f32; what no wanted tensor
//! needs is never read. So memory holds the tensors and, where several tensors share a run or step
//! through it, that run.

use std::collections::BTreeMap;
use std::io::{self, Read, Seek, SeekFrom};

use flate2::Crc;

use super::TensorData;
use super::input::Input;
use super::listing::{Entry, Listing, Stored};

/// Bytes read at a time.
const CHUNK: usize = 1 << 18;

/// Why the numbers cannot be had.
#[derive(Debug)]
pub(super) enum ReadError {
    /// The operating system says no.
    Io(io::Error),
    /// The file is damaged, in words.
    Damaged(String),
}

/// Reads the wanted floating-point tensors.
///
/// Together they may need no more bytes of the file than it has (runs of a sound file do not
/// overlap), and have no more numbers than the file has bytes (so that a run may be shared, but not
/// blown up).
pub(super) fn tensors(
    input: &mut Input,
    listing: &Listing,
    wanted: impl Fn(&str) -> bool,
) -> Result<BTreeMap<String, TensorData>, ReadError> {
    let length = input.length().map_err(ReadError::Io)?;
    let mut groups: BTreeMap<usize, Vec<(&str, &Entry)>> = BTreeMap::new();
    let mut numbers = 0usize;
    for (key, entry) in &listing.tensors {
        if wanted(key) && listing.other_name(entry).is_none() {
            numbers = numbers.saturating_add(entry.count().unwrap_or(usize::MAX));
            groups.entry(entry.stored).or_default().push((key, entry));
        }
    }
    let mut runs: Vec<(&Stored, Vec<(&str, &Entry)>)> = groups
        .into_iter()
        .filter_map(|(at, group)| Some((listing.stored.get(at)?, group)))
        .collect();
    runs.sort_by_key(|(stored, _)| stored.offset);
    let bytes = runs
        .iter()
        .fold(0u64, |sum, (s, _)| sum.saturating_add(s.bytes()));
    if bytes > length || numbers as u64 > length {
        return Err(ReadError::Damaged(format!(
            "its tensors claim {bytes} bytes and {numbers} numbers, more than its {length} bytes can hold"
        )));
    }
    let mut tensors = BTreeMap::new();
    for (stored, group) in runs {
        read_group(input, stored, &group, &mut tensors)?;
    }
    Ok(tensors)
}

/// Reads a run and the tensors that share it.
fn read_group(
    input: &mut Input,
    stored: &Stored,
    group: &[(&str, &Entry)],
    tensors: &mut BTreeMap<String, TensorData>,
) -> Result<(), ReadError> {
    // Listing::add has seen that every end exists.
    let bounds = |e: &Entry| (e.start, e.end().unwrap_or(e.start));
    let first = group.iter().map(|(_, e)| bounds(e).0).min().unwrap_or(0);
    let end = group.iter().map(|(_, e)| bounds(e).1).max().unwrap_or(0);
    let values = window(input, stored, first, end.saturating_sub(first)).map_err(|error| {
        let names: Vec<&str> = group.iter().map(|(key, _)| *key).collect();
        match error {
            ReadError::Damaged(why) => ReadError::Damaged(format!("{why} ({})", names.join(", "))),
            io => io,
        }
    })?;
    if let [(key, entry)] = group
        && entry.is_contiguous()
    {
        insert(tensors, key, entry, values);
        return Ok(());
    }
    for (key, entry) in group {
        insert(tensors, key, entry, gather(&values, entry, first));
    }
    Ok(())
}

fn insert(tensors: &mut BTreeMap<String, TensorData>, key: &str, entry: &Entry, values: Vec<f32>) {
    let shape = entry.shape.clone();
    tensors.insert(key.to_owned(), TensorData { shape, values });
}

/// Reads some of a run's numbers; all of its bytes where they have a checksum to be compared with.
fn window(
    input: &mut Input,
    stored: &Stored,
    first: usize,
    count: usize,
) -> Result<Vec<f32>, ReadError> {
    let size = stored.element.bytes();
    let (from, needed) = (first as u64 * size, count as u64 * size);
    let (offset, mut skip, mut left) = match stored.crc {
        Some(_) => (stored.offset, from, stored.bytes()),
        None => (stored.offset.saturating_add(from), 0, needed),
    };
    input.seek(SeekFrom::Start(offset)).map_err(ReadError::Io)?;
    let mut values = Vec::with_capacity(count);
    let mut crc = Crc::new();
    // A multiple of every number's size.
    let mut chunk = vec![0; CHUNK.min(usize::try_from(left).unwrap_or(CHUNK))];
    while left > 0 {
        let most = usize::try_from(left).unwrap_or(CHUNK).min(chunk.len());
        let part = chunk.get_mut(..most).unwrap_or_default();
        input.read_exact(part).map_err(|error| match error.kind() {
            io::ErrorKind::UnexpectedEof => {
                ReadError::Damaged("it ends before the last of its numbers".to_owned())
            }
            _ => ReadError::Io(error),
        })?;
        left -= part.len() as u64;
        if stored.crc.is_some() {
            crc.update(part);
        }
        let skipped = usize::try_from(skip).unwrap_or(usize::MAX).min(part.len());
        skip -= skipped as u64;
        let missing = (count - values.len()).saturating_mul(size as usize);
        let used = part.get(skipped..).unwrap_or_default();
        let used = used.get(..missing.min(used.len())).unwrap_or_default();
        stored.element.append(used, &mut values);
    }
    if stored.crc.is_some_and(|expected| expected != crc.sum()) {
        return Err(ReadError::Damaged(
            "a checksum of its numbers is wrong".to_owned(),
        ));
    }
    Ok(values)
}

/// The numbers of a tensor out of those of a run, which begin at the run's number `first`.
fn gather(values: &[f32], entry: &Entry, first: usize) -> Vec<f32> {
    let count = entry.count().unwrap_or(0);
    let mut gathered = Vec::with_capacity(count);
    let mut position = vec![0usize; entry.shape.len()];
    let mut at = entry.start.saturating_sub(first);
    for _ in 0..count {
        gathered.push(values.get(at).copied().unwrap_or(f32::NAN));
        let steps = entry.shape.iter().zip(&entry.strides);
        for (place, (&size, &stride)) in position.iter_mut().zip(steps).rev() {
            *place += 1;
            if *place < size {
                at += stride;
                break;
            }
            at -= stride * (*place - 1);
            *place = 0;
        }
    }
    gathered
}
