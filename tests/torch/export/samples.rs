//! Packages of networks with operations that no family has, verified and read elsewhere.

use std::collections::HashMap;
use std::fs;
use std::path::Path;

use aq4svit::checkpoint::StateDict;
use aq4svit::network::{GRAPH_KEY, Graph, Op, sample, write_graph};
use safetensors::Dtype;
use safetensors::tensor::TensorView;

use super::super::naive::{Random, weights};
use super::{check, export_with, numpy_reads};
use crate::common::python;

/// Writes a graph file, without golden data, and a profile that names it.
fn write(folder: &Path, graph: &Graph, weights: &StateDict) {
    let of = |key: &str| {
        let tensor = weights.get(key)?;
        let bytes = tensor.values.iter().flat_map(|x| x.to_le_bytes());
        Some((key.to_owned(), tensor.shape.clone(), bytes.collect()))
    };
    let keys = graph.tensors.iter().map(|t| t.key.as_str());
    let tensors: Vec<(String, Vec<usize>, Vec<u8>)> = keys.filter_map(of).collect();
    let views = tensors.iter().map(|(name, shape, bytes)| {
        let view = TensorView::new(Dtype::F32, shape.clone(), bytes).unwrap();
        (name.as_str(), view)
    });
    let document = HashMap::from([(GRAPH_KEY.to_owned(), write_graph(graph).unwrap())]);
    let file = safetensors::serialize(views, Some(document)).unwrap();
    fs::write(folder.join("sample.aq4.safetensors"), file).unwrap();
    let profile = "format = 1\n[model]\ngraph = \"sample.aq4.safetensors\"\n";
    fs::write(folder.join("profile.toml"), profile).unwrap();
}

#[test]
fn sampled_networks_verify_and_numpy_computes_them() {
    let (mut constants, mut over_tokens, mut apart) = (0, 0, 0);
    let mut folders = Vec::new();
    let root = tempfile::tempdir().unwrap();
    let usual = (0..24).map(|seed| (seed, sample::graph(seed)));
    let unusual = (24..36).map(|seed| (seed, sample::unusual_graph(seed)));
    for (seed, graph) in usual.chain(unusual) {
        let graph = graph.unwrap();
        if graph.sites.iter().any(|site| site.batch_leak) {
            continue;
        }
        let mut random = Random(seed);
        let weights = weights(&graph, &mut random);
        let folder = root.path().join(seed.to_string());
        fs::create_dir(&folder).unwrap();
        write(&folder, &graph, &weights);
        let shape = graph.input;
        let frames = graph.frames().unwrap_or(1);
        let numbers = 2 * frames * shape.channels * shape.height * shape.width;
        let values = random.many(numbers, -2.0, 2.0);
        let profile = folder.join("profile.toml");
        let package = folder.join("package");
        let images = |_: &Graph| (2, values.clone());
        export_with(
            &profile,
            &weights,
            images,
            (&[4, 8, 2, 32, 1], &[]),
            &package,
        );
        let report = check(&package).unwrap_or_else(|e| panic!("seed {seed}: {e}"));
        assert!(report.agrees, "seed {seed}:\n{report}");
        let has = |is: fn(&Op) -> bool| graph.nodes.iter().any(|n| is(&n.op));
        constants += usize::from(has(|op| matches!(op, Op::AddConstant { .. })));
        let absorbers = graph.absorbers();
        let mut norms = graph.nodes.iter().zip(&absorbers);
        apart += usize::from(
            norms.any(|(n, layer)| matches!(n.op, Op::BatchNorm(_)) && layer.is_none()),
        );
        over_tokens += usize::from(graph.layers.iter().any(|l| l.kind.is_1d()));
        folders.push(package);
    }
    assert!(
        constants > 2 && over_tokens > 2 && apart > 2,
        "{constants} {over_tokens} {apart}"
    );
    match python::packages("python-packages.txt") {
        Ok(packages) => {
            for folder in &folders {
                let (agrees, said) = numpy_reads(&packages, folder);
                assert!(agrees, "{}: {said}", folder.display());
            }
        }
        Err(why) => python::not_run("read_package.py on sampled networks", &why),
    }
}
