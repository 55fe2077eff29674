//! What can be wrong with data.

use std::io;
use std::path::{Path, PathBuf};

/// The error of data that cannot be loaded. `file` is a path or the name of a built-in data set.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum DataError {
    /// The operating system or gzip says no.
    #[error("cannot read {}: {source}", file.display())]
    Read {
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
    /// The labels belong to other images.
    #[error(
        "{} holds {images} images, but {} holds {labels} labels: take the two files of one split",
        images_file.display(),
        labels_file.display()
    )]
    Count {
        /// The file of images.
        images_file: PathBuf,
        /// The count.
        images: usize,
        /// The file of labels.
        labels_file: PathBuf,
        /// The count.
        labels: usize,
    },
    /// A label that the model has no class for.
    #[error(
        "{}: label {label} of image {index} is out of range: the model has {classes} classes (model.num_classes), 0 to {}: \
         correct the file, or the profile",
        file.display(),
        classes.saturating_sub(1)
    )]
    Label {
        /// The file of labels.
        file: PathBuf,
        /// The image, from 0.
        index: usize,
        /// The label.
        label: u32,
        /// The model's number of classes.
        classes: usize,
    },
    /// Images that the model does not take.
    #[error(
        "{}: the images have {found}, but the model takes {expected} (model.in_channels, model.image_size)",
        file.display()
    )]
    Shape {
        /// The file of images.
        file: PathBuf,
        /// Channels, rows and columns of the images, in words.
        found: String,
        /// Channels, rows and columns of the model's input, in words.
        expected: String,
    },
    /// `mean` or `std` has another length than the images have channels.
    #[error(
        "data.{key} has {found} numbers, but the images have {channels} channel(s): give one number per channel"
    )]
    Channels {
        /// `mean` or `std`.
        key: &'static str,
        /// Its length.
        found: usize,
        /// The images' channels.
        channels: usize,
    },
    /// Fewer training images than the profile wants.
    #[error(
        "data.calibration = {calibration} and data.search = {search} need {} training images, but {} holds {pool}: \
         lower one of them",
        calibration.saturating_add(*search),
        file.display()
    )]
    TooFew {
        /// The file of images.
        file: PathBuf,
        /// Its number of images.
        pool: usize,
        /// Wanted for calibration.
        calibration: usize,
        /// Wanted for search.
        search: usize,
    },
    /// Images of a folder that cannot be decoded.
    #[error(
        "{}: {count} of {checked} images cannot be decoded; replace or remove them, or leave them out with \
         --set data.on_corrupt=skip:\n{examples}",
        folder.display()
    )]
    Corrupt {
        /// The folder.
        folder: PathBuf,
        /// The number found.
        count: usize,
        /// Of how many that were looked at.
        checked: usize,
        /// The first of them with their reasons, one a line.
        examples: String,
    },
    /// The recipe is of images with other channels.
    #[error(
        "recipe \"{recipe}\" has mean and deviation of {found} channels, but the model takes {channels} \
         (model.in_channels): give data.mean and data.std, or data.recipe = \"none\""
    )]
    Recipe {
        /// The recipe.
        recipe: &'static str,
        /// Its channels.
        found: usize,
        /// The model's.
        channels: usize,
    },
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
}
