//! Memory counted both ways, and what the optimizations and the gate saved.

use serde::Serialize;

use super::records::Records;
use crate::quant::saving_percent;
use crate::run::Summary;

/// The memory of the result, counted both ways.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct MemoryReport {
    /// All bytes that a deployment stores.
    pub memory_bytes: u64,
    /// All bytes of the float network.
    pub memory_float_bytes: u64,
    /// The saving.
    pub memory_saving_percent: f64,
    /// The bytes of packed weights alone.
    pub weight_bytes: u64,
    /// The bytes of the float network's weights alone.
    pub weight_float_bytes: u64,
    /// The saving.
    pub weights_saving_percent: f64,
    /// The bytes that are no weights: affines, and tensors that belong to no layer.
    pub other_bytes: u64,
}

/// What a run spent, and what it was spared.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
pub struct Savings {
    /// Layers run on one image over all time steps.
    pub layer_forwards: u64,
    /// The same with every optimization off.
    pub layer_forwards_plain: u64,
    /// The share of them that the optimizations saved.
    pub layer_forwards_saved_percent: f64,
    /// Requests answered by an earlier result.
    pub cached: u64,
    /// Those of them that an earlier run had answered.
    pub cached_from_earlier_runs: u64,
    /// Candidates rejected by the gate, whose accuracy was not evaluated.
    pub rejected_by_gate: u64,
    /// Candidates rejected by the gate and evaluated to check it.
    pub audited: u64,
    /// Screenings that were evaluated.
    pub screenings: StoppedEarly,
    /// Confirmations that were evaluated.
    pub confirmations: StoppedEarly,
}

/// Judgements, and the images that they looked at.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct StoppedEarly {
    /// Judgements.
    pub judgements: usize,
    /// Those that stopped before the last image.
    pub stopped_early: usize,
    /// Images that they looked at.
    pub images: u64,
    /// Images that they speak of.
    pub images_of: u64,
}

impl StoppedEarly {
    fn add(&mut self, judgement: &crate::search::Judgement) {
        if judgement.cached {
            return;
        }
        self.judgements += 1;
        self.stopped_early += usize::from(judgement.images < judgement.of);
        self.images = self.images.saturating_add(judgement.images as u64);
        self.images_of = self.images_of.saturating_add(judgement.of as u64);
    }
}

impl MemoryReport {
    /// Of the result; none where there is none.
    pub(super) fn of(summary: &Summary, records: &Records) -> Option<Self> {
        let result = summary.tree.result()?;
        let space = &summary.tree.settings.as_ref()?.space;
        let sum = |of: &dyn Fn(&super::records::LayerRecord) -> u64| {
            records.layers.iter().map(of).fold(0, u64::saturating_add)
        };
        let weight_bytes = sum(&|layer| layer.weight_bytes.unwrap_or(0));
        let weight_float_bytes = sum(&|layer| layer.weights.saturating_mul(4));
        let float_bytes = space.float_bytes();
        Some(MemoryReport {
            memory_bytes: result.bytes,
            memory_float_bytes: float_bytes,
            memory_saving_percent: saving_percent(result.bytes, float_bytes),
            weight_bytes,
            weight_float_bytes,
            weights_saving_percent: saving_percent(weight_bytes, weight_float_bytes),
            other_bytes: result.bytes.saturating_sub(weight_bytes),
        })
    }
}

impl Savings {
    /// Of a run so far.
    pub(super) fn of(summary: &Summary, records: &Records) -> Self {
        let (counters, totals) = (&summary.counters, &summary.totals);
        let (done, plain) = (totals.layer_forwards, totals.layer_forwards_plain);
        let mut savings = Savings {
            layer_forwards: done,
            layer_forwards_plain: plain,
            layer_forwards_saved_percent: saving_percent(done, plain),
            cached: counters.cached,
            cached_from_earlier_runs: counters.reused,
            rejected_by_gate: counters.gated,
            audited: counters.audited,
            ..Savings::default()
        };
        for candidate in &records.candidates {
            candidate
                .screening
                .iter()
                .for_each(|j| savings.screenings.add(j));
            candidate
                .confirmation
                .iter()
                .for_each(|j| savings.confirmations.add(j));
        }
        savings
    }
}
