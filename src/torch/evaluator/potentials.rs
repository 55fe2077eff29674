//! Histograms of the membrane potentials of every neuron site.

use std::ops::ControlFlow;

use super::TorchEvaluator;
use super::batch_job::BatchJob;
use crate::evaluate::{Cancel, EvaluateError, Potentials, Prober, Split};
use crate::quant::Allocation;
use crate::torch::record::{Histograms, Record};

impl Prober for TorchEvaluator {
    fn potentials(
        &mut self,
        allocation: &Allocation,
        cancel: &Cancel,
    ) -> Result<Potentials, EvaluateError> {
        let graph = self.network.graph();
        self.check(allocation)?;
        let images = &self.splits.calibration;
        let layers = self.layers(allocation, cancel)?;
        let job = BatchJob {
            allocation,
            layers: &layers,
            split: Split::Calibration,
            images,
            wanted: 0..self.drift_images,
            cached: false,
        };
        let mut all = Potentials::new(graph);
        self.run_batches(
            job,
            cancel,
            |batch| Record::Histograms(Histograms::new(graph, batch.places.len())),
            |_, record, _| Ok(record),
            |_, record| {
                if let Record::Histograms(seen) = &record {
                    add(&mut all, seen);
                }
                ControlFlow::Continue(())
            },
        )?;
        for (site, seen) in graph.sites.iter().zip(&mut all.sites) {
            let shape = site.shape;
            let neurons = shape.channels * shape.height * shape.width * self.drift_images;
            let neurons = neurons.max(1) as f64;
            let threshold = site.neuron.threshold();
            seen.means
                .iter_mut()
                .for_each(|m| *m /= neurons * threshold);
            seen.rates.iter_mut().for_each(|r| *r /= neurons);
        }
        Ok(all)
    }
}

fn add(all: &mut Potentials, batch: &Histograms) {
    for (site, seen) in all.sites.iter_mut().zip(&batch.seen.sites) {
        let bins = site.bins.iter_mut().zip(&seen.bins);
        bins.for_each(|(total, n)| *total += n);
    }
    for (site, steps) in all.sites.iter_mut().zip(&batch.steps) {
        for (i, sums) in steps.iter().enumerate() {
            if let (Some(mean), Some(rate)) = (site.means.get_mut(i), site.rates.get_mut(i)) {
                *mean += sums.sum;
                *rate += sums.spikes as f64;
            }
        }
    }
}
