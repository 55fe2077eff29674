//! What can be wrong with data.

use std::io;
use std::path::{Path, PathBuf};

/// The error of data that cannot be loaded. `file` is a path or the name of a built-in data set.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum DataError {
    /// The test split alone was asked for, and there is none.
    #[error("the data has no test split")]
    NoTest,
    /// The operating system or gzip says no.
    #[error("cannot read {}: {source}", file.display())]
    Read {
        /// The file.
        file: PathBuf,
        /// The cause.
        source: io::Error,
    },
    /// The operating system does not let decoded images be written.
    #[error("cannot write {}: {source}", file.display())]
    Write {
        /// The file.
        file: PathBuf,
        /// The cause.
        source: io::Error,
    },
    /// The file is not what it should be.
    #[error("{}: {what}", file.display())]
    Format {
        /// The file.
        file: PathBuf,
        /// The problem.
        what: String,
    },
    /// Files, profile and model that do not fit each other; the message names them.
    #[error("{0}")]
    Mismatch(String),
    /// An image was asked for that is not there, or that a thread failed on.
    #[error("image {0} of the set cannot be read")]
    Place(usize),
}

impl DataError {
    /// The error of reading a file.
    pub(super) fn read(file: &Path) -> impl Fn(io::Error) -> Self {
        let file = file.to_owned();
        move |source| DataError::Read {
            file: file.clone(),
            source,
        }
    }

    /// The error of a file that is not what it should be.
    pub(super) fn format(file: &Path, what: impl Into<String>) -> Self {
        DataError::Format {
            file: file.to_owned(),
            what: what.into(),
        }
    }

    /// The labels belong to other images.
    pub(super) fn count(images: (&Path, usize), labels: (&Path, usize)) -> Self {
        DataError::Mismatch(format!(
            "{} holds {} images, but {} holds {} labels: take the two files of one split",
            images.0.display(),
            images.1,
            labels.0.display(),
            labels.1
        ))
    }

    /// The label of an image, counted from 0, that the model has no class for.
    pub(super) fn label(file: &Path, index: usize, label: u32, classes: usize) -> Self {
        let last = classes.saturating_sub(1);
        let what = format!(
            "label {label} of image {index} is out of range: the model has {classes} classes \
             (model.num_classes), 0 to {last}: correct the file, or the profile"
        );
        DataError::format(file, what)
    }
}
