//! What is exported: the result of a run, or a profile.

use std::path::Path;

use anyhow::{Result, bail};

use crate::cli::source::{SetArgs, resolve as resolve_profile};
use crate::evaluate::{percent, wilson_95};
use crate::export::manifest::{Accuracy, facts::Counted};
use crate::network::Graph;
use crate::profile::{Evidence, Overrides, Paths, Profile, ResolvedProfile, Save};
use crate::quant::{Allocation, BitWidth};
use crate::run::{self, BEST, Summary};

/// A run's result or a profile.
pub(super) struct Target {
    pub profile: ResolvedProfile,
    /// The id of the run.
    pub run: Option<String>,
}

/// Reads a target.
pub(super) fn resolve(name: &str, set: &SetArgs) -> Result<Target> {
    let Ok(folder) = run::find(&Paths::from_env()?.runs(), Some(name)) else {
        return Ok(Target {
            profile: resolve_profile(name, set)?,
            run: None,
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
    let save = Save {
        text: &text,
        folder: &resolved.folder,
        name: None,
        layers: &layers,
        allocation,
        pins: &profile.pins,
        constraint: None,
        codes: None,
        evidence: evidence(profile, &graph, allocation),
    };
    Ok(save.text_for(&package.join("profile.toml"))?)
}

/// What was measured of a profile's own allocation, where that is the one to be exported and no
/// setting that matters was changed since.
pub(super) fn evidence<'a>(
    profile: &'a Profile,
    graph: &Graph,
    allocation: &Allocation,
) -> Option<&'a Evidence> {
    let is_own = profile.allocation(graph).as_ref() == Some(allocation);
    profile.valid_evidence().filter(|_| is_own)
}

/// The accuracies of evidence as a manifest has them.
pub(super) fn accuracy(evidence: &Evidence) -> Vec<Accuracy> {
    let counted = |correct: u64, images: u64| {
        let counts = [correct, images].map(|n| usize::try_from(n).unwrap_or(usize::MAX));
        let (low, high) = wilson_95(counts[0], counts[1]);
        Counted {
            correct,
            percent: percent(counts[0], counts[1]),
            interval: [100.0 * low, 100.0 * high],
        }
    };
    let of = |(split, found): (&str, &crate::profile::SplitEvidence)| Accuracy {
        split: split.to_owned(),
        images: found.images,
        float: counted(found.float_correct, found.images),
        quantized: counted(found.correct, found.images),
        drop_bound: evidence.bound.filter(|_| split == "certify"),
    };
    evidence.splits().map(of).collect()
}
