//! Completion in the shell: names of profiles and ids of runs beside commands, flags and paths.

use std::ffi::OsStr;

use clap_complete::engine::{
    ArgValueCompleter, CompletionCandidate, PathCompleter, ValueCompleter,
};

use super::source::library;
use crate::profile::{Paths, ProfileOrigin};
use crate::run;

/// The environment variable by which the script of a shell asks for completions.
pub(super) const VARIABLE: &str = "AQ4SVIT_COMPLETE";

/// Saved and shipped profiles, and files.
pub(crate) fn profiles() -> ArgValueCompleter {
    ArgValueCompleter::new(|current: &OsStr| {
        with_paths(current, profile_names(|_| true), PathCompleter::file())
    })
}

/// Profiles, ids of runs, and files: what can be exported.
pub(crate) fn profiles_and_runs() -> ArgValueCompleter {
    ArgValueCompleter::new(|current: &OsStr| {
        let names = profile_names(|_| true).into_iter().chain(run_ids());
        with_paths(current, names.collect(), PathCompleter::any())
    })
}

/// Saved profiles alone: what is renamed and deleted.
pub(crate) fn saved_profiles() -> ArgValueCompleter {
    let is_saved = |origin: &ProfileOrigin| matches!(origin, ProfileOrigin::Saved(_));
    ArgValueCompleter::new(move |current: &OsStr| matching(current, profile_names(is_saved)))
}

/// Ids of runs, the latest first, and folders.
pub(crate) fn runs() -> ArgValueCompleter {
    ArgValueCompleter::new(|current: &OsStr| with_paths(current, run_ids(), PathCompleter::dir()))
}

/// Names of profiles, each once.
fn profile_names(is_wanted: impl Fn(&ProfileOrigin) -> bool) -> Vec<(String, String)> {
    let all = library().map_or_else(|_| Vec::new(), |library| library.list());
    let mut names: Vec<(String, String)> = Vec::new();
    for (name, origin) in all.into_iter().filter(|(_, origin)| is_wanted(origin)) {
        let from = match origin {
            ProfileOrigin::Shipped(_) => "shipped",
            _ => "saved",
        };
        if !names.iter().any(|(known, _)| *known == name) {
            names.push((name, from.to_owned()));
        }
    }
    names
}

/// Ids of runs: folders with a journal. The journals are not read, which could take a while.
fn run_ids() -> Vec<(String, String)> {
    let root = Paths::from_env().map(|paths| paths.runs());
    let folders = root.ok().and_then(|root| std::fs::read_dir(root).ok());
    let folders = folders
        .into_iter()
        .flatten()
        .flatten()
        .map(|entry| entry.path());
    let mut ids: Vec<String> = folders
        .filter(|folder| folder.join(crate::journal::FILE_NAME).is_file())
        .map(|folder| run::id(&folder))
        .collect();
    ids.sort();
    ids.into_iter()
        .rev()
        .map(|id| (id, String::from("a run")))
        .collect()
}

fn matching(current: &OsStr, names: Vec<(String, String)>) -> Vec<CompletionCandidate> {
    let begun = current.to_string_lossy();
    let names = names
        .into_iter()
        .filter(|(name, _)| name.starts_with(&*begun));
    let candidate =
        |(name, about): (String, String)| CompletionCandidate::new(name).help(Some(about.into()));
    names.map(candidate).collect()
}

fn with_paths(
    current: &OsStr,
    names: Vec<(String, String)>,
    paths: PathCompleter,
) -> Vec<CompletionCandidate> {
    let mut candidates = matching(current, names);
    candidates.extend(paths.complete(current));
    candidates
}
