//! A run in the terminal interface.

use std::cell::RefCell;
use std::path::{Path, PathBuf};
use std::rc::Rc;

use anyhow::{Context, Result, bail};

use super::ExitCode;
use super::INTERRUPTED;
use super::front::Front;
use super::output::{is_gone, line, words};
use super::saving::{Saver, SideFilesOf};
use super::signals::Signals;
use super::{headless, outside, start};
use crate::profile::Paths;
use crate::run::{self, EvaluatorOptions, Handle};
use crate::text::numbers::{bytes, points};
use crate::tui::model::RunInfo;
use crate::tui::{self, Ends, Outcome, SaveError, Session};

/// Shows a run until the user leaves or it ends; then prints its outcome.
pub(crate) fn watch(
    handle: Handle,
    options: &EvaluatorOptions,
    signals: Signals,
) -> Result<ExitCode> {
    let folder = handle.folder.clone();
    let paths = Paths::from_env()?;
    let argument = run::argument(&paths.runs(), &folder);
    let side_files = handle.side_files.clone();
    let side_files: SideFilesOf = Box::new(move || Ok(side_files.clone()));
    let save = saver(&folder, handle.layers.clone(), side_files)?;
    let first = ends(&handle);
    let config = tui::Config::read(&outside::config(&paths))?;
    // One at a time: the journal belongs to whoever has it open.
    let handle = Rc::new(RefCell::new(handle));
    let session = Session {
        run: RunInfo {
            id: run::id(&folder),
            argument: argument.clone(),
            folder: folder.clone(),
            device: options.device.clone(),
            classes: run::classes(&folder),
            expected: handle.borrow().expected,
        },
        ends: first,
        save,
        retry: retry(Rc::clone(&handle), &folder, options),
        outside: outside::outside(&folder, &paths),
        welcome: config.welcome.unwrap_or_else(|| is_first(&paths)),
        config,
        watching: false,
        signals: signals.watch(),
    };
    let ending = tui::run(session);
    handle.borrow_mut().stop();
    let (saved, outcome) = match ending {
        Ok(ending) => (ending.saved, ending.outcome),
        // Drawing may find out before the signal tells.
        Err(error) if is_gone(&error) => (Vec::new(), Outcome::Terminated),
        Err(error) => return Err(error).context("the terminal interface failed"),
    };
    saved_lines(&saved)?;
    if let Outcome::Elsewhere(to) = outcome {
        signals.unwatch();
        drop(handle);
        return start::go_on(to, signals);
    }
    words(&format!("run {}", folder.display()))?;
    report(&mut handle.borrow_mut(), &argument, outcome)
}

/// True where no other run was ever made here.
fn is_first(paths: &Paths) -> bool {
    std::fs::read_dir(paths.runs()).is_ok_and(|runs| runs.count() <= 1)
}

/// The way to go on after a failure: the run is stopped and resumed.
fn retry(handle: Rc<RefCell<Handle>>, folder: &Path, options: &EvaluatorOptions) -> tui::Retry {
    let (folder, options) = (folder.to_owned(), options.clone());
    Box::new(move || {
        handle.borrow_mut().stop();
        let again = run::resume(&folder, &options, run::Script::interactive())
            .map_err(|e| e.to_string())?;
        let ends = ends(&again);
        handle.replace(again);
        Ok(ends)
    })
}

/// Prints what became of a run whose interface was closed.
fn report(handle: &mut Handle, argument: &str, outcome: Outcome) -> Result<ExitCode> {
    let again = format!("continue with `aq4svit resume {argument}`");
    if let Outcome::Failed(why) = outcome {
        bail!("{}", headless::failed(&why, &handle.folder, argument));
    }
    let summary = handle.summary()?;
    if summary.tree.finished.is_some() {
        let code = Front::Interactive.report(&summary)?;
        words(&format!(
            "  next      aq4svit report {argument}; aq4svit resume {argument} opens it again"
        ))?;
        return Ok(code);
    }
    if let Some(found) = summary.tree.best() {
        let drop = found
            .judgement()
            .map(|j| format!(", drop {} pp", points(j.drop())));
        words(&format!(
            "incumbent so far: {}, {}{}",
            found.id,
            bytes(found.bytes),
            drop.unwrap_or_default()
        ))?;
    }
    words(&format!("not finished; everything so far is safe: {again}"))?;
    Ok(ExitCode::from(INTERRUPTED))
}

/// Prints the profiles that were saved from the interface.
pub(crate) fn saved_lines(saved: &[PathBuf]) -> Result<()> {
    let mut saved = saved.iter();
    saved.try_for_each(|path| line(&format!("saved {}", path.display())))
}

fn ends(handle: &Handle) -> Ends {
    Ends {
        commands: handle.commands.clone(),
        updates: handle.updates.clone(),
        probe: handle.probe.clone(),
    }
}

/// Saves allocations of the run as profiles of the user's library.
pub(crate) fn saver(
    folder: &Path,
    layers: Vec<String>,
    side_files: SideFilesOf,
) -> Result<tui::Save> {
    let mut saver = Saver::new(folder, layers, side_files)?;
    Ok(Box::new(move |asked| {
        let other = |e: &dyn std::fmt::Display| SaveError::Other(e.to_string());
        let name = asked.name.parse().map_err(|e| other(&e))?;
        let rules = (asked.pins.as_slice(), Some(&asked.constraint));
        match saver.save(&name, &asked.allocation, rules, asked.overwrite) {
            Ok(saved) => Ok(saved),
            Err(crate::profile::SaveError::Exists(path)) => Err(SaveError::Exists(path)),
            Err(e) => Err(other(&e)),
        }
    }))
}
