//! From the `[data]` section to the three splits.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::network::{ModelConfig, Shape};

use super::builtin;
use super::config::{DataConfig, DataSource};
use super::draw::Pool;
use super::error::DataError;
use super::idx::{Images, Input};
use super::images::{ImageSet, Normalisation};

/// The images of a run.
#[derive(Clone, Debug)]
pub struct Splits {
    /// For drift.
    pub calibration: ImageSet,
    /// For screening and confirmation; a screening takes its first images. Disjoint from calibration.
    pub search: ImageSet,
    /// Never seen by the search, reported once at the end; in the order of its file.
    pub test: Option<ImageSet>,
}

/// Grey images with their labels, as a source gives them.
#[derive(Clone, Debug)]
pub(super) struct Labelled {
    images_file: PathBuf,
    labels_file: PathBuf,
    pub(super) rows: usize,
    pub(super) columns: usize,
    pub(super) pixels: Arc<Vec<u8>>,
    pub(super) labels: Arc<Vec<u32>>,
}

impl Labelled {
    /// Puts labels to images.
    pub(super) fn new(
        images_file: PathBuf,
        images: Images,
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
            images_file,
            labels_file,
            rows: images.rows,
            columns: images.columns,
            pixels: Arc::new(images.pixels),
            labels: Arc::new(labels.into_iter().map(u32::from).collect()),
        })
    }

    fn open(images_file: PathBuf, labels_file: PathBuf) -> Result<Labelled, DataError> {
        let images = Input::open(&images_file)?.images()?;
        let labels = Input::open(&labels_file)?.labels()?;
        Labelled::new(images_file, images, labels_file, labels)
    }

    /// Checks that the model takes these images and has these classes.
    fn check(&self, model: &ModelConfig) -> Result<Shape, DataError> {
        let found = Shape {
            channels: 1,
            height: self.rows,
            width: self.columns,
        };
        let expected = Shape {
            channels: model.in_channels,
            height: model.image_size,
            width: model.image_size,
        };
        if found != expected {
            let words = |s: Shape| {
                format!(
                    "{} channel(s) of {}x{} pixels",
                    s.channels, s.height, s.width
                )
            };
            return Err(DataError::Shape {
                file: self.images_file.clone(),
                found: words(found),
                expected: words(expected),
            });
        }
        let classes = model.num_classes;
        match self
            .labels
            .iter()
            .position(|label| *label as usize >= classes)
        {
            Some(index) => Err(DataError::Label {
                file: self.labels_file.clone(),
                index,
                label: self.labels[index],
                classes,
            }),
            None => Ok(found),
        }
    }

    fn set(&self, shape: Shape, indices: Vec<u32>, normalisation: &Normalisation) -> ImageSet {
        ImageSet::new(
            shape,
            Arc::clone(&self.pixels),
            Arc::clone(&self.labels),
            indices,
            normalisation.clone(),
        )
    }
}

/// Loads the data of a profile for a model. Relative paths are meant from `folder`, the profile's.
///
/// Calibration and search images are drawn from the source's training images, disjoint, keyed by `split_seed`, such
/// that every prefix of a split has each class within one image of its share (of the pool for calibration, of what
/// that leaves for search).
///
/// # Errors
/// [`DataError`] names the file, the number or the key that does not fit.
pub fn load(config: &DataConfig, folder: &Path, model: &ModelConfig) -> Result<Splits, DataError> {
    let (pool, test) = match config.resolved(folder).source {
        DataSource::Builtin(name) => (builtin::pool(name)?, Some(builtin::test(name)?)),
        DataSource::Idx(files) => {
            let pool = Labelled::open(files.train_images, files.train_labels)?;
            let test = files
                .test
                .map(|(images, labels)| Labelled::open(images, labels));
            (pool, test.transpose()?)
        }
    };
    let shape = pool.check(model)?;
    let normalisation = normalisation(config, shape.channels)?;

    let images = pool.labels.len();
    if config.calibration.saturating_add(config.search) > images {
        return Err(DataError::TooFew {
            file: pool.images_file,
            pool: images,
            calibration: config.calibration,
            search: config.search,
        });
    }
    let mut left = Pool::new(&pool.labels, config.split_seed);
    let calibration = left.draw(config.calibration);
    let search = left.draw(config.search);
    Ok(Splits {
        calibration: pool.set(shape, calibration, &normalisation),
        search: pool.set(shape, search, &normalisation),
        test: match test {
            Some(test) => {
                let shape = test.check(model)?;
                let all = (0..).take(test.labels.len()).collect();
                Some(test.set(shape, all, &normalisation))
            }
            None => None,
        },
    })
}

fn normalisation(config: &DataConfig, channels: usize) -> Result<Normalisation, DataError> {
    for (key, found) in [("mean", config.mean.len()), ("std", config.std.len())] {
        if found != channels {
            return Err(DataError::Channels {
                key,
                found,
                channels,
            });
        }
    }
    let single = |values: &[f64]| values.iter().map(|value| *value as f32).collect();
    Ok(Normalisation {
        mean: single(&config.mean),
        std: single(&config.std),
    })
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;
    use std::fs;

    use super::super::config::IdxFiles;
    use super::*;
    use crate::network::{Architecture, Layout};

    fn model() -> ModelConfig {
        ModelConfig {
            architecture: Architecture::QkFormer {
                layout: Layout::Cifar,
                embed_dims: 64,
                depths: 4,
                batch_leak: false,
            },
            image_size: 28,
            in_channels: 1,
            num_classes: 10,
            num_heads: 8,
            mlp_ratio: 4,
            time_steps: 4,
        }
    }

    fn demo() -> Splits {
        load(&DataConfig::default(), Path::new("."), &model()).unwrap()
    }

    #[test]
    fn the_demo_splits() {
        let Splits {
            calibration,
            search,
            test,
        } = demo();
        let test = test.unwrap();
        assert_eq!(
            (calibration.len(), search.len(), test.len()),
            (64, 2000, 10_000)
        );
        let indices = |set: &ImageSet| {
            (0..set.len())
                .map(|i| set.source_index(i))
                .collect::<HashSet<_>>()
        };
        assert!(indices(&calibration).is_disjoint(&indices(&search)));
        assert_eq!(indices(&search).len(), 2000);
        assert!((0..10_000).all(|i| test.source_index(i) == i));
        // Of the last 5,000 training images, class 7 has 450 and class 4 has 527.
        let share = |class: u32, of: usize| (0..of).filter(|i| search.label(*i) == class).count();
        assert!(share(7, 500).abs_diff(45) <= 1 && share(4, 500).abs_diff(53) <= 1);
        assert!(share(7, 2000).abs_diff(180) <= 1 && share(4, 2000).abs_diff(211) <= 1);
    }

    /// Journals and saved profiles rely on these images in this order.
    #[test]
    fn the_demo_splits_never_change() {
        let Splits {
            calibration,
            search,
            ..
        } = demo();
        let start = |set: &ImageSet| [0, 1, 2, 3].map(|i| set.source_index(i));
        assert_eq!(start(&calibration), [1526, 4362, 3929, 2589]);
        assert_eq!(
            calibration.fingerprint().to_string(),
            "5e504562cd6b89b4ce50bb4e32b9aa4bcaf64e8f55854a0613a6afeb4eadb15b"
        );
        assert_eq!(
            search.fingerprint().to_string(),
            "837003c43e26f21325382af39034a560968fdfd8a1f45210725c189a53bdce7a"
        );
    }

    #[test]
    fn another_split_seed_gives_other_images() {
        let other = DataConfig {
            split_seed: 1,
            ..DataConfig::default()
        };
        let other = load(&other, Path::new("."), &model()).unwrap();
        assert_ne!(other.search.fingerprint(), demo().search.fingerprint());
        assert_ne!(
            other.calibration.fingerprint(),
            demo().calibration.fingerprint()
        );
        assert_eq!(
            other.test.unwrap().fingerprint(),
            demo().test.unwrap().fingerprint()
        );
    }

    #[test]
    fn the_demo_images_are_normalised_as_in_training() {
        let test = demo().test.unwrap();
        let mut out = vec![0.0; 784];
        test.fill(0, &mut out);
        assert_eq!(out[0], (0.0_f32 - 0.286) / 0.353);
        // Every number is that of some pixel value.
        assert!(
            out.iter()
                .all(|v| (0..=255_u8).any(|p| *v == (f32::from(p) / 255.0 - 0.286) / 0.353))
        );
    }

    /// Writes an IDX data set of 2x2 images; image i is full of i, its label is `labels[i]`.
    fn write(folder: &Path, name: &str, labels: &[u8]) {
        let count = (labels.len() as u32).to_be_bytes();
        let pixels: Vec<u8> = (0..labels.len()).flat_map(|i| [i as u8; 4]).collect();
        let images = [
            &[0, 0, 8, 3],
            &count[..],
            &[0, 0, 0, 2, 0, 0, 0, 2],
            &pixels,
        ]
        .concat();
        fs::write(folder.join(format!("{name}-images")), images).unwrap();
        fs::write(
            folder.join(format!("{name}-labels")),
            [&[0, 0, 8, 1], &count[..], labels].concat(),
        )
        .unwrap();
    }

    fn config(test: bool) -> DataConfig {
        let source = DataSource::Idx(IdxFiles {
            train_images: "train-images".into(),
            train_labels: "train-labels".into(),
            test: test.then(|| ("test-images".into(), "test-labels".into())),
        });
        DataConfig {
            calibration: 2,
            search: 4,
            ..DataConfig::with_source(source)
        }
    }

    fn small() -> ModelConfig {
        ModelConfig {
            image_size: 2,
            num_classes: 2,
            ..model()
        }
    }

    #[test]
    fn own_files_beside_the_profile() {
        let folder = tempfile::tempdir().unwrap();
        write(folder.path(), "train", &[0, 1, 0, 1, 0, 1, 0, 1]);
        write(folder.path(), "test", &[1, 1, 0]);
        let splits = load(&config(true), folder.path(), &small()).unwrap();
        let test = splits.test.unwrap();
        assert_eq!([0, 1, 2].map(|i| test.label(i)), [1, 1, 0]);
        assert_eq!((splits.calibration.len(), splits.search.len()), (2, 4));
        assert_ne!(splits.calibration.label(0), splits.calibration.label(1));
        let mut out = [9.0; 4];
        splits.search.fill(0, &mut out);
        assert_eq!(out, [splits.search.source_index(0) as f32 / 255.0; 4]);
        assert!(
            load(&config(false), folder.path(), &small())
                .unwrap()
                .test
                .is_none()
        );
    }

    #[test]
    fn what_does_not_fit_is_named() {
        let folder = tempfile::tempdir().unwrap();
        let message = |config: &DataConfig, model: &ModelConfig| {
            load(config, folder.path(), model).unwrap_err().to_string()
        };
        let missing = message(&config(false), &small());
        assert!(
            missing.starts_with("cannot read ") && missing.contains("train-images"),
            "{missing}"
        );

        write(folder.path(), "train", &[0, 1, 0, 1, 0, 1]);
        write(folder.path(), "test", &[0, 1, 9]);
        let label = message(&config(true), &small());
        assert!(
            label.contains("test-labels: label 9 of image 2 is out of range"),
            "{label}"
        );
        assert!(label.contains("2 classes"), "{label}");

        let size = message(&config(false), &model());
        assert!(
            size.contains("train-images: the images have 1 channel(s) of 2x2 pixels"),
            "{size}"
        );
        assert!(size.contains("1 channel(s) of 28x28 pixels"), "{size}");
        let colour = ModelConfig {
            in_channels: 3,
            ..small()
        };
        assert!(message(&config(false), &colour).contains("takes 3 channel(s) of 2x2"));

        let many = DataConfig {
            search: 5,
            ..config(false)
        };
        let many = message(&many, &small());
        assert!(
            many.contains("data.calibration = 2 and data.search = 5 need 7 training images"),
            "{many}"
        );
        assert!(many.ends_with("train-images holds 6"), "{many}");

        let means = DataConfig {
            mean: vec![0.1; 3],
            ..config(false)
        };
        assert!(
            message(&means, &small())
                .contains("data.mean has 3 numbers, but the images have 1 channel(s)")
        );

        fs::copy(
            folder.path().join("test-labels"),
            folder.path().join("train-labels"),
        )
        .unwrap();
        let count = message(&config(false), &small());
        assert!(
            count.contains("train-images holds 6 images")
                && count.contains("train-labels holds 3 labels"),
            "{count}"
        );
    }
}
