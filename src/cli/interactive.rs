//! A run in the terminal interface.

use std::cell::RefCell;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::rc::Rc;

use anyhow::{Context, Result, bail};

use super::INTERRUPTED;
use super::front::Front;
use super::output::{is_gone, line};
use super::signals::Signals;
use crate::profile::{Library, Paths, Save, codes_file};
use crate::run::{self, EvaluatorOptions, Handle, PROFILE, SideFiles};
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
    let save = saver(&folder, handle.layers.clone(), handle.side_files.clone())?;
    let first = ends(&handle);
    // One at a time: the journal belongs to whoever has it open.
    let handle = Rc::new(RefCell::new(handle));
    let session = Session {
        run: RunInfo {
            id: run::id(&folder),
            argument: argument.clone(),
            folder: folder.clone(),
            device: options.device.clone(),
        },
        ends: first,
        save,
        retry: retry(Rc::clone(&handle), &folder, options),
        config: tui::Config::read(&paths.config.join(tui::config::FILE_NAME))?,
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
    line(&format!("run {}", folder.display()))?;
    report(&mut handle.borrow_mut(), &argument, outcome)
}

/// The way to go on after a failure: the run is stopped and resumed.
fn retry(handle: Rc<RefCell<Handle>>, folder: &Path, options: &EvaluatorOptions) -> tui::Retry {
    let (folder, options) = (folder.to_owned(), options.clone());
    Box::new(move || {
        handle.borrow_mut().stop();
        let again =
            run::resume(&folder, &options, run::Script::default()).map_err(|e| e.to_string())?;
        let ends = ends(&again);
        handle.replace(again);
        Ok(ends)
    })
}

/// Prints what became of a run whose interface was closed.
fn report(handle: &mut Handle, argument: &str, outcome: Outcome) -> Result<ExitCode> {
    let again = format!("continue with `aq4svit resume {argument}`");
    if let Outcome::Failed(why) = outcome {
        bail!("{why}\nwhat was computed is safe: {again}");
    }
    let summary = handle.summary()?;
    if summary.tree.finished.is_some() {
        return Front::Interactive.report(&summary);
    }
    line(&format!("not finished; everything so far is safe: {again}"))?;
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
    side_files: Option<SideFiles>,
) -> Result<tui::Save> {
    let library = Library::new(&Paths::from_env()?);
    let folder = folder.to_owned();
    let text = std::fs::read_to_string(folder.join(PROFILE)).context("the run's profile")?;
    Ok(Box::new(
        move |name, allocation, (pins, constraint), overwrite| {
            let other = |e: &dyn std::fmt::Display| SaveError::Other(e.to_string());
            let target = library.path(&name.parse().map_err(|e| other(&e))?);
            let names: Vec<&str> = layers.iter().map(String::as_str).collect();
            // Without the file the profile is calibrated anew where it is evaluated.
            let codes = side_files.as_ref().and_then(|files| {
                let content = files.content(allocation, &codes_file(&target));
                content.ok().flatten()
            });
            let save = Save {
                text: &text,
                folder: &folder,
                name: Some(name),
                layers: &names,
                allocation,
                pins,
                constraint: Some(constraint),
                codes: codes.as_deref(),
            };
            match save.write(&target, overwrite) {
                Ok(()) => Ok(target),
                Err(crate::profile::SaveError::Exists(path)) => Err(SaveError::Exists(path)),
                Err(e) => Err(other(&e)),
            }
        },
    ))
}
