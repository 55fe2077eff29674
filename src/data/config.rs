//! The `[data]` section: where images come from, how they are prepared and cut into splits.

mod section;
#[cfg(test)]
mod tests;

use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize, Serializer};

pub(crate) use self::section::DataTable;
use super::recipe::Recipe;
use crate::network::NetworkInput;

/// The four files of an IDX data set (the format of MNIST), gzip or not.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct IdxFiles {
    /// Training images. *All* of them are the pool that calibration and search images are drawn
    /// from, so this should be a file of images that the model was not trained on.
    pub train_images: PathBuf,
    /// Their labels.
    pub train_labels: PathBuf,
    /// Test images and their labels, if there are any.
    #[serde(flatten, serialize_with = "test_keys")]
    pub test: Option<(PathBuf, PathBuf)>,
}

/// Writes the files of a test split, each with its key.
fn test_keys<S: Serializer>(
    test: &Option<(PathBuf, PathBuf)>,
    serializer: S,
) -> Result<S::Ok, S::Error> {
    let keys = ["test_images", "test_labels"];
    let files = test.iter().flat_map(|(images, labels)| [images, labels]);
    serializer.collect_map(keys.into_iter().zip(files))
}

/// The files of a CIFAR data set in its official binary version.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct CifarFiles {
    /// Files that calibration and search images are drawn from.
    pub train: Vec<PathBuf>,
    /// Files of the test split; none: there is no test split.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub test: Vec<PathBuf>,
}

/// The handling of images that cannot be decoded.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum OnCorrupt {
    /// They are named, and nothing begins.
    #[default]
    Refuse,
    /// They are named and left out.
    Skip,
}

/// Folders of image files.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ImageFolders {
    /// The folder that calibration and search images are drawn from: a folder for each class, or
    /// images alone.
    pub path: PathBuf,
    /// The file that tells the classes of its images or of its folders. Without it folders are
    /// classes in sorted order.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub labels: Option<PathBuf>,
    /// The folder of the test split.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub test_path: Option<PathBuf>,
    /// Its file of classes; default: `labels`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub test_labels: Option<PathBuf>,
    /// The handling of images that cannot be decoded.
    pub on_corrupt: OnCorrupt,
    /// Whether decoded images are kept on disk.
    pub cache: bool,
}

/// Folders of event frames: `.npz` files with an array `frames` `[T, C, H, W]`, as spikingjelly
/// makes them.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct EventFolders {
    /// The folder that calibration and search samples are drawn from: a folder for each class, or
    /// files alone.
    pub path: PathBuf,
    /// The share of each class, first in the order of names, that the network was trained on: it
    /// is left out of `path`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub train_ratio: Option<f64>,
    /// The file that tells the classes of its files or of its folders. Without it folders are
    /// classes in the order of their names.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub labels: Option<PathBuf>,
    /// The folder of the test split.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub test_path: Option<PathBuf>,
    /// Its file of classes; default: `labels`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub test_labels: Option<PathBuf>,
    /// The handling of damaged files.
    pub on_corrupt: OnCorrupt,
}

/// `.safetensors` files with tensors `images` and `labels`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct TensorFiles {
    /// The file that calibration and search images are sampled from.
    pub file: PathBuf,
    /// The test split.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub test_file: Option<PathBuf>,
}

/// A data set inside the program.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(tag = "source")]
pub enum Builtin {
    /// Fashion-MNIST: the 10,000 test images, and the last 5,000 training images as the pool.
    #[serde(rename = "builtin:fashion-mnist")]
    FashionMnist,
}

impl Builtin {
    /// How a profile calls it.
    pub fn name(self) -> &'static str {
        match self {
            Builtin::FashionMnist => "builtin:fashion-mnist",
        }
    }
}

/// The source of the images.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(tag = "kind", rename_all = "kebab-case")]
pub enum DataSource {
    /// `kind = "idx"`.
    Idx(IdxFiles),
    /// `kind = "cifar"`.
    Cifar(CifarFiles),
    /// `kind = "image-folder"`.
    #[serde(rename = "image-folder")]
    Folders(ImageFolders),
    /// `kind = "event-frames"`.
    #[serde(rename = "event-frames")]
    Events(EventFolders),
    /// `kind = "safetensors"`.
    #[serde(rename = "safetensors")]
    Tensors(TensorFiles),
    /// `source = "builtin:..."`.
    #[serde(untagged)]
    Builtin(Builtin),
}

/// `[data]`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "DataTable", into = "section::Written")]
pub struct DataConfig {
    /// The source of the images; the default is the built-in Fashion-MNIST.
    pub source: DataSource,
    /// Images of the calibration split: 64, and 256 for a quantizer that is calibrated, where a
    /// profile says nothing.
    pub calibration: usize,
    /// Whether it is so by default: then fewer are taken where a pool has no more.
    pub calibration_by_default: bool,
    /// Images of the search split (default 2000).
    pub search: usize,
    /// Images of the proxy split, for drift and the other evidence about candidates (default 256).
    pub proxy: usize,
    /// Images that certify the result; none: there is no certificate.
    pub certify: Option<usize>,
    /// Key of the draw of all these (default 0).
    pub split_seed: u64,
    /// How images are prepared; default: [`DataConfig::recipe_for`].
    pub recipe: Option<&'static Recipe>,
    /// Mean of each channel, which the model was trained with: of `pixel / 255`, or of the numbers
    /// themselves where the data is event frames or floating-point. Default: the recipe's.
    pub mean: Option<Vec<f64>>,
    /// Standard deviation of each channel, in the same unit. Default: the recipe's.
    pub std: Option<Vec<f64>>,
}

/// Calibration images that drift is measured on, the first ones.
pub const DRIFT_IMAGES: usize = 64;
/// Images of the proxy split that the evidence beside the drift is measured on, unless told.
pub(super) const EVIDENCE_IMAGES: usize = 256;
/// Calibration images of a calibrated quantizer (more change little:
/// `docs/figures.md`).
const FOR_CALIBRATION: usize = 256;
/// Images of the proxy split where a profile says nothing.
pub(super) const PROXY_IMAGES: usize = 256;

impl Default for DataConfig {
    fn default() -> Self {
        DataConfig::with_source(DataSource::Builtin(Builtin::FashionMnist))
    }
}

impl DataConfig {
    /// A section that says nothing but its source.
    pub fn with_source(source: DataSource) -> DataConfig {
        DataConfig {
            source,
            calibration: DRIFT_IMAGES,
            calibration_by_default: true,
            search: 2000,
            proxy: PROXY_IMAGES,
            certify: None,
            split_seed: 0,
            recipe: None,
            mean: None,
            std: None,
        }
    }

    /// The same with the calibration images that a quantizer needs which is calibrated or not.
    pub fn for_quantizer(self, calibrated: bool) -> DataConfig {
        let images = match calibrated {
            true => FOR_CALIBRATION,
            false => DRIFT_IMAGES,
        };
        DataConfig {
            calibration: match self.calibration_by_default {
                true => images,
                false => self.calibration,
            },
            ..self
        }
    }

    /// The calibration images to draw from a pool. Where a profile says nothing, the images of the
    /// search and of the certificate come first, as long as there are enough for drift.
    pub(super) fn calibration_of(&self, pool: usize) -> usize {
        match self.calibration_by_default {
            true => {
                let others = self.search.saturating_add(self.certify.unwrap_or(0));
                let left = pool.saturating_sub(others).max(DRIFT_IMAGES);
                self.calibration.min(left)
            }
            false => self.calibration,
        }
    }

    /// The recipe: the section's own, else what the authors of the model's family fed to it where
    /// the data is CIFAR or an image folder, the demo's for the built-in data, and `none` for event
    /// frames and for IDX and safetensors files, of which nothing is known.
    pub fn recipe_for(&self, model: impl Into<NetworkInput>) -> &'static Recipe {
        let NetworkInput {
            family,
            layout,
            classes,
            ..
        } = model.into();
        let default = || match &self.source {
            DataSource::Builtin(Builtin::FashionMnist) => Recipe::known("fashion-mnist"),
            DataSource::Idx(_) | DataSource::Tensors(_) | DataSource::Events(_) => {
                Recipe::known("none")
            }
            DataSource::Cifar(_) => Recipe::published(family, Some("cifar"), classes),
            DataSource::Folders(_) => Recipe::published(family, layout, classes),
        };
        self.recipe.unwrap_or_else(default)
    }

    /// True when there is a test split.
    pub fn has_test(&self) -> bool {
        match &self.source {
            DataSource::Builtin(_) => true,
            DataSource::Idx(files) => files.test.is_some(),
            DataSource::Cifar(files) => !files.test.is_empty(),
            DataSource::Folders(folders) => folders.test_path.is_some(),
            DataSource::Events(folders) => folders.test_path.is_some(),
            DataSource::Tensors(files) => files.test_file.is_some(),
        }
    }

    /// Every path of the section with its key, as written: relative ones are meant from the
    /// profile's folder.
    pub fn paths_mut(&mut self) -> Vec<(&'static str, &mut PathBuf)> {
        let mut paths = Vec::new();
        match &mut self.source {
            DataSource::Builtin(_) => {}
            DataSource::Idx(files) => {
                paths.push(("train_images", &mut files.train_images));
                paths.push(("train_labels", &mut files.train_labels));
                if let Some((images, labels)) = &mut files.test {
                    paths.push(("test_images", images));
                    paths.push(("test_labels", labels));
                }
            }
            DataSource::Cifar(files) => {
                paths.extend(files.train.iter_mut().map(|p| ("train", p)));
                paths.extend(files.test.iter_mut().map(|p| ("test", p)));
            }
            DataSource::Folders(folders) => {
                paths.push(("path", &mut folders.path));
                paths.extend(folders.labels.as_mut().map(|p| ("labels", p)));
                paths.extend(folders.test_path.as_mut().map(|p| ("test_path", p)));
                paths.extend(folders.test_labels.as_mut().map(|p| ("test_labels", p)));
            }
            DataSource::Events(folders) => {
                paths.push(("path", &mut folders.path));
                paths.extend(folders.labels.as_mut().map(|p| ("labels", p)));
                paths.extend(folders.test_path.as_mut().map(|p| ("test_path", p)));
                paths.extend(folders.test_labels.as_mut().map(|p| ("test_labels", p)));
            }
            DataSource::Tensors(files) => {
                paths.push(("file", &mut files.file));
                paths.extend(files.test_file.as_mut().map(|p| ("test_file", p)));
            }
        }
        paths
    }

    /// The same section with its relative paths put behind `folder`, the profile's.
    #[must_use]
    pub fn resolved(&self, folder: &Path) -> DataConfig {
        let mut resolved = self.clone();
        for (_, path) in resolved.paths_mut() {
            *path = folder.join(&*path);
        }
        resolved
    }
}

/// The error of a `[data]` section.
#[derive(Debug, thiserror::Error, PartialEq)]
#[error("data{message}")]
pub struct DataConfigError {
    /// The key in `[data]` to look at.
    pub key: &'static str,
    /// The problem, after the section's name.
    pub(super) message: String,
}
