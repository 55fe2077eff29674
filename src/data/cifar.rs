//! The binary version of CIFAR-10 and CIFAR-100: records of a label (CIFAR-100: a coarse and a fine
//! one) and 32x32 red, green and blue bytes, without any header.

use std::path::{Path, PathBuf};

use super::error::DataError;
use crate::system::read_at_most;

/// Rows and columns of an image.
pub(super) const SIZE: usize = 32;
const PIXELS: usize = 3 * SIZE * SIZE;
/// The most bytes taken from one file: CIFAR's have 30 million.
const MAX_BYTES: u64 = 256 << 20;
/// The most images of all files, twice as many as CIFAR has.
const MAX_IMAGES: usize = 120_000;

/// Which of the two.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Version {
    name: &'static str,
    /// Bytes of labels before the pixels; the last one is the class.
    labels: usize,
}

const TEN: Version = Version {
    name: "CIFAR-10",
    labels: 1,
};
const HUNDRED: Version = Version {
    name: "CIFAR-100",
    labels: 2,
};

impl Version {
    fn record(self) -> usize {
        self.labels + PIXELS
    }

    /// The version whose records a file is full of. Where both fit, the model's classes decide.
    fn of(length: usize, classes: usize) -> Option<Version> {
        let both = if classes > 10 {
            [HUNDRED, TEN]
        } else {
            [TEN, HUNDRED]
        };
        both.into_iter().find(|v| length.is_multiple_of(v.record()))
    }
}

/// Images and classes of one or several files.
#[derive(Debug, Default)]
pub(super) struct Records {
    /// `[N, 3, 32, 32]`.
    pub(super) pixels: Vec<u8>,
    pub(super) labels: Vec<u32>,
}

/// Reads files one after the other, for a model of `classes` classes.
pub(super) fn read(files: &[PathBuf], classes: usize) -> Result<Records, DataError> {
    let mut records = Records::default();
    let mut first: Option<(&Path, Version)> = None;
    for file in files {
        let wrong = |what: String| DataError::format(file, what);
        let bytes = read_at_most(file, MAX_BYTES).map_err(DataError::read(file))?;
        let too_long = || {
            wrong(format!(
                "longer than this program reads ({MAX_BYTES} bytes)"
            ))
        };
        let bytes = bytes.ok_or_else(too_long)?;
        let version = version(&bytes, classes).map_err(wrong)?;
        match first {
            Some((other, before)) if before != version => {
                return Err(wrong(format!(
                    "it is {}, but {} is {}: a data set is one of them",
                    version.name,
                    other.display(),
                    before.name
                )));
            }
            _ => first = Some((file, version)),
        }
        let images = records.labels.len() + bytes.len() / version.record();
        if images > MAX_IMAGES {
            return Err(wrong(format!(
                "more images than this program reads ({MAX_IMAGES} in all files)"
            )));
        }
        for (i, record) in bytes.chunks_exact(version.record()).enumerate() {
            let (labels, pixels) = record.split_at(version.labels);
            let label = u32::from(labels.last().copied().unwrap_or(0));
            if label as usize >= classes {
                return Err(DataError::label(file, i, label, classes));
            }
            records.labels.push(label);
            records.pixels.extend_from_slice(pixels);
        }
    }
    Ok(records)
}

/// Tells the version, or what else the bytes are.
fn version(bytes: &[u8], classes: usize) -> Result<Version, String> {
    if bytes.is_empty() {
        return Err("the file is empty".to_owned());
    }
    if bytes.starts_with(&[0x1f, 0x8b]) {
        return Err("a packed archive: unpack it and name the .bin files in it".to_owned());
    }
    if let Some(version) = Version::of(bytes.len(), classes) {
        return Ok(version);
    }
    if bytes.starts_with(b"\x80\x02") || bytes.starts_with(b"\x80\x03") {
        return Err(
            "a Python pickle: this is the Python version of CIFAR, the binary version is read (.bin files)"
                .to_owned(),
        );
    }
    Err(format!(
        "{} bytes are no whole number of CIFAR-10 or CIFAR-100 records ({} or {} bytes each): truncated, or another \
         format",
        bytes.len(),
        TEN.record(),
        HUNDRED.record()
    ))
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    fn record(labels: &[u8], fill: u8) -> Vec<u8> {
        let mut record = labels.to_vec();
        record.extend((0..3).flat_map(|c| [fill + c; SIZE * SIZE]));
        record
    }

    fn written(files: &[Vec<u8>]) -> (tempfile::TempDir, Vec<PathBuf>) {
        let folder = tempfile::tempdir().unwrap();
        let path = |(i, bytes): (usize, &Vec<u8>)| {
            let path = folder.path().join(format!("{i}.bin"));
            fs::write(&path, bytes).unwrap();
            path
        };
        let paths = files.iter().enumerate().map(path).collect();
        (folder, paths)
    }

    #[test]
    fn both_versions_are_read_and_the_fine_label_counts() {
        let (_folder, paths) = written(&[
            record(&[7], 1),
            [record(&[3], 10), record(&[9], 20)].concat(),
        ]);
        let ten = read(&paths, 10).unwrap();
        assert_eq!(ten.labels, [7, 3, 9]);
        assert_eq!(ten.pixels.len(), 3 * PIXELS);
        // Red, green and blue planes of the second image.
        let second = &ten.pixels[PIXELS..2 * PIXELS];
        assert_eq!([second[0], second[1024], second[3071]], [10, 11, 12]);

        let (_folder, paths) = written(&[record(&[19, 99], 1)]);
        assert_eq!(read(&paths, 100).unwrap().labels, [99]);
    }

    /// The first images of CIFAR-10's test set are a cat and two ships.
    #[test]
    fn the_official_file_is_read() {
        let file = concat!(
            env!("CARGO_MANIFEST_DIR"),
            "/tests/data/cifar10/test_batch.bin"
        );
        let records = read(&[file.into()], 10).unwrap();
        assert_eq!(records.labels.len(), 200);
        assert_eq!(records.labels[..8], [3, 8, 8, 0, 6, 6, 1, 6]);
        assert_eq!(records.pixels[..3], [158, 159, 165]);
    }

    #[test]
    fn a_length_that_fits_both_is_told_by_the_classes() {
        let length = TEN.record() * HUNDRED.record();
        assert_eq!(Version::of(length, 10), Some(TEN));
        assert_eq!(Version::of(length, 100), Some(HUNDRED));
    }

    #[test]
    fn mistakes_are_named() {
        for (files, part) in [
            (vec![vec![]], "0.bin: the file is empty"),
            (
                vec![record(&[1], 0)[..3000].to_vec()],
                "3000 bytes are no whole number",
            ),
            (vec![b"\x1f\x8b....".to_vec()], "a packed archive"),
            (vec![b"\x80\x02}q\x01".to_vec()], "a Python pickle"),
            (
                vec![record(&[1], 0), record(&[2], 0), record(&[0, 1], 0)],
                "2.bin: it is CIFAR-100, but",
            ),
            (
                vec![[record(&[1], 0), record(&[12], 0)].concat()],
                "0.bin: label 12 of image 1 is out of range: the model has 10 classes",
            ),
        ] {
            let (_folder, paths) = written(&files);
            let message = read(&paths, 10).unwrap_err().to_string();
            assert!(message.contains(part), "{part}: {message}");
        }
        let message = read(&["nowhere.bin".into()], 10).unwrap_err().to_string();
        assert!(message.starts_with("cannot read nowhere.bin"), "{message}");
    }
}
