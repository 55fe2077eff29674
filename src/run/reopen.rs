//! The network and the images of a run, read again to evaluate more than the run did.

use std::path::Path;

use serde::Serialize;

use super::files::PROFILE;
use super::{EvaluatorOptions, Evaluators, Prepared, RunError, SearchProblem, SideFiles, Summary};
use crate::evaluate::{Cancel, Progress, Split, correct, percent};
use crate::journal::Fingerprint;
use crate::profile::Profile;
use crate::quant::Scheme;

/// Reads what a run evaluated with, the test images included: they are part of its fingerprint.
/// `load` reads the files of a profile.
///
/// # Errors
/// [`RunError`] of `load`, and [`RunError::Altered`] where network, weights, images or quantizer
/// are not those of the run any more.
pub fn reopen(
    summary: &Summary,
    load: impl FnOnce(SearchProblem) -> Result<Prepared, RunError>,
) -> Result<Prepared, RunError> {
    let mut profile = Profile::load(&summary.folder.join(PROFILE))?;
    // The fingerprints that are compared below cover the calibration images.
    profile.calibration_hash = None;
    let prepared = load(profile.into())?;
    // What the search was told to do, and on which machine, does not matter here.
    let then = &summary.header.fingerprint;
    let now = Fingerprint {
        search: then.search.clone(),
        ..prepared.fingerprint(then.numerics.clone())
    };
    let differences = then.differences(&now);
    if differences.is_empty() {
        return Ok(prepared);
    }
    let parts: Vec<&str> = differences.iter().map(|(part, ..)| *part).collect();
    Err(RunError::Altered {
        folder: summary.folder.clone(),
        parts: parts.join(", "),
    })
}

/// The maker of the files of quantized layers of a run that is not open here; none where they need
/// no calibration images. `load` reads the files of a profile.
///
/// # Errors
/// As [`reopen`] and [`Evaluators::of`].
pub fn side_files(
    folder: &Path,
    options: &EvaluatorOptions,
    load: impl FnOnce(SearchProblem) -> Result<Prepared, RunError>,
) -> Result<Option<SideFiles>, RunError> {
    let profile = Profile::load(&folder.join(PROFILE))?;
    if !profile.scheme.needs_images() {
        return Ok(None);
    }
    let prepared = reopen(&Summary::read(folder)?, load)?;
    Ok(Evaluators::of(prepared, options, None)?.side_files)
}

/// The accuracy of an allocation on the whole search split of its run.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct SearchAccuracy {
    /// Images of the search split.
    pub images: usize,
    /// Images that are classified correctly.
    pub correct: usize,
    /// The accuracy in percent.
    pub accuracy: f64,
    /// The accuracy drop in percentage points.
    pub accuracy_drop: f64,
}

/// Evaluates the result of a run on its whole search split with every weight rounded to the nearest
/// grid point and no correction: the baseline of a calibrated quantizer. The stored affine stays,
/// so that both take the same memory. `prepared` is what [`reopen`] has read; none where there is
/// no result.
///
/// # Errors
/// As [`Evaluators::of`], and [`RunError::Evaluate`].
pub fn rounded_to_nearest(
    summary: &Summary,
    mut prepared: Prepared,
    options: &EvaluatorOptions,
    cancel: &Cancel,
    progress: &mut dyn FnMut(Progress),
) -> Result<Option<SearchAccuracy>, RunError> {
    let Some(result) = summary.tree.result() else {
        return Ok(None);
    };
    let Scheme {
        affine,
        membrane_bits,
        granularity,
        scale,
        ..
    } = prepared.profile.scheme;
    prepared.profile.scheme = Scheme {
        affine,
        membrane_bits,
        granularity,
        scale,
        ..Scheme::default()
    };
    let images = prepared.settings.search_images;
    let mut evaluator = Evaluators::of(prepared, options, None)?.first()?;
    let (allocation, split) = (result.allocation.clone(), (Split::Search, images));
    let (bits, _) = correct(&mut *evaluator, allocation, split, cancel, progress)?;
    let accuracy = percent(bits.correct(), images);
    Ok(Some(SearchAccuracy {
        images,
        correct: bits.correct(),
        accuracy,
        accuracy_drop: percent(summary.tree.float.correct(), images) - accuracy,
    }))
}
