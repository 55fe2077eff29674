//! `predict` against the authors' own code: tiny networks of every family run in Python (`tests/fixtures`).
#![cfg(feature = "torch")]

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use aq4svit::checkpoint;
use aq4svit::profile::Profile;
use aq4svit::quant::{Allocation, BitWidth, Scheme};
use aq4svit::torch::{
    Device, Model, Precision, PredictOptions, predict, read_images, write_prediction,
};
use safetensors::{Dtype, SafeTensors};

fn folder(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/fixtures")
        .join(name)
}

fn model(name: &str) -> Model {
    let profile = Profile::load(&folder(name).join("profile.toml")).unwrap();
    let graph = profile.graph().unwrap();
    let weights = checkpoint::load(&folder(name).join("weights.safetensors")).unwrap();
    weights.check(&graph).unwrap();
    Model {
        graph,
        weights,
        scheme: Scheme::default(),
    }
}

/// All tensors of a safetensors file as f64, with type and shape.
fn tensors(bytes: &[u8]) -> BTreeMap<String, (Dtype, Vec<usize>, Vec<f64>)> {
    let file = SafeTensors::deserialize(bytes).unwrap();
    let read = |view: &safetensors::tensor::TensorView| -> Vec<f64> {
        let data = view.data();
        match view.dtype() {
            Dtype::F32 => data
                .chunks(4)
                .map(|b| f64::from(f32::from_le_bytes(b.try_into().unwrap())))
                .collect(),
            Dtype::F64 => data
                .chunks(8)
                .map(|b| f64::from_le_bytes(b.try_into().unwrap()))
                .collect(),
            Dtype::I64 => data
                .chunks(8)
                .map(|b| i64::from_le_bytes(b.try_into().unwrap()) as f64)
                .collect(),
            other => panic!("{other:?}"),
        }
    };
    file.tensors()
        .into_iter()
        .map(|(name, view)| (name, (view.dtype(), view.shape().to_vec(), read(&view))))
        .collect()
}

struct Differences {
    logits: f64,
    blocks: f64,
    potentials: f64,
    spikes: f64,
}

/// Runs a fixture and compares everything that its reference holds.
fn compare(name: &str, width: BitWidth, precision: Precision) -> Differences {
    let model = model(name);
    let reference = if width.is_float() {
        "reference.safetensors"
    } else {
        "reference_all4.safetensors"
    };
    let input = fs::read(folder(name).join("reference.safetensors")).unwrap();
    let images = read_images(&input, model.graph.input).unwrap();
    let allocation = Allocation::uniform(model.graph.layers.len(), width);
    let options = PredictOptions {
        precision,
        trace: true,
        device: Device::CPU,
    };
    let prediction = predict(&model, &allocation, &images, options).unwrap();
    let found = tensors(&write_prediction(&prediction).unwrap());
    let mut expected = tensors(&fs::read(folder(name).join(reference)).unwrap());
    // The input itself, and what another meaning of one neuron population gives.
    expected.retain(|key, _| key != "input" && key != "logits_batch_leak");
    assert_eq!(
        found.keys().collect::<Vec<_>>(),
        expected.keys().collect::<Vec<_>>()
    );
    let mut differences = Differences {
        logits: 0.0,
        blocks: 0.0,
        potentials: 0.0,
        spikes: 0.0,
    };
    for (key, (dtype, shape, values)) in &expected {
        let found = &found[key];
        assert_eq!(&found.1, shape, "{key}");
        if key != "logits" || precision == Precision::F64 {
            assert_eq!(found.0, *dtype, "{key}");
        }
        let difference = match key.split('.').next().unwrap() {
            "logits" => &mut differences.logits,
            "block" => &mut differences.blocks,
            "spikes" => &mut differences.spikes,
            _ => &mut differences.potentials,
        };
        for (a, b) in found.2.iter().zip(values) {
            *difference = difference.max((a - b).abs());
        }
    }
    println!(
        "{name} {width} {precision:?}: logits {:.1e} blocks {:.1e} potentials {:.1e} spikes {}",
        differences.logits, differences.blocks, differences.potentials, differences.spikes
    );
    differences
}

const FIXTURES: [&str; 4] = [
    "qkformer-cifar",
    "qkformer-imagenet",
    "spikformer-cifar",
    "spikformer-imagenet",
];

#[test]
fn double_precision_agrees_with_the_authors_code() {
    for name in FIXTURES {
        for width in [BitWidth::FLOAT, BitWidth::new(4).unwrap()] {
            let d = compare(name, width, Precision::F64);
            assert_eq!(d.spikes, 0.0, "{name} {width}");
            assert!(d.logits < 1e-9 && d.potentials < 1e-9, "{name} {width}");
            assert!(d.blocks < 1e-4, "{name} {width}");
        }
    }
}

#[test]
fn single_precision_agrees_with_the_authors_code() {
    for name in FIXTURES {
        for width in [BitWidth::FLOAT, BitWidth::new(4).unwrap()] {
            let d = compare(name, width, Precision::F32);
            assert_eq!(d.spikes, 0.0, "{name} {width}");
            assert!(d.logits < 1e-4 && d.blocks < 1e-4, "{name} {width}");
        }
    }
}
