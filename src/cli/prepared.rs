//! The files of a profile, read with a progress bar while images are checked.

use anyhow::Result;

use super::output::note;
use super::progress::bar;
use crate::data::Loading;
use crate::profile::{Paths, Profile};
use crate::run::{Prepared, RunError};

/// The most skipped images that are named.
const NAMED: usize = 10;

/// Reads the files of a profile, the test split unless it is not needed. Images that are skipped
/// are named on standard error.
pub(crate) fn prepared(profile: Profile, without_test: bool) -> Result<Prepared, RunError> {
    let bar = bar(0, "[{bar:24}] {pos}/{len} images checked, {eta} left");
    let progress = |done: usize, of: usize| {
        bar.set_length(of as u64);
        bar.set_position(done as u64);
    };
    let cache = Paths::from_env().ok().map(|paths| paths.cache());
    let prepared = Prepared::load(
        profile,
        Loading {
            cache: cache.as_deref(),
            without_test,
            progress: Some(&progress),
        },
    );
    bar.finish_and_clear();
    let prepared = prepared?;
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
