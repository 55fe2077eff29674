//! The `.safetensors` format: eight bytes of header length, a JSON header, then the tensors' bytes.

use half::{bf16, f16};
use safetensors::SafeTensors;
use safetensors::tensor::{Dtype, Metadata};

use super::error::printable;
use super::{CheckpointError, StateDict, TensorData};

/// Bytes of the header's length.
const PREFIX: usize = 8;
/// The longest header read, as in the `safetensors` crate.
const MAX_HEADER: u64 = 100_000_000;

/// Reads all tensors; floating-point ones become f32. A leading `module.` of a key (left by PyTorch's
/// data-parallel wrapper) is stripped.
pub(super) fn read(bytes: &[u8], origin: &str) -> Result<StateDict, CheckpointError> {
    check_length(bytes, origin)?;
    let file =
        SafeTensors::deserialize(bytes).map_err(|error| corrupt(origin, &error.to_string()))?;
    let mut dict = StateDict::new(origin);
    for (name, view) in file.iter() {
        let key = name.strip_prefix("module.").unwrap_or(name).to_owned();
        if dict.contains(&key) {
            let reason = format!("with and without `module.`, it has two tensors {key}");
            return Err(corrupt(origin, &reason));
        }
        match to_f32(view.dtype(), view.data()) {
            Some(values) => {
                let shape = view.shape().to_vec();
                dict.insert(key, TensorData { shape, values });
            }
            None => dict.insert_other(key, format!("{:?}", view.dtype())),
        }
    }
    Ok(dict)
}

/// Checks what the first bytes can tell: that they start a header of a sensible length.
pub(super) fn check_start(bytes: &[u8], origin: &str) -> Result<(), CheckpointError> {
    header_length(bytes, origin).map(drop)
}

/// The header's length and the bytes from its first on.
fn header_length<'a>(bytes: &'a [u8], origin: &str) -> Result<(u64, &'a [u8]), CheckpointError> {
    let Some((prefix, rest)) = bytes.split_first_chunk::<PREFIX>() else {
        let reason = format!("it has only {} bytes", bytes.len());
        return Err(corrupt(origin, &reason));
    };
    let length = u64::from_le_bytes(*prefix);
    if length > MAX_HEADER || !matches!(rest.first(), None | Some(b'{')) {
        return Err(corrupt(origin, "it does not start with a header"));
    }
    Ok((length, rest))
}

/// Compares the file's length with what its header tells, so that a truncated file is called that and no
/// later sum of lengths can overflow.
fn check_length(bytes: &[u8], origin: &str) -> Result<(), CheckpointError> {
    let (header_length, rest) = header_length(bytes, origin)?;
    let length_error = |expected: u64| CheckpointError::Length {
        origin: origin.to_owned(),
        expected,
        found: bytes.len() as u64,
    };
    let start = header_length + PREFIX as u64;
    let Some(header) = usize::try_from(header_length)
        .ok()
        .and_then(|n| rest.get(..n))
    else {
        return Err(length_error(start));
    };
    let metadata: Metadata = serde_json::from_slice(header)
        .map_err(|e| corrupt(origin, &format!("its header is invalid: {e}")))?;
    let expected = start.saturating_add(metadata.data_len() as u64);
    if expected == bytes.len() as u64 {
        Ok(())
    } else {
        Err(length_error(expected))
    }
}

fn corrupt(origin: &str, reason: &str) -> CheckpointError {
    CheckpointError::Corrupt {
        origin: origin.to_owned(),
        reason: printable(reason, 200),
    }
}

/// Little-endian floating-point numbers as f32; none for other types.
fn to_f32(dtype: Dtype, bytes: &[u8]) -> Option<Vec<f32>> {
    match dtype {
        Dtype::F16 => Some(convert(bytes, |b| f16::from_le_bytes(b).to_f32())),
        Dtype::BF16 => Some(convert(bytes, |b| bf16::from_le_bytes(b).to_f32())),
        Dtype::F32 => Some(convert(bytes, f32::from_le_bytes)),
        Dtype::F64 => Some(convert(bytes, |b| f64::from_le_bytes(b) as f32)),
        _ => None,
    }
}

fn convert<const N: usize>(bytes: &[u8], number: impl Fn([u8; N]) -> f32) -> Vec<f32> {
    let (chunks, _) = bytes.as_chunks::<N>();
    chunks.iter().map(|&chunk| number(chunk)).collect()
}
