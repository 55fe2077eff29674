//! `.safetensors` files of labelled samples: tensor `images` `[N, C, H, W]`, or event frames `[N,
//! T, C, H, W]`, as bytes or f32, and tensor `labels` `[N]` of whole numbers. Samples are read one
//! by one.

use std::collections::HashMap;
use std::fs::File;
use std::io::{Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError, RwLock};

use blake3::Hash;
use safetensors::tensor::{Dtype, Metadata, TensorInfo};

use super::error::DataError;
use super::files::Corrupt;
use super::prefetch::{Sample, SampleSource};
use crate::checkpoint::check_header;
use crate::network::Shape;

/// Bytes of the header's length.
const PREFIX: u64 = 8;
/// The most bytes of a sample.
const MAX_SAMPLE: u64 = 256 << 20;

/// The samples of a file.
#[derive(Debug)]
pub(super) struct TensorFile {
    path: PathBuf,
    file: Mutex<File>,
    /// Where the samples begin.
    start: u64,
    /// Numbers of a sample.
    numbers: usize,
    floats: bool,
    digests: RwLock<HashMap<u32, Hash>>,
}

/// A file that was opened: its samples, their shape, frames each where they are sequences, their
/// labels, and its header.
#[derive(Debug)]
pub(super) struct Opened {
    pub(super) samples: TensorFile,
    pub(super) shape: Shape,
    pub(super) frames: Option<usize>,
    pub(super) labels: Vec<u32>,
    pub(super) header: Metadata,
}

/// Opens a file for a model of `classes` classes.
pub(super) fn open(path: &Path, classes: usize) -> Result<Opened, DataError> {
    let failed = DataError::read(path);
    let wrong = |what: String| DataError::format(path, what);
    let mut file = File::open(path).map_err(&failed)?;
    let metadata = file.metadata().map_err(&failed)?;
    if !metadata.is_file() {
        return Err(wrong("not a regular file".to_owned()));
    }
    let (header, start) = header(&mut file, metadata.len()).map_err(wrong)?;
    let images = tensor(&header, "images").map_err(wrong)?;
    let labels = tensor(&header, "labels").map_err(wrong)?;
    let (shape, frames) = sample_shape(&images.shape).map_err(wrong)?;
    let floats = match images.dtype {
        Dtype::U8 => false,
        Dtype::F32 => true,
        other => {
            let what = format!("tensor images holds {other:?}; it must be U8 (bytes) or F32");
            return Err(wrong(what));
        }
    };
    let count = images.shape.first().copied().unwrap_or(0);
    if labels.shape != [count] {
        let what = format!(
            "tensor images holds {count} images, but tensor labels has shape {:?}: it must be [{count}]",
            labels.shape
        );
        return Err(wrong(what));
    }
    let numbers = frames.unwrap_or(1) * shape.channels * shape.height * shape.width;
    let bytes = numbers as u64 * if floats { 4 } else { 1 };
    if count == 0 || u32::try_from(count).is_err() || bytes > MAX_SAMPLE {
        let what = format!(
            "tensor images of shape {:?} is not what this program reads",
            images.shape
        );
        return Err(wrong(what));
    }
    let labels = read_labels(&mut file, start, labels)
        .map_err(&failed)?
        .map_err(wrong)?;
    let outside = |label: &i64| !(0..classes as i64).contains(label);
    if let Some(index) = labels.iter().position(outside) {
        let what = format!(
            "label {} of image {index} is out of range: the model has {classes} classes (model.num_classes), 0 to {}",
            labels.get(index).copied().unwrap_or(0),
            classes.saturating_sub(1)
        );
        return Err(wrong(what));
    }
    Ok(Opened {
        samples: TensorFile {
            path: path.to_owned(),
            file: Mutex::new(file),
            start: start + images.data_offsets.0 as u64,
            numbers,
            floats,
            digests: RwLock::default(),
        },
        shape,
        frames,
        labels: labels.into_iter().map(|l| l as u32).collect(),
        header,
    })
}

/// The header, and where the data begins; what is wrong with it, in words.
fn header(file: &mut File, length: u64) -> Result<(Metadata, u64), String> {
    let mut prefix = [0; PREFIX as usize];
    if length < PREFIX || file.read_exact(&mut prefix).is_err() {
        return Err(format!("it has only {length} bytes: no safetensors file"));
    }
    let size = u64::from_le_bytes(prefix);
    if size > length - PREFIX {
        return Err("it does not start with a safetensors header".to_owned());
    }
    check_header(&prefix)?;
    let mut header = vec![0; size as usize];
    let read = file.read_exact(&mut header);
    read.map_err(|error| format!("its header cannot be read: {error}"))?;
    let metadata: Metadata = serde_json::from_slice(&header)
        .map_err(|error| format!("its safetensors header is invalid: {error}"))?;
    let start = PREFIX + size;
    let expected = start.saturating_add(metadata.data_len() as u64);
    match expected == length {
        true => Ok((metadata, start)),
        false => Err(format!(
            "truncated or damaged: its header tells {expected} bytes, it has {length}"
        )),
    }
}

/// A tensor's entry, checked to lie within the file and to be as long as its shape.
fn tensor<'a>(header: &'a Metadata, name: &str) -> Result<&'a TensorInfo, String> {
    let Some(info) = header.info(name) else {
        let mut names: Vec<String> = header.tensors().into_keys().take(8).collect();
        names.sort_unstable();
        return Err(format!(
            "it has no tensor \"{name}\" (it must have images and labels; it has {})",
            names.join(", ")
        ));
    };
    let (begin, end) = info.data_offsets;
    let numbers = info
        .shape
        .iter()
        .try_fold(1_usize, |n, size| n.checked_mul(*size));
    let bytes = numbers.and_then(|n| n.checked_mul(info.dtype.bitsize() / 8));
    let fits = begin <= end && end <= header.data_len() && bytes == Some(end.saturating_sub(begin));
    fits.then_some(info).ok_or_else(|| {
        format!(
            "tensor {name} is not as long as its shape {:?} says",
            info.shape
        )
    })
}

fn sample_shape(shape: &[usize]) -> Result<(Shape, Option<usize>), String> {
    let (frames, [channels, height, width]) = match *shape {
        [_, c, h, w] => (None, [c, h, w]),
        [_, t, c, h, w] => (Some(t), [c, h, w]),
        _ => {
            return Err(format!(
                "tensor images has shape {shape:?}; it must be [N, C, H, W], or [N, T, C, H, W] for event frames"
            ));
        }
    };
    let shape = Shape {
        channels,
        height,
        width,
    };
    Ok((shape, frames))
}

fn read_labels(
    file: &mut File,
    start: u64,
    info: &TensorInfo,
) -> std::io::Result<Result<Vec<i64>, String>> {
    let (begin, end) = info.data_offsets;
    let mut bytes = vec![0; end - begin];
    file.seek(SeekFrom::Start(start + begin as u64))?;
    file.read_exact(&mut bytes)?;
    Ok(match info.dtype {
        Dtype::U8 => Ok(bytes.iter().map(|b| i64::from(*b)).collect()),
        Dtype::I8 => Ok(numbers(&bytes, |b| i64::from(i8::from_le_bytes(b)))),
        Dtype::I16 => Ok(numbers(&bytes, |b| i64::from(i16::from_le_bytes(b)))),
        Dtype::U16 => Ok(numbers(&bytes, |b| i64::from(u16::from_le_bytes(b)))),
        Dtype::I32 => Ok(numbers(&bytes, |b| i64::from(i32::from_le_bytes(b)))),
        Dtype::U32 => Ok(numbers(&bytes, |b| i64::from(u32::from_le_bytes(b)))),
        Dtype::I64 => Ok(numbers(&bytes, i64::from_le_bytes)),
        // What does not fit is no class either.
        Dtype::U64 => Ok(numbers(&bytes, |b| {
            i64::try_from(u64::from_le_bytes(b)).unwrap_or(i64::MAX)
        })),
        other => Err(format!(
            "tensor labels holds {other:?}; it must hold whole numbers"
        )),
    })
}

fn numbers<const N: usize, T>(bytes: &[u8], number: impl Fn([u8; N]) -> T) -> Vec<T> {
    bytes.as_chunks().0.iter().map(|b| number(*b)).collect()
}

impl TensorFile {
    /// True when the samples are bytes.
    pub(super) fn is_bytes(&self) -> bool {
        !self.floats
    }

    fn bytes(&self, index: u32) -> Result<Vec<u8>, DataError> {
        let mut bytes = vec![0; self.sample_bytes()];
        let place = self.start + u64::from(index) * self.sample_bytes() as u64;
        let mut file = self.file.lock().unwrap_or_else(PoisonError::into_inner);
        let read = file
            .seek(SeekFrom::Start(place))
            .and_then(|_| file.read_exact(&mut bytes));
        read.map_err(DataError::read(&self.path)).map(|()| bytes)
    }
}

impl SampleSource for TensorFile {
    /// Reads samples once: their digests are noted, and numbers that are none are refused.
    fn check(
        &self,
        indices: &[u32],
        progress: &(dyn Fn() + Sync),
    ) -> Result<Vec<(u32, Corrupt)>, DataError> {
        let mut sorted = indices.to_vec();
        sorted.sort_unstable();
        for index in sorted {
            let bytes = self.bytes(index)?;
            if self.floats {
                let values = numbers(&bytes, f32::from_le_bytes);
                if let Some(bad) = values.iter().find(|v| !v.is_finite()) {
                    let what = format!(
                        "image {index} of tensor images holds {bad}: every number must be finite"
                    );
                    return Err(DataError::format(&self.path, what));
                }
            }
            let mut digests = self.digests.write().unwrap_or_else(PoisonError::into_inner);
            digests.insert(index, blake3::hash(&bytes));
            drop(digests);
            progress();
        }
        Ok(Vec::new())
    }

    fn read(&self, index: u32) -> Result<Sample, DataError> {
        let bytes = self.bytes(index)?;
        Ok(match self.floats {
            true => Sample::Floats(numbers(&bytes, f32::from_le_bytes)),
            false => Sample::Bytes(bytes),
        })
    }

    fn sample_bytes(&self) -> usize {
        self.numbers * if self.floats { 4 } else { 1 }
    }

    fn digest(&self, index: u32) -> Option<Hash> {
        let digests = self.digests.read().unwrap_or_else(PoisonError::into_inner);
        digests.get(&index).copied()
    }

    fn preparation(&self) -> String {
        if self.floats { "f32" } else { "u8" }.to_owned()
    }
}
