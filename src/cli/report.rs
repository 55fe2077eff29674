//! `aq4svit report`.

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::{Context, Result, bail};

use super::output::{json_line, note, print};
use crate::journal::Journal;
use crate::profile::{Paths, write_text};
use crate::report::Report;
use crate::run::{self, SENSITIVITY, Summary};

/// Report the result, settings and evidence of a run: as Markdown, or as one object of JSON
///
/// The result with its interval, settings, bit-widths, the front (measured and predicted), the
/// gate's errors and the commands; and the curves of `aq4svit sensitivity` where they were measured
/// for the same network, data and quantizer. Nothing is evaluated; an active run can be reported as
/// well.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// A run: its id or its folder (the latest when not given)
    run: Option<String>,
    /// Write report.md and report.json into this folder
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
    /// Print an object of JSON
    #[arg(long, conflicts_with = "out")]
    json: bool,
    /// The folder of the measurements of `aq4svit sensitivity --run-dir DIR` (the profile's usual
    /// one when not given)
    #[arg(long, value_name = "DIR")]
    sensitivity: Option<PathBuf>,
}

pub(crate) fn run(args: &Args) -> Result<ExitCode> {
    let paths = Paths::from_env()?;
    let folder = run::find(&paths.runs(), args.run.as_deref())?;
    let (summary, entries) = Summary::of(&folder, Journal::read(&folder)?)?;
    let measured = match (&args.sensitivity, &summary.tree.settings) {
        (Some(given), _) => Some(given.clone()),
        (None, Some(settings)) => Some(paths.sensitivity().join(run::slug(&settings.name))),
        (None, None) => None,
    };
    let measured = measured.map(|folder| folder.join(SENSITIVITY));
    let folder = folder.display();
    let report = Report::new(&summary, &entries, measured.as_deref())?;
    let begun = || format!("{folder} has no events yet: let the search begin first");
    let report = report.with_context(begun)?;
    if let (Some(file), Some(_), None) = (&measured, &args.sensitivity, &report.sensitivity) {
        bail!(
            "{} holds no measurements of this run's network, data and quantizer; `aq4svit sensitivity PROFILE --run-dir DIR` makes them",
            file.display()
        );
    }
    if args.json {
        json_line(&report)?;
        return Ok(ExitCode::SUCCESS);
    }
    let Some(out) = &args.out else {
        print(&report.to_string())?;
        return Ok(ExitCode::SUCCESS);
    };
    let json = serde_json::to_string_pretty(&report).context("the report as JSON")? + "\n";
    for (name, text) in [("report.md", report.to_string()), ("report.json", json)] {
        let file = out.join(name);
        write_text(&file, &text, true)?;
        note(&format!("wrote {}", file.display()));
    }
    Ok(ExitCode::SUCCESS)
}
