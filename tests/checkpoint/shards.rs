//! Weights in several files with an index, as the Hugging Face hub has them.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use aq4svit::checkpoint::{Contents, is_checkpoint};
use aq4svit::network::Graph;
use safetensors::tensor::{Dtype, TensorView};

use super::graph;
use super::people::{MODEL, tensors};
use super::pickles::{Pickle, View, f32s, modern};

const PARTS: [&str; 2] = ["model-00001-of-00002", "model-00002-of-00002"];

/// The part that a tensor is in.
fn part_of(key: &str) -> usize {
    usize::from(key.starts_with("head"))
}

fn safetensors_of(tensors: &BTreeMap<String, Vec<usize>>, part: usize) -> Vec<u8> {
    let zeros = vec![0; 1 << 20];
    let views = tensors.iter().filter(|(key, _)| part_of(key) == part);
    let views = views.map(|(key, shape)| {
        let bytes = 4 * shape.iter().product::<usize>();
        let view = TensorView::new(Dtype::F32, shape.clone(), &zeros[..bytes]).unwrap();
        (key.clone(), view)
    });
    safetensors::serialize(views, None).unwrap()
}

fn pickle_of(tensors: &BTreeMap<String, Vec<usize>>, part: usize) -> Vec<u8> {
    let mut pickle = Pickle::new().raw(b"}");
    let mut storages = Vec::new();
    for (key, shape) in tensors.iter().filter(|(key, _)| part_of(key) == part) {
        let shape: Vec<u64> = shape.iter().map(|&n| n as u64).collect();
        let count: u64 = shape.iter().product();
        let mut strides = vec![1; shape.len()];
        for i in (1..shape.len()).rev() {
            strides[i - 1] = strides[i] * shape[i];
        }
        let view = View {
            start: 0,
            shape: &shape,
            strides: &strides,
        };
        let storage = storages.len().to_string();
        pickle = pickle
            .text(key)
            .tensor("FloatStorage", &storage, count, view)
            .raw(b"s");
        storages.push((storage, f32s(&vec![0.0; count as usize])));
    }
    let storages: Vec<_> = storages
        .iter()
        .map(|(k, b)| (k.as_str(), b.as_slice()))
        .collect();
    modern(&pickle.stop(), &storages)
}

/// Writes the index of a folder.
fn index(folder: &Path, name: &str, tensors: &BTreeMap<String, Vec<usize>>, ending: &str) {
    let map = tensors.keys().map(|key| {
        let file = format!("{}.{ending}", PARTS[part_of(key)]);
        (key.clone(), file.into())
    });
    let map: serde_json::Map<String, serde_json::Value> = map.collect();
    let index = serde_json::json!({ "metadata": { "total_size": 1 }, "weight_map": map });
    fs::write(folder.join(name), index.to_string()).unwrap();
}

fn network() -> (Graph, BTreeMap<String, Vec<usize>>) {
    let graph = graph(MODEL);
    let tensors = tensors(&graph);
    (graph, tensors)
}

#[test]
fn a_folder_or_its_index_is_one_checkpoint() {
    let (graph, tensors) = network();
    for (ending, name) in [
        ("safetensors", "model.safetensors.index.json"),
        ("bin", "pytorch_model.bin.index.json"),
        (
            "safetensors",
            "diffusion_pytorch_model.safetensors.index.json",
        ),
    ] {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path();
        index(path, name, &tensors, ending);
        for (part, file) in PARTS.iter().enumerate() {
            let bytes = match ending {
                "bin" => pickle_of(&tensors, part),
                _ => safetensors_of(&tensors, part),
            };
            fs::write(path.join(format!("{file}.{ending}")), bytes).unwrap();
        }
        for target in [path.to_owned(), path.join(name)] {
            assert!(is_checkpoint(&target));
            let contents = Contents::open(&target).unwrap();
            assert_eq!(contents.shapes(), tensors);
            let numbers: usize = tensors.values().map(|s| s.iter().product::<usize>()).sum();
            assert_eq!(contents.numbers(), numbers as u64);
            let dict = contents.read_for(&graph).unwrap();
            assert_eq!(dict.get("head.weight").unwrap().values.len(), 160);
            assert!(dict.get("patch_embed.proj_conv.weight").is_some());
        }
        // Whole files of the usual names need no index.
        fs::remove_file(path.join(name)).unwrap();
        assert!(!is_checkpoint(path));
        fs::write(path.join("pytorch_model.bin"), pickle_of(&tensors, 1)).unwrap();
        assert!(is_checkpoint(path));
        assert_eq!(Contents::open(path).unwrap().shapes().len(), 2);
    }
}

#[test]
fn shards_that_are_wrong_are_named() {
    let (_, tensors) = network();
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path();
    let name = "model.safetensors.index.json";
    let error = || Contents::open(path).unwrap_err().to_string();
    let message = error();
    assert!(
        message.contains("is not a file") && message.contains("model.safetensors"),
        "{message}"
    );
    let message = Contents::open(&path.join(name)).unwrap_err().to_string();
    assert!(message.contains("there is no checkpoint at"), "{message}");
    index(path, name, &tensors, "safetensors");
    let write = |part: usize, bytes: &[u8]| {
        fs::write(path.join(format!("{}.safetensors", PARTS[part])), bytes).unwrap();
    };
    write(0, &safetensors_of(&tensors, 0));
    let message = error();
    assert!(
        message.contains("there is no") && message.contains(PARTS[1]),
        "{message}"
    );
    assert!(message.contains("download all 2 files"), "{message}");
    // Another file in its place: without its tensors, with those of the first one.
    write(1, &safetensors_of(&tensors, 0));
    let message = error();
    assert!(
        message.contains(PARTS[1]) && message.contains("lacks 2 of the tensors"),
        "{message}"
    );
    let all = |key: &str| (key.to_owned(), tensors[key].clone());
    let zeros = vec![0; 1 << 20];
    let both = [
        all("head.weight"),
        all("head.bias"),
        all("block.0.attn.q_bn.bias"),
    ];
    let views = both.iter().map(|(key, shape)| {
        let bytes = 4 * shape.iter().product::<usize>();
        (
            key.clone(),
            TensorView::new(Dtype::F32, shape.clone(), &zeros[..bytes]).unwrap(),
        )
    });
    write(1, &safetensors::serialize(views, None).unwrap());
    let message = error();
    assert!(
        message.contains("block.0.attn.q_bn.bias, which another file"),
        "{message}"
    );
    write(1, b"junk");
    let message = error();
    assert!(
        message.contains(PARTS[1]) && message.contains("only 4 bytes"),
        "{message}"
    );
    for (text, part) in [
        ("junk", "no index of weights (expected value"),
        ("{}", "missing field `weight_map`"),
        ("{\"weight_map\": {}}", "it names 0 files"),
        (
            "{\"weight_map\": {\"w\": \"../secret\"}}",
            "\"../secret\", which is no file beside it",
        ),
        (
            "{\"weight_map\": {\"w\": \"/etc/passwd\"}}",
            "no file beside it",
        ),
        ("{\"weight_map\": {\"w\": \"..\"}}", "no file beside it"),
        ("{\"weight_map\": {\"w\": \"a\\\\b\"}}", "no file beside it"),
        ("{\"weight_map\": {\"w\": \"\"}}", "no file beside it"),
        (
            "{\"weight_map\": {\"w\": 7}}",
            "no index of weights (invalid type",
        ),
    ] {
        fs::write(path.join(name), text).unwrap();
        let message = error();
        assert!(
            message.contains(name) && message.contains(part),
            "{text}: {message}"
        );
    }
    let many = (0..2000).map(|i| (format!("w{i}"), format!("f{i}").into()));
    let many: serde_json::Map<String, serde_json::Value> = many.collect();
    fs::write(
        path.join(name),
        serde_json::json!({ "weight_map": many }).to_string(),
    )
    .unwrap();
    assert!(error().contains("it names 2000 files"), "{}", error());
}

#[test]
fn checkpoints_are_known_by_their_content() {
    let (_, tensors) = network();
    let folder = tempfile::tempdir().unwrap();
    let file = |name: &str, bytes: &[u8]| {
        let path = folder.path().join(name);
        fs::write(&path, bytes).unwrap();
        path
    };
    assert!(is_checkpoint(&file("last", &pickle_of(&tensors, 1))));
    assert!(is_checkpoint(&file(
        "weights.dat",
        &safetensors_of(&tensors, 1)
    )));
    for (name, bytes) in [
        ("profile.toml", &b"format = 1\n"[..]),
        ("empty", b""),
        ("short", b"1234567"),
        ("text", b"{\"weight_map\": 1}"),
    ] {
        assert!(!is_checkpoint(&file(name, bytes)), "{name}");
    }
    assert!(!is_checkpoint(&folder.path().join("nowhere")));
    assert!(!is_checkpoint(folder.path()));
}
