//! What a network does on the images of one split: accuracy by class, firing rates, sums of values.

use std::time::Instant;

use super::RunError;
use super::evaluators::{EvaluatorOptions, evaluator};
use super::prepare::Prepared;
use super::results::{CachedEvaluator, Contexts, Stores};
use crate::evaluate::{
    self, Cancel, EvaluateError, Evaluator, Progress, Split, Statistics, correct,
};
use crate::quant::{Allocation, BitWidth};

/// What a network does on all images of a split.
#[derive(Clone, Debug)]
pub struct SplitStatistics {
    /// Under the allocation.
    pub counted: Statistics,
    /// Images that the float network classifies correctly; none where it was not asked.
    pub float_correct: Option<usize>,
    /// Seconds of the allocation's pass, without the float network's.
    pub seconds: f64,
}

/// The networks that are run on a split.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Compared {
    /// That of the allocation.
    Alone,
    /// Also the float network, unless the answers of earlier runs say how it does.
    WithFloat,
}

/// Runs all images of a split through a prepared network, on this machine or on others, and counts
/// what it does.
///
/// # Errors
/// As [`super::Evaluators::of`], and [`RunError::Evaluate`] for what goes wrong on the way.
pub fn statistics(
    prepared: Prepared,
    options: &EvaluatorOptions,
    (allocation, split, compared): (&Allocation, Split, Compared),
    cancel: &Cancel,
    progress: &mut dyn FnMut(Progress),
) -> Result<SplitStatistics, RunError> {
    let contents = prepared.contents();
    let images = split
        .images(&prepared.splits)
        .map_or(0, |images| images.len());
    let graph = prepared.profile.graph();
    let mut evaluator = evaluator(prepared, options)?;
    let contexts = Contexts::new(contents, &evaluator.numerics());
    let (nodes, sites) = (graph.nodes.len(), graph.sites.len());
    let (start, all) = (Instant::now(), (split, images));
    let counted = evaluate::statistics(&mut *evaluator, allocation.clone(), all, cancel, progress)?;
    if (counted.sums.len(), counted.spikes.len()) != (nodes, sites) {
        return Err(EvaluateError::of_another().into());
    }
    let seconds = start.elapsed().as_secs_f64();
    let float_correct = match compared {
        Compared::Alone => None,
        Compared::WithFloat if allocation.is_float() => Some(counted.correct()),
        Compared::WithFloat => {
            let folder = options.results.as_deref();
            let mut evaluator: Box<dyn Evaluator> = match folder {
                Some(folder) => {
                    let stores = Stores::open(folder, &contexts);
                    Box::new(CachedEvaluator::new(evaluator, stores))
                }
                None => evaluator,
            };
            let float = Allocation::uniform(allocation.len(), BitWidth::FLOAT);
            let (bits, _) = correct(&mut *evaluator, float, all, cancel, &mut |_| ())?;
            Some(bits.correct())
        }
    };
    Ok(SplitStatistics {
        counted,
        float_correct,
        seconds,
    })
}
