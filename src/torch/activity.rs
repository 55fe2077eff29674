//! What a run of the network adds to the statistics of an evaluation: spikes of every site, sums of every value. Images
//! that only fill up a batch do not count.
#![forbid(unsafe_code)]

use tch::{Kind, TchError};

use super::TorchError;
use super::error::Doing;
use super::ops::Value;
use super::record::{Record, Recorder, StepSums};
use crate::evaluate::Statistics;
use crate::network::{Graph, NodeId};

/// Counts of one batch.
#[derive(Debug)]
pub(super) struct Activity {
    /// Images of the batch that count; those after them are padding.
    pub images: usize,
    /// Per site, per time step.
    pub sites: Vec<Vec<StepSums>>,
    /// Per node: the sum of its value.
    sums: Vec<f64>,
}

impl Activity {
    pub(super) fn new(graph: &Graph, images: usize) -> Self {
        let steps = vec![StepSums::default(); graph.time_steps];
        Activity {
            images,
            sites: vec![steps; graph.sites.len()],
            sums: vec![0.0; graph.nodes.len()],
        }
    }

    /// Adds the batch to statistics.
    pub(super) fn add_to(&self, counted: &mut Statistics) {
        for (total, steps) in counted.spikes.iter_mut().zip(&self.sites) {
            *total += steps.iter().map(|s| s.spikes.unsigned_abs()).sum::<u64>();
        }
        for (total, sum) in counted.sums.iter_mut().zip(&self.sums) {
            *total += sum;
        }
    }

    /// The sum of a value, `[steps * batch, ...]`, over the images that count.
    fn sum(&self, value: &Value, batch: usize) -> Result<f64, TchError> {
        let (steps, batch) = (value.steps as i64, batch as i64);
        let rows = value.tensor().f_reshape([steps, batch, -1])?;
        let counted = rows.f_narrow(1, 0, (self.images as i64).min(batch))?;
        counted.f_sum(Kind::Double)?.f_double_value(&[])
    }
}

impl Record {
    /// Sees a value of a batch of `batch` images.
    pub(super) fn value(
        &mut self,
        node: NodeId,
        value: &Value,
        batch: usize,
    ) -> Result<(), TorchError> {
        let Record::Activity(activity) = self else {
            return Ok(());
        };
        let sum = activity.sum(value, batch);
        let sum = sum.doing(|| format!("summing the value of node {}", node.index()))?;
        if let Some(total) = activity.sums.get_mut(node.index()) {
            *total += sum;
        }
        Ok(())
    }
}

/// Records only the first images of a batch.
pub(super) struct Counted<R> {
    pub images: usize,
    pub inner: R,
}

impl<F, R: Recorder<F>> Recorder<F> for Counted<R> {
    #[inline(always)]
    fn tile(&mut self, image: usize, step: usize, potentials: &[F]) {
        if image < self.images {
            self.inner.tile(image, step, potentials);
        }
    }
    #[inline(always)]
    fn end_of_image(&mut self, image: usize) {
        if image < self.images {
            self.inner.end_of_image(image);
        }
    }
}
