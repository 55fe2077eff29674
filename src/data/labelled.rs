//! Images with their labels, as a source gives them, and whether they are what the model takes.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use super::cifar;
use super::config::OnCorrupt;
use super::error::DataError;
use super::expected::{Expected, words};
use super::files::{Corrupt, ImageFiles};
use super::frames::FrameFiles;
use super::idx::{Images as IdxImages, Input};
use super::images::{ImageSet, Images};
use super::listing::{EVENT_FRAMES, IMAGES, list};
use super::loading::Loading;
use super::preparation::Preparation;
use super::tensors;
use crate::network::Shape;

/// Images with their labels, as a source gives them.
#[derive(Clone, Debug)]
pub(super) struct Labelled {
    /// The file or folder, for messages.
    pub(super) place: PathBuf,
    labels_file: PathBuf,
    shape: Shape,
    frames: Option<usize>,
    /// What 1 is stored as.
    unit: f32,
    images: Images,
    pub(super) labels: Arc<Vec<u32>>,
    /// What a person should know of the classes.
    pub(super) note: Option<String>,
}

impl Labelled {
    /// Puts labels to grey images.
    pub(super) fn grey(
        images_file: PathBuf,
        images: IdxImages,
        labels_file: PathBuf,
        labels: Vec<u8>,
    ) -> Result<Labelled, DataError> {
        if images.count != labels.len() {
            return Err(DataError::count(
                (&images_file, images.count),
                (&labels_file, labels.len()),
            ));
        }
        Ok(Labelled {
            place: images_file,
            labels_file,
            shape: Shape {
                channels: 1,
                height: images.rows,
                width: images.columns,
            },
            frames: None,
            unit: 255.0,
            images: Images::Memory(Arc::new(images.pixels)),
            labels: Arc::new(labels.into_iter().map(u32::from).collect()),
            note: None,
        })
    }

    pub(super) fn idx(images_file: PathBuf, labels_file: PathBuf) -> Result<Labelled, DataError> {
        let images = Input::open(&images_file)?.images()?;
        let labels = Input::open(&labels_file)?.labels()?;
        Labelled::grey(images_file, images, labels_file, labels)
    }

    pub(super) fn cifar(files: &[PathBuf], classes: usize) -> Result<Labelled, DataError> {
        let records = cifar::read(files, classes)?;
        let place = files.first().cloned().unwrap_or_default();
        Ok(Labelled {
            labels_file: place.clone(),
            place,
            shape: Shape {
                channels: 3,
                height: cifar::SIZE,
                width: cifar::SIZE,
            },
            frames: None,
            unit: 255.0,
            images: Images::Memory(Arc::new(records.pixels)),
            labels: Arc::new(records.labels),
            note: None,
        })
    }

    pub(super) fn folder(
        folder: &Path,
        labels: (Option<&Path>, &'static str),
        expected: &Expected,
        cache: Option<&Path>,
    ) -> Result<Labelled, DataError> {
        let Shape {
            channels, height, ..
        } = expected.shape;
        if ![1, 3].contains(&channels) || expected.frames.is_some() {
            let taken = words(expected.shape, expected.frames);
            let what =
                format!("images of a folder are colour or grey, but the model takes {taken}");
            return Err(DataError::format(folder, what));
        }
        let listing = list(&IMAGES, folder, labels.0, labels.1, expected.classes)?;
        let preparation = Preparation::new(expected.recipe, height, channels);
        let files = ImageFiles::new(folder, listing.names, preparation, cache);
        Ok(Labelled {
            place: folder.to_owned(),
            labels_file: folder.to_owned(),
            shape: expected.shape,
            frames: None,
            unit: 255.0,
            images: Images::Stored(Arc::new(files)),
            labels: Arc::new(listing.labels),
            note: listing.note,
        })
    }

    /// Event frames; of each class without the first part, the `train_ratio`.
    pub(super) fn events(
        folder: &Path,
        labels: (Option<&Path>, &'static str),
        train_ratio: Option<f64>,
        expected: &Expected,
    ) -> Result<Labelled, DataError> {
        let Some(frames) = expected.frames else {
            let what = format!(
                "it holds event frames, but the model takes {}: a network for event cameras has layout = \"dvs\"",
                words(expected.shape, None)
            );
            return Err(DataError::format(folder, what));
        };
        let listing = list(&EVENT_FRAMES, folder, labels.0, labels.1, expected.classes)?;
        let listing = listing.without_first(train_ratio.unwrap_or(0.0));
        let files = FrameFiles::new(folder, listing.names, frames, expected.shape);
        Ok(Labelled {
            place: folder.to_owned(),
            labels_file: folder.to_owned(),
            shape: expected.shape,
            frames: Some(frames),
            unit: 1.0,
            images: Images::Stored(Arc::new(files)),
            labels: Arc::new(listing.labels),
            note: listing.note,
        })
    }

    pub(super) fn tensors(file: &Path, classes: usize) -> Result<Labelled, DataError> {
        let opened = tensors::open(file, classes)?;
        let samples = opened.samples;
        // Pixels are on the scale 0 to 255; counts of events and floating-point numbers mean
        // themselves.
        let pixels = samples.is_bytes() && opened.frames.is_none();
        Ok(Labelled {
            place: file.to_owned(),
            labels_file: file.to_owned(),
            shape: opened.shape,
            frames: opened.frames,
            unit: if pixels { 255.0 } else { 1.0 },
            images: Images::Stored(Arc::new(samples)),
            labels: Arc::new(opened.labels),
            note: None,
        })
    }

    #[cfg(test)]
    pub(super) fn images(&self) -> &Images {
        &self.images
    }

    /// Checks that the model takes these images and has these classes, and that mean and deviation
    /// are of their channels.
    pub(super) fn fits(&self, expected: &Expected) -> Result<(), DataError> {
        if (self.shape, self.frames) != (expected.shape, expected.frames) {
            let found = words(self.shape, self.frames);
            let taken = words(expected.shape, expected.frames);
            let what = format!(
                "the images have {found}, but the model takes {taken} (model.in_channels, model.image_size)"
            );
            return Err(DataError::format(&self.place, what));
        }
        expected.normalisation(self.unit)?;
        let classes = expected.classes;
        let outside = |(_, label): &(usize, &u32)| **label as usize >= classes;
        match self.labels.iter().enumerate().find(outside) {
            Some((i, label)) => Err(DataError::label(&self.labels_file, i, *label, classes)),
            None => Ok(()),
        }
    }

    /// Reads images on disk once. Returns those that cannot be decoded, where they are to be left
    /// out.
    pub(super) fn check(
        &self,
        indices: &[u32],
        on_corrupt: OnCorrupt,
        loading: Loading<'_>,
    ) -> Result<Vec<(u32, Corrupt)>, DataError> {
        let done = AtomicUsize::new(0);
        let progress = || {
            let done = done.fetch_add(1, Ordering::Relaxed) + 1;
            if let Some(progress) = loading.progress {
                progress(done, indices.len());
            }
        };
        let corrupt = match &self.images {
            Images::Memory(_) => Vec::new(),
            Images::Stored(samples) => samples.check(indices, &progress)?,
        };
        if corrupt.is_empty() || on_corrupt == OnCorrupt::Skip {
            return Ok(corrupt);
        }
        let said = |(_, image): &(u32, Corrupt)| format!("  {image}");
        let mut examples: Vec<String> = corrupt.iter().take(5).map(said).collect();
        if corrupt.len() > examples.len() {
            examples.push(format!("  and {} more", corrupt.len() - examples.len()));
        }
        let what = format!(
            "{} of {} images cannot be decoded; replace or remove them, or leave them out with \
             --set data.on_corrupt=skip:\n{}",
            corrupt.len(),
            indices.len(),
            examples.join("\n")
        );
        Err(DataError::format(&self.place, what))
    }

    /// A set of these images.
    pub(super) fn set(
        &self,
        expected: &Expected,
        indices: Vec<u32>,
    ) -> Result<ImageSet, DataError> {
        Ok(ImageSet::new(
            self.shape,
            self.frames,
            &self.images,
            Arc::clone(&self.labels),
            indices,
            expected.normalisation(self.unit)?,
        ))
    }
}
