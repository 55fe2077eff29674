//! `.safetensors` files, and the check of any tensors against a graph.

use std::borrow::Cow;
use std::fs;
use std::path::{Path, PathBuf};

use aq4svit::checkpoint::{self, CheckpointError, Mismatch, StateDict, TensorData};
use aq4svit::network::{Architecture, Graph, Layout, ModelConfig, Spikformer};
use aq4svit::profile::Profile;
use proptest::prelude::*;
use safetensors::Dtype;

const FIXTURES: [&str; 17] = [
    "max-former-cifar",
    "max-former-dvs",
    "max-former-imagenet",
    "ms-qkformer-cifar",
    "ms-qkformer-imagenet",
    "qkformer-cifar",
    "qkformer-imagenet",
    "sdt-v1",
    "sdt-v2",
    "sdt-v3",
    "spikformer-cifar",
    "spikformer-imagenet",
    "spikingformer-cifar",
    "spikingformer-imagenet",
    "spikingresformer-cifar",
    "spikingresformer-dvs",
    "spikingresformer-imagenet",
];

fn fixture(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/fixtures")
        .join(name)
        .join("weights.safetensors")
}

/// The smallest network with dead tensors.
fn tiny() -> Graph {
    ModelConfig {
        architecture: Architecture::Spikformer(Spikformer {
            layout: Layout::Cifar,
            embed_dims: 8,
            depths: 1,
        }),
        image_size: 4,
        in_channels: 1,
        num_classes: 2,
        num_heads: 1,
        mlp_ratio: 1,
        time_steps: 1,
    }
    .graph()
    .unwrap()
}

/// A checkpoint of a network with plausible values.
fn fitting(graph: &Graph) -> StateDict {
    let mut dict = StateDict::new("tiny");
    for spec in &graph.tensors {
        let count = spec.shape.iter().product();
        let values = (0..count).map(|i| (i % 7) as f32 * 0.5).collect();
        let shape = spec.shape.clone();
        dict.insert(spec.key.clone(), TensorData { shape, values });
    }
    dict
}

/// The same checkpoint without the tensors of some keys.
fn without(dict: &StateDict, drop: impl Fn(&str) -> bool) -> StateDict {
    let mut kept = StateDict::new(dict.origin());
    for (key, tensor) in dict.iter().filter(|(key, _)| !drop(key)) {
        kept.insert(key.to_owned(), tensor.clone());
    }
    kept
}

struct Raw(Dtype, Vec<usize>, Vec<u8>);

impl safetensors::View for Raw {
    fn dtype(&self) -> Dtype {
        self.0
    }
    fn shape(&self) -> &[usize] {
        &self.1
    }
    fn data(&self) -> Cow<'_, [u8]> {
        Cow::Borrowed(&self.2)
    }
    fn data_len(&self) -> usize {
        self.2.len()
    }
}

fn file(tensors: Vec<(&str, Raw)>) -> Vec<u8> {
    safetensors::serialize(tensors, None).unwrap()
}

fn f32s(values: &[f32]) -> Vec<u8> {
    values.iter().flat_map(|v| v.to_le_bytes()).collect()
}

fn mismatch(result: Result<(), CheckpointError>) -> Mismatch {
    match result {
        Err(CheckpointError::Mismatch(found)) => *found,
        other => panic!("{other:?}"),
    }
}

#[test]
fn fixtures_fit_their_graphs() {
    for name in FIXTURES {
        let profile = fixture(name).with_file_name("profile.toml");
        let graph = Profile::load(&profile).unwrap().graph();
        let dict = checkpoint::load(&fixture(name)).unwrap();
        dict.check(&graph).unwrap();
        let head = dict
            .get("head.weight")
            .or(dict.get("classifier.weight"))
            .unwrap();
        assert_eq!(head.shape[0], graph.classes, "{name}");
        assert_eq!(head.values.len(), head.shape.iter().product::<usize>());
    }
}

#[test]
fn the_demo_checkpoint_fits_its_graph() {
    let graph = crate::common::network::demo();
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let dict = checkpoint::load(&root.join("assets/qkformer-fashion-mnist.safetensors")).unwrap();
    dict.check(&graph).unwrap();
}

#[test]
fn values_are_read_as_they_were_written() {
    let bytes = fs::read(fixture("qkformer-cifar")).unwrap();
    let dict = checkpoint::from_bytes(&bytes, "fixture").unwrap();
    let raw = safetensors::SafeTensors::deserialize(&bytes).unwrap();
    let mut floats = 0;
    for (key, view) in raw.iter() {
        if view.dtype() == Dtype::F32 {
            let tensor = dict.get(key).unwrap();
            assert_eq!(tensor.shape, view.shape(), "{key}");
            assert_eq!(f32s(&tensor.values), view.data(), "{key}");
            floats += 1;
        } else {
            assert!(
                key.ends_with(".num_batches_tracked") && dict.get(key).is_none(),
                "{key}"
            );
        }
    }
    assert_eq!(dict.iter().count(), floats);
}

#[test]
fn every_float_type_becomes_f32() {
    // 1.5, -0.25, the smallest subnormal and infinity of each type.
    let f16 = [0x3e00u16, 0xb400, 0x0001, 0x7c00];
    let bf16 = [0x3fc0u16, 0xbe80, 0x0001, 0x7f80];
    let f64 = [1.5f64, -0.25, 1e-310, 1e300];
    let shorts = |bits: [u16; 4]| bits.iter().flat_map(|b| b.to_le_bytes()).collect();
    let bytes = file(vec![
        ("f16", Raw(Dtype::F16, vec![4], shorts(f16))),
        ("bf16", Raw(Dtype::BF16, vec![2, 2], shorts(bf16))),
        (
            "f64",
            Raw(
                Dtype::F64,
                vec![4],
                f64.iter().flat_map(|v| v.to_le_bytes()).collect(),
            ),
        ),
        ("f32", Raw(Dtype::F32, vec![], f32s(&[0.1]))),
    ]);
    let dict = checkpoint::from_bytes(&bytes, "types").unwrap();
    let values = |key: &str| dict.get(key).unwrap().values.clone();
    assert_eq!(values("f16"), [1.5, -0.25, 2f32.powi(-24), f32::INFINITY]);
    assert_eq!(
        values("bf16"),
        [1.5, -0.25, f32::from_bits(0x0001_0000), f32::INFINITY]
    );
    assert_eq!(values("f64"), [1.5, -0.25, 0.0, f32::INFINITY]);
    assert_eq!(values("f32"), [0.1]);
    assert_eq!(dict.get("bf16").unwrap().shape, [2, 2]);
    assert!(dict.get("f32").unwrap().shape.is_empty());
}

#[test]
fn a_data_parallel_prefix_is_stripped() {
    let raw = || Raw(Dtype::F32, vec![1], f32s(&[2.0]));
    let dict = checkpoint::from_bytes(&file(vec![("module.head.bias", raw())]), "x").unwrap();
    assert_eq!(dict.get("head.bias").unwrap().values, [2.0]);
    let twice = file(vec![("module.head.bias", raw()), ("head.bias", raw())]);
    let error = checkpoint::from_bytes(&twice, "x.safetensors").unwrap_err();
    assert!(
        error.to_string().contains("two tensors head.bias"),
        "{error}"
    );
}

#[test]
fn unused_tensors_may_be_missing() {
    let graph = tiny();
    let dict = fitting(&graph);
    dict.check(&graph).unwrap();
    let unused = |key: &str| key.ends_with("num_batches_tracked") || key.contains(".norm");
    let lean = without(&dict, unused);
    assert!(lean.iter().count() < dict.iter().count());
    lean.check(&graph).unwrap();
    assert_eq!(lean.fingerprint(&graph), dict.fingerprint(&graph));
}

#[test]
fn every_mismatch_is_reported_at_once() {
    let graph = tiny();
    let mut dict = without(&fitting(&graph), |key| {
        key == "patch_embed.proj_conv.weight"
    });
    let tensor = |shape: &[usize], value: f32| TensorData {
        shape: shape.to_vec(),
        values: vec![value; shape.iter().product()],
    };
    dict.insert("head.weight".into(), tensor(&[3, 8], 1.0));
    dict.insert("head.bias".into(), tensor(&[2], f32::NAN));
    dict.insert("block.0.norm1.weight".into(), tensor(&[9], 1.0));
    dict.insert("patch_embed.rpe_bn.running_var".into(), tensor(&[8], -1.0));
    dict.insert("foreign\u{1b}[31m.weight".into(), tensor(&[1], 1.0));

    let error = dict.check(&graph).unwrap_err();
    let message = error.to_string();
    let found = mismatch(Err(error));
    assert_eq!(found.missing, ["patch_embed.proj_conv.weight"]);
    assert_eq!(found.unexpected, ["foreign\u{1b}[31m.weight"]);
    let shapes: Vec<&str> = found.wrong_shape.iter().map(|t| t.key.as_str()).collect();
    assert_eq!(shapes, ["block.0.norm1.weight", "head.weight"]);
    let values: Vec<&str> = found.wrong_values.iter().map(|t| t.key.as_str()).collect();
    assert_eq!(values, ["patch_embed.rpe_bn.running_var", "head.bias"]);
    for part in [
        "the tensors of tiny are not those of the model",
        "1 missing: patch_embed.proj_conv.weight",
        "head.weight is [3, 8], should be [2, 8]",
        "head.bias: 2 of 2 values are NaN or infinite",
        "patch_embed.rpe_bn.running_var: 8 of 8 variances are negative",
        "the nearest is spikformer, layout cifar",
    ] {
        assert!(message.contains(part), "{part}\n{message}");
    }
    assert!(!message.contains('\u{1b}'));
}

#[test]
fn integer_weights_are_named() {
    let graph = tiny();
    let integers = Raw(Dtype::I8, vec![2], vec![0, 1]);
    let dict = checkpoint::from_bytes(&file(vec![("head.bias", integers)]), "x").unwrap();
    let found = mismatch(dict.check(&graph));
    assert_eq!(found.not_float, [("head.bias".to_owned(), "I8".to_owned())]);
    assert!(!found.missing.contains(&"head.bias".to_owned()));
}

#[test]
fn long_lists_are_cut() {
    let graph = tiny();
    let found = mismatch(StateDict::new("empty").check(&graph));
    let used = graph
        .tensors
        .iter()
        .filter(|t| !t.dead && !t.key.ends_with("num_batches_tracked"))
        .count();
    assert_eq!(found.missing.len(), used);
    let message = found.to_string();
    assert!(
        message.contains(&format!("and {} more", used - 12)),
        "{message}"
    );
    assert!(message.contains(&found.missing[11]) && !message.contains(&found.missing[12]));
}

#[test]
fn the_fingerprint_follows_keys_shapes_and_values() {
    let graph = tiny();
    let dict = fitting(&graph);
    let base = dict.fingerprint(&graph);
    assert_eq!(base, fitting(&graph).fingerprint(&graph));

    let mut other = dict.clone();
    let mut tensor = dict.get("head.weight").unwrap().clone();
    tensor.values[15] = f32::from_bits(tensor.values[15].to_bits() + 1);
    other.insert("head.weight".into(), tensor);
    assert_ne!(other.fingerprint(&graph), base);

    let mut other = dict.clone();
    let mut tensor = dict.get("head.weight").unwrap().clone();
    tensor.shape.reverse();
    other.insert("head.weight".into(), tensor);
    assert_ne!(other.fingerprint(&graph), base);

    let other = without(&dict, |key| key == "head.bias");
    assert_ne!(other.fingerprint(&graph), base);
}

fn load_error(path: &Path) -> String {
    checkpoint::load(path).unwrap_err().to_string()
}

#[test]
fn unusable_paths_are_named() {
    let folder = tempfile::tempdir().unwrap();
    let missing = folder.path().join("weights.safetensors");
    let message = load_error(&missing);
    assert!(message.contains(missing.to_str().unwrap()), "{message}");
    assert!(message.contains("model.checkpoint"), "{message}");
    // A missing PyTorch file is missing first of all.
    let message = load_error(&folder.path().join("weights.pth"));
    assert!(message.contains("there is no checkpoint"), "{message}");

    let message = load_error(folder.path());
    assert!(message.contains("is not a file"), "{message}");

    // The content tells what a file is, not its name.
    let bytes = fs::read(fixture("qkformer-cifar")).unwrap();
    for name in ["a.pth", "b.pth.tar", "C.PTH", "d"] {
        let path = folder.path().join(name);
        fs::write(&path, &bytes).unwrap();
        let dict = checkpoint::load(&path).unwrap();
        assert_eq!(dict.get("head.bias").unwrap().shape, [10], "{name}");
        fs::write(&path, b"neither this nor that").unwrap();
        let message = load_error(&path);
        assert!(message.contains("begins like neither"), "{message}");
        assert!(message.contains(path.to_str().unwrap()), "{message}");
    }
}

#[test]
fn truncated_files_are_called_truncated() {
    let bytes = fs::read(fixture("qkformer-cifar")).unwrap();
    let header = 8 + u64::from_le_bytes(bytes[..8].try_into().unwrap()) as usize;
    for end in [
        9,
        100,
        header - 1,
        header,
        header + 1,
        bytes.len() / 2,
        bytes.len() - 1,
    ] {
        let message = checkpoint::from_bytes(&bytes[..end], "cut.safetensors")
            .unwrap_err()
            .to_string();
        assert!(message.contains("truncated"), "{end}: {message}");
        assert!(
            message.contains(&format!("cut.safetensors has {end} bytes")),
            "{message}"
        );
    }
    for end in 0..8 {
        let message = checkpoint::from_bytes(&bytes[..end], "x")
            .unwrap_err()
            .to_string();
        assert!(
            message.contains(&format!("it has only {end} bytes")),
            "{message}"
        );
    }
    let mut longer = bytes;
    longer.push(0);
    let message = checkpoint::from_bytes(&longer, "x")
        .unwrap_err()
        .to_string();
    assert!(message.contains("damaged"), "{message}");
}

/// A file with this header and this many bytes of data.
fn with_header(header: &str, data: usize) -> Vec<u8> {
    let mut bytes = (header.len() as u64).to_le_bytes().to_vec();
    bytes.extend_from_slice(header.as_bytes());
    bytes.resize(bytes.len() + data, 0);
    bytes
}

#[test]
fn hostile_headers_are_refused() {
    let entry = |dtype: &str, shape: &str, offsets: &str| {
        format!(r#"{{"a":{{"dtype":"{dtype}","shape":[{shape}],"data_offsets":[{offsets}]}}}}"#)
    };
    let huge = u64::MAX;
    let mut cases = vec![
        // Sizes whose product, or whose sum with the header, overflows.
        with_header(&entry("F32", &format!("{huge},{huge}"), "0,4"), 4),
        with_header(&entry("F32", "4611686018427387904,4", "0,4"), 4),
        with_header(&entry("F32", &format!("{huge},{huge},0"), "0,0"), 0),
        // Data beyond the end, overlapping, backwards, of another length than the shape.
        with_header(&entry("F32", "1000000000000", "0,4000000000000"), 4),
        with_header(&entry("F32", "1", "4,0"), 4),
        with_header(&entry("F32", "1", "0,8"), 8),
        with_header(&entry("F33", "1", "0,4"), 4),
        with_header(&entry("F32", "-1", "0,4"), 4),
        with_header("{", 0),
        with_header(&"[".repeat(100_000), 0),
        with_header(&format!("{{\"a\":{}", "[".repeat(100_000)), 0),
        with_header("{\"a\":\"\u{1b}[2J\"}", 0),
        // A header longer than the file, and than any file.
        [&u64::to_le_bytes(99_000_000)[..], b"{}"].concat(),
        [&u64::MAX.to_le_bytes()[..], b"{}"].concat(),
    ];
    // Many tensors whose ends add up to almost 2^64.
    let step = (1u64 << 61) - 1;
    let chain: Vec<String> = (0..8)
        .map(|i| {
            let (from, to) = (i * step, (i + 1) * step);
            format!(r#""t{i}":{{"dtype":"U8","shape":[{step}],"data_offsets":[{from},{to}]}}"#)
        })
        .collect();
    cases.push(with_header(&format!("{{{}}}", chain.join(",")), 0));
    for (i, bytes) in cases.iter().enumerate() {
        let message = checkpoint::from_bytes(bytes, "hostile")
            .unwrap_err()
            .to_string();
        assert!(message.starts_with("hostile "), "case {i}: {message}");
        assert!(
            message.len() < 1000 && !message.contains('\u{1b}'),
            "case {i}: {message}"
        );
    }
    let empty = checkpoint::from_bytes(&with_header("{}", 0), "empty").unwrap();
    assert_eq!(empty.iter().count(), 0);
}

proptest! {
    #[test]
    fn random_bytes_never_panic(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
        let _ = checkpoint::from_bytes(&bytes, "random");
        let header = String::from_utf8_lossy(&bytes);
        let _ = checkpoint::from_bytes(&with_header(&format!("{{{header}"), 16), "random");
    }

    /// Damage in the header of a good file, and anywhere else: an error or a state dict whose
    /// tensors are as large as their shapes say; never a panic.
    #[test]
    fn damaged_files_never_panic(
        edits in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..6),
        end in any::<prop::sample::Index>(),
        cut: bool,
    ) {
        let graph = tiny();
        let mut bytes = file(vec![
            ("head.weight", Raw(Dtype::F32, vec![2, 8], f32s(&[0.5; 16]))),
            ("head.bias", Raw(Dtype::F16, vec![2], vec![0; 4])),
            ("patch_embed.proj_bn.num_batches_tracked", Raw(Dtype::I64, vec![], vec![0; 8])),
        ]);
        for (at, value) in edits {
            let at = at.index(bytes.len());
            bytes[at] = value;
        }
        if cut {
            bytes.truncate(end.index(bytes.len()));
        }
        if let Ok(dict) = checkpoint::from_bytes(&bytes, "damaged") {
            for (key, tensor) in dict.iter() {
                prop_assert_eq!(tensor.shape.iter().product::<usize>(), tensor.values.len(), "{}", key);
            }
            let message = dict.check(&graph).unwrap_err().to_string();
            prop_assert!(message.contains("missing"));
        }
    }
}
