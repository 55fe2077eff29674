//! Graph files: written from every family, read like a family, refused where they are not what they
//! say.

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use aq4svit::checkpoint::Contents;
use aq4svit::network::{GRAPH_KEY, Graph, Op};
use aq4svit::profile::Profile;
use safetensors::tensor::TensorView;
use safetensors::{Dtype, SafeTensors};
use serde_json::Value;

use crate::common::demo::Demo;

pub(super) fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

pub(super) fn fixture(name: &str) -> PathBuf {
    root().join("tests/fixtures").join(name)
}

pub(super) fn text(path: &Path) -> &str {
    path.to_str().expect("Unicode")
}

/// Every family's fixture.
const FIXTURES: [&str; 12] = [
    "max-former-cifar",
    "ms-qkformer-cifar",
    "spikingresformer-cifar",
    "qkformer-cifar",
    "qkformer-imagenet",
    "sdt-v1",
    "sdt-v1-dvs",
    "sdt-v2",
    "sdt-v3",
    "sdt-v3-large",
    "spikformer-cifar",
    "spikingformer-cifar",
];

/// The graph with its state dict in the order of keys, and sums in that of their terms.
pub(super) fn canonical(mut graph: Graph) -> Graph {
    graph.tensors.sort_by(|a, b| a.key.cmp(&b.key));
    for node in &mut graph.nodes {
        if node.op == Op::Add {
            node.inputs.sort();
        }
    }
    graph
}

pub(super) fn graph_of(path: &Path) -> Graph {
    let contents = Contents::open(path).expect("a file");
    contents.graph().expect("a network").expect("a graph")
}

/// Numbers of a tensor, as f64.
pub(super) fn numbers(path: &Path, name: &str) -> Vec<f64> {
    let bytes = std::fs::read(path).expect("a file");
    let file = SafeTensors::deserialize(&bytes).expect("safetensors");
    let tensor = file.tensor(name).expect("a tensor");
    let eight = tensor.data().as_chunks::<8>().0;
    match tensor.dtype() {
        Dtype::F64 => eight.iter().map(|b| f64::from_le_bytes(*b)).collect(),
        Dtype::I64 => eight
            .iter()
            .map(|b| i64::from_le_bytes(*b) as f64)
            .collect(),
        other => panic!("{name} is {other:?}"),
    }
}

/// Predicts a fixture's input by a profile and compares everything with the reference.
pub(super) fn agrees_with_reference(demo: &Demo, profile: &str, name: &str) {
    let reference = fixture(name).join("reference.safetensors");
    let fixed = [
        "--output",
        "out.safetensors",
        "--precision",
        "f64",
        "--trace",
    ];
    let arguments = ["predict", profile, "--input", text(&reference)];
    demo.expect(0, &[&arguments[..], &fixed].concat());
    let bytes = std::fs::read(&reference).expect("a file");
    let file = SafeTensors::deserialize(&bytes).expect("safetensors");
    let names = file
        .names()
        .into_iter()
        .filter(|n| *n == "logits" || n.starts_with("spikes.") || n.starts_with("membrane_mean."));
    let mut compared = 0;
    for tensor in names {
        let expected = numbers(&reference, tensor);
        let found = numbers(&demo.path("out.safetensors"), tensor);
        assert_eq!(found.len(), expected.len(), "{name} {tensor}");
        for (found, expected) in found.iter().zip(&expected) {
            let near = (found - expected).abs() <= 1e-9 * expected.abs().max(1.0);
            assert!(near, "{name} {tensor}: {found} {expected}");
        }
        compared += 1;
    }
    assert!(compared > 10, "{name}: {compared}");
}

pub(super) fn write_profile(demo: &Demo, name: &str, graph: &str) {
    let profile = format!("format = 1\n[model]\ngraph = \"{graph}\"\n");
    demo.write(name, profile.as_bytes());
}

#[test]
fn every_family_becomes_a_file_that_computes_the_same() {
    let demo = Demo::new();
    for name in FIXTURES {
        let profile = fixture(name).join("profile.toml");
        let weights = format!(
            "model.checkpoint={}",
            text(&fixture(name).join("weights.safetensors"))
        );
        let file = format!("{name}.aq4.safetensors");
        let arguments = [
            "inspect",
            text(&profile),
            "--set",
            &weights,
            "--write-graph",
            &file,
        ];
        let (_, err) = demo.expect(0, &arguments);
        assert!(
            err.contains("golden data of two random images of seed 0"),
            "{err}"
        );
        let built = Profile::load(&profile).expect("a profile").graph();
        let read = graph_of(&demo.path(&file));
        assert_eq!(canonical(read), canonical((*built).clone()), "{name}");
        write_profile(&demo, "p.toml", &file);
        agrees_with_reference(&demo, "p.toml", name);
    }
}

#[test]
fn without_weights_they_are_random_and_of_the_seed() {
    let demo = Demo::new();
    let profile = "qkformer-cifar10-4-384";
    let small = [
        "--set",
        "model.embed_dims=32",
        "--set",
        "model.image_size=16",
    ];
    let write = |seed: &str, file: &str| {
        let arguments = ["inspect", profile, "--write-graph", file, "--seed", seed];
        let (_, err) = demo.expect(0, &[&arguments[..], &small].concat());
        assert!(
            err.contains(&format!("random weights of seed {seed}")),
            "{err}"
        );
        std::fs::read(demo.path(file)).expect("a file")
    };
    let first = write("7", "a.aq4.safetensors");
    assert!(first != write("8", "b.aq4.safetensors"));
    // The order of tensors of one type is by name, but metadata alone have one entry.
    assert!(first == write("7", "c.aq4.safetensors"));
    // Neurons fire.
    let spikes = numbers(
        &demo.path("a.aq4.safetensors"),
        "golden.spikes.stage1.0.mlp.mlp1_lif",
    );
    assert!(spikes.iter().sum::<f64>() > 0.0, "{spikes:?}");
}

/// The demo's network as a graph file, and its profile.
fn demo_file(demo: &Demo) {
    demo.expect(
        0,
        &[
            "inspect",
            "small.toml",
            "--write-graph",
            "net.aq4.safetensors",
        ],
    );
    let profile = std::fs::read_to_string(demo.path("small.toml")).expect("a profile");
    let (start, rest) = profile.split_once("[model]").expect("a section");
    let (_, rest) = rest.split_once("[data]").expect("a section");
    let graph = "graph = \"net.aq4.safetensors\"";
    let profile = format!("{start}[model]\n{graph}\n\n[data]{rest}");
    demo.write("graph.toml", profile.as_bytes());
}

pub(super) fn last_line(out: &str) -> Value {
    serde_json::from_str(out.lines().last().expect("a line")).expect("JSON")
}

#[test]
fn a_graph_file_is_searched_like_its_family() {
    let demo = Demo::new();
    demo_file(&demo);
    let search = |profile: &str, folder: &str| {
        let arguments = [
            "search",
            profile,
            "--headless",
            "--json",
            "--run-dir",
            folder,
        ];
        last_line(&demo.expect(0, &arguments).0)
    };
    let (family, graph) = (
        search("small.toml", "family"),
        search("graph.toml", "graph"),
    );
    for key in [
        "accuracy_float",
        "accuracy",
        "memory_bytes",
        "evaluations",
        "layer_forwards_plain",
    ] {
        assert_eq!(family[key], graph[key], "{key}");
    }
    // Resumed, exported from its run's folder, solved, inspected.
    let resumed = last_line(
        &demo
            .expect(0, &["resume", "graph", "--headless", "--json"])
            .0,
    );
    assert_eq!(resumed["memory_bytes"], graph["memory_bytes"]);
    demo.expect(0, &["solve", "graph", "--front", "--json"]);
    demo.expect(0, &["export", "graph", "--out", "package"]);
    let (out, _) = demo.expect(0, &["verify", "package", "--json"]);
    assert!(!out.is_empty());
    let best = graph["profile"].as_str().expect("a path");
    let inspected = last_line(&demo.expect(0, &["inspect", best, "--json"]).0);
    assert_eq!(inspected["family"], "graph");
    assert_eq!(inspected["checkpoint_fits"], true);
    assert_eq!(
        inspected["allocation"]["memory_bytes"],
        graph["memory_bytes"]
    );
    demo.expect(0, &["evaluate", best, "--json"]);
}

#[test]
fn a_graph_file_is_understood_where_a_checkpoint_is() {
    let demo = Demo::new();
    demo_file(&demo);
    let (out, _) = demo.expect(0, &["inspect", "net.aq4.safetensors"]);
    assert!(
        out.contains("net.aq4.safetensors: a graph file.\n[model]\ngraph = "),
        "{out}"
    );
    let object = last_line(
        &demo
            .expect(0, &["inspect", "net.aq4.safetensors", "--json"])
            .0,
    );
    assert_eq!(
        (&object["family"], &object["checkpoint_fits"]),
        (&"graph".into(), &true.into())
    );
    // Its tensors are those of the family's network.
    let weights = "model.checkpoint=net.aq4.safetensors";
    let (evaluated, _) = demo.expect(0, &["evaluate", "small.toml", "--json"]);
    let (other, _) = demo.expect(0, &["evaluate", "small.toml", "--json", "--set", weights]);
    let accuracy = |out: &str| last_line(out)["accuracy"].clone();
    assert_eq!(accuracy(&evaluated), accuracy(&other));
    let arguments = [
        "search",
        "small.toml",
        "--model-from",
        "net.aq4.safetensors",
        "--headless",
        "--json",
    ];
    let limits = ["--set", "constraint.max_evaluations=2"];
    let output = demo.run(&[&arguments[..], &limits].concat());
    let out = String::from_utf8_lossy(&output.stdout);
    assert_eq!(last_line(&out)["type"], "finished", "{out}");
}

#[test]
fn what_does_not_go_together_is_said() {
    let demo = Demo::new();
    demo_file(&demo);
    let refused = |profile: &str| demo.expect(1, &["inspect", profile]).1;
    demo.write(
        "p.toml",
        b"[model]\ngraph = \"net.aq4.safetensors\"\nfamily = \"qkformer\"\n",
    );
    let error = refused("p.toml");
    assert!(error.contains("model.family and model.graph"), "{error}");
    demo.write("p.toml", b"[model]\ngraph = \"gone.aq4.safetensors\"\n");
    let error = refused("p.toml");
    assert!(
        error.contains("there is no graph file") && error.contains("p.toml:2"),
        "{error}"
    );
    let weights = fixture("sdt-v1").join("weights.safetensors");
    write_profile(&demo, "p.toml", text(&weights));
    let error = refused("p.toml");
    assert!(error.contains("holds weights, but no graph"), "{error}");
}

/// The tensors of a file.
type Tensors = HashMap<String, (Dtype, Vec<usize>, Vec<u8>)>;

/// The file with its tensors and document changed.
fn rewritten(demo: &Demo, change: &dyn Fn(&mut Value, &mut Tensors)) {
    let bytes = std::fs::read(demo.path("net.aq4.safetensors")).expect("a file");
    let (_, metadata) = SafeTensors::read_metadata(&bytes).expect("safetensors");
    let own = metadata.metadata().clone().expect("metadata");
    let mut document: Value = serde_json::from_str(&own[GRAPH_KEY]).expect("JSON");
    let file = SafeTensors::deserialize(&bytes).expect("safetensors");
    let tensors = file.tensors().into_iter();
    let mut tensors = tensors
        .map(|(name, t)| (name, (t.dtype(), t.shape().to_vec(), t.data().to_vec())))
        .collect();
    change(&mut document, &mut tensors);
    let views = tensors.iter().map(|(name, (dtype, shape, data))| {
        (
            name.clone(),
            TensorView::new(*dtype, shape.clone(), data).expect("a tensor"),
        )
    });
    let own = HashMap::from([(GRAPH_KEY.to_owned(), document.to_string())]);
    safetensors::serialize_to_file(views, Some(own), &demo.path("bad.aq4.safetensors"))
        .expect("space");
}

/// What a file that is not what it says does: the place is named, nothing is evaluated.
#[test]
fn dishonest_files_are_refused() {
    let demo = Demo::new();
    demo_file(&demo);
    let block = "stage2.0";
    let site = format!("golden.spikes.{block}.mlp.mlp1_lif");
    let node = |document: &Value, name: &str| {
        let nodes = document["nodes"].as_array().expect("nodes").iter();
        nodes
            .clone()
            .position(|n| n["name"] == name)
            .expect("a node")
    };
    type Change<'a> = Box<dyn Fn(&mut Value, &mut Tensors) + 'a>;
    let cases: Vec<(Change<'_>, String)> = vec![
        (
            Box::new(|_, t| t.get_mut(&site).expect("a tensor").2[0] ^= 1),
            format!("block {block} is the first that differs"),
        ),
        (
            Box::new(|_, t| t.get_mut("golden.logits").expect("a tensor").2[6] ^= 1),
            "block head is the first that differs: the logit of class 0".to_owned(),
        ),
        (
            Box::new(|_, t| {
                t.get_mut("stage1.0.mlp.mlp1_conv.weight")
                    .expect("a tensor")
                    .2[3] ^= 1;
            }),
            "block stage1.0 is the first that differs".to_owned(),
        ),
        (
            // Another network with the same tensors.
            Box::new(|d, _| {
                let at = node(d, "stage2.0.mlp.mlp1_lif");
                d["nodes"][at]["threshold"] = 0.9.into();
            }),
            "block stage2.0 is the first that differs".to_owned(),
        ),
        (
            Box::new(|_, t| drop(t.remove("golden.logits"))),
            "it has no tensor golden.logits".to_owned(),
        ),
        (
            Box::new(|_, t| t.get_mut("golden.logits").expect("a tensor").1 = vec![1, 20]),
            "golden.logits is F64 [1, 20], expected F64 [2, 10]".to_owned(),
        ),
        (
            Box::new(|_, t| drop(t.remove("head.weight"))),
            "head.weight".to_owned(),
        ),
        (
            Box::new(|d, _| {
                let at = node(d, "head");
                d["nodes"][at]["in"] = serde_json::json!([at]);
            }),
            "(linear \"head\"): it reads node".to_owned(),
        ),
    ];
    write_profile(&demo, "bad.toml", "bad.aq4.safetensors");
    for (change, expected) in cases {
        rewritten(&demo, &*change);
        let input = "bad.aq4.safetensors";
        let arguments = [
            "predict",
            "bad.toml",
            "--input",
            input,
            "--output",
            "out.safetensors",
        ];
        let (_, err) = demo.expect(1, &arguments);
        assert!(err.contains(&expected), "{expected}: {err}");
    }
    // The tensor `input` is missing, but the network has been let in.
    rewritten(&demo, &|_, _| ());
    let arguments = [
        "predict",
        "bad.toml",
        "--input",
        "bad.aq4.safetensors",
        "--output",
        "out.safetensors",
    ];
    let (_, err) = demo.expect(1, &arguments);
    assert!(err.contains("there is no tensor `input`"), "{err}");
    assert!(demo.path("data/cache/graphs").is_dir());
}

#[test]
fn the_script_is_shipped() {
    let demo = Demo::new();
    let script =
        std::fs::read_to_string(root().join("scripts/aq4svit_export.py")).expect("a script");
    assert_eq!(demo.expect(0, &["export-script"]).0, script);
    demo.expect(0, &["export-script", "-o", "e.py"]);
    assert_eq!(
        std::fs::read_to_string(demo.path("e.py")).expect("a file"),
        script
    );
}
