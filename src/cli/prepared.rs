//! Reading what a profile refers to, with a progress bar while images are checked.

use std::io::IsTerminal;

use anyhow::Result;
use indicatif::{ProgressBar, ProgressStyle};

use super::output::note;
use crate::data::Loading;
use crate::profile::{Paths, Profile};
use crate::run::{Prepared, RunError};

/// How many skipped images are named.
const NAMED: usize = 10;

/// Reads everything that a profile refers to, the test split where it is wanted. Images that were left out are named
/// on standard error.
pub(crate) fn prepared(profile: Profile, without_test: bool) -> Result<Prepared, RunError> {
    let bar = match std::io::stderr().is_terminal() {
        true => ProgressBar::new(0),
        false => ProgressBar::hidden(),
    };
    if let Ok(style) =
        ProgressStyle::with_template("[{bar:24}] {pos}/{len} images checked, {eta} left")
    {
        bar.set_style(style.progress_chars("=> "));
    }
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
