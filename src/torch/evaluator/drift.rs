//! Drift and the evidence beside it, on the calibration images.

use std::ops::ControlFlow;
use std::sync::{Arc, PoisonError};

use super::batch_job::BatchJob;
use super::{TorchEvaluator, float};
use crate::evaluate::{Cancel, EvaluateError, Outcome, Progress, Proxies, Split};
use crate::quant::Allocation;
use crate::torch::drift::Means;
use crate::torch::record::{ChannelSums, Record, Spikes};

impl TorchEvaluator {
    /// The means over the calibration images of the drift, compared with `float`; without it this
    /// is the float network. `before` of `total` images are done when it starts.
    fn means(
        &self,
        allocation: &Allocation,
        float: Option<&Means>,
        cancel: &Cancel,
        (before, total): (usize, usize),
        progress: &mut dyn FnMut(Progress),
    ) -> Result<Means, EvaluateError> {
        let images = &self.splits.calibration;
        let graph = self.network.graph();
        let mut means = Means::new(graph);
        let mut done = before;
        let job = BatchJob {
            allocation,
            split: Split::Calibration,
            images,
            wanted: 0..self.drift_images,
            cached: true,
        };
        self.run_batches(
            job,
            cancel,
            |batch| {
                let images = batch.places.len();
                let proxies = self.proxies.saturating_sub(batch.first).min(images);
                let spikes = match float {
                    _ if proxies == 0 => Spikes::Ignored,
                    None => Spikes::packed(graph, proxies),
                    Some(float) => match float.spikes(batch.index) {
                        Some(known) => Spikes::compared(Arc::clone(known)),
                        None => Spikes::Ignored,
                    },
                };
                Record::Channels(ChannelSums::new(graph, images).with(spikes))
            },
            |batch, record, mut logits| {
                logits.truncate(batch.places.len() * graph.classes);
                Ok((record, logits))
            },
            |_, (record, logits)| {
                if let Record::Channels(sums) = record {
                    done += sums.images;
                    means.add(sums, &logits);
                }
                progress(Progress {
                    done,
                    total,
                    correct: 0,
                });
                ControlFlow::Continue(())
            },
        )?;
        Ok(means)
    }

    /// The drift of an allocation, and the evidence beside it.
    pub(super) fn drift(
        &self,
        allocation: &Allocation,
        cancel: &Cancel,
        progress: &mut dyn FnMut(Progress),
    ) -> Result<Outcome, EvaluateError> {
        let images = self.drift_images;
        // The first evaluator that needs it measures it; the others wait.
        let mut known = self.float.lock().unwrap_or_else(PoisonError::into_inner);
        let runs = usize::from(known.is_none()) + usize::from(!allocation.is_float());
        let total = images * runs;
        let float = match &*known {
            Some(known) => Arc::clone(known),
            None => {
                let float = float(self.network.graph());
                let means = self.means(&float, None, cancel, (0, total), progress)?;
                Arc::clone(known.insert(Arc::new(means)))
            }
        };
        drop(known);
        let means = match allocation.is_float() {
            true => Arc::clone(&float),
            false => {
                let done = (total - images, total);
                Arc::new(self.means(allocation, Some(&float), cancel, done, progress)?)
            }
        };
        let graph = self.network.graph();
        let sites = means.drift(&float, graph);
        let (divergence, spike_flips) = means.proxies(&float, graph, self.proxies);
        let layers = self.layers(allocation, cancel)?;
        let calibrator = self.calibrator.as_ref();
        let proxies = Proxies {
            max_drift: sites.iter().copied().fold(0.0, f64::max),
            weight_error: self.network.weight_error(allocation, &layers)?,
            divergence,
            spike_flips,
            image_drift: calibrator.map(|_| means.image_drift(&float, graph)),
            wide_divergence: calibrator.and_then(|_| means.divergence(&float, graph)),
            output_error: match calibrator {
                Some(calibrator) => Some(calibrator.output_errors(&layers)?.iter().flatten().sum()),
                None => None,
            },
        };
        let outcome = Outcome::Drift {
            drift: sites.iter().sum::<f64>() / sites.len() as f64,
            sites,
            proxies: Some(proxies),
        };
        let names = graph.sites.iter().map(|s| s.name.as_str());
        outcome.finite(names)
    }
}
