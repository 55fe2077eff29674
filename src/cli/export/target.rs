//! What is exported: the result of a run, or a profile.

use std::path::Path;

use anyhow::{Result, bail};

use crate::cli::source::{SetArgs, resolve as resolve_profile};
use crate::evaluate::{percent, wilson_95};
use crate::export::manifest::{Accuracy, facts::Counted};
use crate::profile::{Overrides, Paths, Profile, ResolvedProfile, Save};
use crate::quant::{Allocation, BitWidth};
use crate::run::{self, BEST, Summary};
use crate::search::Tree;

/// A run's result or a profile.
pub(super) struct Target {
    pub profile: ResolvedProfile,
    /// The id of the run.
    pub run: Option<String>,
    /// What was measured of it.
    pub accuracy: Vec<Accuracy>,
}

/// Reads a target. `as_it_is`: nothing on the command line changes its bit-widths.
pub(super) fn resolve(name: &str, set: &SetArgs, as_it_is: bool) -> Result<Target> {
    let Ok(folder) = run::find(&Paths::from_env()?.runs(), Some(name)) else {
        return Ok(Target {
            profile: resolve_profile(name, set)?,
            run: None,
            accuracy: Vec::new(),
        });
    };
    let summary = Summary::read(&folder)?;
    if summary.tree.result().is_none() {
        bail!(
            "{}: nothing has met the constraint in this run, so that it has no result to export",
            folder.display()
        );
    }
    run::restore_best(&summary)?;
    let best = folder.join(BEST).display().to_string();
    Ok(Target {
        profile: resolve_profile(&best, set)?,
        run: Some(run::id(&folder)),
        accuracy: match as_it_is && set.set.is_empty() {
            true => accuracy(&summary.tree),
            false => Vec::new(),
        },
    })
}

/// The text of the package's profile: the profile with the allocation as its `[bits]`, the menu
/// wide enough for it, and paths that start from the package.
pub(super) fn profile_text(
    resolved: &ResolvedProfile,
    allocation: &Allocation,
    package: &Path,
) -> Result<String> {
    let profile = &resolved.profile;
    let mut menu: Vec<BitWidth> = profile.menu.iter().chain(&allocation.0).copied().collect();
    menu.sort_unstable();
    menu.dedup();
    let text = match menu == profile.menu {
        true => resolved.text.clone(),
        false => {
            let width = |w: &BitWidth| match w.is_float() {
                true => "\"float\"".to_owned(),
                false => w.to_string(),
            };
            let menu: Vec<String> = menu.iter().map(width).collect();
            let menu = format!("quantizer.bits=[{}]", menu.join(", "));
            let overrides = Overrides::parse([menu.as_str()], resolved.folder.clone())?;
            let here = resolved.folder.join("profile.toml");
            Profile::parse_with(&resolved.text, &here, &overrides)?.1
        }
    };
    let graph = profile.graph();
    let layers: Vec<&str> = graph.layers.iter().map(|l| l.name.as_str()).collect();
    // What was measured of the very allocation holds for the package.
    let is_own = profile.allocation(&graph).as_ref() == Some(allocation);
    let evidence = profile.valid_evidence().filter(|_| is_own).cloned();
    let save = Save {
        text: &text,
        folder: &resolved.folder,
        name: None,
        layers: &layers,
        allocation,
        pins: &profile.pins,
        constraint: None,
        codes: None,
        evidence: evidence.as_ref(),
    };
    Ok(save.text_for(&package.join("profile.toml"))?)
}

/// What a run measured of its result.
fn accuracy(tree: &Tree) -> Vec<Accuracy> {
    let counted = |correct: usize, images: usize| {
        let (low, high) = wilson_95(correct, images);
        Counted {
            correct: correct as u64,
            percent: percent(correct, images),
            interval: [100.0 * low, 100.0 * high],
        }
    };
    let of = |split: &str, images: usize, float: usize, correct: usize| Accuracy {
        split: split.to_owned(),
        images: images as u64,
        float: counted(float, images),
        quantized: counted(correct, images),
    };
    let judged = tree.result().and_then(|c| c.judgement());
    let searched = judged.map(|j| of("search", j.images, j.float_correct, j.correct));
    let tested = tree.tested();
    let tested = tested.map(|(images, float, correct)| of("test", images, float, correct));
    searched.into_iter().chain(tested).collect()
}
