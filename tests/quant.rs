//! The quantizer and the memory accounting on real networks.

use std::path::Path;

use crate::common::network::demo;
use aq4svit::network::{
    Architecture, Graph, Layout, ModelConfig, QkFormer, SdtV2, SdtV3, Spikformer, TensorKind,
};
use aq4svit::quant::{
    Affine, Allocation, BitWidth, MemoryModel, Scheme, pack, quantize, saving_percent, unpack,
};
use safetensors::SafeTensors;

fn config(architecture: Architecture) -> ModelConfig {
    ModelConfig {
        architecture,
        image_size: 32,
        in_channels: 3,
        num_classes: 10,
        num_heads: 8,
        mlp_ratio: 4,
        time_steps: 4,
    }
}

fn qkformer(layout: Layout) -> Architecture {
    Architecture::QkFormer(QkFormer {
        layout,
        embed_dims: 64,
        depths: 4,
        batch_leak: false,
    })
}

fn sdt_v2(merge_repconv: bool) -> Architecture {
    Architecture::SdtV2(SdtV2 {
        embed_dims: [16, 24, 32, 40],
        strides: [2, 2, 2, 2, 1],
        kd: true,
        merge_repconv,
    })
}

fn uniform(graph: &Graph, bits: u8) -> Allocation {
    Allocation::uniform(graph.layers.len(), BitWidth::new(bits).unwrap())
}

#[test]
fn memory_of_the_demo() {
    let graph = demo();
    let memory = MemoryModel::of(&graph, Affine::F32);
    let float = (memory.float_total(), memory.float_weights());
    assert_eq!(float, (759_216, 744_224));
    // Bits, all bytes, weights only, and their savings in percent.
    let expected = [
        (2, 61_506, 46_514, 91.9, 93.8),
        (3, 84_763, 69_771, 88.8, 90.6),
        (4, 108_020, 93_028, 85.8, 87.5),
        (5, 131_277, 116_285, 82.7, 84.4),
        (6, 154_534, 139_542, 79.6, 81.3),
        (8, 201_048, 186_056, 73.5, 75.0),
    ];
    for (bits, total, weights, total_saving, weights_saving) in expected {
        let allocation = uniform(&graph, bits);
        let found = (memory.total(&allocation), memory.weights_only(&allocation));
        assert_eq!(found, (total, weights), "{bits} bits");
        let rounded = |bytes, float| (10.0 * saving_percent(bytes, float)).round() / 10.0;
        assert_eq!(rounded(total, float.0), total_saving, "{bits} bits");
        assert_eq!(rounded(weights, float.1), weights_saving, "{bits} bits");
    }
}

#[test]
fn memory_counts_every_live_tensor_once() {
    let spikformer = |layout| {
        Architecture::Spikformer(Spikformer {
            layout,
            embed_dims: 64,
            depths: 4,
        })
    };
    let large = Architecture::SdtV3(SdtV3::Large {
        embed_dims: [16, 24, 32],
        strides: [2; 4],
        depths: 2,
        kd: true,
        max_spike: 4,
    });
    for architecture in [
        qkformer(Layout::Cifar),
        qkformer(Layout::Imagenet),
        spikformer(Layout::Cifar),
        spikformer(Layout::Imagenet),
        spikformer(Layout::Dvs { tau: 2.0 }),
        sdt_v2(false),
        large,
    ] {
        let time_steps = if architecture == large { 1 } else { 4 };
        let config = ModelConfig {
            time_steps,
            ..config(architecture)
        };
        let graph = config.graph().unwrap();
        let memory = MemoryModel::of(&graph, Affine::F32);
        assert_eq!(memory.fixed_bytes(), 0, "{architecture:?}");
        let weights = graph
            .tensors
            .iter()
            .filter(|t| t.kind == TensorKind::Param && !t.dead && t.shape.len() > 1);
        let weights: usize = weights.map(|t| t.shape.iter().product::<usize>()).sum();
        assert_eq!(memory.float_weights(), 4 * weights as u64);
        // Scale and shift of each layer's batch norms, and biases with a scale of one.
        let channels: usize = graph.layers.iter().map(|l| l.channels()).sum();
        assert_eq!(
            memory.float_total() - memory.float_weights(),
            8 * channels as u64
        );
        let half = MemoryModel::of(&graph, Affine::F16);
        let allocation = uniform(&graph, 3);
        assert_eq!(
            memory.total(&allocation) - half.total(&allocation),
            4 * channels as u64
        );
    }
}

/// A RepConv chain of width C has 2 C^2 + 9 C weights and three affines, merged 9 C^2 weights and
/// one.
#[test]
fn merging_repconv_costs_memory() {
    let [factored, merged] = [false, true].map(|merge| {
        let graph = config(sdt_v2(merge)).graph().unwrap();
        (MemoryModel::of(&graph, Affine::F32), graph)
    });
    let chains = [(6 * 4, 32), (2 * 4, 40)];
    let sum = |of: fn(u64) -> u64| -> u64 { chains.iter().map(|&(n, c)| n * of(c)).sum() };
    let weights = merged.0.float_weights() - factored.0.float_weights();
    assert_eq!(weights, 4 * sum(|c| 9 * c * c - (2 * c * c + 9 * c)));
    let total = merged.0.float_total() - factored.0.float_total();
    assert_eq!(total, weights - sum(|c| 2 * 8 * c));
    assert_eq!((merged.0.fixed_bytes(), merged.0.dead().len()), (0, 0));
    // What differs is the layers, not the checkpoint.
    assert_eq!(merged.1.tensors, factored.1.tensors);
    assert_eq!(factored.1.layers.len() - merged.1.layers.len(), 2 * 32);
}

#[test]
fn the_trained_weights_take_the_bytes_that_are_counted() {
    let graph = demo();
    let memory = MemoryModel::of(&graph, Affine::F32);
    let path =
        Path::new(env!("CARGO_MANIFEST_DIR")).join("assets/qkformer-fashion-mnist.safetensors");
    let bytes = std::fs::read(path).unwrap();
    let tensors = SafeTensors::deserialize(&bytes).unwrap();
    let mut errors = Vec::new();
    for bits in [1, 2, 3, 4, 5, 6, 8, 16] {
        let allocation = uniform(&graph, bits);
        let (mut stored, mut error, mut power) = (0, 0.0, 0.0);
        for (index, layer) in graph.layers.iter().enumerate() {
            let data = tensors.tensor(&format!("{}.weight", layer.name)).unwrap();
            let weights: Vec<f32> = data
                .data()
                .as_chunks()
                .0
                .iter()
                .map(|b| f32::from_le_bytes(*b))
                .collect();
            let width = allocation.0[index];
            let quantized = quantize(
                &weights,
                layer.channels(),
                width,
                &Scheme::default(),
                &layer.name,
            )
            .unwrap();
            let packed = pack(&quantized.values, width).unwrap();
            assert_eq!(
                unpack(&packed, weights.len(), width).unwrap(),
                quantized.values
            );
            stored += packed.len() as u64;
            error += quantized.squared_error(&weights);
            power += weights.iter().map(|w| f64::from(*w).powi(2)).sum::<f64>();
        }
        assert_eq!(stored, memory.weights_only(&allocation), "{bits} bits");
        errors.push(error / power);
    }
    // On these weights, not on all: more bits, less error.
    assert!(errors.is_sorted_by(|a, b| a > b), "{errors:?}");
}
