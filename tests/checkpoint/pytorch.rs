//! Files that PyTorch wrote: `scripts/make-pytorch-samples.py` made those in `tests/data/pytorch`.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use aq4svit::checkpoint::{self, CheckpointError, Contents, StateDict};
use aq4svit::network::{Graph, TensorKind, TensorSpec};
use serde::Deserialize;

#[derive(Deserialize)]
struct Expected {
    under: Option<String>,
    unused: Vec<String>,
    tensors: BTreeMap<String, Tensor>,
    others: BTreeMap<String, String>,
}

#[derive(Deserialize)]
struct Tensor {
    shape: Vec<usize>,
    values: Vec<f32>,
}

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/pytorch")
}

fn expected() -> BTreeMap<String, Expected> {
    let text = fs::read_to_string(folder().join("expected.json")).unwrap();
    serde_json::from_str(&text).unwrap()
}

/// A graph of which only the state dict matters.
fn needing(tensors: &[(&str, &[usize])]) -> Graph {
    let mut graph = super::graph(
        r#"
        family = "spikformer"
        layout = "cifar"
        image_size = 4
        in_channels = 1
        num_classes = 2
        embed_dims = 8
        num_heads = 1
        mlp_ratio = 1
        depths = 1
        time_steps = 1
        "#,
    );
    let spec = |(key, shape): &(&str, &[usize])| TensorSpec {
        key: (*key).to_owned(),
        shape: shape.to_vec(),
        kind: TensorKind::Param,
        dead: false,
    };
    graph.tensors = tensors.iter().map(spec).collect();
    graph
}

fn same(found: &StateDict, expected: &Expected, name: &str) {
    let keys: Vec<&str> = found.iter().map(|(key, _)| key).collect();
    let wanted: Vec<&str> = expected.tensors.keys().map(String::as_str).collect();
    assert_eq!(keys, wanted, "{name}");
    for (key, tensor) in &expected.tensors {
        let found = found.get(key).unwrap();
        assert_eq!(found.shape, tensor.shape, "{name}: {key}");
        assert_eq!(found.values, tensor.values, "{name}: {key}");
    }
}

#[test]
fn every_sample_gives_its_tensors() {
    let samples = expected();
    let there = fs::read_dir(folder()).unwrap();
    let there = there.map(|f| f.unwrap().file_name().into_string().unwrap());
    let readable = there.filter(|n| !n.starts_with("refused-") && !n.ends_with(".json"));
    assert_eq!(readable.count(), samples.len());
    for (name, expected) in &samples {
        let path = folder().join(name);
        let contents = Contents::open(&path).unwrap_or_else(|e| panic!("{e}"));
        assert_eq!(contents.under(), expected.under.as_deref(), "{name}");
        assert_eq!(contents.unused(), expected.unused, "{name}");
        let shapes = expected.tensors.iter();
        let shapes: BTreeMap<_, _> = shapes.map(|(k, t)| (k.clone(), t.shape.clone())).collect();
        assert_eq!(contents.shapes(), shapes, "{name}");
        let dict = contents.read().unwrap_or_else(|e| panic!("{e}"));
        assert_eq!(dict.shapes(), shapes, "{name}");
        same(&dict, expected, name);
        // From memory as from the file.
        let bytes = fs::read(&path).unwrap();
        same(
            &checkpoint::from_bytes(&bytes, name).unwrap(),
            expected,
            name,
        );
        // Tensors of other types are known by their type, should a model need them.
        for (key, dtype) in &expected.others {
            let error = dict.check(&needing(&[(key, &[3])])).err();
            let counter = key.ends_with("num_batches_tracked");
            let told = format!("{key} is {dtype}");
            let said = error.is_some_and(|e| e.to_string().contains(&told));
            assert_eq!(said, !counter, "{name}: {key}");
        }
    }
}

#[test]
fn the_authors_checkpoints_give_their_weights() {
    for (name, file, under) in [
        ("qkformer-cifar", "checkpoint.pth", None),
        ("spikformer-cifar", "checkpoint.pth.tar", Some("state_dict")),
        ("sdt-v2", "checkpoint.pth", Some("model")),
    ] {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR"))
            .join("tests/fixtures")
            .join(name);
        let weights = checkpoint::load(&folder.join("weights.safetensors")).unwrap();
        let contents = Contents::open(&folder.join(file)).unwrap();
        assert_eq!(contents.under(), under, "{name}");
        let found = contents.read().unwrap();
        assert!(weights.iter().count() > 50, "{name}");
        assert!(found.iter().eq(weights.iter()), "{name}");
    }
}

#[test]
fn only_what_a_model_uses_is_read() {
    let path = folder().join("timm.pth.tar");
    let graph = needing(&[("head.weight", &[2, 3]), ("head.bias", &[2])]);
    // Tensors that the model does not know are an error, as ever; here they are of no interest.
    let error = Contents::open(&path).unwrap().read_for(&graph).unwrap_err();
    assert!(matches!(error, CheckpointError::Mismatch(_)), "{error}");

    let mut graph = graph;
    let all = expected().remove("timm.pth.tar").unwrap();
    for (key, tensor) in &all.tensors {
        if !key.starts_with("head") {
            graph.tensors.push(TensorSpec {
                key: key.clone(),
                shape: tensor.shape.clone(),
                kind: TensorKind::Param,
                dead: key != "conv.weight",
            });
        }
    }
    graph.tensors.push(TensorSpec {
        key: "bn.num_batches_tracked".to_owned(),
        shape: vec![],
        kind: TensorKind::Buffer,
        dead: false,
    });
    let dict = Contents::open(&path).unwrap().read_for(&graph).unwrap();
    let keys: Vec<&str> = dict.iter().map(|(key, _)| key).collect();
    assert_eq!(keys, ["conv.weight", "head.bias", "head.weight"]);
    assert_eq!(
        dict.get("head.bias").unwrap().values,
        all.tensors["head.bias"].values
    );
}

#[test]
fn what_is_not_built_is_an_error_only_where_it_is_needed() {
    let dict = checkpoint::load(&folder().join("unknown.pth")).unwrap();
    for (key, part) in [
        (
            "sparse",
            "sparse is made by torch._utils._rebuild_sparse_tensor, which is not built",
        ),
        ("eight", "eight is F8_E4M3"),
    ] {
        let message = dict
            .check(&needing(&[(key, &[3, 3])]))
            .unwrap_err()
            .to_string();
        assert!(message.contains(part), "{message}");
    }
    // Nor are they tensors that a model could find unexpected.
    let all = expected().remove("unknown.pth").unwrap();
    let shapes: Vec<_> = all
        .tensors
        .iter()
        .map(|(k, t)| (k.as_str(), t.shape.as_slice()))
        .collect();
    let message = dict.check(&needing(&shapes[1..])).unwrap_err().to_string();
    assert!(
        message.contains(shapes[0].0) && !message.contains("sparse"),
        "{message}"
    );
}

#[test]
fn what_cannot_be_read_says_why_and_what_to_do() {
    for (name, parts) in [
        (
            "refused-whole-model.pth",
            [
                "`model` is an object of __main__.Tiny, which is not built",
                "model.state_dict()",
            ],
        ),
        (
            "refused-no-weights.pth",
            ["no tensors under `model`", "`epoch` is a number"],
        ),
        (
            "refused-program.pt",
            ["is a TorchScript program", "state_dict"],
        ),
        ("refused-compressed.pth", ["compressed", "torch.save"]),
    ] {
        let message = checkpoint::load(&folder().join(name))
            .unwrap_err()
            .to_string();
        for part in parts.iter().chain([&name]) {
            assert!(message.contains(part), "{name}: {message}");
        }
        assert!(message.len() < 1000, "{message}");
    }
}
