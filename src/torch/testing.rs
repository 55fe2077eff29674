//! Random networks and images for this room's tests.
#![forbid(unsafe_code)]

use std::collections::HashSet;

use super::Model;
use crate::checkpoint::{StateDict, TensorData};
use crate::network::{
    Architecture, Graph, Layout, MaxFormer, ModelConfig, MsQkFormer, QkFormer, ResformerLayout,
    ResformerSizes, SdtV1, SdtV2, SdtV3, Spikformer, SpikingResformer, Spikingformer,
};
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
pub(super) fn config(architecture: Architecture) -> ModelConfig {
    let one_step = matches!(architecture, Architecture::SdtV3(_));
    ModelConfig {
        architecture,
        image_size: 16,
        in_channels: 3,
        num_classes: 5,
        num_heads: 4,
        mlp_ratio: 2,
        time_steps: if one_step { 1 } else { 3 },
    }
}

/// A tiny network of every code path.
pub(super) fn all() -> Vec<ModelConfig> {
    let (embed_dims, depths) = (32, 4);
    let mut all = Vec::new();
    for layout in [Layout::Cifar, Layout::Imagenet, Layout::Dvs { tau: 1.5 }] {
        all.push(Architecture::Spikformer(Spikformer {
            layout,
            embed_dims,
            depths: 2,
        }));
        all.push(Architecture::Spikingformer(Spikingformer {
            layout,
            embed_dims,
            depths: 2,
        }));
        for batch_leak in [false, true] {
            all.push(Architecture::QkFormer(QkFormer {
                layout,
                embed_dims,
                depths,
                batch_leak,
            }));
        }
        all.push(Architecture::MaxFormer(MaxFormer {
            layout,
            embed_dims,
            depths,
        }));
        all.push(Architecture::MsQkFormer(MsQkFormer {
            layout,
            embed_dims,
            depths,
        }));
    }
    for dvs in [None, Some(1.5)] {
        all.push(Architecture::SdtV1(SdtV1 {
            embed_dims,
            depths: 2,
            pooling: [false, false, true, true],
            dvs,
        }));
    }
    for layout in [
        ResformerLayout::Cifar,
        ResformerLayout::Imagenet,
        ResformerLayout::Dvs { tau: None },
        ResformerLayout::Dvs { tau: Some(1.5) },
    ] {
        all.push(Architecture::SpikingResformer(SpikingResformer {
            layout,
            sizes: ResformerSizes {
                embed_dims: [16, 24, 32],
                num_heads: [1, 3, 4],
                patch_sizes: [4, 2, 1],
                group_size: 16,
                depths: [1, 1, 2],
            },
        }));
    }
    let widths = [16, 24, 32, 40];
    let strides = [2, 1, 2, 1, 1];
    for merge_repconv in [false, true] {
        all.push(Architecture::SdtV2(SdtV2 {
            embed_dims: widths,
            strides,
            kd: !merge_repconv,
            merge_repconv,
        }));
    }
    all.push(Architecture::SdtV3(SdtV3::Base {
        embed_dims: widths,
        strides,
        max_spike: 4,
    }));
    all.push(Architecture::SdtV3(SdtV3::Large {
        embed_dims: [16, 24, 32],
        strides: [2, 1, 2, 1],
        depths: 2,
        kd: true,
        max_spike: 3,
    }));
    all.into_iter().map(config).collect()
}

/// A network of random weights in which neurons fire.
pub(super) fn model(config: &ModelConfig, seed: u64) -> Model {
    let graph = config.graph().unwrap();
    Model {
        weights: weights(&graph, seed),
        graph: graph.into(),
        scheme: Scheme::default(),
    }
}

/// A random network of operations and neurons that no family has.
pub(super) fn sampled(seed: u64) -> Model {
    let graph = crate::network::sample::graph(seed).unwrap();
    Model {
        weights: weights(&graph, seed),
        graph: graph.into(),
        scheme: Scheme::default(),
    }
}

fn weights(graph: &Graph, seed: u64) -> StateDict {
    let mut random = Random(seed);
    let mut state = StateDict::new("random");
    let keys: HashSet<&str> = graph.tensors.iter().map(|t| t.key.as_str()).collect();
    for spec in &graph.tensors {
        let count = spec.shape.iter().product();
        let values_of_norm = |suffix: &str| {
            let norm = spec.key.strip_suffix(suffix);
            norm.is_some_and(|n| keys.contains(format!("{n}.running_mean").as_str()))
        };
        let (low, high) = match spec.key.rsplit('.').next() {
            Some("running_var") => (0.5, 1.5),
            Some("firing_rate_x" | "firing_rate_attn") => (0.1, 0.5),
            Some("running_mean") => (-0.2, 0.2),
            Some("weight") if values_of_norm(".weight") => (-1.5, 2.5),
            Some("bias") if values_of_norm(".bias") => (0.0, 1.5),
            _ => (-0.3, 0.3),
        };
        let values = random.many(count, low, high);
        let shape = spec.shape.clone();
        state.insert(spec.key.clone(), TensorData { shape, values });
    }
    state
}
