//! `solve --confirm`: the evaluation of a solution.

use std::fmt;

use anyhow::Result;
use serde::Serialize;

use crate::cli::prepared::prepared;
use crate::cli::signals::Signals;
use crate::evaluate::{EvaluateError, Split, correct, percent};
use crate::quant::{Allocation, BitWidth};
use crate::run::{EvaluatorOptions, Evaluators, Summary, reopen};
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
    let prepared = reopen(summary, |problem| prepared(problem, false))?;
    let images = prepared.settings.search_images;
    let layers = prepared.settings.space.layers.len();
    let mut evaluator = Evaluators::of(prepared, options, None)?.first()?;
    let cancel = signals.cancel();
    let float = Allocation::uniform(layers, BitWidth::FLOAT);
    let mut correct = |allocation| {
        let split = (Split::Search, images);
        match correct(&mut *evaluator, allocation, split, &cancel, &mut |_| ()) {
            Ok((bits, _)) => Ok(Some(bits)),
            Err(EvaluateError::Cancelled) => Ok(None),
            Err(e) => Err(e),
        }
    };
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
