//! The layers of a profile with their bit-widths and memory.

use serde::Serialize;

use crate::network::LayerId;
use crate::profile::Profile;
use crate::quant::{BitWidth, MemoryModel, saving_percent};
use crate::report::LayerLine;

/// The memory of a profile's network under its `[bits]`.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub(super) struct Memory {
    /// All bytes.
    pub memory_bytes: u64,
    /// All bytes of the float network.
    pub memory_float_bytes: u64,
    /// The saving.
    pub memory_saving_percent: f64,
    /// The saving of packed weights, affines left out.
    pub weights_saving_percent: f64,
}

/// The layers of a profile and its memory; none where it has no `[bits]`.
pub(super) fn layers(profile: &Profile) -> Option<(Vec<LayerLine>, Memory)> {
    let graph = profile.graph();
    let allocation = profile.allocation(&graph)?;
    let memory = MemoryModel::of(&graph, profile.scheme.affine);
    let layer = |(i, layer): (usize, &crate::network::Layer)| {
        let id = LayerId(i as u32);
        let bits = allocation.get(id);
        let block = graph.blocks.get(layer.block.index());
        let stage = block.and_then(|block| graph.stages.get(block.stage.index()));
        LayerLine {
            stage: stage.map_or_else(String::new, |stage| stage.name.clone()),
            block: block.map_or_else(String::new, |block| block.name.clone()),
            layer: layer.name.clone(),
            bits,
            weights: layer.weights() as u64,
            memory_bytes: memory.layer_bytes(id, bits),
            memory_float_bytes: memory.layer_bytes(id, BitWidth::FLOAT),
        }
    };
    let (bytes, float) = (memory.total(&allocation), memory.float_total());
    let (weights, float_weights) = (memory.weights_only(&allocation), memory.float_weights());
    let sums = Memory {
        memory_bytes: bytes,
        memory_float_bytes: float,
        memory_saving_percent: saving_percent(bytes, float),
        weights_saving_percent: saving_percent(weights, float_weights),
    };
    Some((graph.layers.iter().enumerate().map(layer).collect(), sums))
}
