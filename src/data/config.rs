//! The `[data]` section: where images come from, how they are normalised and cut into splits.

use std::path::{Path, PathBuf};

use serde::de::IgnoredAny;
use serde::{Deserialize, Serialize};

/// The four files of an IDX data set (the format of MNIST), gzip or not.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IdxFiles {
    /// Training images. *All* of them are the pool that calibration and search images are drawn from, so this
    /// should be a file of images that the model was not trained on.
    pub train_images: PathBuf,
    /// Their labels.
    pub train_labels: PathBuf,
    /// Test images and their labels, if there are any.
    pub test: Option<(PathBuf, PathBuf)>,
}

/// A data set inside the program.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Builtin {
    /// Fashion-MNIST: the 10,000 test images, and the last 5,000 training images as the pool.
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

/// Where the images come from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum DataSource {
    /// `source = "builtin:..."`.
    Builtin(Builtin),
    /// `kind = "idx"`.
    Idx(IdxFiles),
}

/// `[data]`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "Section", into = "Section")]
pub struct DataConfig {
    /// Where the images come from; the default is the built-in Fashion-MNIST.
    pub source: DataSource,
    /// Images of the calibration split (default 64).
    pub calibration: usize,
    /// Images of the search split (default 2000).
    pub search: usize,
    /// Key of the draw of both (default 0).
    pub split_seed: u64,
    /// Mean of each channel of `pixel / 255`, which the model was trained with. Default: 0.286 for the built-in
    /// Fashion-MNIST, 0 for one's own files.
    pub mean: Vec<f64>,
    /// Standard deviation likewise. Default: 0.353, or 1.
    pub std: Vec<f64>,
}

impl Default for DataConfig {
    fn default() -> Self {
        DataConfig::with_source(DataSource::Builtin(Builtin::FashionMnist))
    }
}

impl DataConfig {
    /// A section that says nothing but its source.
    pub fn with_source(source: DataSource) -> DataConfig {
        let (mean, std) = match source {
            DataSource::Builtin(Builtin::FashionMnist) => (0.286, 0.353),
            DataSource::Idx(_) => (0.0, 1.0),
        };
        DataConfig {
            source,
            calibration: 64,
            search: 2000,
            split_seed: 0,
            mean: vec![mean],
            std: vec![std],
        }
    }

    /// Every path of the section with its key, as written: relative ones are meant from the profile's folder.
    pub fn paths_mut(&mut self) -> Vec<(&'static str, &mut PathBuf)> {
        match &mut self.source {
            DataSource::Builtin(_) => Vec::new(),
            DataSource::Idx(files) => {
                let mut paths = vec![
                    ("train_images", &mut files.train_images),
                    ("train_labels", &mut files.train_labels),
                ];
                if let Some((images, labels)) = &mut files.test {
                    paths.push(("test_images", images));
                    paths.push(("test_labels", labels));
                }
                paths
            }
        }
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

/// Why a `[data]` section says nothing that can be loaded.
#[derive(Debug, thiserror::Error, PartialEq)]
#[non_exhaustive]
pub enum DataConfigError {
    /// A `source` that is not built in.
    #[error(
        "data.source = \"{0}\": the only built-in data set is \"builtin:fashion-mnist\"; for your own files use `kind`"
    )]
    Source(String),
    /// A kind that a later version reads.
    #[error("data.kind = \"{0}\" is not supported by this version yet; it reads \"idx\"")]
    NotYet(String),
    /// A kind that nobody knows.
    #[error("data.kind = \"{0}\" is unknown; this version reads \"idx\"")]
    Kind(String),
    /// `source` and `kind` together.
    #[error("data has both `source` and `kind`: remove one")]
    Both,
    /// A key that this kind of data needs.
    #[error("data.{0} is missing: {1}")]
    Missing(&'static str, &'static str),
    /// A key of another kind of data.
    #[error("data.{key} does not belong to {source_kind}")]
    Foreign {
        /// The key.
        key: &'static str,
        /// The kind of data given.
        source_kind: &'static str,
    },
    /// A number out of range.
    #[error("data.{key} = {value}: {why}")]
    Value {
        /// The key.
        key: &'static str,
        /// Its value.
        value: String,
        /// What it must be.
        why: &'static str,
    },
}

/// Kinds of data that profiles may name and a later version reads.
const LATER: [&str; 3] = ["cifar", "image-folder", "safetensors"];

/// `[data]` as it is written. The keys of the later kinds are known, so that such a section is answered by its kind.
#[derive(Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct Section {
    #[serde(skip_serializing_if = "Option::is_none")]
    source: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    kind: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    train_images: Option<PathBuf>,
    #[serde(skip_serializing_if = "Option::is_none")]
    train_labels: Option<PathBuf>,
    #[serde(skip_serializing_if = "Option::is_none")]
    test_images: Option<PathBuf>,
    #[serde(skip_serializing_if = "Option::is_none")]
    test_labels: Option<PathBuf>,
    calibration: Option<usize>,
    search: Option<usize>,
    split_seed: Option<u64>,
    mean: Option<Vec<f64>>,
    std: Option<Vec<f64>>,
    #[serde(skip_serializing)]
    train: Option<IgnoredAny>,
    #[serde(skip_serializing)]
    test: Option<IgnoredAny>,
    #[serde(skip_serializing)]
    path: Option<IgnoredAny>,
    #[serde(skip_serializing)]
    labels: Option<IgnoredAny>,
    #[serde(skip_serializing)]
    test_path: Option<IgnoredAny>,
    #[serde(skip_serializing)]
    file: Option<IgnoredAny>,
    #[serde(skip_serializing)]
    test_file: Option<IgnoredAny>,
}

impl Section {
    /// The source, every key that does not belong to it refused.
    fn take_source(&mut self) -> Result<DataSource, DataConfigError> {
        let (source, source_kind) = match (self.source.take(), self.kind.take().as_deref()) {
            (Some(_), Some(_)) => return Err(DataConfigError::Both),
            (Some(name), None) if name == Builtin::FashionMnist.name() => (
                DataSource::Builtin(Builtin::FashionMnist),
                "a built-in data set",
            ),
            (Some(name), None) => return Err(DataConfigError::Source(name)),
            (None, Some("idx")) => (DataSource::Idx(self.take_idx()?), "kind = \"idx\""),
            (None, Some(kind)) if LATER.contains(&kind) => {
                return Err(DataConfigError::NotYet(kind.to_owned()));
            }
            (None, Some(kind)) => return Err(DataConfigError::Kind(kind.to_owned())),
            (None, None) => (
                DataSource::Builtin(Builtin::FashionMnist),
                "the built-in data set (for your own files say `kind = \"idx\"`)",
            ),
        };
        let foreign = [
            ("train_images", self.train_images.is_some()),
            ("train_labels", self.train_labels.is_some()),
            ("test_images", self.test_images.is_some()),
            ("test_labels", self.test_labels.is_some()),
            ("train", self.train.is_some()),
            ("test", self.test.is_some()),
            ("path", self.path.is_some()),
            ("labels", self.labels.is_some()),
            ("test_path", self.test_path.is_some()),
            ("file", self.file.is_some()),
            ("test_file", self.test_file.is_some()),
        ];
        match foreign.into_iter().find(|(_, given)| *given) {
            Some((key, _)) => Err(DataConfigError::Foreign { key, source_kind }),
            None => Ok(source),
        }
    }

    fn take_idx(&mut self) -> Result<IdxFiles, DataConfigError> {
        let needed = "kind = \"idx\" needs train_images and train_labels";
        let pair = "test_images and test_labels go together";
        Ok(IdxFiles {
            train_images: self
                .train_images
                .take()
                .ok_or(DataConfigError::Missing("train_images", needed))?,
            train_labels: self
                .train_labels
                .take()
                .ok_or(DataConfigError::Missing("train_labels", needed))?,
            test: match (self.test_images.take(), self.test_labels.take()) {
                (Some(images), Some(labels)) => Some((images, labels)),
                (None, None) => None,
                (Some(_), None) => return Err(DataConfigError::Missing("test_labels", pair)),
                (None, Some(_)) => return Err(DataConfigError::Missing("test_images", pair)),
            },
        })
    }
}

impl TryFrom<Section> for DataConfig {
    type Error = DataConfigError;

    fn try_from(mut section: Section) -> Result<Self, DataConfigError> {
        let default = DataConfig::with_source(section.take_source()?);
        let config = DataConfig {
            source: default.source,
            calibration: section.calibration.unwrap_or(default.calibration),
            search: section.search.unwrap_or(default.search),
            split_seed: section.split_seed.unwrap_or(default.split_seed),
            mean: section.mean.unwrap_or(default.mean),
            std: section.std.unwrap_or(default.std),
        };
        for (key, images) in [
            ("calibration", config.calibration),
            ("search", config.search),
        ] {
            if images == 0 {
                let why = "it must be at least 1";
                let value = images.to_string();
                return Err(DataConfigError::Value { key, value, why });
            }
        }
        if let Some(bad) = config.mean.iter().find(|mean| !mean.is_finite()) {
            let why = "each number must be finite";
            let value = bad.to_string();
            return Err(DataConfigError::Value {
                key: "mean",
                value,
                why,
            });
        }
        // What divides is the number rounded to f32.
        if let Some(bad) = config
            .std
            .iter()
            .find(|std| !std.is_finite() || (**std as f32) <= 0.0)
        {
            let why = "each number must be finite and above 0";
            let value = bad.to_string();
            return Err(DataConfigError::Value {
                key: "std",
                value,
                why,
            });
        }
        Ok(config)
    }
}

impl From<DataConfig> for Section {
    fn from(config: DataConfig) -> Section {
        let mut section = Section {
            calibration: Some(config.calibration),
            search: Some(config.search),
            split_seed: Some(config.split_seed),
            mean: Some(config.mean),
            std: Some(config.std),
            ..Section::default()
        };
        match config.source {
            DataSource::Builtin(builtin) => section.source = Some(builtin.name().to_owned()),
            DataSource::Idx(files) => {
                section.kind = Some("idx".to_owned());
                section.train_images = Some(files.train_images);
                section.train_labels = Some(files.train_labels);
                (section.test_images, section.test_labels) = files.test.unzip();
            }
        }
        section
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn error(text: &str) -> String {
        toml::from_str::<DataConfig>(text)
            .unwrap_err()
            .message()
            .to_owned()
    }

    #[test]
    fn an_empty_section_is_the_built_in_data() {
        let config: DataConfig = toml::from_str("").unwrap();
        assert_eq!(config, DataConfig::default());
        assert_eq!(
            (config.calibration, config.search, config.split_seed),
            (64, 2000, 0)
        );
        assert_eq!((config.mean, config.std), (vec![0.286], vec![0.353]));
    }

    #[test]
    fn own_files_are_not_shifted_unless_asked() {
        let config: DataConfig =
            toml::from_str("kind = 'idx'\ntrain_images = 'a'\ntrain_labels = '/b'").unwrap();
        assert_eq!((&config.mean, &config.std), (&vec![0.0], &vec![1.0]));
        let DataSource::Idx(files) = config.resolved(Path::new("/p")).source else {
            panic!("not idx")
        };
        assert_eq!(files.train_images, Path::new("/p/a"));
        assert_eq!(files.train_labels, Path::new("/b"));
        assert_eq!(files.test, None);
    }

    #[test]
    fn sections_survive_writing() {
        for text in [
            "",
            "search = 7\nsplit_seed = 3\nmean = [0.5]",
            "kind = 'idx'\ntrain_images = 'a'\ntrain_labels = 'b'\ntest_images = 'c'\ntest_labels = 'd'\nstd = [0.25]",
        ] {
            let config: DataConfig = toml::from_str(text).unwrap();
            let written = toml::to_string(&config).unwrap();
            assert_eq!(
                toml::from_str::<DataConfig>(&written).unwrap(),
                config,
                "{written}"
            );
        }
    }

    #[test]
    fn later_kinds_are_answered_by_name() {
        for kind in LATER {
            let text = format!("path = 'x'\ntrain = ['y']\nfile = 'z'\nkind = '{kind}'");
            assert_eq!(
                error(&text),
                format!(
                    "data.kind = \"{kind}\" is not supported by this version yet; it reads \"idx\""
                )
            );
        }
    }

    #[test]
    fn mistakes_are_named() {
        let idx = "kind = 'idx'\ntrain_images = 'a'\ntrain_labels = 'b'\n";
        for (text, part) in [
            ("source = 'builtin:mnist'", "\"builtin:mnist\""),
            ("kind = 'tfrecord'", "\"tfrecord\" is unknown"),
            (
                "kind = 'idx'\nsource = 'builtin:fashion-mnist'",
                "both `source` and `kind`",
            ),
            (
                "kind = 'idx'\ntrain_images = 'a'",
                "data.train_labels is missing",
            ),
            ("train_images = 'a'", "say `kind = \"idx\"`"),
            (
                &format!("{idx}test_images = 'c'"),
                "data.test_labels is missing",
            ),
            (
                &format!("{idx}test_labels = 'c'"),
                "data.test_images is missing",
            ),
            (
                &format!("{idx}test_file = 'c'"),
                "data.test_file does not belong to kind = \"idx\"",
            ),
            ("calibration = 0", "data.calibration = 0"),
            ("search = 0", "data.search = 0"),
            ("std = [0.0]", "data.std = 0"),
            ("std = [1e-60]", "above 0"),
            ("std = [nan]", "data.std = NaN"),
            ("mean = [inf]", "data.mean = inf"),
            ("sarch = 5", "unknown field `sarch`"),
        ] {
            let message = error(text);
            assert!(message.contains(part), "{text}: {message}");
        }
    }
}
