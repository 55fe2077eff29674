//! Networks of published sizes with random weights, at 224x224 pixels, by the real binary.

use std::collections::HashMap;

use crate::common::demo::Demo;
use aq4svit::network::Graph;
use aq4svit::profile::{Profile, SHIPPED};
use safetensors::SafeTensors;
use safetensors::tensor::{Dtype, TensorView, serialize_to_file};
use serde_json::Value;

fn graph(name: &str) -> Graph {
    let (_, text) = SHIPPED.iter().find(|(n, _)| *n == name).unwrap();
    let profile = Profile::parse(text, name.as_ref()).unwrap();
    Graph::clone(&profile.graph())
}

/// Pseudo-random numbers from -1 to 1 (xorshift).
fn random(count: usize, state: &mut u32) -> impl Iterator<Item = f32> {
    (0..count).map(|_| {
        *state ^= *state << 13;
        *state ^= *state >> 17;
        *state ^= *state << 5;
        *state as f32 / u32::MAX as f32 * 2.0 - 1.0
    })
}

fn view<'a>(shape: &[usize], bytes: &'a [u8]) -> TensorView<'a> {
    TensorView::new(Dtype::F32, shape.to_vec(), bytes).unwrap()
}

/// Weights such that activations neither vanish nor grow.
fn write_weights(graph: &Graph, demo: &Demo, name: &str) {
    let mut state = 0x9e37_79b9;
    let mut tensors = Vec::new();
    for spec in &graph.tensors {
        let (module, part) = spec.key.rsplit_once('.').unwrap_or((&spec.key, ""));
        let mean = format!("{module}.running_mean");
        let is_norm = graph.tensors.iter().any(|t| t.key == mean);
        let fan_in: usize = spec.shape.iter().skip(1).product();
        let (middle, spread) = match part {
            "running_var" => (1.0, 0.5),
            "running_mean" => (0.0, 0.2),
            "weight" if is_norm => (1.0, 0.5),
            "bias" if is_norm => (0.5, 0.5),
            _ => (0.0, (3.0 / fan_in as f32).sqrt()),
        };
        let values = random(spec.shape.iter().product(), &mut state);
        let bytes: Vec<u8> = values
            .flat_map(|x| (middle + spread * x).to_le_bytes())
            .collect();
        tensors.push((spec.key.as_str(), spec.shape.as_slice(), bytes));
    }
    let views = tensors
        .iter()
        .map(|(key, shape, bytes)| (*key, view(shape, bytes)));
    serialize_to_file(views, None, &demo.folder.path().join(name)).unwrap();
}

#[test]
fn published_sizes_load_are_inspected_and_predict() {
    let demo = Demo::new();
    let mut state = 7;
    let pixels = random(3 * 224 * 224, &mut state).flat_map(f32::to_le_bytes);
    let pixels: Vec<u8> = pixels.collect();
    let input = HashMap::from([("input", view(&[1, 3, 224, 224], &pixels))]);
    serialize_to_file(input, None, &demo.folder.path().join("in.safetensors")).unwrap();
    for (name, parameters) in [
        ("sdt-v2-imagenet-15m", 15_112_208),
        ("spikformer-imagenet-8-768", 66_363_208),
    ] {
        let graph = graph(name);
        write_weights(&graph, &demo, "large.safetensors");
        let (out, _) = demo.expect(0, &["inspect", "large.safetensors", "--json"]);
        let inspection: Value = serde_json::from_str(&out).unwrap();
        assert_eq!(inspection["parameters"], parameters);
        assert_eq!(inspection["checkpoint_fits"], true);
        assert_eq!(inspection["matches"], serde_json::json!([name]));
        let mut predict = vec!["predict", name, "--input", "in.safetensors", "--trace"];
        predict.extend(["--output", "out.safetensors", "--bits", "all=8"]);
        predict.extend(["--set", "model.checkpoint=large.safetensors"]);
        // There are no images to calibrate on.
        predict.extend(["--set", "quantizer.method=nearest"]);
        demo.expect(0, &predict);
        let bytes = std::fs::read(demo.folder.path().join("out.safetensors")).unwrap();
        let found = SafeTensors::deserialize(&bytes).unwrap();
        let logits = found.tensor("logits").unwrap();
        assert_eq!(logits.shape(), [1, 1000]);
        let finite = |x: &[u8]| f32::from_le_bytes(x.try_into().unwrap()).is_finite();
        assert!(logits.data().chunks(4).all(finite));
        // Every neuron population fires somewhere.
        for site in &graph.sites {
            let spikes = found.tensor(&format!("spikes.{}", site.name)).unwrap();
            assert!(spikes.data().iter().any(|b| *b != 0), "{}", site.name);
        }
    }
}
