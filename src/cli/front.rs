//! The front end of a run: the interface, lines of text, or JSON.

use std::io::IsTerminal;
use std::time::Duration;

use anyhow::{Result, bail};
use crossbeam_channel::Receiver;

use super::ExitCode;
use super::commands::{CommandArgs, ScriptError};
use super::device::DeviceArgs;
use super::optimizations::OptimizationArgs;
use super::output::{json_line, line, words};
use super::prepared::say_notes;
use super::results::ResultArgs;
use super::signals::Signals;
use super::{exit_code, headless, interactive};
use crate::run::{self, EvaluatorOptions, Finished, Handle, Summary};
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
    /// Begin without comparing the optimized arithmetic with the plain one on a small batch
    #[arg(long)]
    no_self_check: bool,
    /// End the search when an evaluation says nothing for so long: it hangs
    ///
    /// It says how far it is after every batch; calibrating a large network takes minutes before
    /// the first one. Nothing is lost: `resume` goes on from there. (Workers of a cluster watch
    /// their own evaluations: `aq4svit worker --stall`.)
    #[cfg_attr(feature = "cluster", arg(conflicts_with_all = ["cluster", "nats"]))]
    #[arg(long, value_name = "SECONDS", value_parser = clap::value_parser!(u32).range(1..))]
    evaluation_timeout: Option<u32>,
    #[command(flatten)]
    results: ResultArgs,
    #[command(flatten)]
    pub commands: CommandArgs,
    #[command(flatten)]
    optimizations: OptimizationArgs,
    #[command(flatten)]
    device: DeviceArgs,
    #[cfg(feature = "cluster")]
    #[command(flatten)]
    cluster: super::cluster::ClusterArgs,
    /// Workers of a cluster that may be at evaluations whose answers others may make useless (all
    /// share the one that is waited for otherwise); no decision depends on it
    #[cfg(feature = "cluster")]
    #[arg(
        long,
        value_name = "N",
        default_value_t = 0,
        help_heading = super::cluster::HEADING
    )]
    speculate: u16,
}

impl RunArgs {
    /// How to evaluate.
    ///
    /// # Errors
    /// For an access file that cannot be used.
    pub fn options(&self) -> Result<EvaluatorOptions> {
        Ok(EvaluatorOptions {
            // Plain runs do not use results of earlier runs either.
            results: (!self.optimizations.plain)
                .then(|| self.results.folder())
                .flatten(),
            workers: self.workers.map(usize::from),
            optimizations: self.optimizations.optimizations(),
            cache_memory: self.optimizations.cache_memory,
            self_check: !self.no_self_check,
            evaluation_timeout: self
                .evaluation_timeout
                .map(|seconds| Duration::from_secs(seconds.into())),
            #[cfg(feature = "cluster")]
            cluster: self
                .cluster
                .options()?
                .map(|cluster| crate::run::ClusterOptions {
                    guesses: usize::from(self.speculate),
                    ..cluster
                }),
            ..self.device.options(self.results)
        })
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
        self.check_or("`aq4svit search --headless` (or --json) searches without it")
    }

    /// [`Front::check`] with the advice for where there is none.
    pub fn check_or(self, otherwise: &str) -> Result<()> {
        if self != Front::Interactive {
            return Ok(());
        }
        let terminal = std::io::stdout().is_terminal() && std::io::stdin().is_terminal();
        let term = std::env::var("TERM").ok();
        match unable(term.as_deref(), terminal) {
            Some(why) => bail!("{why}; {otherwise}"),
            None => Ok(()),
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
        let classes = run::classes(&summary.folder);
        say_notes(&text::doubts::of_run(&summary.tree, classes));
        match self {
            Front::Json => json_line(&finished)?,
            Front::Interactive => words(&finished.to_string())?,
            Front::Lines => {
                line(&finished.to_string())?;
                line(&text::gate::report(&finished.gate))?;
            }
        }
        Ok(exit_code(finished.is_met()))
    }
}

/// A run at work, to be shown.
pub(crate) struct Begun {
    /// The run.
    pub handle: Handle,
    /// Errors of lines of `--commands`.
    pub script_errors: Receiver<ScriptError>,
    /// How it evaluates.
    pub options: EvaluatorOptions,
}

impl Begun {
    /// Shows the run to its end, or until it is left.
    pub fn watch(self, front: Front, signals: Signals) -> Result<ExitCode> {
        say_notes(&self.handle.notes);
        say_notes(self.handle.expected.map(|e| text::expected(&e)).as_slice());
        match front {
            Front::Interactive => interactive::watch(self.handle, &self.options, signals),
            Front::Lines | Front::Json => {
                headless::watch(self.handle, self.script_errors, front, signals)
            }
        }
    }
}

/// Why the interface cannot be shown; none where it can.
fn unable(term: Option<&str>, terminal: bool) -> Option<&'static str> {
    if term == Some("dumb") {
        return Some("TERM=dumb: a terminal that only prints lines cannot show the interface");
    }
    (!terminal).then_some("standard input and output must be a terminal for the interface")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_dumb_terminal_is_refused_with_advice() {
        let dumb = unable(Some("dumb"), true);
        assert!(dumb.is_some_and(|why| why.contains("TERM=dumb")));
        let piped = unable(Some("xterm-256color"), false);
        assert!(piped.is_some_and(|why| why.contains("must be a terminal")));
        assert_eq!(unable(Some("linux"), true), None);
        assert_eq!(unable(None, true), None);
    }
}
