//! `aq4svit sensitivity`.

mod table;

use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use indicatif::ProgressBar;
use serde::Serialize;

use super::ExitCode;
use super::INTERRUPTED;
use super::device::DeviceArgs;
use super::output::{Reader, note, offer_json, print};
use super::prepared::prepared;
use super::progress::bar;
use super::results::ResultArgs;
use super::signals::Signals;
use super::source::{SetArgs, resolve};
use super::written;
use crate::evaluate::{EvaluateError, ImageOrder, percent};
use crate::journal::Fingerprint;
use crate::profile::Paths;
use crate::run::{
    self, Baseline, Evaluators, Interaction, Measuring, Point, SENSITIVITY, Sensitivity,
};

/// Measure how sensitive each layer is: lowered alone, and kept as float alone
///
/// For every layer and every bit-width of the menu: the drift, and the accuracy drop on the first
/// images of the search split, of the network in which only this layer has the bit-width (the
/// others are float), and of that in which all but this layer have it. Then, for every bit-width,
/// the cost of all layers together against the sum of their single costs. Pins and [bits] of the
/// profile are ignored. After an interruption the same command resumes where it was.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// A profile: a file, or the name of a saved or shipped one
    #[arg(add = super::complete::profiles())]
    profile: String,
    /// Print a line of JSON for every measurement
    #[arg(long)]
    json: bool,
    /// Images of the search split to measure the accuracy on (search.screen when not given)
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    images: Option<u32>,
    /// Where measurements are kept (a folder of the user's data when not given)
    #[arg(long, value_name = "DIR")]
    run_dir: Option<PathBuf>,
    #[command(flatten)]
    set: SetArgs,
    #[command(flatten)]
    device: DeviceArgs,
    #[command(flatten)]
    results: ResultArgs,
    #[cfg(feature = "cluster")]
    #[command(flatten)]
    cluster: super::cluster::ClusterArgs,
}

/// The last line.
#[derive(Debug, Serialize)]
#[serde(tag = "type", rename = "finished")]
struct Finished {
    measurements: usize,
    layer_forwards: u64,
    seconds: f64,
    file: PathBuf,
}

/// Where lines go as they are known: to standard output, and into the folder's file at the end.
struct Lines {
    json: bool,
    text: String,
}

impl Lines {
    /// Adds a line; false when the reader is gone.
    fn add(&mut self, line: &impl Serialize) -> Result<bool> {
        self.text += &(serde_json::to_string(line)? + "\n");
        Ok(!self.json || offer_json(line)? == Reader::There)
    }

    /// Writes all lines into the folder's file; its path.
    fn write(&self, folder: &Path) -> Result<PathBuf> {
        let file = folder.join(SENSITIVITY);
        written::write("the file", &file, self.text.as_bytes())?;
        Ok(file)
    }
}

pub(crate) fn run(args: &Args, signals: Signals) -> Result<ExitCode> {
    let profile = resolve(&args.profile, &args.set)?;
    let name = profile.profile.name.clone();
    let mut prepared = prepared(profile.profile.into(), true)?;
    // Where some of the images are to stand for all they must be a random sample.
    prepared.settings.search_order = ImageOrder::Stratified;
    let settings = prepared.settings.clone();
    let space = &settings.space;
    let images = args.images.map_or(settings.screen(), |n| n as usize);
    let images = images.min(settings.search_images);
    let options = run::EvaluatorOptions {
        #[cfg(feature = "cluster")]
        cluster: args.cluster.options()?,
        ..args.device.options(args.results)
    };
    let folder = args.folder(&name)?;
    let evaluators = Evaluators::of(prepared, &options, Some(&folder))?;
    let fingerprint = evaluators.fingerprint.clone();
    let mut evaluator = evaluators.first()?;

    let cancel = signals.cancel();
    let points = Point::all(space.layers.len(), &space.menu);
    let bar = bar(
        points.len() as u64 + 1,
        "[{bar:24}] {pos}/{len} measurements, {msg}, {eta} left",
    );
    let mut measuring = Measuring {
        evaluator: &mut *evaluator,
        space,
        images,
        cancel: &cancel,
        work: Default::default(),
    };
    let mut lines = Lines {
        json: args.json,
        text: String::new(),
    };
    let measured = measure(&mut measuring, &points, &mut lines, &bar, fingerprint);
    bar.finish_and_clear();
    let Some(measured) = measured? else {
        note(
            "interrupted; everything measured so far is safe: the same command resumes from there",
        );
        return Ok(ExitCode::from(INTERRUPTED));
    };
    let layer_forwards = measuring.work.layer_forwards;
    let interactions = Interaction::of(&measured, space.layers.len());
    for interaction in &interactions {
        let _ = lines.add(interaction)?;
    }
    let file = lines.write(&folder)?;
    match args.json {
        true => {
            let _ = lines.add(&Finished {
                measurements: measured.len(),
                layer_forwards,
                seconds: bar.elapsed().as_secs_f64(),
                file,
            })?;
        }
        false => print(&table::text(space, images, &measured, &interactions, &file))?,
    }
    Ok(ExitCode::SUCCESS)
}

impl Args {
    /// The folder of the measurements, which is made where it is missing.
    fn folder(&self, profile: &str) -> Result<PathBuf> {
        let folder = match &self.run_dir {
            Some(folder) => std::path::absolute(folder)?,
            None => Paths::from_env()?.sensitivity().join(run::slug(profile)),
        };
        std::fs::create_dir_all(&folder)
            .with_context(|| format!("cannot make {}", folder.display()))?;
        Ok(folder)
    }
}

/// The measurements of all points; none after an interruption or when the reader is gone.
fn measure(
    measuring: &mut Measuring<'_>,
    points: &[Point],
    lines: &mut Lines,
    bar: &ProgressBar,
    fingerprint: Fingerprint,
) -> Result<Option<Vec<Sensitivity>>> {
    let mut silent = |_| ();
    bar.set_message("float");
    let float = match measuring.float(&mut silent) {
        Err(EvaluateError::Cancelled) => return Ok(None),
        float => float?,
    };
    let heard = lines.add(&Baseline {
        images: float.len(),
        correct: float.correct(),
        accuracy: percent(float.correct(), float.len()),
        memory_bytes: measuring.space.float_bytes(),
        fingerprint: Some(fingerprint),
    })?;
    if !heard {
        return Ok(None);
    }
    let mut all = Vec::with_capacity(points.len());
    for point in points {
        bar.inc(1);
        let layer = point.layer.and_then(|l| measuring.space.layers.get(l));
        bar.set_message(layer.map_or("all layers".to_owned(), |l| l.name.clone()));
        let measured = match measuring.point(*point, &float, &mut silent) {
            Err(EvaluateError::Cancelled) => return Ok(None),
            measured => measured?,
        };
        if !lines.add(&measured)? {
            return Ok(None);
        }
        all.push(measured);
    }
    Ok(Some(all))
}
