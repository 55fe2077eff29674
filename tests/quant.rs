//! The quantizer and the memory accounting on real networks.

use std::path::Path;

use aq4svit::network::{Family, Graph, Layout, ModelConfig, TensorKind};
use aq4svit::quant::{
    Affine, Allocation, BitWidth, MemoryModel, Scheme, pack, quantize, saving_percent, unpack,
};
use safetensors::SafeTensors;

fn config(family: Family, layout: Layout) -> ModelConfig {
    ModelConfig {
        family,
        layout,
        image_size: 32,
        in_channels: 3,
        num_classes: 10,
        embed_dims: 64,
        num_heads: 8,
        mlp_ratio: 4,
        depths: 4,
        time_steps: 4,
    }
}

/// The built-in demo: a QKFormer for 28x28 grey images.
fn demo() -> Graph {
    ModelConfig {
        image_size: 28,
        in_channels: 1,
        ..config(Family::QkFormer, Layout::Cifar)
    }
    .graph()
    .unwrap()
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
    for family in [Family::QkFormer, Family::Spikformer] {
        for layout in [Layout::Cifar, Layout::Imagenet] {
            let graph = config(family, layout).graph().unwrap();
            let memory = MemoryModel::of(&graph, Affine::F32);
            assert_eq!(memory.fixed_bytes(), 0, "{family:?} {layout:?}");
            let live = |rank: fn(usize) -> bool| -> u64 {
                let live = graph
                    .tensors
                    .iter()
                    .filter(|t| t.kind == TensorKind::Param && !t.dead && rank(t.shape.len()));
                live.map(|t| t.shape.iter().product::<usize>() as u64).sum()
            };
            assert_eq!(memory.float_weights(), 4 * live(|rank| rank > 1));
            // Scale and shift of each batch norm, and the head's bias with its scale of one.
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
