//! `solve --confirm`: the evaluation of a solution.

use std::fmt;

use anyhow::{Result, bail};
use serde::Serialize;

use crate::cli::prepared::prepared;
use crate::cli::signals::Signals;
use crate::evaluate::{
    Cancel, CorrectBits, EvaluateError, Evaluator, Job, Outcome, Question, Split, percent,
};
use crate::journal::Fingerprint;
use crate::profile::Profile;
use crate::quant::{Allocation, BitWidth};
use crate::run::{EvaluatorOptions, Evaluators, PROFILE, Summary};
use crate::search::{Solution, Wanted};

/// The result, as a line of JSON.
#[derive(Debug, Serialize)]
#[serde(tag = "type", rename = "confirmed")]
pub(super) struct Confirmed {
    images: usize,
    correct: usize,
    accuracy: f64,
    accuracy_float: f64,
    accuracy_drop: f64,
    memory_bytes: u64,
    /// True where it meets all that was asked for.
    pub met: bool,
}

impl fmt::Display for Confirmed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "measured on the whole search split: {:.2} % (float {:.2} %), drop {:.2} points: {}",
            self.accuracy,
            self.accuracy_float,
            self.accuracy_drop,
            match self.met {
                true => "met",
                false => "not met",
            }
        )
    }
}

/// Evaluates the float network and the answer on the run's whole search split; none when
/// interrupted.
pub(super) fn confirm(
    summary: &Summary,
    solution: &Solution,
    wanted: Wanted,
    options: &EvaluatorOptions,
    signals: Signals,
) -> Result<Option<Confirmed>> {
    let mut profile = Profile::load(&summary.folder.join(PROFILE))?;
    // The fingerprints that are compared below cover the calibration images.
    profile.calibration_hash = None;
    let prepared = prepared(profile.into(), true)?;
    let images = prepared.settings.search_images;
    let layers = prepared.settings.space.layers.len();
    // What the search was told to do, and on which machine, does not matter here.
    let then = &summary.header.fingerprint;
    let now = Fingerprint {
        search: then.search.clone(),
        ..prepared.fingerprint(then.numerics.clone())
    };
    let differences = then.differences(&now);
    if !differences.is_empty() {
        let parts: Vec<&str> = differences.iter().map(|(part, ..)| *part).collect();
        bail!(
            "{} changed since the run in {}, so its answer cannot be confirmed: restore what the run used",
            parts.join(", "),
            summary.folder.display()
        );
    }
    let mut evaluator = Evaluators::of(prepared, options, None)?.first()?;
    let cancel = signals.cancel();
    let float = Allocation::uniform(layers, BitWidth::FLOAT);
    let mut correct = |allocation| correct(&mut *evaluator, allocation, images, &cancel);
    let (Some(float), Some(bits)) = (correct(float)?, correct(solution.allocation.clone())?) else {
        return Ok(None);
    };
    let accuracy_float = percent(float.correct(), images);
    let accuracy = percent(bits.correct(), images);
    let lost = float.correct() as f64 - bits.correct() as f64;
    let accuracy_drop = 100.0 * lost / images.max(1) as f64;
    let memory_bytes = solution.prediction.memory_bytes;
    Ok(Some(Confirmed {
        images,
        correct: bits.correct(),
        accuracy,
        accuracy_float,
        accuracy_drop,
        memory_bytes,
        met: wanted.max_drop.is_none_or(|max| accuracy_drop <= max)
            && wanted.max_memory.is_none_or(|max| memory_bytes <= max),
    }))
}

fn correct(
    evaluator: &mut dyn Evaluator,
    allocation: Allocation,
    images: usize,
    cancel: &Cancel,
) -> Result<Option<CorrectBits>> {
    let question = Question::Accuracy {
        split: Split::Search,
        from: 0,
        to: images,
        stop: None,
    };
    let job = Job {
        allocation,
        question,
    };
    match evaluator.evaluate(&job, cancel, &mut |_| ()) {
        Ok((Outcome::Accuracy { correct }, _)) => Ok(Some(correct)),
        Ok((Outcome::Drift { .. } | Outcome::LayerErrors { .. }, _)) => {
            bail!("the evaluator gave the outcome of another job")
        }
        Err(EvaluateError::Cancelled) => Ok(None),
        Err(e) => Err(e.into()),
    }
}
