//! The data set inside the program; `assets/README.md` says where it is from.

use std::path::PathBuf;
use std::sync::OnceLock;

use super::config::Builtin;
use super::error::DataError;
use super::idx::Input;
use super::labelled::Labelled;

static POOL_IMAGES: &[u8] =
    include_bytes!("../../assets/fashion-mnist-train-last5000-images.idx.gz");
static POOL_LABELS: &[u8] =
    include_bytes!("../../assets/fashion-mnist-train-last5000-labels.idx.gz");
static TEST_IMAGES: &[u8] = include_bytes!("../../assets/fashion-mnist-test-images.idx.gz");
static TEST_LABELS: &[u8] = include_bytes!("../../assets/fashion-mnist-test-labels.idx.gz");

/// The training images that the demo's network never saw.
pub(super) fn pool(builtin: Builtin) -> Result<Labelled, DataError> {
    static UNPACKED: OnceLock<Labelled> = OnceLock::new();
    match builtin {
        Builtin::FashionMnist => unpack(&UNPACKED, builtin, POOL_IMAGES, POOL_LABELS),
    }
}

/// The test images.
pub(super) fn test(builtin: Builtin) -> Result<Labelled, DataError> {
    static UNPACKED: OnceLock<Labelled> = OnceLock::new();
    match builtin {
        Builtin::FashionMnist => unpack(&UNPACKED, builtin, TEST_IMAGES, TEST_LABELS),
    }
}

/// Unpacks at the first call; later ones share the pixels.
fn unpack(
    unpacked: &'static OnceLock<Labelled>,
    builtin: Builtin,
    images: &[u8],
    labels: &[u8],
) -> Result<Labelled, DataError> {
    if let Some(done) = unpacked.get() {
        return Ok(done.clone());
    }
    let name = builtin.name();
    let images = Input::embedded(name, images)?.images()?;
    let labels = Input::embedded(name, labels)?.labels()?;
    let labelled = Labelled::grey(PathBuf::from(name), images, PathBuf::from(name), labels)?;
    Ok(unpacked.get_or_init(|| labelled).clone())
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::super::images::Images;
    use super::*;

    fn memory(data: &Labelled) -> Arc<Vec<u8>> {
        match data.images() {
            Images::Memory(pixels) => Arc::clone(pixels),
            Images::Stored(_) => panic!("it is in memory"),
        }
    }

    #[test]
    fn the_data_is_all_there() {
        let pool = pool(Builtin::FashionMnist).unwrap();
        assert_eq!(
            (pool.labels.len(), memory(&pool).len()),
            (5000, 5000 * 28 * 28)
        );
        // The published labels of training images 55,000 to 55,009.
        assert_eq!(pool.labels[..10], [0, 8, 0, 6, 5, 8, 0, 4, 7, 8]);
        let test = test(Builtin::FashionMnist).unwrap();
        assert_eq!(
            (test.labels.len(), memory(&test).len()),
            (10_000, 10_000 * 28 * 28)
        );
        assert_eq!(test.labels[..10], [9, 2, 1, 1, 6, 1, 4, 6, 5, 7]);
        let per_class = |labels: &[u32], class| labels.iter().filter(|l| **l == class).count();
        assert!((0..10).all(|class| per_class(&test.labels, class) == 1000));
        // The mean and deviation that the network was trained with are those of these pixels.
        let bytes = memory(&test);
        let pixels = bytes.iter().map(|p| f64::from(*p) / 255.0);
        let mean = pixels.clone().sum::<f64>() / bytes.len() as f64;
        let std = (pixels.map(|p| (p - mean).powi(2)).sum::<f64>() / bytes.len() as f64).sqrt();
        assert!(
            (mean - 0.286).abs() < 2e-3 && (std - 0.353).abs() < 2e-3,
            "{mean} {std}"
        );
    }

    #[test]
    fn it_is_unpacked_once() {
        let [a, b] = [(); 2].map(|()| pool(Builtin::FashionMnist).unwrap());
        assert!(Arc::ptr_eq(&memory(&a), &memory(&b)));
    }
}
