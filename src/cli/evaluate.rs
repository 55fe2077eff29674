//! `aq4svit evaluate`.

use std::io::IsTerminal;
use std::process::ExitCode;

use anyhow::{Result, bail};
use clap::ValueEnum;
use indicatif::{ProgressBar, ProgressStyle};
use serde::Serialize;

use super::bits::allocation;
use super::device::DeviceArgs;
use super::source::{SetArgs, json_line, line, resolve};
use super::{INTERRUPTED, signals};
use crate::evaluate::{Cancel, EvaluateError, Job, Outcome, Question, Split};
use crate::quant::{MemoryModel, saving_percent};
use crate::run::{self, Prepared};

#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// A profile: a file, or the name of a saved or shipped one
    profile: String,
    /// Which images (the test split where there is one, else the search split)
    #[arg(long)]
    split: Option<SplitArg>,
    /// Bit-widths over the profile's own, such as all=4,head=8 (layers, globs, or `all`)
    #[arg(long, value_name = "BITS")]
    bits: Vec<String>,
    /// Print one line of JSON
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    set: SetArgs,
    #[command(flatten)]
    device: DeviceArgs,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum SplitArg {
    Search,
    Test,
    Calibration,
}

#[derive(Serialize)]
#[serde(tag = "type", rename = "evaluation")]
struct Evaluation {
    split: Split,
    images: usize,
    correct: usize,
    /// In percent.
    accuracy: f64,
    memory_bytes: u64,
    memory_saving_percent: f64,
    seconds: f64,
}

pub(crate) fn run(args: &Args) -> Result<ExitCode> {
    let profile = resolve(&args.profile, &args.set)?;
    let prepared = Prepared::new(profile.profile)?;
    let allocation = allocation(&prepared.profile, &prepared.graph, &args.bits)?;
    let memory = MemoryModel::of(&prepared.graph, prepared.profile.scheme.affine);
    let (bytes, float_bytes) = (memory.total(&allocation), memory.float_total());
    let splits = &prepared.splits;
    let test = splits.test.as_ref().map(|t| t.len());
    let (split, images) = match (args.split, test) {
        (Some(SplitArg::Calibration), _) => (Split::Calibration, splits.calibration.len()),
        (Some(SplitArg::Test), None) => bail!(
            "{}: the data has no test split; use --split search",
            profile.origin
        ),
        (Some(SplitArg::Test) | None, Some(images)) => (Split::Test, images),
        (Some(SplitArg::Search) | None, _) => (Split::Search, splits.search.len()),
    };
    let mut evaluator = run::evaluator(prepared, &args.device.options(false))?;
    let job = Job {
        allocation,
        question: Question::Accuracy {
            split,
            from: 0,
            to: images,
            stop: None,
        },
    };

    let cancel = Cancel::default();
    let signals = signals::catch()?;
    let on_signal = cancel.clone();
    std::thread::spawn(move || signals.recv().map(|_| on_signal.cancel()));
    let bar = if std::io::stderr().is_terminal() {
        ProgressBar::new(images as u64)
    } else {
        ProgressBar::hidden()
    };
    bar.set_style(
        ProgressStyle::with_template("[{bar:24}] {pos}/{len} images, {msg}, {eta} left")?
            .progress_chars("=> "),
    );
    let start = std::time::Instant::now();
    let answer = evaluator.evaluate(&job, &cancel, &mut |p| {
        bar.set_position(p.done as u64);
        bar.set_message(format!(
            "{:.2} %",
            100.0 * p.correct as f64 / p.done.max(1) as f64
        ));
    });
    bar.finish_and_clear();
    let correct = match answer {
        Ok((Outcome::Accuracy { correct }, _)) => correct.correct(),
        Ok((Outcome::Drift { .. }, _)) => bail!("the evaluator answered another question"),
        Err(EvaluateError::Cancelled) => {
            eprintln!("interrupted");
            return Ok(ExitCode::from(INTERRUPTED));
        }
        Err(e) => return Err(e.into()),
    };
    let evaluation = Evaluation {
        split,
        images,
        correct,
        accuracy: 100.0 * correct as f64 / images.max(1) as f64,
        memory_bytes: bytes,
        memory_saving_percent: saving_percent(bytes, float_bytes),
        seconds: start.elapsed().as_secs_f64(),
    };
    match args.json {
        true => json_line(&evaluation)?,
        false => line(&format!(
            "{:.2} % of {images} images of the {} split correct ({correct}); memory {bytes} bytes, {:.2} % less than float's {float_bytes}",
            evaluation.accuracy,
            split.name(),
            evaluation.memory_saving_percent
        ))?,
    }
    Ok(ExitCode::SUCCESS)
}
