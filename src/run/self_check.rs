//! The self-check at the start of a search: one small batch by the optimized arithmetic and by the
//! plain one, which must agree exactly. It finds a processor, a compiler or a library that computes
//! otherwise than the machines this program was tested on.
//!
//! Evaluators of its own do it, so that nothing of it is journalled, counted or kept. Calibration
//! would take longer than the check: the integers are rounded to the nearest, on which the same
//! kernels run.

#[cfg(any(feature = "torch", test))]
mod compare;

use super::{EvaluatorOptions, Prepared, RunError};

/// What was compared and found equal.
#[derive(Clone, Debug, PartialEq)]
pub struct SelfCheck {
    /// Images.
    pub images: usize,
    /// Allocations.
    pub allocations: usize,
    /// Seconds that it took.
    pub seconds: f64,
    /// What is doubtful about the float network on these images, in sentences.
    pub doubts: Vec<String>,
}

/// Compares the optimized arithmetic with the plain one on the first batch of the calibration
/// images, for the float network and for a mix of the bit-widths of the search. None where there
/// is nothing to compare: without any optimization, or without images.
///
/// # Errors
/// [`RunError::SelfCheck`] names what differs; as [`super::Evaluators::of`] for what cannot be
/// made.
#[cfg(feature = "torch")]
pub fn self_check(
    prepared: &Prepared,
    options: &EvaluatorOptions,
) -> Result<Option<SelfCheck>, RunError> {
    use compare::{allocations, compare};

    use crate::evaluate::Optimizations;
    use crate::torch::images_together;
    let begin = std::time::Instant::now();
    let graph = prepared.profile.graph();
    let images = images_together(&graph).min(prepared.splits.calibration.len());
    if images == 0 || options.optimizations == Optimizations::NONE {
        return Ok(None);
    }
    let make = |optimizations| evaluator(prepared, images, options, optimizations);
    let fast = make(options.optimizations)?;
    #[cfg(debug_assertions)]
    let fast = super::wrong_answers::Wrong::perhaps(fast);
    let (mut fast, mut plain) = (fast, make(Optimizations::NONE)?);
    let sites: Vec<&str> = graph.sites.iter().map(|site| site.name.as_str()).collect();
    let allocations = allocations(&prepared.settings.space.menu, graph.layers.len());
    let mut doubts = Vec::new();
    for allocation in &allocations {
        let seen = compare(&mut fast, &mut plain, (allocation, images), &sites)?;
        if let Some(seen) = seen.filter(|_| allocation.is_float()) {
            let mean = |rates: &[f64]| rates.iter().sum::<f64>() / rates.len().max(1) as f64;
            let rates: Vec<f64> = seen.sites.iter().map(|site| mean(&site.rates)).collect();
            doubts = crate::evaluate::of_activity(&graph, &rates);
        }
    }
    Ok(Some(SelfCheck {
        images,
        allocations: allocations.len(),
        seconds: begin.elapsed().as_secs_f64(),
        doubts,
    }))
}

/// Compares both kinds of arithmetic: not in this build.
///
/// # Errors
/// [`RunError::NoTorch`] always.
#[cfg(not(feature = "torch"))]
pub fn self_check(
    _prepared: &Prepared,
    _options: &EvaluatorOptions,
) -> Result<Option<SelfCheck>, RunError> {
    Err(RunError::NoTorch)
}

/// How fast the network runs on the first calibration images, a batch for each thread. None where
/// there are no images.
///
/// # Errors
/// As [`self_check`].
#[cfg(feature = "torch")]
pub(super) fn rates(
    prepared: &Prepared,
    options: &EvaluatorOptions,
) -> Result<Option<super::Rates>, RunError> {
    use std::time::{Duration, Instant};

    use crate::evaluate::{Cancel, Optimizations, Split, correct};
    use crate::torch::images_together;
    /// An evaluation is repeated for so long.
    const ENOUGH: Duration = Duration::from_millis(300);
    let graph = prepared.profile.graph();
    let (batch, threads) = (images_together(&graph), options.threads());
    let images = (batch * threads).min(prepared.splits.calibration.len());
    if images == 0 {
        return Ok(None);
    }
    let optimizations = Optimizations {
        prefix_cache: false,
        ..options.optimizations
    };
    let mut evaluator = evaluator(prepared, images, options, optimizations)?;
    let mut seconds = Vec::new();
    for allocation in compare::allocations(&prepared.settings.space.menu, graph.layers.len()) {
        let mut run = || {
            let begin = Instant::now();
            let of = (Split::Search, images);
            let answer = correct(
                &mut evaluator,
                allocation.clone(),
                of,
                &Cancel::default(),
                &mut |_| (),
            );
            answer.map(|_| begin.elapsed())
        };
        // The first one quantizes.
        run()?;
        let (begin, mut best) = (Instant::now(), run()?);
        while begin.elapsed() < ENOUGH {
            best = best.min(run()?);
        }
        // Threads without a batch would have had one.
        let busy = images.div_ceil(batch.max(1)).min(threads) as f64 / threads as f64;
        seconds.push(best.as_secs_f64() * busy / images as f64);
    }
    let pair = seconds.first().zip(seconds.last());
    Ok(pair.map(|(&float, &quantized)| super::Rates { float, quantized }))
}

/// An evaluator of the first calibration images, without calibrated weights.
#[cfg(feature = "torch")]
fn evaluator(
    prepared: &Prepared,
    images: usize,
    options: &EvaluatorOptions,
    optimizations: crate::evaluate::Optimizations,
) -> Result<crate::torch::TorchEvaluator, RunError> {
    use crate::data::Splits;
    use crate::quant::{Correction, Method, ScaleRule, Scheme, Weighting};
    use crate::torch::{Model, TorchEvaluator, TorchOptions};
    /// Bytes of the caches: a batch of a small network fits, and a large one shows what happens
    /// where one does not.
    const CACHE: u64 = 64 << 20;
    let scheme = prepared.profile.scheme;
    let model = Model {
        graph: prepared.profile.graph(),
        weights: prepared.weights.clone(),
        scheme: Scheme {
            method: Method::Nearest,
            correction: Correction::None,
            weighting: Weighting::None,
            // The scale of least error takes its time, and any will do.
            scale: match scheme.scale {
                ScaleRule::Mse => ScaleRule::Max,
                other => other,
            },
            ..scheme
        },
    };
    let first = |count: usize| {
        let order: Vec<usize> = (0..count).collect();
        prepared.splits.calibration.reordered(&order)
    };
    let splits = Splits {
        calibration: first(images),
        search: first(images),
        proxy: first(0),
        shared: 0,
        certify: None,
        test: None,
        skipped: Vec::new(),
        notes: Vec::new(),
    };
    let worker = options.of_workers().into_iter().next();
    let options = TorchOptions {
        device: worker.map_or_else(|| options.device.clone(), |o| o.device),
        threads: options.threads,
        optimizations,
        cache_memory: options.cache_memory.min(CACHE),
        ..TorchOptions::default()
    };
    Ok(TorchEvaluator::new(model, splits.into(), options)?)
}
