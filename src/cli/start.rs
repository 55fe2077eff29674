//! `aq4svit` alone: the start screen where there is something to choose from, else the demo.

use std::process::ExitCode;

use anyhow::{Context, Result};

use super::front::Front;
use super::output::{is_gone, message};
use super::signals::Signals;
use super::source::{SetArgs, library, resolve_quietly};
use super::{INTERRUPTED, resume, search, watch};
use crate::profile::{DEFAULT, Paths, Pin, Profile, ProfileOrigin, size_text};
use crate::report::Incumbent;
use crate::run::{self, RunError, SearchProblem, Summary};
use crate::text;
use crate::tui;
use crate::tui::start::{Chosen, ProfileEntry, Profiles, RunEntry, Values, ask};

pub(crate) fn run(signals: Signals) -> Result<ExitCode> {
    Front::Interactive.check()?;
    let paths = Paths::from_env()?;
    let mut runs: Vec<RunEntry> = run::list(&paths.runs())
        .into_iter()
        .map(|(folder, summary)| run_entry(&folder, &summary))
        .collect();
    runs.reverse();
    let all = library()?.list();
    let is_saved = |(_, origin): &(_, _)| matches!(origin, ProfileOrigin::Saved(_));
    let saved = all.iter().any(is_saved);
    if runs.is_empty() && !saved {
        return search::demo(signals);
    }
    let config = tui::Config::read(&paths.config.join(tui::config::FILE_NAME))?;
    let chosen = match ask(runs, profiles(&all), &Library, &config, &signals.watch()) {
        Err(error) if is_gone(&error) => Chosen::Nothing,
        chosen => chosen.context("the terminal interface failed")?,
    };
    signals.unwatch();
    match chosen {
        Chosen::Resume(folder) => resume::open(&folder, signals),
        Chosen::Watch(folder) => watch::open(&folder, &signals),
        Chosen::Search { profile, set } => search::begin(&profile, &SetArgs { set }, signals),
        Chosen::Nothing => Ok(ExitCode::from(INTERRUPTED)),
    }
}

fn run_entry(folder: &std::path::Path, summary: &Result<Summary, RunError>) -> RunEntry {
    let (condition, result) = match summary {
        Err(error) => ("damaged", error.to_string()),
        Ok(summary) => (summary.condition.name(), result(summary)),
    };
    RunEntry {
        folder: folder.into(),
        id: run::id(folder),
        condition: condition.to_owned(),
        result: result.lines().next().unwrap_or_default().to_owned(),
        is_open: condition == "running",
    }
}

fn result(summary: &Summary) -> String {
    let nodes = summary.tree.candidates.len();
    match Incumbent::of(&summary.tree) {
        Some(found) => format!(
            "{}, {:.1} % saved, drop {}, {nodes} nodes",
            text::numbers::bytes(found.memory_bytes),
            found.memory_saving_percent,
            text::numbers::points(found.accuracy_drop)
        ),
        None => format!("{nodes} nodes, nothing confirmed"),
    }
}

/// The demo first, then saved profiles, then the other shipped ones.
fn profiles(all: &[(String, ProfileOrigin)]) -> Vec<ProfileEntry> {
    let rank = |(name, origin): &(String, ProfileOrigin)| match origin {
        ProfileOrigin::Shipped(_) if name == DEFAULT => 0,
        ProfileOrigin::Saved(_) | ProfileOrigin::File(_) | ProfileOrigin::Checkpoint(_) => 1,
        ProfileOrigin::Shipped(_) => 2,
    };
    let mut sorted: Vec<&(String, ProfileOrigin)> = all.iter().collect();
    sorted.sort_by_key(|entry| rank(entry));
    let entry = |(name, origin): &(String, ProfileOrigin)| {
        let about = match origin {
            ProfileOrigin::Shipped(_) if name == DEFAULT => {
                "the demo: a trained network and images inside the program"
            }
            ProfileOrigin::Saved(_) => "saved",
            _ => "shipped; its weights have to be fetched",
        };
        let (name, about) = (name.clone(), about.to_owned());
        ProfileEntry { name, about }
    };
    sorted.into_iter().map(entry).collect()
}

/// The library of profiles behind the form.
struct Library;

impl Profiles for Library {
    fn values(&self, profile: &str) -> Result<Values, String> {
        let resolved = resolve_quietly(profile, &SetArgs::default()).map_err(|e| message(&e))?;
        Ok(values(&resolved.profile))
    }

    fn check(&self, profile: &str, set: &[String]) -> Result<(), String> {
        let given = SetArgs { set: set.to_vec() };
        let resolved = resolve_quietly(profile, &given).map_err(|e| {
            let why = message(&e);
            // The form shows the field, not the flag made of it.
            let place =
                |text: &String| Some(why.strip_prefix(&format!("--set {text}: "))?.to_owned());
            set.iter().find_map(place).unwrap_or(why)
        })?;
        SearchProblem::from(resolved.profile)
            .check()
            .map_err(|e| e.to_string())
    }
}

fn values(profile: &Profile) -> Values {
    let memory = profile.constraint.max_memory;
    let pins: Vec<String> = profile.pins.iter().map(Pin::to_string).collect();
    Values {
        drop: profile.constraint.max_accuracy_drop.to_string(),
        memory: memory.map_or(String::new(), size_text),
        strategy: profile.search.strategy.name().to_owned(),
        gate: profile.gate.mode.to_string(),
        limit: profile.gate.limit.to_string(),
        pins: pins.join(", "),
    }
}
