//! Opening what a `[data]` section names.

use std::path::{Path, PathBuf};

use super::builtin;
use super::config::{DataConfig, DataSource};
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
        DataSource::Events(folders) => {
            let labels = (folders.labels.as_deref(), "labels");
            Labelled::events(&folders.path, labels, folders.train_ratio, expected)
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
            let labels = test_labels(folders.test_labels.as_ref(), folders.labels.as_ref());
            let test = folders.test_path.as_ref();
            test.map(|path| Labelled::folder(path, labels, expected, cache))
        }
        DataSource::Events(folders) => {
            let labels = test_labels(folders.test_labels.as_ref(), folders.labels.as_ref());
            let test = folders.test_path.as_ref();
            test.map(|path| Labelled::events(path, labels, None, expected))
        }
        DataSource::Tensors(files) => {
            let test = files.test_file.as_ref();
            test.map(|file| Labelled::tensors(file, classes))
        }
    };
    test.transpose()
}

/// The file of labels of the test split, and the key that names it.
fn test_labels<'a>(
    own: Option<&'a PathBuf>,
    other: Option<&'a PathBuf>,
) -> (Option<&'a Path>, &'static str) {
    (own.or(other).map(PathBuf::as_path), "test_labels")
}
