//! The search split in the order of the float network's margin.

use std::ops::ControlFlow;
use std::sync::{Arc, PoisonError};

use super::accuracy::finite;
use super::batch_job::BatchJob;
use super::{TorchEvaluator, float};
use crate::data::ImageSet;
use crate::evaluate::{Cancel, CorrectBits, EvaluateError, Progress, Split};
use crate::torch::proxies::argmax;
use crate::torch::record::Record;

/// The images in that order: those that float classifies wrongly, then the others, each by rising
/// margin.
#[derive(Debug)]
pub(super) struct Ordered {
    pub images: ImageSet,
    /// Which of them float classifies correctly.
    pub float: CorrectBits,
}

impl TorchEvaluator {
    /// The search split in order; the first time the float network runs on all of its images.
    pub(super) fn ordered(
        &self,
        cancel: &Cancel,
        progress: &mut dyn FnMut(Progress),
    ) -> Result<Arc<Ordered>, EvaluateError> {
        let mut known = self.ordered.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(ordered) = &*known {
            return Ok(Arc::clone(ordered));
        }
        let ordered = Arc::new(self.order(cancel, progress)?);
        *known = Some(Arc::clone(&ordered));
        Ok(ordered)
    }

    fn order(
        &self,
        cancel: &Cancel,
        progress: &mut dyn FnMut(Progress),
    ) -> Result<Ordered, EvaluateError> {
        let images = &self.splits.search;
        let graph = self.network.graph();
        let job = BatchJob {
            allocation: &float(graph),
            layers: &Vec::new(),
            split: Split::Search,
            images,
            wanted: 0..images.len(),
            // Values are kept by batch, and batches hold other images from now on.
            cached: false,
        };
        let mut margins: Vec<(bool, f64)> = Vec::with_capacity(images.len());
        self.run_batches(
            job,
            cancel,
            |_| Record::Nothing,
            |batch, _, logits| {
                let rows = batch.rows(&logits, graph.classes);
                let margins = rows.map(|(i, row)| Ok(margin(finite(i, row)?, images.label(i))));
                margins.collect::<Result<Vec<_>, EvaluateError>>()
            },
            |_, of_batch| {
                margins.extend(of_batch);
                progress(Progress {
                    done: margins.len(),
                    total: images.len(),
                    correct: margins.iter().filter(|(right, _)| *right).count(),
                    preparing: true,
                });
                ControlFlow::Continue(())
            },
        )?;
        let mut order: Vec<usize> = (0..margins.len()).collect();
        let of = |i: &usize| margins.get(*i).copied().unwrap_or_default();
        order.sort_by(|a, b| {
            let ((right, margin), (other_right, other)) = (of(a), of(b));
            right.cmp(&other_right).then(margin.total_cmp(&other))
        });
        Ok(Ordered {
            images: images.reordered(&order),
            float: order.iter().map(|i| of(i).0).collect(),
        })
    }
}

/// Whether the largest logit is that of the label, and how far it is from the next one; of a wrong
/// answer, how far from the label's.
fn margin(logits: &[f64], label: u32) -> (bool, f64) {
    let (best, label) = (argmax(logits), label as usize);
    let largest = logits.get(best).copied().unwrap_or_default();
    let others = logits
        .iter()
        .enumerate()
        .filter(|(i, _)| match best == label {
            true => *i != best,
            false => *i == label,
        });
    let next = others.map(|(_, x)| *x).fold(f64::NEG_INFINITY, f64::max);
    (best == label, largest - next)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn margins_by_hand() {
        assert_eq!(margin(&[1.0, 3.0, 2.5], 1), (true, 0.5));
        assert_eq!(margin(&[1.0, 3.0, 2.5], 0), (false, 2.0));
        assert_eq!(margin(&[2.0], 0), (true, f64::INFINITY));
    }
}
