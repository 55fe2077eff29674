//! The front end of a run: the interface, lines of text, or JSON.

use std::io::IsTerminal;
use std::process::ExitCode;

use anyhow::{Result, bail};
use crossbeam_channel::Receiver;

use super::commands::{CommandArgs, ScriptError};
use super::device::DeviceArgs;
use super::optimizations::OptimizationArgs;
use super::output::{json_line, line, note};
use super::results::ResultArgs;
use super::signals::Signals;
use super::{exit_code, headless, interactive};
use crate::run::{EvaluatorOptions, Finished, Handle, Summary};
use crate::text;

/// Flags of every command that shows a run.
#[derive(Debug, clap::Args)]
#[command(group(clap::ArgGroup::new("lines").args(["headless", "json"]).multiple(true)))]
pub(crate) struct RunArgs {
    /// Without the terminal interface: plain lines, and a progress bar on a terminal
    #[arg(long)]
    headless: bool,
    /// Print every new event as a line of JSON, the result last (implies --headless)
    #[arg(long)]
    json: bool,
    /// Evaluators that work at the same time, on the devices in turn (one on each when not given);
    /// results do not depend on it
    ///
    /// They share the threads. Worth it where one evaluation is too small for all
    /// threads, and on machines with several CUDA devices.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=256))]
    workers: Option<u16>,
    #[command(flatten)]
    results: ResultArgs,
    #[command(flatten)]
    pub commands: CommandArgs,
    #[command(flatten)]
    optimizations: OptimizationArgs,
    #[command(flatten)]
    device: DeviceArgs,
}

impl RunArgs {
    /// How to evaluate.
    pub fn options(&self) -> EvaluatorOptions {
        EvaluatorOptions {
            // Plain runs do not use results of earlier runs either.
            results: (!self.optimizations.plain)
                .then(|| self.results.folder())
                .flatten(),
            workers: self.workers.map(usize::from),
            optimizations: self.optimizations.optimizations(),
            cache_memory: self.optimizations.cache_memory,
            ..self.device.options(self.results)
        }
    }

    pub fn front(&self) -> Front {
        match (self.headless, self.json) {
            (_, true) => Front::Json,
            (true, false) => Front::Lines,
            (false, false) => Front::Interactive,
        }
    }
}

/// How a run is shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Front {
    /// In the terminal interface.
    Interactive,
    /// As lines of text.
    Lines,
    /// As lines of JSON.
    Json,
}

impl Front {
    /// The interface needs a terminal on both sides.
    pub fn check(self) -> Result<()> {
        let dumb = std::env::var("TERM").is_ok_and(|term| term == "dumb");
        if self == Front::Interactive && dumb {
            bail!(
                "TERM=dumb: this terminal cannot show the interface; use --headless (or --json), or set TERM to what the terminal is"
            );
        }
        let terminal = std::io::stdout().is_terminal() && std::io::stdin().is_terminal();
        if self == Front::Interactive && !terminal {
            bail!(
                "standard input and output must be a terminal for the interface; use --headless (or --json) otherwise"
            );
        }
        Ok(())
    }

    /// Shows a run to its end, or until it is left; `script_errors` are of lines of `--commands`.
    pub fn watch(
        self,
        handle: Handle,
        script_errors: Receiver<ScriptError>,
        options: &EvaluatorOptions,
        signals: Signals,
    ) -> Result<ExitCode> {
        for text in &handle.notes {
            note(&format!("note: {text}"));
        }
        match self {
            Front::Interactive => interactive::watch(handle, options, signals),
            Front::Lines | Front::Json => headless::watch(handle, script_errors, self, signals),
        }
    }

    /// Prints the result of a finished run and returns the exit code it stands for.
    pub fn report(self, summary: &Summary) -> Result<ExitCode> {
        let Summary {
            counters, totals, ..
        } = *summary;
        let Some(finished) = Finished::new(&summary.tree, counters, totals, &summary.folder) else {
            bail!("the run has not finished")
        };
        match self {
            Front::Json => json_line(&finished)?,
            Front::Interactive => line(&finished.to_string())?,
            Front::Lines => {
                line(&finished.to_string())?;
                line(&text::gate::report(&finished.gate))?;
            }
        }
        Ok(exit_code(finished.is_met()))
    }
}
