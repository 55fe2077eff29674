//! `aq4svit` alone: the start screen where there is something to choose from, else the demo.

pub(super) mod entries;

use std::path::Path;

use anyhow::{Context, Result};

use super::ExitCode;
use super::front::{Begun, Front};
use super::output::{is_gone, message};
use super::signals::Signals;
use super::source::{SetArgs, library, resolve_quietly};
use super::{INTERRUPTED, outside, resume, search, watch};
use crate::journal::{self, is_open_elsewhere};
use crate::profile::{Paths, Pin, Profile, ProfileName, ProfileOrigin, size_text};
use crate::run::{self, SearchProblem};
use crate::tui;
use crate::tui::model::Setting;
use crate::tui::start::{
    Chosen, ProfileEntry, Profiles, RunEntry, StartModel, Subject, Values, ask,
};
use crate::tui::{Destination, Session};

pub(crate) fn run(signals: Signals) -> Result<ExitCode> {
    Front::Interactive.check()?;
    let paths = Paths::from_env()?;
    let is_saved = |(_, origin): &(_, _)| matches!(origin, ProfileOrigin::Saved(_));
    let saved = library()?.list().iter().any(is_saved);
    match run::list(&paths.runs()).is_empty() && !saved {
        true => search::demo(signals),
        false => Launcher::new()?.choose(signals),
    }
}

/// Goes on where the interface of a run was left for. What cannot be opened is said on the start
/// screen.
pub(crate) fn go_on(to: Destination, signals: Signals) -> Result<ExitCode> {
    let mut launcher = Launcher::new()?;
    match to {
        Destination::Start => launcher.choose(signals),
        Destination::Profile(profile) => {
            launcher.model.set_up(&profile, &launcher.offered);
            launcher.choose(signals)
        }
        Destination::Run(folder) => {
            let chosen = match is_open_elsewhere(&folder) {
                true => Chosen::Watch(folder),
                false => Chosen::Resume(folder),
            };
            match begin(chosen, &signals) {
                Ok(shown) => shown.show(signals),
                Err(error) => {
                    launcher.failed(&error);
                    launcher.choose(signals)
                }
            }
        }
    }
}

/// What was chosen on the start screen, ready to be shown.
enum Shown {
    Run(Box<Begun>),
    Watched(Box<Session>),
    Nothing,
}

impl Shown {
    fn show(self, signals: Signals) -> Result<ExitCode> {
        match self {
            Shown::Run(begun) => begun.watch(Front::Interactive, signals),
            Shown::Watched(session) => watch::show(*session, signals),
            Shown::Nothing => Ok(ExitCode::from(INTERRUPTED)),
        }
    }
}

/// Opens what was chosen; the terminal is the shell's meanwhile.
fn begin(chosen: Chosen, signals: &Signals) -> Result<Shown> {
    Ok(match chosen {
        Chosen::Resume(folder) => Shown::Run(Box::new(resume::begin(&folder)?)),
        Chosen::Watch(folder) => Shown::Watched(Box::new(watch::session(&folder, signals)?)),
        Chosen::Search { profile, set } => {
            Shown::Run(Box::new(search::begin(&profile, &SetArgs { set })?))
        }
        Chosen::Nothing => Shown::Nothing,
    })
}

/// The start screen with what it offers.
struct Launcher {
    model: StartModel,
    offered: Offered,
}

impl Launcher {
    fn new() -> Result<Self> {
        let paths = Paths::from_env()?;
        let config = tui::Config::read(&outside::config(&paths))?;
        let (runs, profiles) = entries::all(&paths)?;
        // The terminal says how large it is when the screen is shown.
        let mut model = StartModel::new(runs, profiles, config.theme(), (80, 24));
        model.blank.keymap = config.keymap()?;
        Ok(Launcher {
            model,
            offered: Offered { paths },
        })
    }

    /// Asks until something can be begun that was chosen, and shows that.
    fn choose(mut self, signals: Signals) -> Result<ExitCode> {
        loop {
            let chosen = match ask(&mut self.model, &self.offered, &signals.watch()) {
                Err(error) if is_gone(&error) => Chosen::Nothing,
                chosen => chosen.context("the terminal interface failed")?,
            };
            // While files are read a signal ends the program.
            signals.unwatch();
            match begin(chosen, &signals) {
                Ok(shown) => return shown.show(signals),
                Err(error) => self.failed(&error),
            }
        }
    }

    fn failed(&mut self, error: &anyhow::Error) {
        self.model.failed(message(error), &self.offered);
    }
}

/// The runs and profiles behind the start screen.
struct Offered {
    paths: Paths,
}

impl Profiles for Offered {
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
        if let Some(missing) = entries::missing(&resolved.profile) {
            return Err(missing);
        }
        SearchProblem::from(resolved.profile)
            .check()
            .map_err(|e| e.to_string())
    }

    fn of_run(&self, run: &Path) -> Result<String, String> {
        let files = [run::BEST, run::PROFILE].map(|name| run.join(name));
        let found = files.into_iter().find(|file| file.is_file());
        found
            .map(|file| file.display().to_string())
            .ok_or_else(|| format!("{} holds no profile", run.display()))
    }

    fn rename(&self, what: &Subject, name: &str) -> Result<(), String> {
        let new: ProfileName = name.parse().map_err(|e| format!("{e}"))?;
        match what {
            Subject::Profile(old) => {
                new.unreserved().map_err(|e| e.to_string())?;
                let library = library().map_err(|e| message(&e))?;
                library
                    .rename(old, &new)
                    .map(drop)
                    .map_err(|e| e.to_string())
            }
            Subject::Run(folder) => {
                let to = folder.with_file_name(name);
                if to.exists() {
                    return Err(format!("{} exists already", to.display()));
                }
                closed(folder)?;
                std::fs::rename(folder, &to).map_err(|e| e.to_string())
            }
        }
    }

    fn delete(&self, what: &Subject) -> Result<(), String> {
        match what {
            Subject::Profile(name) => {
                let library = library().map_err(|e| message(&e))?;
                library.delete(name).map(drop).map_err(|e| e.to_string())
            }
            Subject::Run(folder) => {
                closed(folder)?;
                std::fs::remove_dir_all(folder)
                    .map_err(|e| format!("cannot delete {}: {e}", folder.display()))
            }
        }
    }

    fn keep(&self, setting: Setting) -> Result<(), String> {
        outside::keep(&outside::config(&self.paths), setting).map_err(|e| e.to_string())
    }

    fn list(&self) -> Option<(Vec<RunEntry>, Vec<ProfileEntry>)> {
        entries::all(&self.paths).ok()
    }
}

/// Checks that a folder is that of a run which nobody has open.
fn closed(folder: &Path) -> Result<(), String> {
    if !folder.join(journal::FILE_NAME).is_file() {
        return Err(format!("{} is no folder of a run", folder.display()));
    }
    match is_open_elsewhere(folder) {
        true => Err(String::from("another program has this run open")),
        false => Ok(()),
    }
}

fn values(profile: &Profile) -> Values {
    let constraint = &profile.constraint;
    let memory = constraint.max_memory;
    let pins: Vec<String> = profile.pins.iter().map(Pin::to_string).collect();
    let menu: Vec<String> = profile.menu.iter().map(ToString::to_string).collect();
    let some = |n: Option<String>| n.unwrap_or_default();
    Values {
        drop: constraint.max_accuracy_drop.to_string(),
        memory: memory.map_or(String::new(), size_text),
        chip: some(profile.target.as_ref().map(|t| t.name.clone())),
        strategy: profile.search.strategy.name().to_owned(),
        beam_width: profile.search.beam_width.to_string(),
        gate: profile.gate.mode.to_string(),
        limit: profile.gate.limit.to_string(),
        bits: menu.join(" "),
        evaluations: some(constraint.max_evaluations.map(|n| n.to_string())),
        seconds: some(constraint.max_seconds.map(|n| n.to_string())),
        calibration: some(profile.data.as_ref().map(|d| d.calibration.to_string())),
        seed: profile.search.seed.to_string(),
        pins: pins.join(", "),
        checkpoint: some(profile.checkpoint.as_ref().map(ToString::to_string)),
    }
}
