//! From the `[data]` section to the three splits.

use std::collections::BTreeSet;
use std::path::Path;

use crate::network::ModelConfig;

use super::config::{DRIFT_IMAGES, DataConfig, DataSource, OnCorrupt};
use super::error::DataError;
use super::expected::Expected;
use super::files::Corrupt;
use super::images::ImageSet;
use super::labelled::Labelled;
use super::loading::Loading;
use super::sampling::StratifiedPool;
use super::source;

/// The images of a run.
#[derive(Clone, Debug)]
pub struct Splits {
    /// For drift.
    pub calibration: ImageSet,
    /// For screening and confirmation; a screening takes its first images. Disjoint from
    /// calibration.
    pub search: ImageSet,
    /// Never seen by the search, reported once at the end; in the order of its source.
    pub test: Option<ImageSet>,
    /// Images that cannot be decoded and were left out, where the profile says so.
    pub skipped: Vec<Corrupt>,
}

/// Loads the data of a profile for a model. Relative paths are meant from `folder`, the profile's.
///
/// Calibration and search images are drawn from the source's training images, disjoint, keyed by
/// `split_seed`: first [`DRIFT_IMAGES`] for calibration, then those of the search, then the other
/// calibration images. Every prefix of each of the three has each class within one image of its
/// share of what was left.
///
/// # Errors
/// [`DataError`] names the file, the number or the key that does not fit.
pub fn load(config: &DataConfig, folder: &Path, model: &ModelConfig) -> Result<Splits, DataError> {
    load_with(config, folder, model, Loading::default())
}

/// As [`load`]. Images on disk are all read once here, side by side, so that a damaged one is known
/// before anything begins; their pixels are not kept in memory.
///
/// # Errors
/// As [`load`].
pub fn load_with(
    config: &DataConfig,
    folder: &Path,
    model: &ModelConfig,
    loading: Loading<'_>,
) -> Result<Splits, DataError> {
    let config = config.resolved(folder);
    let expected = Expected::new(&config, model);
    let mut skipped = Vec::new();
    let drawn = match loading.only_test {
        true => None,
        false => {
            let pool = source::pool(&config, &expected, loading)?;
            pool.fits(&expected)?;
            let (calibration, search) = sample(&pool, &config, loading, &mut skipped)?;
            let set = |indices| pool.set(&expected, indices);
            Some((set(calibration)?, set(search)?))
        }
    };
    let test = match loading.without_test {
        true => None,
        false => source::test(&config, &expected, loading)?,
    };
    let test = match test {
        Some(test) => {
            test.fits(&expected)?;
            let all: Vec<u32> = (0..).take(test.labels.len()).collect();
            let damaged = test.check(&all, config.on_corrupt(), loading)?;
            let is_damaged = |i: &u32| damaged.iter().any(|(at, _)| at == i);
            let left = all.into_iter().filter(|i| !is_damaged(i)).collect();
            skipped.extend(damaged.into_iter().map(|(_, image)| image));
            Some(test.set(&expected, left)?)
        }
        None => None,
    };
    let (calibration, search) = match (drawn, &test) {
        (Some(drawn), _) => drawn,
        (None, Some(test)) => (test.without_images(), test.without_images()),
        (None, None) => return Err(DataError::NoTest),
    };
    Ok(Splits {
        calibration,
        search,
        test,
        skipped,
    })
}

/// The sampled calibration and search images. Damaged ones, where they are to be left out, are
/// left out of the pool.
fn sample(
    pool: &Labelled,
    config: &DataConfig,
    loading: Loading<'_>,
    skipped: &mut Vec<Corrupt>,
) -> Result<(Vec<u32>, Vec<u32>), DataError> {
    let mut left_out = BTreeSet::new();
    loop {
        let images = pool.labels.len() - left_out.len();
        let calibration = config.calibration_of(images);
        if calibration.saturating_add(config.search) > images {
            return Err(DataError::Mismatch(format!(
                "data.calibration = {calibration} and data.search = {} need {} training images, but {} holds \
                 {images}: lower one of them",
                config.search,
                calibration.saturating_add(config.search),
                pool.place.display()
            )));
        }
        let mut left = StratifiedPool::without(&pool.labels, config.split_seed, &left_out);
        // The images of the drift, then those of the search, then the other calibration images: so
        // drift and search have the same images whatever the quantizer takes.
        let for_drift = calibration.min(DRIFT_IMAGES);
        let mut drawn_first = left.sample(for_drift);
        let search = left.sample(config.search);
        drawn_first.extend(left.sample(calibration - for_drift));
        let calibration = drawn_first;
        let drawn = [&calibration[..], &search[..]].concat();
        let damaged = pool.check(&drawn, config.on_corrupt(), loading)?;
        if damaged.is_empty() {
            return Ok((calibration, search));
        }
        for (index, image) in damaged {
            left_out.insert(index);
            skipped.push(image);
        }
    }
}

impl DataConfig {
    fn on_corrupt(&self) -> OnCorrupt {
        match &self.source {
            DataSource::Folders(folders) => folders.on_corrupt,
            _ => OnCorrupt::Refuse,
        }
    }
}

#[cfg(test)]
mod tests;
