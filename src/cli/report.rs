//! `aq4svit report`.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};

use super::ExitCode;
use super::device::DeviceArgs;
use super::output::{json_line, note, print};
use super::prepared::prepared;
use super::progress::bar;
use super::results::ResultArgs;
use super::signals::Signals;
use crate::evaluate::percent;
use crate::journal::{Entry, Journal};
use crate::profile::{Paths, Profile, write_texts};
use crate::quant::Method;
use crate::report::{ActivityReport, Baseline, QuantizerReport, Report};
use crate::run::{self, PROFILE, RunError, RunStatus, SENSITIVITY, Summary};

/// The folder of figures beside a report.
const FIGURES: &str = "figures";

/// Report the result, settings and evidence of a run: as Markdown, as one object of JSON, or as a
/// folder with a page of HTML, figures and tables
///
/// The result with its interval, every caveat, settings, bit-widths, the front (measured and
/// predicted), the course of the search, the gate's errors, the effort and the commands; and the
/// curves of `aq4svit sensitivity` where they were measured for the same network, data and
/// quantizer. The result of a calibrated quantizer is compared with the same bit-widths rounded to
/// the nearest: that takes one evaluation on the search split, whose answer is kept. With
/// --activity synaptic operations, energy and membrane potentials are measured on the calibration
/// images. Nothing else is evaluated; an active run can be reported as well.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// A run: its id or its folder (the latest when not given)
    #[arg(add = super::complete::runs())]
    run: Option<String>,
    /// Write report.html, report.md, report.json, candidates.csv, layers.csv and figures/*.svg into
    /// this folder
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
    /// Put other runs beside it: ids or folders
    #[arg(long, value_name = "RUN", num_args = 1.., add = super::complete::runs())]
    compare: Vec<String>,
    /// Print an object of JSON
    #[arg(long, conflicts_with = "out")]
    json: bool,
    /// The folder of the measurements of `aq4svit sensitivity --run-dir DIR` (the profile's usual
    /// one when not given)
    #[arg(long, value_name = "DIR")]
    sensitivity: Option<PathBuf>,
    /// Run the float network and the result on the calibration images: synaptic operations, energy,
    /// histograms of membrane potentials
    #[arg(long, conflicts_with = "no_evaluation")]
    activity: bool,
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
    let (summary, entries) = read(&paths, args.run.as_deref())?;
    let measured = measurements(&paths, args.sensitivity.as_ref(), &summary);
    // What other runs are is known before anything is evaluated.
    let others: Result<Vec<Report>> = args.compare.iter().map(|run| other(&paths, run)).collect();
    let others = others?;
    let quantizer = quantizer(args, &summary, signals);
    let report = Report::new(&summary, &entries, measured.as_deref(), quantizer)?;
    let report = report.with_context(|| not_begun(&summary.folder))?;
    if let (Some(file), Some(_), None) = (&measured, &args.sensitivity, &report.sensitivity) {
        bail!(
            "{} holds no measurements of this run's network, data and quantizer; `aq4svit sensitivity PROFILE --run-dir DIR` makes them",
            file.display()
        );
    }
    let report = match args.activity {
        true => report.with_activity(activity(args, &summary, signals)),
        false => report,
    };
    let report = report.compared_with(others);
    match &args.out {
        _ if args.json => json_line(&report)?,
        Some(out) => write(&report, out)?,
        None => print(&report.to_string())?,
    }
    Ok(ExitCode::SUCCESS)
}

/// A run with the entries of its journal.
fn read(paths: &Paths, wanted: Option<&str>) -> Result<(Summary, Vec<Entry>)> {
    let folder = run::find(&paths.runs(), wanted)?;
    Ok(Summary::of(&folder, Journal::read(&folder)?)?)
}

fn not_begun(folder: &Path) -> String {
    format!(
        "{} has no events yet: let the search begin first",
        folder.display()
    )
}

/// The file of sensitivity measurements that may be of a run.
fn measurements(paths: &Paths, given: Option<&PathBuf>, summary: &Summary) -> Option<PathBuf> {
    let folder = match (given, &summary.tree.settings) {
        (Some(given), _) => Some(given.clone()),
        (None, Some(settings)) => Some(paths.sensitivity().join(run::slug(&settings.name))),
        (None, None) => None,
    };
    folder.map(|folder| folder.join(SENSITIVITY))
}

/// The report of a run that another one is compared with; nothing is evaluated for it.
fn other(paths: &Paths, wanted: &str) -> Result<Report> {
    let (summary, entries) = read(paths, Some(wanted))?;
    let report = Report::new(&summary, &entries, None, None)?;
    report.with_context(|| not_begun(&summary.folder))
}

/// Writes all files of the report of a run into a folder, from its journal alone, and says nothing.
pub(crate) fn write_without_evaluation(folder: &Path, out: &Path) -> Result<()> {
    let (summary, entries) = Summary::of(folder, Journal::read(folder)?)?;
    let measured = measurements(&Paths::from_env()?, None, &summary);
    let report = Report::new(&summary, &entries, measured.as_deref(), None)?;
    let report = report.with_context(|| not_begun(folder))?;
    write_files(&report, out).map(drop)
}

/// Writes all files of a report into a folder, and says which.
fn write(report: &Report, out: &Path) -> Result<()> {
    for file in write_files(report, out)? {
        note(&format!("wrote {}", file.display()));
    }
    Ok(())
}

fn write_files(report: &Report, out: &Path) -> Result<Vec<PathBuf>> {
    let figures = report.figures();
    let json = serde_json::to_string_pretty(report).context("the report as JSON")? + "\n";
    let mut files = vec![
        (PathBuf::from("report.html"), report.html(&figures)),
        (PathBuf::from("report.md"), report.to_string()),
        (PathBuf::from("report.json"), json),
        (PathBuf::from("candidates.csv"), report.candidates_csv()?),
        (PathBuf::from("layers.csv"), report.layers_csv()?),
    ];
    files.extend(figures.iter().map(|figure| {
        let name = format!("{}.svg", figure.name);
        (Path::new(FIGURES).join(name), figure.file())
    }));
    let files: Vec<(PathBuf, String)> = files
        .into_iter()
        .map(|(name, text)| (out.join(name), text))
        .collect();
    write_texts(&files)?;
    Ok(files.into_iter().map(|(file, _)| file).collect())
}

/// Operations, energy and potentials of the float network and of the result, or why they are not
/// known.
fn activity(args: &Args, summary: &Summary, signals: &Signals) -> ActivityReport {
    let Some(result) = summary.tree.result() else {
        return ActivityReport::not_measured("there is no result");
    };
    let measured = || -> Result<ActivityReport, RunError> {
        let prepared = run::reopen(summary, |profile| prepared(profile, false))?;
        let graph = prepared.profile.graph();
        let images = 2 * prepared.splits.calibration.len() as u64;
        let bar = bar(images, "activity [{bar:24}] {pos}/{len} images, {eta} left");
        let options = args.device.options(args.results);
        let mut done = Passes::default();
        let measured = run::activity(
            prepared,
            &options,
            &result.allocation,
            &signals.cancel(),
            &mut |progress| bar.set_position(done.add(progress.done as u64)),
        );
        bar.finish_and_clear();
        Ok(ActivityReport::new(&graph, measured?))
    };
    measured().unwrap_or_else(|error| ActivityReport::not_measured(error.to_string()))
}

/// Images over passes that each count from zero.
#[derive(Default)]
struct Passes {
    earlier: u64,
    last: u64,
}

impl Passes {
    fn add(&mut self, done: u64) -> u64 {
        if done < self.last {
            self.earlier += self.last;
        }
        self.last = done;
        self.earlier + done
    }
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
