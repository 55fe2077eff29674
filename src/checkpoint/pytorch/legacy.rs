//! The container of versions before 1.6: a stream of pickles (a magic number, the protocol, the
//! machine, the objects, the names of the storages), then for each storage in that order its count
//! and its numbers.

use std::collections::HashMap;
use std::io::{BufReader, Read, Seek, SeekFrom};

use super::arena::{Arena, Id, Value};
use super::globals::Global;
use super::pickle::{self, PickleError};
use super::tensors::{self, Location};
use super::{MAX_PICKLE, SAVE_ANEW, SAVE_ELSEWHERE, corrupt};
use crate::checkpoint::input::{Input, Metered};
use crate::checkpoint::listing::Listing;
use crate::checkpoint::{CheckpointError, WeightsChoice};

/// What the first pickle holds.
const MAGIC: i128 = 0x1950_a86a_20f9_469c_fc6c;
/// What the second one holds.
const PROTOCOL: i128 = 1001;

/// Lists the tensors of a stream.
pub(in crate::checkpoint) fn list(
    input: &mut Input,
    origin: &str,
    choice: WeightsChoice,
) -> Result<Listing, CheckpointError> {
    let read_error = |source| CheckpointError::read(origin, source);
    let length = input.length().map_err(read_error)?;
    input.seek(SeekFrom::Start(0)).map_err(read_error)?;
    let mut pickles = BufReader::new(Metered::new(&mut *input, MAX_PICKLE));
    let mut arena = Arena::new();
    let mut next = |arena: &mut Arena| {
        pickle::read(&mut pickles, arena).map_err(|error| match error {
            PickleError::Io(error) if error.raw_os_error().is_some() => {
                CheckpointError::read(origin, error)
            }
            error => corrupt(origin, &error.to_string()),
        })
    };
    let magic = next(&mut arena)?;
    if *arena.get(magic) != Value::Int(MAGIC) {
        let what = "a pickle that torch.save did not write";
        return Err(CheckpointError::unsupported(origin, what, SAVE_ANEW));
    }
    let protocol = next(&mut arena)?;
    if *arena.get(protocol) != Value::Int(PROTOCOL) {
        return Err(corrupt(origin, "its protocol is not 1001"));
    }
    let machine = next(&mut arena)?;
    check_machine(&arena, machine, origin)?;
    let root = next(&mut arena)?;
    let names = next(&mut arena)?;
    let start = pickles.stream_position().map_err(read_error)?;
    let layout = layout(&arena, names, start, length, origin)?;
    tensors::list(&arena, root, (origin, choice), |key, _, count| {
        let unlisted = || corrupt(origin, &format!("storage {key} cannot be found"));
        let &offset = layout.get(key).ok_or_else(unlisted)?;
        check_count(input, offset, count)
            .map_err(read_error)?
            .then_some(Location {
                offset: offset.saturating_add(8),
                crc: None,
            })
            .ok_or_else(|| {
                let reason = format!("storage {key} does not have the {count} numbers it should");
                corrupt(origin, &reason)
            })
    })
}

fn check_machine(arena: &Arena, machine: Id, origin: &str) -> Result<(), CheckpointError> {
    match arena.under(machine, "little_endian") {
        Some(Arena::TRUE) => Ok(()),
        Some(_) => {
            let what = "a file of a big-endian machine";
            Err(CheckpointError::unsupported(origin, what, SAVE_ELSEWHERE))
        }
        None => Err(corrupt(origin, "it does not say its byte order")),
    }
}

/// Where each storage begins, with its count. Only the objects say how many numbers of which size
/// each has.
fn layout<'a>(
    arena: &'a Arena,
    names: Id,
    start: u64,
    length: u64,
    origin: &str,
) -> Result<HashMap<&'a str, u64>, CheckpointError> {
    let mut sizes: HashMap<&str, u64> = HashMap::new();
    for storage in arena.storages() {
        if let Global::Storage(element) = &storage.class {
            let bytes = storage.count.saturating_mul(element.bytes());
            sizes.insert(&storage.key, bytes);
        }
    }
    let Value::List(names) = arena.get(names) else {
        return Err(corrupt(origin, "its list of storages is missing"));
    };
    let mut layout = HashMap::new();
    let mut at = start;
    for name in names {
        // What follows a storage of unknown numbers cannot be found.
        let Some((name, bytes)) = arena.text(*name).and_then(|n| Some((n, *sizes.get(n)?))) else {
            break;
        };
        layout.insert(name, at);
        at = at.saturating_add(8).saturating_add(bytes);
        if at > length {
            return Err(CheckpointError::length(origin, at, length));
        }
    }
    Ok(layout)
}

/// Compares the count that stands before a storage's numbers.
fn check_count(input: &mut Input, offset: u64, count: u64) -> std::io::Result<bool> {
    let mut bytes = [0; 8];
    input.seek(SeekFrom::Start(offset))?;
    input.read_exact(&mut bytes)?;
    Ok(u64::from_le_bytes(bytes) == count)
}
