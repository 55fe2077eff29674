//! Opening what a `[data]` section names.

use std::path::Path;

use super::builtin;
use super::config::{DataConfig, DataSource, ImageFolders};
use super::error::DataError;
use super::expected::Expected;
use super::labelled::Labelled;
use super::loading::Loading;

/// The pool that calibration and search images are drawn from.
pub(super) fn pool(
    config: &DataConfig,
    expected: &Expected,
    loading: Loading<'_>,
) -> Result<Labelled, DataError> {
    match &config.source {
        DataSource::Builtin(name) => builtin::pool(*name),
        DataSource::Idx(files) => {
            Labelled::idx(files.train_images.clone(), files.train_labels.clone())
        }
        DataSource::Cifar(files) => Labelled::cifar(&files.train, expected.classes),
        DataSource::Folders(folders) => {
            let cache = loading.cache.filter(|_| folders.cache);
            let labels = folders.labels.as_deref();
            Labelled::folder(&folders.path, (labels, "labels"), expected, cache)
        }
        DataSource::Tensors(files) => Labelled::tensors(&files.file, expected.classes),
    }
}

/// The test images; none where there are none.
pub(super) fn test(
    config: &DataConfig,
    expected: &Expected,
    loading: Loading<'_>,
) -> Result<Option<Labelled>, DataError> {
    let classes = expected.classes;
    let test = match &config.source {
        DataSource::Builtin(name) => Some(builtin::test(*name)),
        DataSource::Idx(files) => {
            let test = files.test.as_ref();
            test.map(|(images, labels)| Labelled::idx(images.clone(), labels.clone()))
        }
        DataSource::Cifar(files) => {
            let test = Some(&files.test).filter(|files| !files.is_empty());
            test.map(|files| Labelled::cifar(files, classes))
        }
        DataSource::Folders(folders) => {
            let cache = loading.cache.filter(|_| folders.cache);
            let (test, labels) = (folders.test_path.as_ref(), test_labels(folders));
            test.map(|path| Labelled::folder(path, labels, expected, cache))
        }
        DataSource::Tensors(files) => {
            let test = files.test_file.as_ref();
            test.map(|file| Labelled::tensors(file, classes))
        }
    };
    test.transpose()
}

fn test_labels(folders: &ImageFolders) -> (Option<&Path>, &'static str) {
    match &folders.test_labels {
        Some(file) => (Some(file), "test_labels"),
        None => (folders.labels.as_deref(), "test_labels"),
    }
}
