//! The files of a profile, read with a progress bar while images are checked.

use anyhow::Result;

use super::output::note;
use super::progress::bar;
use crate::checkpoint::StateDict;
use crate::data::Loading;
use crate::evaluate::Split;
use crate::profile::{Paths, Profile};
use crate::quant::Allocation;
use crate::run::{FixedLayers, Prepared, RunError, SearchProblem, SideFileError};

/// The most skipped images that are named.
const NAMED: usize = 10;

/// Reads the files of a profile, the test split unless it is not needed. Images that are skipped
/// are named on standard error.
pub(crate) fn prepared(problem: SearchProblem, without_test: bool) -> Result<Prepared, RunError> {
    loaded(|loading| {
        let loading = Loading {
            without_test,
            ..loading
        };
        Prepared::load(problem, loading)
    })
}

/// Reads what it takes to evaluate an allocation on a split. Why a file of quantized layers is not
/// used is said on standard error.
pub(crate) fn prepared_for(
    profile: Profile,
    job: (&Allocation, Split),
) -> Result<Prepared, RunError> {
    let mut say = |why: &SideFileError| {
        note(&format!(
            "note: {why}; its layers are calibrated again from the images at hand"
        ));
    };
    loaded(|loading| Prepared::load_for(profile.into(), loading, job, &mut say))
}

/// Reads what it takes to evaluate given quantized layers on a split.
pub(crate) fn prepared_with(
    profile: Profile,
    (weights, layers): (StateDict, FixedLayers),
    split: Split,
) -> Result<Prepared, RunError> {
    loaded(|loading| Prepared::with_layers(profile.into(), weights, layers, (loading, split)))
}

/// Says on standard error what a person should know of weights or images.
pub(crate) fn say_notes(notes: &[String]) {
    for sentence in notes {
        note(&format!("note: {sentence}"));
    }
}

fn loaded(
    load: impl FnOnce(Loading<'_>) -> Result<Prepared, RunError>,
) -> Result<Prepared, RunError> {
    let bar = bar(0, "[{bar:24}] {pos}/{len} images checked, {eta} left");
    let progress = |done: usize, of: usize| {
        bar.set_length(of as u64);
        bar.set_position(done as u64);
    };
    let cache = Paths::from_env().ok().map(|paths| paths.cache());
    let prepared = load(Loading {
        cache: cache.as_deref(),
        progress: Some(&progress),
        ..Loading::default()
    });
    bar.finish_and_clear();
    let prepared = prepared?;
    say_notes(prepared.weights.notes());
    say_notes(&prepared.splits.notes);
    let skipped = &prepared.splits.skipped;
    if !skipped.is_empty() {
        note(&format!(
            "note: {} image(s) cannot be decoded and are left out:",
            skipped.len()
        ));
        for image in skipped.iter().take(NAMED) {
            note(&format!("  {image}"));
        }
        if skipped.len() > NAMED {
            note(&format!("  and {} more", skipped.len() - NAMED));
        }
    }
    Ok(prepared)
}
