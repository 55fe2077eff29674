//! `aq4svit export-script`: the Python script that makes a graph file of a PyTorch module.

use std::path::PathBuf;

use anyhow::Result;

use super::ExitCode;
use super::output::print;
use super::written;

/// The script.
pub(crate) const SCRIPT: &str = include_str!("../../scripts/aq4svit_export.py");

/// Print aq4svit_export.py, which writes a PyTorch module as a graph file (NAME.aq4.safetensors)
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Write it to a file instead
    #[arg(short, long, value_name = "FILE")]
    output: Option<PathBuf>,
}

/// Prints or writes the script.
///
/// # Errors
/// Where it cannot be written.
pub(crate) fn run(args: &Args) -> Result<ExitCode> {
    match &args.output {
        None => print(SCRIPT)?,
        Some(file) => written::write("--output", file, SCRIPT.as_bytes())?,
    }
    Ok(ExitCode::SUCCESS)
}
