//! `[data]` as it is written: one flat table, of which every kind of data has some keys.

use std::fmt::Display;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use super::super::recipe::{RECIPE_NAMES, Recipe};
use super::{
    Builtin, CifarFiles, DataConfig, DataConfigError, DataSource, EventFolders, IdxFiles,
    ImageFolders, OnCorrupt, PROXY_IMAGES, TensorFiles,
};

/// One path or several.
#[derive(Deserialize)]
#[serde(untagged)]
enum Paths {
    One(PathBuf),
    Several(Vec<PathBuf>),
}

impl Paths {
    fn all(self) -> Vec<PathBuf> {
        match self {
            Paths::One(path) => vec![path],
            Paths::Several(paths) => paths,
        }
    }
}

/// The table.
#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct DataTable {
    source: Option<String>,
    kind: Option<String>,
    train_images: Option<PathBuf>,
    train_labels: Option<PathBuf>,
    test_images: Option<PathBuf>,
    test_labels: Option<PathBuf>,
    train: Option<Paths>,
    test: Option<Paths>,
    path: Option<PathBuf>,
    train_ratio: Option<f64>,
    labels: Option<PathBuf>,
    test_path: Option<PathBuf>,
    on_corrupt: Option<OnCorrupt>,
    cache: Option<bool>,
    file: Option<PathBuf>,
    test_file: Option<PathBuf>,
    calibration: Option<usize>,
    search: Option<usize>,
    proxy: Option<usize>,
    certify: Option<usize>,
    split_seed: Option<u64>,
    recipe: Option<String>,
    mean: Option<Vec<f64>>,
    std: Option<Vec<f64>>,
}

impl DataTable {
    /// The source, every key that does not belong to it refused.
    fn take_source(&mut self) -> Result<DataSource, DataConfigError> {
        let builtin = DataSource::Builtin(Builtin::FashionMnist);
        let (source, source_kind) = match (self.source.take(), self.kind.take().as_deref()) {
            (Some(_), Some(_)) => {
                return Err(wrong(
                    "kind",
                    " has both `source` and `kind`: remove one".to_owned(),
                ));
            }
            (Some(name), None) if name == Builtin::FashionMnist.name() => {
                (builtin, "a built-in data set")
            }
            (Some(name), None) => {
                let why = "the only built-in data set is \"builtin:fashion-mnist\"; for your own files use `kind`";
                return Err(bad("source", format_args!("\"{name}\""), why));
            }
            (None, Some("idx")) => (self.take_idx()?, "kind = \"idx\""),
            (None, Some("cifar")) => (self.take_cifar()?, "kind = \"cifar\""),
            (None, Some("image-folder")) => (self.take_folders()?, "kind = \"image-folder\""),
            (None, Some("event-frames")) => (self.take_events()?, "kind = \"event-frames\""),
            (None, Some("safetensors")) => (self.take_tensors()?, "kind = \"safetensors\""),
            (None, Some(kind)) => {
                let known = "it is \"idx\", \"cifar\", \"image-folder\", \"event-frames\" or \"safetensors\"";
                return Err(unknown("kind", kind, known));
            }
            (None, None) => (
                builtin,
                "the built-in data set (for your own files say `kind = \"idx\"` or another)",
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
            ("train_ratio", self.train_ratio.is_some()),
            ("labels", self.labels.is_some()),
            ("test_path", self.test_path.is_some()),
            ("on_corrupt", self.on_corrupt.is_some()),
            ("cache", self.cache.is_some()),
            ("file", self.file.is_some()),
            ("test_file", self.test_file.is_some()),
        ];
        match foreign.into_iter().find(|(_, given)| *given) {
            Some((key, _)) => {
                let message = format!(".{key} does not belong to {source_kind}");
                Err(wrong(key, message))
            }
            None => Ok(source),
        }
    }

    fn take_idx(&mut self) -> Result<DataSource, DataConfigError> {
        let needed = "kind = \"idx\" needs train_images and train_labels";
        let pair = "test_images and test_labels go together";
        Ok(DataSource::Idx(IdxFiles {
            train_images: need(self.train_images.take(), "train_images", needed)?,
            train_labels: need(self.train_labels.take(), "train_labels", needed)?,
            test: match (self.test_images.take(), self.test_labels.take()) {
                (Some(images), Some(labels)) => Some((images, labels)),
                (None, None) => None,
                (Some(_), None) => return Err(missing("test_labels", pair)),
                (None, Some(_)) => return Err(missing("test_images", pair)),
            },
        }))
    }

    fn take_cifar(&mut self) -> Result<DataSource, DataConfigError> {
        let needed = "kind = \"cifar\" needs train, a list of .bin files";
        let train = self.train.take().map(Paths::all).filter(|f| !f.is_empty());
        Ok(DataSource::Cifar(CifarFiles {
            train: need(train, "train", needed)?,
            test: self.test.take().map(Paths::all).unwrap_or_default(),
        }))
    }

    fn take_folders(&mut self) -> Result<DataSource, DataConfigError> {
        let needed = "kind = \"image-folder\" needs path, a folder of images";
        let folders = ImageFolders {
            path: need(self.path.take(), "path", needed)?,
            labels: self.labels.take(),
            test_path: self.test_path.take(),
            test_labels: self.test_labels.take(),
            on_corrupt: self.on_corrupt.take().unwrap_or_default(),
            cache: self.cache.take().unwrap_or(true),
        };
        if folders.test_labels.is_some() && folders.test_path.is_none() {
            return Err(missing("test_path", TEST_LABELS));
        }
        Ok(DataSource::Folders(folders))
    }

    fn take_events(&mut self) -> Result<DataSource, DataConfigError> {
        let needed = "kind = \"event-frames\" needs path, a folder of .npz files";
        let train_ratio = self.train_ratio.take();
        if let Some(ratio) = train_ratio.filter(|ratio| !(0.0..1.0).contains(ratio)) {
            let why = "it is a share, from 0 to less than 1";
            return Err(bad("train_ratio", ratio, why));
        }
        let folders = EventFolders {
            path: need(self.path.take(), "path", needed)?,
            train_ratio,
            labels: self.labels.take(),
            test_path: self.test_path.take(),
            test_labels: self.test_labels.take(),
            on_corrupt: self.on_corrupt.take().unwrap_or_default(),
        };
        if folders.test_labels.is_some() && folders.test_path.is_none() {
            return Err(missing("test_path", TEST_LABELS));
        }
        Ok(DataSource::Events(folders))
    }

    fn take_tensors(&mut self) -> Result<DataSource, DataConfigError> {
        let needed = "kind = \"safetensors\" needs file, with tensors images and labels";
        Ok(DataSource::Tensors(TensorFiles {
            file: need(self.file.take(), "file", needed)?,
            test_file: self.test_file.take(),
        }))
    }

    fn take_recipe(&mut self) -> Result<Option<&'static Recipe>, DataConfigError> {
        let Some(name) = self.recipe.take() else {
            return Ok(None);
        };
        let recipe = Recipe::named(&name);
        recipe.map(Some).ok_or_else(|| {
            let known = format!("the recipes are {}", RECIPE_NAMES.join(", "));
            unknown("recipe", &name, &known)
        })
    }
}

/// Why there must be a test split.
const TEST_LABELS: &str = "data.test_labels tells the classes of its images";

fn need<T>(
    value: Option<T>,
    key: &'static str,
    needed: &'static str,
) -> Result<T, DataConfigError> {
    value.ok_or_else(|| missing(key, needed))
}

fn wrong(key: &'static str, message: String) -> DataConfigError {
    DataConfigError { key, message }
}

fn bad(key: &'static str, value: impl Display, why: &str) -> DataConfigError {
    wrong(key, format!(".{key} = {value}: {why}"))
}

fn missing(key: &'static str, why: &str) -> DataConfigError {
    wrong(key, format!(".{key} is missing: {why}"))
}

fn unknown(key: &'static str, value: &str, known: &str) -> DataConfigError {
    wrong(key, format!(".{key} = \"{value}\" is unknown; {known}"))
}

impl TryFrom<DataTable> for DataConfig {
    type Error = DataConfigError;

    fn try_from(mut section: DataTable) -> Result<Self, DataConfigError> {
        let default = DataConfig::with_source(section.take_source()?);
        let config = DataConfig {
            recipe: section.take_recipe()?,
            source: default.source,
            calibration: section.calibration.unwrap_or(default.calibration),
            calibration_by_default: section.calibration.is_none(),
            search: section.search.unwrap_or(default.search),
            proxy: section.proxy.unwrap_or(default.proxy),
            certify: section.certify,
            split_seed: section.split_seed.unwrap_or(default.split_seed),
            mean: section.mean,
            std: section.std,
        };
        for (key, images) in [
            ("calibration", config.calibration),
            ("search", config.search),
            ("proxy", config.proxy),
            ("certify", config.certify.unwrap_or(1)),
        ] {
            if images == 0 {
                return Err(bad(key, images, "it must be at least 1"));
            }
        }
        if let Some(mean) = config.mean.iter().flatten().find(|mean| !mean.is_finite()) {
            return Err(bad("mean", mean, "each number must be finite"));
        }
        // What divides is the number rounded to f32.
        let divides = |std: &f64| std.is_finite() && (*std as f32) > 0.0;
        if let Some(std) = config.std.iter().flatten().find(|std| !divides(std)) {
            return Err(bad("std", std, "each number must be finite and above 0"));
        }
        Ok(config)
    }
}

/// The section as it is written: without the calibration images that are a default.
#[derive(Serialize)]
pub(super) struct Written {
    #[serde(flatten)]
    source: DataSource,
    #[serde(skip_serializing_if = "Option::is_none")]
    calibration: Option<usize>,
    search: usize,
    #[serde(skip_serializing_if = "Option::is_none")]
    proxy: Option<usize>,
    #[serde(skip_serializing_if = "Option::is_none")]
    certify: Option<usize>,
    split_seed: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    recipe: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    mean: Option<Vec<f64>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    std: Option<Vec<f64>>,
}

impl From<DataConfig> for Written {
    fn from(config: DataConfig) -> Self {
        Written {
            source: config.source,
            calibration: (!config.calibration_by_default).then_some(config.calibration),
            search: config.search,
            proxy: (config.proxy != PROXY_IMAGES).then_some(config.proxy),
            certify: config.certify,
            split_seed: config.split_seed,
            recipe: config.recipe.map(|recipe| recipe.name),
            mean: config.mean,
            std: config.std,
        }
    }
}
