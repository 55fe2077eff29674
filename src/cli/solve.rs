//! `aq4svit solve`.

mod confirm;
mod text;

use std::path::Path;

use anyhow::Result;
use serde::Serialize;

use super::ExitCode;
use super::device::DeviceArgs;
use super::output::{json_line, note, print, show};
use super::prepared::prepared;
use super::results::ResultArgs;
use super::saving::Saver;
use super::signals::Signals;
use super::{INTERRUPTED, exit_code};
use crate::profile::{AccuracyDrop, Constraint, Paths, Pin, parse_size};
use crate::report::{FrontLine, Predicted};
use crate::run::{self, Summary};
use crate::search::{Predictor, Settings, Solution, Tree, Unsearchable, Unsolved, Wanted};

/// What if: the best allocation predicted from a run's measurements, at once
///
/// Nothing is evaluated: every bit-width of a layer gets a cost from the errors of layers' outputs
/// or the drifts that the run has measured, costs add up, and a model of the accuracy drop is
/// fitted to their sum over all evaluated allocations. The answer is the exact optimum of that
/// prediction, or an allocation that was measured where that is better. With --confirm it is then
/// evaluated. The pins of the run apply. The method of prediction is ours.
#[derive(Debug, clap::Args)]
#[command(group(clap::ArgGroup::new("wanted").args(["max_memory", "max_drop", "front"]).multiple(true).required(true)))]
pub(crate) struct Args {
    /// A run: its id or its folder (the latest when not given)
    #[arg(add = super::complete::runs())]
    run: Option<String>,
    /// The largest memory, such as 80KiB
    #[arg(long, value_name = "SIZE", value_parser = size)]
    max_memory: Option<u64>,
    /// The largest accuracy drop on the search split: percentage points such as 1.5, or a share of
    /// float's accuracy such as '2 %'
    #[arg(long, value_name = "DROP", value_parser = accuracy_drop)]
    max_drop: Option<AccuracyDrop>,
    /// Pin layers to a bit-width, a range or one of several, such as head=8, 'patch_embed1.*=4-8'
    /// or '*.q_conv=4/8'
    #[arg(long, value_name = "GLOB=W")]
    pin: Vec<Pin>,
    /// The whole front of accuracy against memory
    #[arg(long, conflicts_with_all = ["max_memory", "max_drop", "confirm", "save"])]
    front: bool,
    /// The largest number of predicted points of the front, evenly over the bytes
    #[arg(long, value_name = "N", default_value_t = 40, requires = "front")]
    points: usize,
    /// Evaluate the answer on the whole search split
    #[arg(long)]
    confirm: bool,
    /// Save the answer as a profile of this name
    #[arg(long, value_name = "NAME")]
    save: Option<String>,
    /// Print lines of JSON
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    device: DeviceArgs,
    #[command(flatten)]
    results: ResultArgs,
}

impl Args {
    /// The limits on memory, the chip's among them, and on the drop in percentage points.
    fn wanted(&self, tree: &Tree, settings: &Settings) -> Wanted {
        let asked = Constraint {
            max_memory: self.max_memory,
            ..Constraint::default()
        };
        let float = &tree.float;
        let points = |drop: AccuracyDrop| drop.points(float.correct(), float.len());
        Wanted {
            max_memory: asked.on(settings.target.as_ref()).max_memory,
            max_drop: self.max_drop.map(points),
        }
    }
}

fn size(text: &str) -> Result<u64, String> {
    parse_size(text).ok_or_else(|| "expected a size, such as 80KiB or 81920".to_owned())
}

fn accuracy_drop(text: &str) -> Result<AccuracyDrop, String> {
    let wrong =
        "expected percentage points such as 1.5, a share of float's accuracy such as '2 %', or any";
    AccuracyDrop::parse(text).ok_or_else(|| wrong.to_owned())
}

/// A solution as a line of JSON.
#[derive(Debug, Serialize)]
#[serde(tag = "type", rename = "solution")]
struct Answer {
    #[serde(flatten)]
    line: Predicted,
    /// The number of accuracies behind the prediction.
    measurements: usize,
}

pub(crate) fn run(args: &Args, signals: Signals) -> Result<ExitCode> {
    let folder = run::find(&Paths::from_env()?.runs(), args.run.as_deref())?;
    let summary = Summary::read(&folder)?;
    let tree = &summary.tree;
    let too_early = || Unsolved::TooEarly;
    let settings = tree.settings.as_deref().ok_or_else(too_early)?;
    let predictor = Predictor::new(tree).ok_or_else(too_early)?;
    let pins = &args.pin;
    if args.front {
        return show_front(args, settings, &predictor.front(pins, args.points)?);
    }
    let wanted = args.wanted(tree, settings);
    let held = tree.pins_with(pins);
    match settings.restricted(&held, wanted.max_memory).check() {
        Err(Unsearchable::Memory(why)) => note(&why.to_string()),
        possible => possible?,
    }
    let solution = match predictor.solve(wanted, pins) {
        Err(Unsolved::NothingMeets(nearest)) => {
            note(
                "no allocation meets that by measurement or prediction; the closest infeasible one:",
            );
            answer(args, settings, &predictor, &nearest)?;
            return Ok(exit_code(false));
        }
        solution => solution?,
    };
    answer(args, settings, &predictor, &solution)?;
    let options = args.device.options(args.results);
    if let Some(name) = &args.save {
        let all = [&tree.pins[..], pins].concat();
        let with = (settings, options.clone());
        save(&folder, &solution, (name, &all), with)?;
    }
    match args.confirm {
        true => confirm(args, &summary, (&solution, wanted), &options, signals),
        false => Ok(ExitCode::SUCCESS),
    }
}

/// Evaluates the answer and prints the evaluation.
fn confirm(
    args: &Args,
    summary: &Summary,
    (solution, wanted): (&Solution, Wanted),
    options: &run::EvaluatorOptions,
    signals: Signals,
) -> Result<ExitCode> {
    let confirmed = confirm::confirm(summary, solution, wanted, options, signals)?;
    let Some(confirmed) = confirmed else {
        note("interrupted");
        return Ok(ExitCode::from(INTERRUPTED));
    };
    show(args.json, &confirmed, || format!("{confirmed}\n"))?;
    Ok(exit_code(confirmed.met))
}

fn answer(
    args: &Args,
    settings: &Settings,
    predictor: &Predictor<'_>,
    solution: &Solution,
) -> Result<()> {
    let object = Answer {
        line: Predicted::new(solution, settings),
        measurements: predictor.measurements(),
    };
    let saved = object.line.memory_saving_percent;
    show(args.json, &object, || {
        text::answer(settings, predictor, solution, saved)
    })
}

fn show_front(args: &Args, settings: &Settings, front: &[Solution]) -> Result<ExitCode> {
    match args.json {
        true => front
            .iter()
            .try_for_each(|p| json_line(&FrontLine::new(p, settings)))?,
        false => print(&text::front(settings, front))?,
    }
    Ok(ExitCode::SUCCESS)
}

fn save(
    folder: &Path,
    solution: &Solution,
    (name, pins): (&str, &[Pin]),
    (settings, options): (&Settings, run::EvaluatorOptions),
) -> Result<()> {
    let layers = settings.space.layers.iter().map(|l| l.name.clone());
    let run = folder.to_owned();
    let side_files = move || run::side_files(&run, &options, |profile| prepared(profile, false));
    let mut saver = Saver::new(folder, layers.collect(), Box::new(side_files))?;
    let rules = (pins, None);
    let saved = saver.save(&name.parse()?, &solution.allocation, rules, false)?;
    if let Some(why) = &saved.note {
        note(&format!("note: {why}"));
    }
    note(&format!("saved {}", saved.path.display()));
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_and_drops_are_read() {
        assert_eq!(size("80KiB"), Ok(81_920));
        assert!(size("80 apples").is_err() && accuracy_drop("nan").is_err());
        assert_eq!(accuracy_drop("1.5"), Ok(AccuracyDrop::Points(1.5)));
        assert_eq!(accuracy_drop("2 %"), Ok(AccuracyDrop::Relative(2.0)));
    }
}
