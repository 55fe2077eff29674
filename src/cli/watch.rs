//! `aq4svit watch`: a second screen on a run.

use std::path::Path;

use anyhow::{Context, Result};
use crossbeam_channel::unbounded;

use super::ExitCode;
use super::front::Front;
use super::interactive::{saved_lines, saver};
use super::results::ResultArgs;
use super::saving::SideFilesOf;
use super::signals::Signals;
use super::{outside, start};
use crate::profile::Paths;
use crate::run::{self, EvaluatorOptions, Prepared, Summary};
use crate::tui::model::RunInfo;
use crate::tui::{self, Ends, Outcome, Session};

/// Follow a run without changing it: one that is active elsewhere, or one that has ended
///
/// Follows its journal. The time slider goes back to any moment, and `p` plays the search
/// from its start.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// A run: its id or its folder (the latest when not given)
    #[arg(add = super::complete::runs())]
    run: Option<String>,
}

pub(crate) fn run(args: &Args, signals: Signals) -> Result<ExitCode> {
    Front::Interactive.check_or("`aq4svit report` prints what a run came to")?;
    let folder = run::find(&Paths::from_env()?.runs(), args.run.as_deref())?;
    show(session(&folder, &signals)?, signals)
}

/// The quantized layers of a run that is evaluated elsewhere: what it was made with is read when
/// the first profile is saved.
fn quantized_again(folder: &Path) -> SideFilesOf {
    let folder = folder.to_owned();
    let mut known = None;
    Box::new(move || {
        if let Some(known) = &known {
            return Ok(Option::clone(known));
        }
        let options = EvaluatorOptions {
            results: ResultArgs::default().folder(),
            ..EvaluatorOptions::default()
        };
        let files = run::side_files(&folder, &options, Prepared::new)?;
        Ok(known.insert(files).clone())
    })
}

/// A run that cannot be steered from this screen.
pub(crate) fn session(folder: &Path, signals: &Signals) -> Result<Session> {
    let paths = Paths::from_env()?;
    let summary = Summary::read(folder)?;
    let settings = summary.tree.settings.as_ref();
    let layers = settings.map_or(Vec::new(), |s| {
        s.space.layers.iter().map(|l| l.name.clone()).collect()
    });
    // The interface sends no commands.
    let (commands, _) = unbounded();
    Ok(Session {
        run: RunInfo {
            id: summary.header.run.clone(),
            argument: run::argument(&paths.runs(), folder),
            folder: folder.to_owned(),
            device: format!("on {}", summary.header.host),
            classes: run::classes(folder),
            expected: None,
        },
        ends: Ends {
            commands,
            updates: run::follow(folder)?,
            probe: None,
        },
        save: saver(folder, layers, quantized_again(folder))?,
        retry: Box::new(|| Err(String::from("this screen only watches"))),
        outside: outside::outside(folder, &paths),
        welcome: false,
        config: tui::Config::read(&outside::config(&paths))?,
        watching: true,
        signals: signals.watch(),
    })
}

/// Shows it until the user leaves.
pub(crate) fn show(session: Session, signals: Signals) -> Result<ExitCode> {
    let ending = tui::run(session).context("the terminal interface failed")?;
    saved_lines(&ending.saved)?;
    if let Outcome::Elsewhere(to) = ending.outcome {
        signals.unwatch();
        return start::go_on(to, signals);
    }
    Ok(ExitCode::SUCCESS)
}
