//! The commands: one file per subcommand for arguments and output; the work is done by other rooms.
#![forbid(unsafe_code)]

mod bench;
mod bits;
#[cfg(feature = "cluster")]
mod cluster;
mod commands;
mod complete;
mod completions;
mod device;
mod doctor;
mod evaluate;
mod exit_code;
mod export;
mod export_script;
mod front;
mod headless;
mod inspect;
mod interactive;
mod log;
mod optimizations;
mod output;
mod outside;
mod predict;
mod prepared;
mod profiles;
mod progress;
mod recognised;
mod report;
mod results;
mod resume;
mod runs;
mod saving;
mod search;
mod sensitivity;
mod signals;
mod solve;
mod source;
mod start;
mod verify;
mod watch;
#[cfg(feature = "cluster")]
mod worker;
mod written;

use std::io::ErrorKind;

use anyhow::Result;
use clap::{CommandFactory, Parser, Subcommand};

use exit_code::ExitCode;
use signals::Signals;

/// Exit code: finished, but nothing met the constraint.
const NOTHING_MET: u8 = 3;
/// Exit code: interrupted; the journal is intact.
pub(crate) const INTERRUPTED: u8 = 130;
/// The most bytes of a file of inputs: hundreds of images of 224 pixels.
#[cfg(feature = "torch")]
const LARGEST_INPUT: u64 = 512 << 20;

/// Finds the smallest weight bit-width of every layer of a Spiking Vision Transformer that keeps
/// accuracy within a limit, and lets you steer the search while it runs.
#[derive(Debug, Parser)]
#[command(name = "aq4svit", version, max_term_width = 100, after_help = AFTER_HELP)]
struct Cli {
    #[command(subcommand)]
    command: Option<Commands>,
    #[command(flatten)]
    log: log::LogArgs,
}

const AFTER_HELP: &str = "Without a command, a start screen opens: continue a run or start a search. Where there are neither runs nor saved
profiles yet, the demo starts at once.

Exit codes: 0 done and constraint met; 1 an error; 2 wrong command line; 3 finished, but nothing met the constraint;
130 interrupted (continue with `aq4svit resume`).";

#[derive(Debug, Subcommand)]
enum Commands {
    /// Start a search (the shipped `demo` when no profile is named)
    Search(search::Args),
    /// Continue a run (the latest when none is named)
    Resume(resume::Args),
    Watch(watch::Args),
    /// List runs
    Runs(runs::Args),
    Evaluate(evaluate::Args),
    Bench(bench::Args),
    Sensitivity(sensitivity::Args),
    Solve(solve::Args),
    Report(report::Args),
    Export(export::Args),
    Verify(verify::Args),
    ExportScript(export_script::Args),
    /// Run a network on given images and write its logits
    Predict(predict::Args),
    Inspect(inspect::Args),
    Profiles(profiles::Args),
    Doctor(doctor::Args),
    #[cfg(feature = "cluster")]
    Cluster(cluster::Args),
    #[cfg(feature = "cluster")]
    Worker(worker::Args),
    Completions(completions::Args),
}

/// The command line: every command with its arguments.
pub fn command() -> clap::Command {
    Cli::command()
}

/// Parses the command line and runs the command it names.
pub fn main() -> ! {
    execute().leave()
}

fn execute() -> ExitCode {
    #[cfg(all(target_os = "linux", target_env = "gnu"))]
    crate::system::go_back();
    let folder = std::env::current_dir().ok();
    let completed = clap_complete::CompleteEnv::with_factory(command)
        .var(complete::VARIABLE)
        .try_complete(std::env::args_os(), folder.as_deref());
    match completed {
        Ok(true) => return ExitCode::SUCCESS,
        Ok(false) => {}
        Err(error) => error.exit(),
    }
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        // Help and version are no errors, unless they cannot be written.
        Err(message) => {
            let written = message.print();
            return match (message.exit_code(), written) {
                (0, Err(error)) if error.kind() != ErrorKind::BrokenPipe => {
                    output::note(&format!("error: cannot write to standard output: {error}"));
                    ExitCode::FAILURE
                }
                (code, _) => u8::try_from(code).map_or(ExitCode::FAILURE, ExitCode::from),
            };
        }
    };
    // What only looks at the machine or prints a script changes nothing, and keeps no log.
    if !matches!(
        cli.command,
        Some(Commands::Doctor(_) | Commands::Completions(_))
    ) {
        cli.log.begin();
    }
    let done = Signals::catch().and_then(|signals| run(cli.command, signals));
    done.unwrap_or_else(|error| {
        output::note(&format!("error: {}", output::message(&error)));
        ExitCode::FAILURE
    })
}

/// The exit code of a finished command, by whether its result meets the constraint.
fn exit_code(met: bool) -> ExitCode {
    match met {
        true => ExitCode::SUCCESS,
        false => ExitCode::from(NOTHING_MET),
    }
}

fn run(command: Option<Commands>, signals: Signals) -> Result<ExitCode> {
    match command {
        None => start::run(signals),
        Some(Commands::Search(args)) => search::run(&args, signals),
        Some(Commands::Resume(args)) => resume::run(&args, signals),
        Some(Commands::Watch(args)) => watch::run(&args, signals),
        Some(Commands::Runs(args)) => runs::run(&args),
        Some(Commands::Bench(args)) => bench::run(&args),
        Some(Commands::Evaluate(args)) => evaluate::run(&args, signals),
        Some(Commands::Sensitivity(args)) => sensitivity::run(&args, signals),
        Some(Commands::Report(args)) => report::run(&args, &signals),
        Some(Commands::Solve(args)) => solve::run(&args, signals),
        Some(Commands::Predict(args)) => predict::run(&args, &signals),
        Some(Commands::Export(args)) => export::run(&args, &signals),
        Some(Commands::Verify(args)) => verify::run(&args, &signals),
        Some(Commands::ExportScript(args)) => export_script::run(&args),
        Some(Commands::Inspect(args)) => inspect::run(&args, signals),
        Some(Commands::Profiles(args)) => profiles::run(&args),
        Some(Commands::Doctor(args)) => doctor::run(&args),
        #[cfg(feature = "cluster")]
        Some(Commands::Cluster(args)) => cluster::run(&args, &signals),
        #[cfg(feature = "cluster")]
        Some(Commands::Worker(args)) => worker::run(&args, &signals),
        Some(Commands::Completions(args)) => completions::run(&args, &self::command()),
    }
}
