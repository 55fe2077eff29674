//! The share of one batch in the statistics of an evaluation: spikes of every site, sums of every
//! value. Images that only fill up a batch do not count.
#![forbid(unsafe_code)]

use tch::{Kind, TchError, Tensor};

use super::recorders::StepSums;
use crate::evaluate::Statistics;
use crate::network::{Graph, NodeId};

/// Counts of one batch.
#[derive(Debug)]
pub(in crate::torch) struct Activity {
    /// Images of the batch that count; those after them are padding.
    pub images: usize,
    /// Per site, per time step.
    pub sites: Vec<Vec<StepSums>>,
    /// Per node: the sum of its value.
    sums: Vec<f64>,
}

impl Activity {
    pub(in crate::torch) fn new(graph: &Graph, images: usize) -> Self {
        let steps = vec![StepSums::default(); graph.time_steps];
        Activity {
            images,
            sites: vec![steps; graph.sites.len()],
            sums: vec![0.0; graph.nodes.len()],
        }
    }

    /// Adds the batch to statistics.
    pub(in crate::torch) fn add_to(&self, counted: &mut Statistics) {
        for (total, steps) in counted.spikes.iter_mut().zip(&self.sites) {
            *total += steps.iter().map(|s| s.spikes.unsigned_abs()).sum::<u64>();
        }
        for (total, sum) in counted.sums.iter_mut().zip(&self.sums) {
            *total += sum;
        }
    }

    /// Adds the sum of a node's value, `[steps * batch, ...]`, over the images that count.
    pub(super) fn add(
        &mut self,
        node: NodeId,
        value: &Tensor,
        (steps, batch): (usize, usize),
    ) -> Result<(), TchError> {
        let (steps, batch) = (steps as i64, batch as i64);
        let rows = value.f_reshape([steps, batch, -1])?;
        let counted = rows.f_narrow(1, 0, (self.images as i64).min(batch))?;
        let sum = counted.f_sum(Kind::Double)?.f_double_value(&[])?;
        if let Some(total) = self.sums.get_mut(node.index()) {
            *total += sum;
        }
        Ok(())
    }
}
