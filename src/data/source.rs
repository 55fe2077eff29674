//! Opening what a `[data]` section names.

use std::path::Path;

use super::builtin;
use super::config::{DataConfig, DataSource, ImageFolders};
use super::error::DataError;
use super::expected::Expected;
use super::labelled::Labelled;
use super::loading::Loading;

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
