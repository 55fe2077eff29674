//! `aq4svit resume`.

use std::path::Path;

use anyhow::Result;

use super::ExitCode;
use super::commands::CommandArgs;
use super::front::{Begun, Front, RunArgs};
use super::signals::Signals;
use crate::profile::Paths;
use crate::run::{self, EvaluatorOptions, RunStatus, Summary};

#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// A run: its id or its folder (the latest when not given)
    #[arg(add = super::complete::runs())]
    run: Option<String>,
    #[command(flatten)]
    shown: RunArgs,
}

/// Continues a run that the interface is to show.
pub(crate) fn begin(folder: &Path) -> Result<Begun> {
    let (script, script_errors) = CommandArgs::default().open(Front::Interactive)?;
    let options = EvaluatorOptions {
        self_check: true,
        ..EvaluatorOptions::default()
    };
    let handle = run::resume(folder, &options, script)?;
    Ok(Begun {
        handle,
        script_errors,
        options,
    })
}

pub(crate) fn run(args: &Args, signals: Signals) -> Result<ExitCode> {
    let folder = run::find(&Paths::from_env()?.runs(), args.run.as_deref())?;
    let front = args.shown.front();
    // A finished run shows its result again. Commands and the interface can open it again.
    if front != Front::Interactive && !args.shown.commands.is_given() {
        let summary = Summary::read(&folder)?;
        if summary.condition == RunStatus::Finished {
            run::restore_best(&summary)?;
            return front.report(&summary);
        }
    }
    front.check()?;
    let options = args.shown.options()?;
    let (script, script_errors) = args.shown.commands.open(front)?;
    let handle = run::resume(&folder, &options, script)?;
    let begun = Begun {
        handle,
        script_errors,
        options,
    };
    begun.watch(front, signals)
}
