//! `aq4svit report`.

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::{Context, Result, bail};

use super::device::DeviceArgs;
use super::output::{json_line, note, print};
use super::prepared::prepared;
use super::progress::bar;
use super::results::ResultArgs;
use super::signals::Signals;
use crate::evaluate::percent;
use crate::journal::Journal;
use crate::profile::{Paths, Profile, write_text};
use crate::quant::Method;
use crate::report::{Baseline, QuantizerReport, Report};
use crate::run::{self, PROFILE, RunError, RunStatus, SENSITIVITY, Summary};

/// Report the result, settings and evidence of a run: as Markdown, or as one object of JSON
///
/// The result with its interval, settings, bit-widths, the front (measured and predicted), the
/// gate's errors and the commands; and the curves of `aq4svit sensitivity` where they were measured
/// for the same network, data and quantizer. The result of a calibrated quantizer is compared with
/// the same bit-widths rounded to the nearest: that takes one evaluation on the search split, whose
/// answer is kept. Nothing else is evaluated; an active run can be reported as well.
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
    /// Evaluate nothing: leave out what the result loses when it is rounded to the nearest
    #[arg(long)]
    no_evaluation: bool,
    #[command(flatten)]
    device: DeviceArgs,
    #[command(flatten)]
    results: ResultArgs,
}

pub(crate) fn run(args: &Args, signals: &Signals) -> Result<ExitCode> {
    let paths = Paths::from_env()?;
    let folder = run::find(&paths.runs(), args.run.as_deref())?;
    let (summary, entries) = Summary::of(&folder, Journal::read(&folder)?)?;
    let measured = match (&args.sensitivity, &summary.tree.settings) {
        (Some(given), _) => Some(given.clone()),
        (None, Some(settings)) => Some(paths.sensitivity().join(run::slug(&settings.name))),
        (None, None) => None,
    };
    let measured = measured.map(|folder| folder.join(SENSITIVITY));
    let quantizer = quantizer(args, &summary, signals);
    let folder = folder.display();
    let report = Report::new(&summary, &entries, measured.as_deref(), quantizer)?;
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

/// The quantizer of a run, with the accuracy of its result rounded to the nearest.
fn quantizer(args: &Args, summary: &Summary, signals: &Signals) -> Option<QuantizerReport> {
    let profile = Profile::load(&summary.folder.join(PROFILE)).ok()?;
    let scheme = &profile.scheme;
    let comparable = scheme.method != Method::Nearest || scheme.needs_images();
    let report = |images, nearest| {
        Some(QuantizerReport::new(
            &profile,
            &summary.totals,
            images,
            nearest,
        ))
    };
    let not_measured = |why: &str| Baseline::NotMeasured {
        not_measured: why.to_owned(),
    };
    if !comparable || summary.tree.result().is_none() {
        return report(None, None);
    }
    if args.no_evaluation {
        return report(None, Some(not_measured("--no-evaluation")));
    }
    if summary.condition != RunStatus::Finished {
        return report(None, Some(not_measured("the run has not ended")));
    }
    let prepared = match run::reopen(summary, |profile| prepared(profile, false)) {
        Ok(prepared) => prepared,
        Err(error) => return report(None, Some(not_measured(&error.to_string()))),
    };
    let images = prepared.splits.calibration.len();
    let nearest = rounded(args, summary, prepared, signals);
    let nearest = match nearest {
        Ok(nearest) => nearest.map(Baseline::Measured),
        Err(error) => Some(not_measured(&error.to_string())),
    };
    report(Some(images), nearest)
}

fn rounded(
    args: &Args,
    summary: &Summary,
    prepared: run::Prepared,
    signals: &Signals,
) -> Result<Option<run::SearchAccuracy>, RunError> {
    let bar = bar(
        prepared.settings.search_images as u64,
        "rounded to the nearest [{bar:24}] {pos}/{len} images, {msg}, {eta} left",
    );
    let options = args.device.options(args.results);
    let cancel = signals.cancel();
    let nearest = run::rounded_to_nearest(summary, prepared, &options, &cancel, &mut |p| {
        bar.set_position(p.done as u64);
        bar.set_message(format!("{:.2} %", percent(p.correct, p.done)));
    });
    bar.finish_and_clear();
    nearest
}
