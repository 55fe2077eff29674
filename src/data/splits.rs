//! From the `[data]` section to the splits.

use std::collections::BTreeSet;
use std::path::Path;

use crate::network::NetworkInput;

use super::config::{DRIFT_IMAGES, DataConfig, DataSource, EVIDENCE_IMAGES, OnCorrupt};
use super::decoded;
use super::doubts::doubts;
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
    /// For drift and the other evidence about candidates. Disjoint from the others, unless the
    /// source has too few images.
    pub proxy: ImageSet,
    /// Images of `proxy` that are calibration images, too, because the source has too few.
    pub shared: usize,
    /// For the certificate of the result: seen by neither calibration nor search.
    pub certify: Option<ImageSet>,
    /// Never seen by the search, reported once at the end; in the order of its source.
    pub test: Option<ImageSet>,
    /// Images that cannot be decoded and were left out, where the profile says so.
    pub skipped: Vec<Corrupt>,
    /// What a person should know of the data, in sentences.
    pub notes: Vec<String>,
}

/// Loads the data of a profile for a model. Relative paths are meant from `folder`, the profile's.
///
/// All but the test images are drawn from the source's training images, disjoint, keyed by
/// `split_seed`: first [`DRIFT_IMAGES`] for calibration, then those of the search, the other
/// calibration images, those for evidence and those for the certificate. Every prefix of each draw
/// has each class within one image of its share of what was left. (Where damaged images are left
/// out of the last two draws, others take their place at the end.)
///
/// # Errors
/// [`DataError`] names the file, the number or the key that does not fit.
pub fn load(
    config: &DataConfig,
    folder: &Path,
    model: impl Into<NetworkInput>,
) -> Result<Splits, DataError> {
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
    model: impl Into<NetworkInput>,
    loading: Loading<'_>,
) -> Result<Splits, DataError> {
    let input = model.into();
    if let Some(file) = loading.decoded {
        return decoded::read(file, &input);
    }
    let config = config.resolved(folder);
    let expected = Expected::new(&config, input);
    let (mut skipped, mut notes) = (Vec::new(), Vec::new());
    let drawn = match loading.only_test {
        true => None,
        false => {
            let pool = source::pool(&config, &expected, loading)?;
            pool.fits(&expected)?;
            notes.extend(pool.note.clone());
            let drawn = sample(&pool, &config, loading, &mut skipped)?;
            let set = |indices| pool.set(&expected, indices);
            Some(Splits {
                calibration: set(drawn.calibration)?,
                search: set(drawn.search)?,
                proxy: set(drawn.proxy)?,
                shared: drawn.shared,
                certify: drawn.certify.map(set).transpose()?,
                test: None,
                skipped: Vec::new(),
                notes: Vec::new(),
            })
        }
    };
    let test = match loading.without_test {
        true => None,
        false => source::test(&config, &expected, loading)?,
    };
    let test = match test {
        Some(test) => {
            test.fits(&expected)?;
            notes.extend(test.note.clone());
            let all: Vec<u32> = (0..).take(test.labels.len()).collect();
            let damaged = test.check(&all, config.on_corrupt(), loading)?;
            let is_damaged = |i: &u32| damaged.iter().any(|(at, _)| at == i);
            let left = all.into_iter().filter(|i| !is_damaged(i)).collect();
            skipped.extend(damaged.into_iter().map(|(_, image)| image));
            Some(test.set(&expected, left)?)
        }
        None => None,
    };
    let splits = match (drawn, &test) {
        (Some(drawn), _) => drawn,
        (None, Some(test)) => Splits::empty(test),
        (None, None) => return Err(DataError::NoTest),
    };
    let mut splits = Splits {
        test,
        skipped,
        notes,
        ..splits
    };
    splits.notes.extend(doubts(&splits, expected.classes)?);
    Ok(splits)
}

impl Splits {
    /// How many images of the proxy split the evidence beside the drift is measured on: as many as
    /// wanted, or the usual number.
    pub fn evidence_images(&self, wanted: Option<usize>) -> usize {
        wanted.unwrap_or(EVIDENCE_IMAGES).min(self.proxy.len())
    }

    /// No images of the kind of others.
    fn empty(like: &ImageSet) -> Self {
        Splits {
            calibration: like.without_images(),
            search: like.without_images(),
            proxy: like.without_images(),
            shared: 0,
            certify: None,
            test: None,
            skipped: Vec::new(),
            notes: Vec::new(),
        }
    }
}

/// The images of each split, as numbers in the source.
struct Drawn {
    calibration: Vec<u32>,
    search: Vec<u32>,
    proxy: Vec<u32>,
    shared: usize,
    certify: Option<Vec<u32>>,
}

/// The sampled images. Damaged ones, where they are to be left out, are left out of the pool.
fn sample(
    pool: &Labelled,
    config: &DataConfig,
    loading: Loading<'_>,
    skipped: &mut Vec<Corrupt>,
) -> Result<Drawn, DataError> {
    let mut left_out = BTreeSet::new();
    loop {
        let images = pool.labels.len() - left_out.len();
        let calibration = config.calibration_of(images);
        check_counts(config, calibration, images, &pool.place)?;
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
            return evidence(pool, left, (calibration, search), config, loading, skipped);
        }
        for (index, image) in damaged {
            left_out.insert(index);
            skipped.push(image);
        }
    }
}

/// Draws the images for evidence and for the certificate behind the others.
fn evidence(
    pool: &Labelled,
    mut left: StratifiedPool,
    (calibration, search): (Vec<u32>, Vec<u32>),
    config: &DataConfig,
    loading: Loading<'_>,
    skipped: &mut Vec<Corrupt>,
) -> Result<Drawn, DataError> {
    let wanted = config.certify.unwrap_or(0);
    let for_proxy = left.len().saturating_sub(wanted);
    let mut draw = |count| undamaged(pool, &mut left, count, config, loading, skipped);
    let mut proxy = draw(config.proxy.min(for_proxy))?;
    let mut certify = draw(wanted)?;
    // Where damaged images make them too few, those for evidence give way.
    let short = wanted - certify.len();
    certify.extend(proxy.drain(proxy.len().saturating_sub(short)..));
    if certify.len() < wanted {
        return Err(too_few_to_certify(config, certify.len(), &pool.place));
    }
    // Those of the calibration split that drift does not read come first.
    let missing = config.proxy.saturating_sub(proxy.len());
    let shared = missing.min(calibration.len());
    proxy.extend(calibration.iter().rev().take(shared));
    Ok(Drawn {
        calibration,
        search,
        proxy,
        shared,
        certify: config.certify.map(|_| certify),
    })
}

/// Checks that a pool has as many images as are asked for; those for evidence give way.
fn check_counts(
    config: &DataConfig,
    calibration: usize,
    images: usize,
    place: &Path,
) -> Result<(), DataError> {
    let needed = calibration.saturating_add(config.search);
    if needed > images {
        return Err(DataError::Mismatch(format!(
            "data.calibration = {calibration} and data.search = {} need {needed} training images, but {} holds \
             {images}: lower one of them",
            config.search,
            place.display()
        )));
    }
    match config.certify {
        Some(certify) if certify > images - needed => {
            Err(too_few_to_certify(config, images - needed, place))
        }
        _ => Ok(()),
    }
}

/// The error where fewer images are left than are to certify the result.
fn too_few_to_certify(config: &DataConfig, left: usize, place: &Path) -> DataError {
    DataError::Mismatch(format!(
        "data.certify = {}: beside calibration and search {} holds {left} images; set data.certify to at most that, \
         or lower data.search",
        config.certify.unwrap_or(0),
        place.display()
    ))
}

/// Draws images that can be decoded: others take the place of damaged ones that are left out, so
/// that what was drawn before stays as it is.
fn undamaged(
    pool: &Labelled,
    left: &mut StratifiedPool,
    count: usize,
    config: &DataConfig,
    loading: Loading<'_>,
    skipped: &mut Vec<Corrupt>,
) -> Result<Vec<u32>, DataError> {
    let mut drawn = Vec::new();
    loop {
        let more = left.sample(count - drawn.len());
        if more.is_empty() {
            return Ok(drawn);
        }
        let damaged = pool.check(&more, config.on_corrupt(), loading)?;
        let is_damaged = |i: &u32| damaged.iter().any(|(at, _)| at == i);
        drawn.extend(more.into_iter().filter(|i| !is_damaged(i)));
        skipped.extend(damaged.into_iter().map(|(_, image)| image));
    }
}

impl DataConfig {
    fn on_corrupt(&self) -> OnCorrupt {
        match &self.source {
            DataSource::Folders(folders) => folders.on_corrupt,
            DataSource::Events(folders) => folders.on_corrupt,
            _ => OnCorrupt::Refuse,
        }
    }
}

#[cfg(test)]
mod tests;
