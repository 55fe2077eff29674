//! Random networks and images for this room's tests.
#![forbid(unsafe_code)]

use super::Model;
use crate::checkpoint::{StateDict, TensorData};
use crate::network::{Family, Graph, Layout, ModelConfig};
use crate::quant::Scheme;

/// Pseudo-random numbers (splitmix64).
pub(super) struct Random(pub u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ z >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ z >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ z >> 31
    }
    /// Between two numbers.
    pub(super) fn between(&mut self, low: f32, high: f32) -> f32 {
        low + (high - low) * (self.next() >> 40) as f32 / (1 << 24) as f32
    }
    /// Many of them.
    pub(super) fn many(&mut self, count: usize, low: f32, high: f32) -> Vec<f32> {
        (0..count).map(|_| self.between(low, high)).collect()
    }
}

/// A tiny network.
pub(super) fn config(family: Family, layout: Layout) -> ModelConfig {
    ModelConfig {
        family,
        layout,
        image_size: 16,
        in_channels: 3,
        num_classes: 5,
        embed_dims: 32,
        num_heads: 4,
        mlp_ratio: 2,
        depths: 4,
        time_steps: 3,
    }
}

/// A network of random weights in which neurons fire.
pub(super) fn model(config: &ModelConfig, seed: u64) -> Model {
    let graph = config.graph().unwrap();
    Model {
        weights: weights(&graph, seed),
        graph,
        scheme: Scheme::default(),
    }
}

fn weights(graph: &Graph, seed: u64) -> StateDict {
    let mut random = Random(seed);
    let mut state = StateDict::new("random");
    for spec in &graph.tensors {
        let count = spec.shape.iter().product();
        let is_norm =
            spec.shape.len() == 1 && !spec.key.contains("conv.") && spec.key != "head.bias";
        let (low, high) = match spec.key.rsplit('.').next() {
            Some("running_var") => (0.5, 1.5),
            Some("running_mean") => (-0.2, 0.2),
            Some("weight") if is_norm => (-1.5, 2.5),
            Some("bias") if is_norm => (0.0, 1.5),
            _ => (-0.3, 0.3),
        };
        let values = random.many(count, low, high);
        let shape = spec.shape.clone();
        state.insert(spec.key.clone(), TensorData { shape, values });
    }
    state
}
