//! Accuracy on a range of a split's images.

use std::ops::ControlFlow;

use super::TorchEvaluator;
use super::batch_job::BatchJob;
use crate::data::ImageSet;
use crate::evaluate::{
    Cancel, CorrectBits, Decided, EvaluateError, ImageOrder, Progress, Split, StopRule,
};
use crate::quant::Allocation;
use crate::torch::proxies::argmax;
use crate::torch::record::Record;

impl TorchEvaluator {
    /// The images of a range that are classified correctly, up to where a rule decides.
    pub(super) fn accuracy(
        &self,
        allocation: &Allocation,
        (split, images): (Split, &ImageSet),
        wanted: std::ops::Range<usize>,
        stop: Option<&StopRule>,
        cancel: &Cancel,
        progress: &mut dyn FnMut(Progress),
    ) -> Result<CorrectBits, EvaluateError> {
        let total = wanted.len();
        // Without stored results the images before are run again, unreported.
        let first = wanted.start;
        let from = match self.options.optimizations.stored_bits || wanted.is_empty() {
            true => first,
            false => 0,
        };
        let classes = self.network.graph().classes;
        let mut bits = CorrectBits::new();
        let mut decided = stop.and_then(|s| s.decided(&bits));
        let early_stop = self.options.optimizations.early_stop;
        let stops = |decided: Option<Decided>| decided.is_some_and(|d| early_stop || !d.certain);
        if stops(decided) {
            return Ok(bits);
        }
        let ordered = match (split, self.options.search_order) {
            (Split::Search, ImageOrder::Margin) => Some(self.ordered(cancel, progress)?),
            _ => None,
        };
        let images = ordered.as_ref().map_or(images, |o| &o.images);
        if let (Some(ordered), true) = (&ordered, allocation.is_float()) {
            let known = ordered.float.slice(first, wanted.end);
            let decided = stop.and_then(|s| s.decided(&known));
            let images = decided.map_or(known.len(), |d| d.images);
            return Ok(known.slice(0, images));
        }
        let layers = self.layers(allocation, cancel)?;
        let job = BatchJob {
            allocation,
            layers: &layers,
            split,
            images,
            wanted: from..wanted.end,
            cached: true,
        };
        self.run_batches(
            job,
            cancel,
            |_| Record::Nothing,
            |batch, _, logits| {
                let wanted = batch.rows(&logits, classes).filter(|(i, _)| *i >= first);
                let correct = wanted.map(|(i, logits)| {
                    let logits = finite(i, logits)?;
                    Ok(argmax(logits) == images.label(i) as usize)
                });
                correct.collect::<Result<CorrectBits, _>>()
            },
            |_, correct| {
                bits.extend(&correct);
                if decided.is_none() {
                    decided = stop.and_then(|s| s.decided(&bits));
                }
                progress(Progress {
                    done: bits.len(),
                    total,
                    correct: bits.correct(),
                    preparing: false,
                });
                if stops(decided) {
                    ControlFlow::Break(())
                } else {
                    ControlFlow::Continue(())
                }
            },
        )?;
        if let Some(decided) = decided {
            bits.truncate(decided.images);
        }
        Ok(bits)
    }
}

/// An image's logits, if they are finite.
pub(super) fn finite(image: usize, logits: &[f64]) -> Result<&[f64], EvaluateError> {
    match logits.iter().all(|x| x.is_finite()) {
        true => Ok(logits),
        false => Err(EvaluateError::NotFinite {
            place: format!("the logits of image {image} of the split are"),
        }),
    }
}
