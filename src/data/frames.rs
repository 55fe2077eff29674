//! Event frames in `.npz` files, as spikingjelly makes them: an array `frames` `[T, C, H, W]` of
//! counts of events, unpacked when they are asked for.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::{PoisonError, RwLock};

use blake3::Hash;

use super::error::DataError;
use super::files::Corrupt;
use super::npy::Header;
use super::npz::{self, NpzError};
use super::prefetch::{Sample, SampleSource};
use super::side_by_side::{self, Refusal};
use crate::network::Shape;

/// The array's name.
const FRAMES: &str = "frames";
/// Channels of frames: events of darker and of brighter pixels.
const POLARITIES: usize = 2;

/// Files of frames in a folder.
#[derive(Debug)]
pub(super) struct FrameFiles {
    folder: PathBuf,
    names: Vec<PathBuf>,
    /// Frames of each file.
    frames: usize,
    /// The shape of a frame, as the model takes it.
    shape: Shape,
    /// Digests of the frames of the files that were checked.
    digests: RwLock<HashMap<u32, Hash>>,
}

impl FrameFiles {
    /// `names` of a folder, for a model that takes so many frames of this shape.
    pub(super) fn new(folder: &Path, names: Vec<PathBuf>, frames: usize, shape: Shape) -> Self {
        FrameFiles {
            folder: folder.to_owned(),
            names,
            frames,
            shape,
            digests: RwLock::default(),
        }
    }

    fn path(&self, index: u32) -> PathBuf {
        let name = self.names.get(index as usize);
        name.map_or_else(|| self.folder.clone(), |name| self.folder.join(name))
    }

    /// The numbers of a file as the model takes them, `[T, C, H, W]`, and their digest.
    fn numbers(&self, index: u32) -> Result<(Vec<f32>, Hash), NpzError> {
        let (header, stored) = npz::array(&self.path(index), FRAMES, |header| self.fits(header))?;
        let ordered = match header.fortran {
            true => in_rows(&header.shape, &stored),
            false => stored,
        };
        if let Some(bad) = ordered.iter().find(|number| !number.is_finite()) {
            let what = format!("its frames hold {bad}: every number must be finite");
            return Err(NpzError::Damaged(what));
        }
        let numbers = match header.shape.get(1) == Some(&self.shape.channels) {
            true => ordered,
            false => self.with_sum(&ordered),
        };
        let mut hasher = blake3::Hasher::new();
        for chunk in numbers.chunks(4096) {
            let bytes: Vec<u8> = chunk.iter().flat_map(|v| v.to_le_bytes()).collect();
            hasher.update(&bytes);
        }
        Ok((numbers, hasher.finalize()))
    }

    /// Whether the model takes frames of this shape; why not, in words.
    fn fits(&self, header: &Header) -> Result<(), String> {
        let Shape {
            channels,
            height,
            width,
        } = self.shape;
        let taken = [self.frames, channels, height, width];
        if header.shape == taken
            || (self.sums() && header.shape == [self.frames, POLARITIES, height, width])
        {
            return Ok(());
        }
        let [t, _, _, _] = header.shape[..] else {
            return Err(format!(
                "its frames have shape {:?}: it must be [T, C, H, W] (frames, channels, rows, columns)",
                header.shape
            ));
        };
        let or = match self.sums() {
            true => " or with 2 channels, whose sum is the third",
            false => "",
        };
        let remedy = match t == self.frames {
            true => "make frames of that size",
            false => {
                "make as many frames (frames_number of spikingjelly), or set model.time_steps to what the network was trained with"
            }
        };
        Err(format!(
            "its frames have shape {:?} (frames, channels, rows, columns), but the model takes {taken:?}{or} \
             (model.time_steps, model.in_channels, model.image_size): {remedy}",
            header.shape
        ))
    }

    /// Whether the model takes a third channel, the sum of the two.
    fn sums(&self) -> bool {
        self.shape.channels == POLARITIES + 1
    }

    /// Frames of two channels with their sum behind them.
    fn with_sum(&self, numbers: &[f32]) -> Vec<f32> {
        let plane = (self.shape.height * self.shape.width).max(1);
        let mut all = Vec::with_capacity(numbers.len() / POLARITIES * self.shape.channels);
        for frame in numbers.chunks_exact(POLARITIES * plane) {
            let (first, second) = frame.split_at(plane);
            all.extend_from_slice(frame);
            all.extend(first.iter().zip(second).map(|(a, b)| a + b));
        }
        all
    }

    fn error(&self, index: u32, error: NpzError) -> DataError {
        let file = self.path(index);
        match error {
            NpzError::Read(source) => DataError::Read { file, source },
            NpzError::Damaged(what) | NpzError::Unusable(what) => DataError::Format { file, what },
        }
    }
}

/// Numbers whose first dimension changes fastest, in the usual order.
fn in_rows(shape: &[usize], stored: &[f32]) -> Vec<f32> {
    let mut strides = Vec::with_capacity(shape.len());
    let mut stride = 1;
    for size in shape {
        strides.push(stride);
        stride *= size;
    }
    let mut position = vec![0; shape.len()];
    let mut at = 0;
    let mut ordered = Vec::with_capacity(stored.len());
    for _ in 0..stored.len() {
        ordered.extend(stored.get(at).copied());
        for ((place, size), stride) in position.iter_mut().zip(shape).zip(&strides).rev() {
            *place += 1;
            at += stride;
            if *place < *size {
                break;
            }
            at -= stride * *place;
            *place = 0;
        }
    }
    ordered
}

impl SampleSource for FrameFiles {
    /// Reads files once, side by side, and notes the digests of their frames.
    fn check(
        &self,
        indices: &[u32],
        progress: &(dyn Fn() + Sync),
    ) -> Result<Vec<(u32, Corrupt)>, DataError> {
        side_by_side::check(indices, progress, |index| match self.numbers(index) {
            Ok((_, digest)) => {
                let mut digests = self.digests.write().unwrap_or_else(PoisonError::into_inner);
                digests.insert(index, digest);
                Ok(())
            }
            Err(NpzError::Damaged(why)) => Err(Refusal::Corrupt(Corrupt {
                file: self.path(index),
                why,
            })),
            Err(other) => Err(Refusal::Error(self.error(index, other))),
        })
    }

    fn read(&self, index: u32) -> Result<Sample, DataError> {
        let read = self.numbers(index);
        let (numbers, digest) = read.map_err(|error| self.error(index, error))?;
        if self.digest(index).is_some_and(|known| known != digest) {
            let why = "it has changed since the program started; start again";
            return Err(DataError::format(&self.path(index), why));
        }
        Ok(Sample::Floats(numbers))
    }

    fn sample_bytes(&self) -> usize {
        let Shape {
            channels,
            height,
            width,
        } = self.shape;
        self.frames * channels * height * width * size_of::<f32>()
    }

    fn digest(&self, index: u32) -> Option<Hash> {
        let digests = self.digests.read().unwrap_or_else(PoisonError::into_inner);
        digests.get(&index).copied()
    }

    fn preparation(&self) -> String {
        "event frames".to_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_become_rows() {
        // [2, 3]: 0 1 2 / 3 4 5, stored column by column.
        assert_eq!(
            in_rows(&[2, 3], &[0.0, 3.0, 1.0, 4.0, 2.0, 5.0]),
            [0.0, 1.0, 2.0, 3.0, 4.0, 5.0]
        );
        let shape = [2, 2, 3, 4];
        let ordered: Vec<f32> = (0..48).map(|i| i as f32).collect();
        let mut stored = vec![0.0; 48];
        for (i, value) in ordered.iter().enumerate() {
            let (t, c, h, w) = (i / 24, i / 12 % 2, i / 4 % 3, i % 4);
            stored[t + 2 * (c + 2 * (h + 3 * w))] = *value;
        }
        assert_eq!(in_rows(&shape, &stored), ordered);
    }
}
