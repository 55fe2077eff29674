//! The graphs against the authors' own networks: key lists, and fixtures made by the authors' code.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use aq4svit::network::{
    Family, Graph, Layout, ModelConfig, Neuron, Op, Range, Shape, TensorKind, TensorSpec,
};

fn folder(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests")
        .join(name)
}

fn entry(tensor: &TensorSpec) -> String {
    let kind = match tensor.kind {
        TensorKind::Param => "param",
        TensorKind::Buffer => "buffer",
    };
    format!("{}\t{:?}\t{kind}", tensor.key, tensor.shape)
}

/// The sizes that a key list's file name tells, such as `spikformer_imagenet_8_512` or
/// `qkformer_imagenet_QKFormer_10_512`: depth and width are the last two parts.
fn published(stem: &str) -> ModelConfig {
    let parts: Vec<&str> = stem.split('_').collect();
    let number = |from_end: usize| parts[parts.len() - from_end].parse::<usize>().unwrap();
    let (layout, image_size, num_classes) = match parts[1] {
        "cifar10" => (Layout::Cifar, 32, 10),
        "cifar100" => (Layout::Cifar, 32, 100),
        "imagenet" => (Layout::Imagenet, 224, 1000),
        other => panic!("{stem}: {other}?"),
    };
    let family = match parts[0] {
        "spikformer" => Family::Spikformer,
        "qkformer" => Family::QkFormer,
        other => panic!("{stem}: {other}?"),
    };
    let embed_dims = number(1);
    ModelConfig {
        family,
        layout,
        image_size,
        in_channels: 3,
        num_classes,
        embed_dims,
        num_heads: match (family, layout, embed_dims) {
            (Family::QkFormer, Layout::Imagenet, _) => embed_dims / 64,
            (Family::Spikformer, Layout::Cifar, 384) => 12,
            _ => 8,
        },
        mlp_ratio: 4,
        depths: number(2),
        time_steps: 4,
    }
}

#[test]
fn state_dicts_equal_the_published_key_lists() {
    let mut files = 0;
    for file in fs::read_dir(folder("keys")).unwrap() {
        let path = file.unwrap().path();
        let stem = path.file_stem().unwrap().to_str().unwrap().to_owned();
        let text = fs::read_to_string(&path).unwrap();
        let graph = published(&stem).graph().unwrap();

        let expected: Vec<&str> = text.lines().filter(|l| !l.starts_with('#')).collect();
        let built: Vec<String> = graph.tensors.iter().map(entry).collect();
        for (i, (built, expected)) in built.iter().zip(&expected).enumerate() {
            assert_eq!(built, expected, "{stem}, entry {i}");
        }
        assert_eq!(built.len(), expected.len(), "{stem}");

        let header = text
            .lines()
            .find_map(|l| l.strip_prefix("# trainable parameters: "))
            .unwrap();
        let (count, _) = header.split_once(';').unwrap();
        assert_eq!(graph.parameters().to_string(), count, "{stem}");
        files += 1;
    }
    assert_eq!(files, 16);
}

#[test]
fn only_spikformers_layer_norms_are_dead() {
    for file in fs::read_dir(folder("keys")).unwrap() {
        let path = file.unwrap().path();
        let stem = path.file_stem().unwrap().to_str().unwrap().to_owned();
        let config = published(&stem);
        let graph = config.graph().unwrap();
        let mut dead = 0;
        for tensor in &graph.tensors {
            let never_called = tensor.key.contains(".norm1.") || tensor.key.contains(".norm2.");
            assert_eq!(tensor.dead, never_called, "{stem}: {}", tensor.key);
            dead += usize::from(tensor.dead);
        }
        let expected = match config.family {
            Family::Spikformer => 4 * config.depths,
            Family::QkFormer => 0,
        };
        assert_eq!(dead, expected, "{stem}");
    }
}

struct Fixture {
    name: &'static str,
    graph: Graph,
    json: serde_json::Value,
}

fn fixtures() -> Vec<Fixture> {
    [
        "qkformer-cifar",
        "qkformer-imagenet",
        "spikformer-cifar",
        "spikformer-imagenet",
    ]
    .into_iter()
    .map(|name| {
        let path = folder("fixtures").join(name).join("config.json");
        let json: serde_json::Value =
            serde_json::from_str(&fs::read_to_string(path).unwrap()).unwrap();
        let size = |key: &str| json[key].as_u64().unwrap() as usize;
        let config = ModelConfig {
            family: serde_json::from_value(json["family"].clone()).unwrap(),
            layout: serde_json::from_value(json["variant"].clone()).unwrap(),
            image_size: size("image_size"),
            in_channels: size("in_channels"),
            num_classes: size("num_classes"),
            embed_dims: size("embed_dims"),
            num_heads: size("num_heads"),
            mlp_ratio: size("mlp_ratio"),
            depths: size("depths"),
            time_steps: size("time_steps"),
        };
        let graph = config.graph().unwrap();
        Fixture { name, graph, json }
    })
    .collect()
}

/// Shapes by key of a safetensors file.
fn shapes(path: &Path) -> BTreeMap<String, Vec<usize>> {
    let bytes = fs::read(path).unwrap();
    let file = safetensors::SafeTensors::deserialize(&bytes).unwrap();
    file.iter()
        .map(|(key, view)| (key.to_owned(), view.shape().to_vec()))
        .collect()
}

#[test]
fn sites_equal_the_authors_neurons_in_execution_order() {
    for Fixture { name, graph, json } in fixtures() {
        // The order of the file, which serde_json's sorted map would lose.
        let text = fs::read_to_string(folder("fixtures").join(name).join("config.json")).unwrap();
        let neurons = text.split_once("\"neurons\"").unwrap().1;
        let ordered: Vec<&str> = neurons
            .lines()
            .filter_map(|line| line.trim().strip_prefix('"')?.strip_suffix("\": {"))
            .collect();
        let built: Vec<&str> = graph.sites.iter().map(|s| s.name.as_str()).collect();
        assert_eq!(built, ordered, "{name}");
        for site in &graph.sites {
            let threshold = json["neurons"][&site.name]["v_threshold"].as_f64().unwrap();
            let expected = Neuron::Lif {
                tau: 2.0,
                threshold,
            };
            assert_eq!(site.neuron, expected, "{name}: {}", site.name);
        }
    }
}

#[test]
fn fixture_weights_are_the_graphs_state_dict() {
    for Fixture { name, graph, json } in fixtures() {
        let stored = shapes(&folder("fixtures").join(name).join("weights.safetensors"));
        let built: BTreeMap<String, Vec<usize>> = graph
            .tensors
            .iter()
            .map(|t| (t.key.clone(), t.shape.clone()))
            .collect();
        assert_eq!(built, stored, "{name}");
        assert_eq!(
            Some(graph.parameters()),
            json["parameters"].as_u64(),
            "{name}"
        );
    }
}

#[test]
fn blocks_equal_the_authors_in_name_shape_and_layout() {
    for Fixture { name, graph, json } in fixtures() {
        let mut expected: Vec<&str> = json["blocks"]
            .as_array()
            .unwrap()
            .iter()
            .map(|b| b.as_str().unwrap())
            .collect();
        expected.push("head");
        expected.sort_unstable();
        let mut built: Vec<&str> = graph.blocks.iter().map(|b| b.name.as_str()).collect();
        assert_eq!(built.last(), Some(&"head"), "{name}");
        built.sort_unstable();
        assert_eq!(built, expected, "{name}");

        let traced = shapes(&folder("fixtures").join(name).join("reference.safetensors"));
        let batch = traced["input"][0];
        for block in &graph.blocks {
            let Some(output) = block.output else {
                assert_eq!(block.name, "head", "{name}");
                continue;
            };
            let Shape {
                channels,
                height,
                width,
            } = graph.node(output).shape;
            let t = graph.time_steps;
            let shape = if block.token_major {
                vec![t, batch, height * width, channels]
            } else {
                vec![t, batch, channels, height, width]
            };
            assert_eq!(
                shape,
                traced[&format!("block.{}", block.name)],
                "{name}: {}",
                block.name
            );
        }
    }
}

#[test]
fn stages_hold_their_blocks() {
    for Fixture { name, graph, .. } in fixtures() {
        let outline: Vec<String> = graph
            .stages
            .iter()
            .map(|stage| {
                let id = graph.stage_named(&stage.name).unwrap();
                let blocks: Vec<&str> = graph
                    .blocks_of(id)
                    .map(|b| graph.blocks[b.index()].name.as_str())
                    .collect();
                format!("{}: {}", stage.name, blocks.join(" "))
            })
            .collect();
        let expected: &[&str] = match name {
            "qkformer-cifar" => &[
                "stage1: patch_embed1 stage1.0",
                "stage2: patch_embed2 stage2.0",
                "stage3: patch_embed3 stage3.0 stage3.1",
                "head: head",
            ],
            "qkformer-imagenet" => &[
                "stage1: patch_embed1 stage1.0",
                "stage2: patch_embed2 stage2.0 stage2.1",
                "stage3: patch_embed3 stage3.0 stage3.1",
                "head: head",
            ],
            _ => &[
                "patch_embed: patch_embed",
                "block: block.0 block.1",
                "head: head",
            ],
        };
        assert_eq!(outline, expected, "{name}");
    }
}

#[test]
fn every_label_follows_from_the_nodes() {
    for Fixture { name, graph, .. } in fixtures() {
        let (mut layers, mut sites) = (Vec::new(), Vec::new());
        for (i, node) in graph.nodes.iter().enumerate() {
            assert!(
                node.inputs.iter().all(|x| x.index() < i),
                "{name}: node {i}"
            );
            match node.op {
                Op::Layer(id) => {
                    let layer = graph.layer(id);
                    assert_eq!(layer.block, node.block, "{name}: {}", layer.name);
                    assert_eq!(layer.input, graph.node(node.inputs[0]).range);
                    assert_eq!(layer.channels(), node.shape.channels);
                    layers.push(id.index());
                }
                Op::Neuron(id) => {
                    let site = graph.site(id);
                    assert_eq!(site.block, node.block, "{name}: {}", site.name);
                    assert_eq!(site.shape, graph.node(node.inputs[0]).shape);
                    sites.push(id.index());
                }
                _ => {}
            }
        }
        assert_eq!(
            layers,
            (0..graph.layers.len()).collect::<Vec<_>>(),
            "{name}"
        );
        assert_eq!(sites, (0..graph.sites.len()).collect::<Vec<_>>(), "{name}");
        let by_block: usize = (0..graph.blocks.len() as u32)
            .map(|b| {
                let block = aq4svit::network::BlockId(b);
                graph.layers_of(block).count() + graph.sites_of(block).count()
            })
            .sum();
        assert_eq!(by_block, layers.len() + sites.len(), "{name}");
        // Every layer but the head has its batch norm.
        for layer in &graph.layers {
            assert_eq!(
                layer.norm.is_none(),
                layer.name == "head",
                "{name}: {}",
                layer.name
            );
        }
    }
}

#[test]
fn the_demo_model_has_its_published_size() {
    let graph = demo();
    assert_eq!(graph.parameters(), 190_850);
    // Every neuron follows a layer, except the four after attention; the head has none.
    assert_eq!((graph.sites.len(), graph.layers.len()), (35, 35 - 4 + 1));
}

/// The built-in QKFormer for Fashion-MNIST.
fn demo() -> Graph {
    ModelConfig {
        family: Family::QkFormer,
        layout: Layout::Cifar,
        image_size: 28,
        in_channels: 1,
        num_classes: 10,
        embed_dims: 64,
        num_heads: 8,
        mlp_ratio: 4,
        depths: 4,
        time_steps: 4,
    }
    .graph()
    .unwrap()
}

fn input_of(graph: &Graph, layer: &str) -> Range {
    graph.layer(graph.layer_named(layer).unwrap()).input
}

#[test]
fn value_ranges_follow_the_residual_streams() {
    let graph = demo();
    let ranges = [
        ("patch_embed1.proj_conv", Range::Real),
        ("patch_embed1.proj1_conv", Range::Integer(1)),
        ("stage1.0.tssa.q_conv", Range::Integer(2)),
        ("stage1.0.tssa.proj_conv", Range::Integer(1)),
        ("stage1.0.mlp.mlp1_conv", Range::Integer(3)),
        ("stage1.0.mlp.mlp2_conv", Range::Integer(1)),
        ("patch_embed2.proj3_conv", Range::Integer(4)),
        ("patch_embed2.proj_res_conv", Range::Integer(4)),
        ("patch_embed3.proj4_conv", Range::Integer(1)),
        ("stage3.0.ssa.v_conv", Range::Integer(2)),
        ("stage3.1.ssa.v_conv", Range::Integer(4)),
        ("stage3.1.ssa.proj_conv", Range::Integer(1)),
        // Stream of at most 6, 7x7 tokens, 4 steps.
        ("head", Range::Integer(6 * 49 * 4)),
    ];
    for (layer, range) in ranges {
        assert_eq!(input_of(&graph, layer), range, "{layer}");
    }
    let sums: Vec<Range> = graph
        .nodes
        .iter()
        .filter(|n| matches!(n.op, Op::HeadSum { .. }))
        .map(|n| n.range)
        .collect();
    // 16 and 32 channels over 8 heads.
    assert_eq!(sums, [Range::Integer(2), Range::Integer(4)]);
}

#[test]
fn macs_count_a_static_input_once() {
    let graph = demo();
    let macs = |name: &str| graph.layer(graph.layer_named(name).unwrap()).macs;
    assert_eq!(macs("patch_embed1.proj_conv"), 8 * 9 * 28 * 28);
    assert_eq!(macs("patch_embed1.proj1_conv"), 16 * 8 * 9 * 28 * 28 * 4);
    assert_eq!(macs("patch_embed2.proj4_conv"), 32 * 32 * 9 * 28 * 28 * 4);
    assert_eq!(macs("patch_embed2.proj_res_conv"), 32 * 16 * 14 * 14 * 4);
    assert_eq!(macs("stage3.0.mlp.mlp1_conv"), 256 * 64 * 7 * 7 * 4);
    assert_eq!(macs("head"), 10 * 64);
    assert_eq!(
        graph.macs(),
        graph.layers.iter().map(|l| l.macs).sum::<u64>()
    );
    // The image, its first layer and its batch norm; then the neuron ends it. The pooled sum has no time.
    let stem: Vec<bool> = graph.nodes.iter().map(|n| n.is_static).collect();
    assert_eq!(stem[..4], [true, true, true, false]);
    let dynamic = stem[3..stem.len() - 2].iter().all(|&s| !s);
    assert!(dynamic && stem[stem.len() - 2..] == [true, true]);
}

#[test]
fn a_pooled_static_stem_stays_static() {
    let graph = published("qkformer_imagenet_QKFormer_10_384")
        .graph()
        .unwrap();
    let stem: Vec<bool> = graph.nodes.iter().take(5).map(|n| n.is_static).collect();
    assert!(matches!(graph.nodes[3].op, Op::MaxPool { .. }));
    assert_eq!(stem, [true, true, true, true, false]);
}

#[test]
fn consumers_are_the_readers() {
    let graph = demo();
    let embedded = graph.blocks[graph.block_named("patch_embed1").unwrap().index()]
        .output
        .unwrap();
    let readers: Vec<String> = graph
        .consumers(embedded)
        .map(|id| match graph.node(id).op {
            Op::Layer(l) => graph.layer(l).name.clone(),
            ref op => format!("{op:?}"),
        })
        .collect();
    assert_eq!(
        readers,
        ["stage1.0.tssa.q_conv", "stage1.0.tssa.k_conv", "Add"]
    );
    let logits = graph.nodes.len() as u32 - 1;
    assert_eq!(graph.consumers(aq4svit::network::NodeId(logits)).count(), 0);
}
