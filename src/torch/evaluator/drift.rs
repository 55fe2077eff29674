//! Drift and the evidence beside it, from one pass.

use std::ops::ControlFlow;
use std::sync::{Arc, PoisonError};

use super::batch_job::BatchJob;
use super::{TorchEvaluator, float};
use crate::data::ImageSet;
use crate::evaluate::{Cancel, EvaluateError, Outcome, Progress, Proxies, Split};
use crate::quant::Allocation;
use crate::torch::calibration::QuantizedLayers;
use crate::torch::drift::Means;
use crate::torch::record::{ChannelSums, Record, Spikes};

/// Images to take sums over.
#[derive(Clone, Copy)]
struct Images<'a> {
    split: Split,
    set: &'a ImageSet,
    /// The first so many of the split.
    count: usize,
    /// Of these the first so many have their potentials summed, for the drift.
    drift: usize,
    /// Of these the first so many are compared spike by spike.
    spikes: usize,
}

impl Images<'_> {
    /// At most the first so many.
    fn first(self, images: usize) -> Self {
        Images {
            count: self.count.min(images),
            drift: self.drift.min(images),
            spikes: self.spikes.min(images),
            ..self
        }
    }
}

/// Images done before a pass, and to be done in all.
struct Done<'a> {
    images: usize,
    total: usize,
    progress: &'a mut dyn FnMut(Progress),
}

impl TorchEvaluator {
    /// The images of the drift and of the evidence beside it: of the proxy split where there is
    /// one, because the correction has seen those of calibration.
    fn measured_on(&self) -> Images<'_> {
        let (split, set, count) = match self.evidence_images {
            0 => (
                Split::Calibration,
                &self.splits.calibration,
                self.drift_images,
            ),
            images => (Split::Proxy, &self.splits.proxy, images),
        };
        Images {
            split,
            set,
            count,
            drift: self.drift_images.min(count),
            spikes: self.proxies,
        }
    }

    /// The sums of a network, with spikes compared with those of `float`; without it this is the
    /// float network.
    fn means(
        &self,
        (allocation, layers): (&Allocation, &QuantizedLayers),
        images: Images<'_>,
        float: Option<&Means>,
        cancel: &Cancel,
        done: &mut Done<'_>,
    ) -> Result<Means, EvaluateError> {
        let graph = self.network.graph();
        let mut means = Means::new(graph);
        let job = BatchJob {
            allocation,
            layers,
            split: images.split,
            images: images.set,
            wanted: 0..images.count,
            cached: true,
        };
        self.run_batches(
            job,
            cancel,
            |batch| {
                let of_batch = |first: usize| first.saturating_sub(batch.first);
                let count = batch.places.len();
                let compared = of_batch(images.spikes).min(count);
                let spikes = match float {
                    _ if compared == 0 => Spikes::Ignored,
                    None => Spikes::packed(graph, compared),
                    Some(float) => match float.spikes(batch.index) {
                        Some(known) => Spikes::compared(Arc::clone(known)),
                        None => Spikes::Ignored,
                    },
                };
                let summed = of_batch(images.drift).min(count);
                Record::Channels(ChannelSums::new(graph, summed).with(spikes))
            },
            |batch, record, mut logits| {
                let count = batch.places.len();
                logits.truncate(count * graph.classes);
                Ok((record, logits, count))
            },
            |_, (record, logits, count)| {
                if let Record::Channels(sums) = record {
                    done.images += count;
                    means.add(sums, &logits);
                }
                (done.progress)(Progress {
                    done: done.images,
                    total: done.total,
                    correct: 0,
                    preparing: false,
                });
                ControlFlow::Continue(())
            },
        )?;
        Ok(means)
    }

    /// The drift of an allocation, and the evidence beside it, on at most the first `most` images.
    pub(super) fn drift(
        &self,
        allocation: &Allocation,
        most: Option<usize>,
        cancel: &Cancel,
        progress: &mut dyn FnMut(Progress),
    ) -> Result<Outcome, EvaluateError> {
        let all = self.measured_on();
        let images = all.first(most.unwrap_or(usize::MAX));
        // The first evaluator that needs it measures the float network; the others wait.
        let mut known = self.float.lock().unwrap_or_else(PoisonError::into_inner);
        let of_float = if known.is_none() { all.count } else { 0 };
        let of_it = if allocation.is_float() {
            0
        } else {
            images.count
        };
        let mut done = Done {
            images: 0,
            total: of_float + of_it,
            progress,
        };
        let float = match &*known {
            Some(known) => Arc::clone(known),
            None => {
                let float = float(self.network.graph());
                let layers = self.layers(&float, cancel)?;
                let means = self.means((&float, &layers), all, None, cancel, &mut done)?;
                Arc::clone(known.insert(Arc::new(means)))
            }
        };
        drop(known);
        let layers = self.layers(allocation, cancel)?;
        let means = match allocation.is_float() {
            true => Arc::clone(&float),
            false => {
                let network = (allocation, &layers);
                Arc::new(self.means(network, images, Some(&float), cancel, &mut done)?)
            }
        };
        let graph = self.network.graph();
        let sites = means.drift(&float, graph);
        let proxies = self.evidence((allocation, &layers), (&means, &float), images, &sites)?;
        let outcome = Outcome::Drift {
            drift: sites.iter().sum::<f64>() / sites.len() as f64,
            sites,
            proxies: Some(proxies),
        };
        let names = graph.sites.iter().map(|s| s.name.as_str());
        outcome.finite(names)
    }

    fn evidence(
        &self,
        (allocation, layers): (&Allocation, &QuantizedLayers),
        (means, float): (&Means, &Means),
        images: Images<'_>,
        drifts: &[f64],
    ) -> Result<Proxies, EvaluateError> {
        let graph = self.network.graph();
        let calibrator = self.calibrator.as_ref();
        let (divergence, spike_flips) = means.proxies(float, graph, images.spikes);
        let label = |image| images.set.label(image);
        Ok(Proxies {
            max_drift: drifts.iter().copied().fold(0.0, f64::max),
            weight_error: self.network.weight_error(allocation, layers)?,
            divergence,
            spike_flips,
            image_drift: calibrator.map(|_| means.image_drift(float, graph)),
            wide_divergence: calibrator.and_then(|_| means.divergence(float, graph)),
            output_error: match calibrator {
                Some(calibrator) => Some(calibrator.output_errors(layers)?.iter().flatten().sum()),
                None => None,
            },
            loss_increase: calibrator.and_then(|_| means.loss_increase(float, graph, label)),
            disagreement: calibrator.and_then(|_| means.disagreement(float, graph)),
        })
    }
}
