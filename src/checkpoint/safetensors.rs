//! The `.safetensors` format: eight bytes of header length, a JSON header, then the tensors' bytes.
//!
//! The file is mapped into memory. Only the header is read here, and later the numbers that are
//! wanted, range by range.

use std::borrow::Cow;
use std::io::{Read, Seek, SeekFrom};

use safetensors::tensor::{Dtype, Metadata};

use super::CheckpointError;
use super::element::Element;
use super::error::Format;
use super::golden::GoldenEntry;
use super::input::Input;
use super::listing::{Entry, Listing, Stored};
use crate::network::{GOLDEN_PREFIX, GRAPH_KEY};

/// Bytes of the header's length.
const PREFIX: u64 = 8;
/// The longest header that the format allows.
const FORMAT_HEADER: u64 = 100_000_000;
/// The longest header read: far beyond that of any network.
const MAX_HEADER: u64 = 16 << 20;

/// Refuses the bytes of a file that says its header to be longer than any network's: to parse it
/// would take many times its size.
pub(crate) fn check_header(bytes: &[u8]) -> Result<(), String> {
    let length = bytes.first_chunk().map_or(0, |l| u64::from_le_bytes(*l));
    match length > MAX_HEADER {
        true => Err(format!(
            "its header of {} MiB is longer than this program reads ({} MiB), and than that of any network",
            length >> 20,
            MAX_HEADER >> 20
        )),
        false => Ok(()),
    }
}

/// True for the first bytes of such a file.
pub(super) fn starts(bytes: &[u8]) -> bool {
    match bytes.split_first_chunk() {
        Some((length, rest)) => {
            u64::from_le_bytes(*length) <= FORMAT_HEADER
                && matches!(rest.first(), None | Some(b'{'))
        }
        None => false,
    }
}

/// Reads the header.
pub(super) fn list(input: &mut Input, origin: &str) -> Result<Listing, CheckpointError> {
    let read_error = |source| CheckpointError::read(origin, source);
    let corrupt = |reason: &str| CheckpointError::corrupt(origin, Format::Safetensors, reason);
    let found = input.length().map_err(read_error)?;
    let prefix = input.start(PREFIX).map_err(read_error)?;
    let Ok(prefix) = <[u8; PREFIX as usize]>::try_from(prefix.as_slice()) else {
        return Err(corrupt(&format!("it has only {} bytes", prefix.len())));
    };
    let header_length = u64::from_le_bytes(prefix);
    let start = header_length.saturating_add(PREFIX);
    if header_length > FORMAT_HEADER {
        return Err(corrupt("it does not start with a header"));
    }
    if start > found {
        return Err(CheckpointError::length(origin, start, found));
    }
    check_header(&prefix).map_err(|why| corrupt(&why))?;
    let mut header = Vec::new();
    input.seek(SeekFrom::Start(PREFIX)).map_err(read_error)?;
    input
        .take(header_length)
        .read_to_end(&mut header)
        .map_err(read_error)?;
    if !matches!(header.first(), Some(b'{')) {
        return Err(corrupt("it does not start with a header"));
    }
    // Checks that shapes, types and ranges agree and that ranges neither overlap nor leave gaps.
    let metadata: Metadata = serde_json::from_slice(&header)
        .map_err(|e| corrupt(&format!("its header is invalid: {e}")))?;
    let expected = start.saturating_add(metadata.data_len() as u64);
    if expected != found {
        return Err(CheckpointError::length(origin, expected, found));
    }
    listing(&metadata, start).map_err(|reason| corrupt(&reason))
}

fn listing(metadata: &Metadata, start: u64) -> Result<Listing, String> {
    let own = metadata.metadata().as_ref();
    let mut listing = Listing {
        graph: own.and_then(|own| own.get(GRAPH_KEY).cloned()),
        ..Listing::default()
    };
    let mut tensors: Vec<_> = metadata.tensors().into_iter().collect();
    tensors.sort_by_key(|(_, info)| info.data_offsets);
    for (name, info) in tensors {
        let (from, to) = info.data_offsets;
        if listing.graph.is_some() && name.starts_with(GOLDEN_PREFIX) {
            let entry = GoldenEntry {
                dtype: info.dtype,
                shape: info.shape.clone(),
                offset: start.saturating_add(from as u64),
                bytes: to.saturating_sub(from) as u64,
            };
            listing.golden.insert(name, entry);
            continue;
        }
        let element = element(info.dtype);
        let count = (to.saturating_sub(from)) as u64 / element.bytes().max(1);
        let at = listing.stored.len();
        let entry = Entry::whole(at, info.shape.clone());
        // Types of less than a byte are counted here by their bytes; they are only named.
        let count = match element {
            Element::Other { .. } => entry.count().map_or(count, |n| n as u64),
            _ => count,
        };
        listing.stored.push(Stored {
            element,
            offset: start.saturating_add(from as u64),
            count,
            crc: None,
        });
        listing.add(&name, entry)?;
    }
    Ok(listing)
}

fn element(dtype: Dtype) -> Element {
    match dtype {
        Dtype::F16 => Element::F16,
        Dtype::BF16 => Element::Bf16,
        Dtype::F32 => Element::F32,
        Dtype::F64 => Element::F64,
        other => Element::Other {
            name: Cow::Owned(format!("{other:?}")),
            bytes: (other.bitsize() / 8) as u64,
        },
    }
}
