//! The commands: one file per subcommand, argument parsing and printing, nothing else.
#![forbid(unsafe_code)]

pub mod completions;
pub mod inspect;
mod numbers;
pub mod profiles;
pub mod source;

use std::process::ExitCode;

use anyhow::Result;
use clap::{CommandFactory, Parser, Subcommand};

/// Finds the smallest weight bit-width of every layer of a Spiking Vision Transformer
#[derive(Debug, Parser)]
#[command(name = "aq4svit", version)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    Inspect(inspect::Args),
    Profiles(profiles::Args),
    Completions(completions::Args),
}

/// Parses the command line and runs the command it names.
pub fn main() -> ExitCode {
    match run(Cli::parse().command) {
        Ok(code) => code,
        Err(error) => {
            eprintln!("error: {}", source::message(&error));
            ExitCode::FAILURE
        }
    }
}

fn run(command: Command) -> Result<ExitCode> {
    match command {
        Command::Inspect(args) => inspect::run(&args),
        Command::Profiles(args) => profiles::run(&args),
        Command::Completions(args) => completions::run(&args, Cli::command()),
    }
}
