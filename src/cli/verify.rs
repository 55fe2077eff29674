//! `aq4svit verify`.

use std::path::PathBuf;

use anyhow::Result;

use super::ExitCode;
use super::INTERRUPTED;
use super::output::{note, show};
use super::signals::Signals;
use crate::verify::{Options, VerifyError, verify};

/// Check a package: its hashes, its manifest, and what it computes on its golden inputs
///
/// A small engine of its own, written from the format's description, without libtorch and without
/// the arithmetic that made the package, runs every golden input and compares accumulators, spikes
/// and logits: sums of integers and spikes exactly, sums of real numbers to 1e-4. Prints for each
/// layer how far it agrees and how wide its accumulator must be. Exits with 0 where everything
/// agrees, with 1 otherwise.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The folder of a package
    #[arg(value_hint = clap::ValueHint::DirPath)]
    dir: PathBuf,
    /// Count the sums that do not fit a two's complement accumulator of so many bits
    #[arg(long, value_name = "BITS", value_parser = clap::value_parser!(u32).range(1..=64))]
    accumulator: Option<u32>,
    /// Print one line of JSON
    #[arg(long)]
    json: bool,
}

pub(crate) fn run(args: &Args, signals: &Signals) -> Result<ExitCode> {
    let cancel = signals.cancel();
    let options = Options {
        accumulator: args.accumulator,
        cancelled: &|| cancel.is_cancelled(),
    };
    let report = match verify(&args.dir, options) {
        Err(VerifyError::Cancelled) => {
            note("interrupted");
            return Ok(ExitCode::from(INTERRUPTED));
        }
        report => report?,
    };
    show(args.json, &report, || format!("{report}\n"))?;
    Ok(match report.agrees {
        true => ExitCode::SUCCESS,
        false => ExitCode::FAILURE,
    })
}
