//! The incumbent of a run and its layers.

use serde::Serialize;

use crate::evaluate::{percent, wilson_95};
use crate::quant::{BitWidth, saving_percent};
use crate::search::{CandidateId, Settings, SpaceLayer, Tree};
use crate::text::numbers::count;

/// The incumbent of a run.
#[derive(Clone, Debug, Serialize)]
pub struct Incumbent {
    /// The candidate.
    pub candidate: CandidateId,
    /// The memory in bytes.
    pub memory_bytes: u64,
    /// The saving against the float network.
    pub memory_saving_percent: f64,
    /// The accuracy on the search split, in percent.
    pub accuracy: f64,
    /// The 95 % interval of the accuracy by Wilson.
    pub accuracy_interval: [f64; 2],
    /// The float accuracy on the same images.
    pub accuracy_float: f64,
    /// The accuracy drop in percentage points.
    pub accuracy_drop: f64,
    /// The drift in thresholds.
    pub drift: Option<f64>,
}

/// One layer of an allocation.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct LayerLine {
    /// The stage.
    pub stage: String,
    /// The block.
    pub block: String,
    /// The name of the layer.
    pub layer: String,
    /// The bit-width.
    pub bits: BitWidth,
    /// The number of weights.
    pub weights: u64,
    /// The memory: packed weights and affine.
    pub memory_bytes: u64,
    /// The memory as float.
    pub memory_float_bytes: u64,
}

impl LayerLine {
    /// The cells of its row in a table, in the order of the fields.
    pub(crate) fn cells(&self) -> [String; 7] {
        [
            self.stage.clone(),
            self.block.clone(),
            self.layer.clone(),
            self.bits.to_string(),
            count(self.weights),
            count(self.memory_bytes),
            count(self.memory_float_bytes),
        ]
    }
}

impl Incumbent {
    /// The incumbent of a search tree, or what is certified in its place; none before a
    /// confirmation is met.
    pub fn of(tree: &Tree) -> Option<Self> {
        let candidate = tree.result()?;
        let float = tree.settings.as_ref()?.space.float_bytes();
        let confirmed = candidate.judgement()?;
        let (low, high) = wilson_95(confirmed.correct, confirmed.images);
        Some(Incumbent {
            candidate: candidate.id,
            memory_bytes: candidate.bytes,
            memory_saving_percent: saving_percent(candidate.bytes, float),
            accuracy: confirmed.accuracy(),
            accuracy_interval: [100.0 * low, 100.0 * high],
            accuracy_float: percent(confirmed.float_correct, confirmed.images),
            accuracy_drop: confirmed.drop(),
            drift: candidate.drift,
        })
    }
}

/// The layers of the incumbent; empty where there is none.
pub(super) fn allocation(tree: &Tree, settings: &Settings) -> Vec<LayerLine> {
    let Some(incumbent) = tree.result() else {
        return Vec::new();
    };
    let layers = settings.space.layers.iter().zip(&incumbent.allocation.0);
    let line = |(layer, bits): (&SpaceLayer, &BitWidth)| LayerLine {
        stage: layer.stage.clone(),
        block: layer.block.clone(),
        layer: layer.name.clone(),
        bits: *bits,
        weights: layer.weights,
        memory_bytes: settings.space.layer_bytes(layer, *bits),
        memory_float_bytes: layer.float_bytes,
    };
    layers.map(line).collect()
}
