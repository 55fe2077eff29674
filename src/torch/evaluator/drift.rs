//! Drift on the calibration images, and the evidence beside it.

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

/// The sums of a network over the images of the drift, and over those of the evidence.
#[derive(Clone, Debug)]
pub(super) struct Sums {
    drift: Arc<Means>,
    /// The same where the evidence is measured on the images of the drift.
    evidence: Arc<Means>,
}

/// Images to take sums over.
#[derive(Clone, Copy)]
struct Images<'a> {
    split: Split,
    set: &'a ImageSet,
    /// The first so many of the split.
    count: usize,
    /// Of these the first so many are compared spike by spike.
    spikes: usize,
    /// Whether the sums of potentials are wanted, for the drift.
    potentials: bool,
}

/// Images done before a pass, and to be done in all.
struct Done<'a> {
    images: usize,
    total: usize,
    progress: &'a mut dyn FnMut(Progress),
}

impl TorchEvaluator {
    /// The images of the drift, and those of the evidence where they are others.
    fn measured_on(&self) -> (Images<'_>, Option<Images<'_>>) {
        let own = self.evidence_images > 0;
        let drift = Images {
            split: Split::Calibration,
            set: &self.splits.calibration,
            count: self.drift_images,
            spikes: if own { 0 } else { self.proxies },
            potentials: true,
        };
        let evidence = Images {
            split: Split::Proxy,
            set: &self.splits.proxy,
            count: self.evidence_images,
            spikes: self.proxies,
            potentials: false,
        };
        (drift, own.then_some(evidence))
    }

    /// The sums over both kinds of images, compared with those of `float`; without it this is the
    /// float network.
    fn sums(
        &self,
        network: (&Allocation, &QuantizedLayers),
        float: Option<&Sums>,
        cancel: &Cancel,
        done: &mut Done<'_>,
    ) -> Result<Sums, EvaluateError> {
        let (drift, evidence) = self.measured_on();
        let with = float.map(|f| &*f.drift);
        let drift = Arc::new(self.means(network, drift, with, cancel, done)?);
        let evidence = match evidence {
            None => Arc::clone(&drift),
            Some(images) => {
                let with = float.map(|f| &*f.evidence);
                Arc::new(self.means(network, images, with, cancel, done)?)
            }
        };
        Ok(Sums { drift, evidence })
    }

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
                let count = batch.places.len();
                let compared = images.spikes.saturating_sub(batch.first).min(count);
                let spikes = match float {
                    _ if compared == 0 => Spikes::Ignored,
                    None => Spikes::packed(graph, compared),
                    Some(float) => match float.spikes(batch.index) {
                        Some(known) => Spikes::compared(Arc::clone(known)),
                        None => Spikes::Ignored,
                    },
                };
                Record::Channels(match images.potentials {
                    true => ChannelSums::new(graph, count).with(spikes),
                    false => ChannelSums::spikes_only(graph, count, spikes),
                })
            },
            |batch, record, mut logits| {
                logits.truncate(batch.places.len() * graph.classes);
                Ok((record, logits))
            },
            |_, (record, logits)| {
                if let Record::Channels(sums) = record {
                    done.images += sums.images;
                    means.add(sums, &logits);
                }
                (done.progress)(Progress {
                    done: done.images,
                    total: done.total,
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
        // The first evaluator that needs it measures the float network; the others wait.
        let mut known = self.float.lock().unwrap_or_else(PoisonError::into_inner);
        let runs = usize::from(known.is_none()) + usize::from(!allocation.is_float());
        let mut done = Done {
            images: 0,
            total: (self.drift_images + self.evidence_images) * runs,
            progress,
        };
        let float = match &*known {
            Some(known) => known.clone(),
            None => {
                let float = float(self.network.graph());
                let layers = self.layers(&float, cancel)?;
                let sums = self.sums((&float, &layers), None, cancel, &mut done)?;
                known.insert(sums).clone()
            }
        };
        drop(known);
        let layers = self.layers(allocation, cancel)?;
        let sums = match allocation.is_float() {
            true => float.clone(),
            false => self.sums((allocation, &layers), Some(&float), cancel, &mut done)?,
        };
        let graph = self.network.graph();
        let sites = sums.drift.drift(&float.drift, graph);
        let proxies = self.evidence((allocation, &layers), (&sums, &float), &sites)?;
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
        (sums, float): (&Sums, &Sums),
        drifts: &[f64],
    ) -> Result<Proxies, EvaluateError> {
        let graph = self.network.graph();
        let (drift, evidence) = self.measured_on();
        let images = evidence.unwrap_or(drift);
        let calibrator = self.calibrator.as_ref();
        let (divergence, spike_flips) = sums.evidence.proxies(&float.evidence, graph, self.proxies);
        let loss = |sums: &Sums| {
            let label = |image| images.set.label(image);
            sums.evidence.cross_entropy(graph, label)
        };
        Ok(Proxies {
            max_drift: drifts.iter().copied().fold(0.0, f64::max),
            weight_error: self.network.weight_error(allocation, layers)?,
            divergence,
            spike_flips,
            image_drift: calibrator.map(|_| sums.drift.image_drift(&float.drift, graph)),
            wide_divergence: calibrator
                .and_then(|_| sums.evidence.divergence(&float.evidence, graph)),
            output_error: match calibrator {
                Some(calibrator) => Some(calibrator.output_errors(layers)?.iter().flatten().sum()),
                None => None,
            },
            loss_increase: calibrator.and_then(|_| Some(loss(sums)? - loss(float)?)),
            disagreement: calibrator
                .and_then(|_| sums.evidence.disagreement(&float.evidence, graph)),
        })
    }
}
