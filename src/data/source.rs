//! Opening what a `[data]` section names, and whether it is what the model takes.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use super::builtin;
use super::cifar;
use super::config::{DataConfig, DataSource, ImageFolders, OnCorrupt};
use super::error::DataError;
use super::files::{Corrupt, ImageFiles, Preparation};
use super::idx::{Images as IdxImages, Input};
use super::images::{ImageSet, Images, Normalisation};
use super::listing::list;
use super::recipe::Recipe;
use super::splits::Loading;
use super::tensors::{self, TensorFile};
use crate::network::{ModelConfig, Shape};

/// What a model takes, and how its data is prepared.
#[derive(Clone, Debug)]
pub(super) struct Expected {
    shape: Shape,
    /// Frames of each input; none for still images.
    frames: Option<usize>,
    classes: usize,
    recipe: &'static Recipe,
    mean: Option<Vec<f64>>,
    std: Option<Vec<f64>>,
}

impl Expected {
    /// Of a model under a section.
    pub(super) fn new(config: &DataConfig, model: &ModelConfig) -> Expected {
        Expected {
            shape: Shape {
                channels: model.in_channels,
                height: model.image_size,
                width: model.image_size,
            },
            frames: model.frames(),
            classes: model.num_classes,
            recipe: config.recipe_for(model),
            mean: config.mean.clone(),
            std: config.std.clone(),
        }
    }

    /// Numbers that are stored in `unit`s, normalised: by the section's own mean and deviation, else the recipe's.
    fn normalisation(&self, unit: f32) -> Result<Normalisation, DataError> {
        let channels = self.shape.channels;
        let chosen = |key, own: &Option<Vec<f64>>, recipe: &[f64], plain: f64| {
            let values = match own {
                Some(own) => own.clone(),
                None if recipe.is_empty() => vec![plain; channels],
                None => recipe.to_vec(),
            };
            match (values.len() == channels, own) {
                (true, _) => Ok(values.into_iter().map(|v| v as f32).collect()),
                (false, Some(_)) => Err(DataError::Channels {
                    key,
                    found: values.len(),
                    channels,
                }),
                (false, None) => Err(DataError::Recipe {
                    recipe: self.recipe.name,
                    found: values.len(),
                    channels,
                }),
            }
        };
        Ok(Normalisation {
            unit,
            mean: chosen("mean", &self.mean, self.recipe.mean, 0.0)?,
            std: chosen("std", &self.std, self.recipe.std, 1.0)?,
        })
    }
}

/// What checks images on disk.
#[derive(Clone, Debug)]
enum Check {
    /// They are in memory.
    None,
    Files(Arc<ImageFiles>),
    Tensors(Arc<TensorFile>),
}

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
    check: Check,
    pub(super) labels: Arc<Vec<u32>>,
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
            return Err(DataError::Count {
                images_file,
                images: images.count,
                labels_file,
                labels: labels.len(),
            });
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
            check: Check::None,
            labels: Arc::new(labels.into_iter().map(u32::from).collect()),
        })
    }

    fn idx(images_file: PathBuf, labels_file: PathBuf) -> Result<Labelled, DataError> {
        let images = Input::open(&images_file)?.images()?;
        let labels = Input::open(&labels_file)?.labels()?;
        Labelled::grey(images_file, images, labels_file, labels)
    }

    fn cifar(files: &[PathBuf], classes: usize) -> Result<Labelled, DataError> {
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
            check: Check::None,
            labels: Arc::new(records.labels),
        })
    }

    fn folder(
        folder: &Path,
        labels: (Option<&Path>, &'static str),
        expected: &Expected,
        cache: Option<&Path>,
    ) -> Result<Labelled, DataError> {
        let Shape {
            channels, height, ..
        } = expected.shape;
        if ![1, 3].contains(&channels) || expected.frames.is_some() {
            return Err(DataError::Format {
                file: folder.to_owned(),
                what: format!(
                    "images of a folder are colour or grey, but the model takes {}",
                    words(expected.shape, expected.frames)
                ),
            });
        }
        let listing = list(folder, labels.0, labels.1, expected.classes)?;
        let preparation = Preparation::new(expected.recipe, height, channels);
        let files = Arc::new(ImageFiles::new(folder, listing.names, preparation, cache));
        Ok(Labelled {
            place: folder.to_owned(),
            labels_file: folder.to_owned(),
            shape: expected.shape,
            frames: None,
            unit: 255.0,
            images: Images::Stored(Arc::clone(&files) as _),
            check: Check::Files(files),
            labels: Arc::new(listing.labels),
        })
    }

    fn tensors(file: &Path, classes: usize) -> Result<Labelled, DataError> {
        let opened = tensors::open(file, classes)?;
        let samples = Arc::new(opened.samples);
        // Pixels are on the scale 0 to 255; counts of events and floating-point numbers mean themselves.
        let pixels = samples.is_bytes() && opened.frames.is_none();
        Ok(Labelled {
            place: file.to_owned(),
            labels_file: file.to_owned(),
            shape: opened.shape,
            frames: opened.frames,
            unit: if pixels { 255.0 } else { 1.0 },
            images: Images::Stored(Arc::clone(&samples) as _),
            check: Check::Tensors(samples),
            labels: Arc::new(opened.labels),
        })
    }

    #[cfg(test)]
    pub(super) fn images(&self) -> &Images {
        &self.images
    }

    /// Checks that the model takes these images and has these classes, and that mean and deviation are of their channels.
    pub(super) fn fits(&self, expected: &Expected) -> Result<(), DataError> {
        if (self.shape, self.frames) != (expected.shape, expected.frames) {
            return Err(DataError::Shape {
                file: self.place.clone(),
                found: words(self.shape, self.frames),
                expected: words(expected.shape, expected.frames),
            });
        }
        expected.normalisation(self.unit)?;
        let classes = expected.classes;
        let outside = |label: &u32| *label as usize >= classes;
        match self.labels.iter().position(outside) {
            Some(index) => Err(DataError::Label {
                file: self.labels_file.clone(),
                index,
                label: self.labels[index],
                classes,
            }),
            None => Ok(()),
        }
    }

    /// Reads images on disk once. Returns those that cannot be decoded, where they are to be left out.
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
        let corrupt = match &self.check {
            Check::None => Vec::new(),
            Check::Tensors(samples) => {
                samples.check(indices, &progress)?;
                Vec::new()
            }
            Check::Files(files) => files.check(indices, &progress)?,
        };
        if corrupt.is_empty() || on_corrupt == OnCorrupt::Skip {
            return Ok(corrupt);
        }
        let said = |(_, image): &(u32, Corrupt)| format!("  {image}");
        let mut examples: Vec<String> = corrupt.iter().take(5).map(said).collect();
        if corrupt.len() > examples.len() {
            examples.push(format!("  and {} more", corrupt.len() - examples.len()));
        }
        Err(DataError::Corrupt {
            folder: self.place.clone(),
            count: corrupt.len(),
            checked: indices.len(),
            examples: examples.join("\n"),
        })
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

fn words(shape: Shape, frames: Option<usize>) -> String {
    let Shape {
        channels,
        height,
        width,
    } = shape;
    match frames {
        None => format!("{channels} channel(s) of {height}x{width} pixels"),
        Some(frames) => {
            format!("{frames} frames of {channels} channel(s) of {height}x{width} pixels")
        }
    }
}

/// The pool that calibration and search images are drawn from, and the test images.
pub(super) fn open(
    config: &DataConfig,
    expected: &Expected,
    loading: Loading<'_>,
) -> Result<(Labelled, Option<Labelled>), DataError> {
    let wanted = !loading.without_test;
    let classes = expected.classes;
    Ok(match &config.source {
        DataSource::Builtin(name) => {
            let test = wanted.then(|| builtin::test(*name)).transpose()?;
            (builtin::pool(*name)?, test)
        }
        DataSource::Idx(files) => {
            let pool = Labelled::idx(files.train_images.clone(), files.train_labels.clone())?;
            let test = files.test.as_ref().filter(|_| wanted);
            let test = test.map(|(images, labels)| Labelled::idx(images.clone(), labels.clone()));
            (pool, test.transpose()?)
        }
        DataSource::Cifar(files) => {
            let test = Some(&files.test).filter(|f| wanted && !f.is_empty());
            let test = test
                .map(|files| Labelled::cifar(files, classes))
                .transpose()?;
            (Labelled::cifar(&files.train, classes)?, test)
        }
        DataSource::Folders(folders) => {
            let cache = loading.cache.filter(|_| folders.cache);
            let labels = folders.labels.as_deref();
            let pool = Labelled::folder(&folders.path, (labels, "labels"), expected, cache)?;
            let test = folders.test_path.as_ref().filter(|_| wanted);
            let labels = test_labels(folders);
            let test = test.map(|path| Labelled::folder(path, labels, expected, cache));
            (pool, test.transpose()?)
        }
        DataSource::Tensors(files) => {
            let test = files.test_file.as_ref().filter(|_| wanted);
            let test = test
                .map(|file| Labelled::tensors(file, classes))
                .transpose()?;
            (Labelled::tensors(&files.file, classes)?, test)
        }
    })
}

fn test_labels(folders: &ImageFolders) -> (Option<&Path>, &'static str) {
    match &folders.test_labels {
        Some(file) => (Some(file), "test_labels"),
        None => (folders.labels.as_deref(), "test_labels"),
    }
}
