//! The graphs against the authors' own networks: key lists, and fixtures made by the authors' code.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use crate::common::network::demo;
use aq4svit::network::{
    Architecture, Charge, Firing, Graph, Halves, Layer, Layout, MaxFormer, ModelConfig, MsQkFormer,
    Neuron, Node, Op, QkFormer, Reset, ResformerLayout, ResformerSizes, SdtV1, SdtV2, SdtV3,
    Spikformer, Spiking, SpikingResformer, Spikingformer, TensorKind, TensorSpec, TimeConstant,
    ValueRange,
};
use aq4svit::profile::Profile;

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
    if let "sdtv2" | "sdtv3" = parts[0] {
        return published_pyramid(stem, &parts);
    }
    if parts[0] == "spikingresformer" {
        return published_resformer(&parts[1..]);
    }
    let number = |from_end: usize| parts[parts.len() - from_end].parse::<usize>().unwrap();
    let dvs = Layout::Dvs { tau: 2.0 };
    let (layout, image_size, num_classes) = match (parts[0], parts[1]) {
        (_, "cifar10") => (Layout::Cifar, 32, 10),
        (_, "cifar100") => (Layout::Cifar, 32, 100),
        (_, "imagenet") => (Layout::Imagenet, 224, 1000),
        ("sdtv1", "cifar10dvs") => (dvs, 64, 10),
        (_, "cifar10dvs") => (dvs, 128, 10),
        (_, "gesture" | "dvs128") => (dvs, 128, 11),
        (_, other) => panic!("{stem}: {other}?"),
    };
    let is_dvs = layout == dvs;
    // Only the lists of QKFormer and its kin for event cameras do not tell a depth.
    let embed_dims = number(1);
    let is_qkformer = ["qkformer", "maxformer", "msqkformer"].contains(&parts[0]);
    let depths = if is_qkformer && is_dvs { 2 } else { number(2) };
    let (architecture, num_heads) = match parts[0] {
        "spikformer" => (
            Architecture::Spikformer(Spikformer {
                layout,
                embed_dims,
                depths,
            }),
            if is_dvs { 16 } else { 8 },
        ),
        "spikingformer" => (
            Architecture::Spikingformer(Spikingformer {
                layout,
                embed_dims,
                depths,
            }),
            if is_dvs { 16 } else { 8 },
        ),
        "qkformer" => (
            Architecture::QkFormer(QkFormer {
                layout,
                embed_dims,
                depths,
                batch_leak: false,
            }),
            match layout {
                Layout::Cifar => 8,
                Layout::Imagenet => embed_dims / 64,
                Layout::Dvs { .. } => 16,
            },
        ),
        "maxformer" | "msqkformer" => (
            match parts[0] {
                "maxformer" => Architecture::MaxFormer(MaxFormer {
                    layout,
                    embed_dims,
                    depths,
                }),
                _ => Architecture::MsQkFormer(MsQkFormer {
                    layout,
                    embed_dims,
                    depths,
                }),
            },
            match layout {
                Layout::Cifar => 8,
                Layout::Imagenet => embed_dims / 64,
                Layout::Dvs { .. } => 16,
            },
        ),
        "sdtv1" => (
            Architecture::SdtV1(SdtV1 {
                embed_dims,
                depths,
                pooling: match parts[1] {
                    "imagenet" => [true; 4],
                    "gesture" => [false, true, true, true],
                    _ => [false, false, true, true],
                },
                dvs: is_dvs.then_some(2.0),
            }),
            8,
        ),
        other => panic!("{stem}: {other}?"),
    };
    ModelConfig {
        architecture,
        image_size,
        in_channels: if is_dvs { 2 } else { 3 },
        num_classes,
        num_heads,
        mlp_ratio: if stem == "qkformer_cifar10dvs_256"
            || is_dvs && ["maxformer", "msqkformer"].contains(&parts[0])
        {
            1
        } else {
            4
        },
        time_steps: if is_dvs { 16 } else { 4 },
    }
}

/// The same for `spikingresformer`.
fn published_resformer(parts: &[&str]) -> ModelConfig {
    let (layout, image_size, num_classes) = match *parts {
        ["imagenet", _] => (ResformerLayout::Imagenet, 224, 1000),
        ["cifar10", "s", "transfer"] => (ResformerLayout::Imagenet, 128, 10),
        ["cifar10", _] => (ResformerLayout::Cifar, 32, 10),
        ["cifar100", _] => (ResformerLayout::Cifar, 32, 100),
        ["cifar10dvs", _] => (ResformerLayout::Dvs { tau: Some(2.0) }, 64, 10),
        ["dvs128", _] => (ResformerLayout::Dvs { tau: None }, 64, 11),
        _ => panic!("{parts:?}?"),
    };
    let (embed_dims, num_heads) = match parts[1] {
        "ti" => ([64, 192, 384], [1, 3, 6]),
        "s" => ([64, 256, 512], [1, 4, 8]),
        "m" => ([64, 384, 768], [1, 6, 12]),
        "l" => ([128, 512, 1024], [2, 8, 16]),
        "dvsg" => ([32, 96, 192], [1, 3, 6]),
        other => panic!("{other}?"),
    };
    let sizes = ResformerSizes {
        embed_dims,
        num_heads,
        patch_sizes: [4, 2, 1],
        group_size: if parts[1] == "dvsg" { 32 } else { 64 },
        depths: [1, 2, 3],
    };
    ModelConfig {
        architecture: Architecture::SpikingResformer(SpikingResformer { layout, sizes }),
        image_size,
        in_channels: 3,
        num_classes,
        num_heads: num_heads[2],
        mlp_ratio: 4,
        time_steps: if parts[0].contains("dvs") { 16 } else { 4 },
    }
}

/// The same for the families with four widths.
fn published_pyramid(stem: &str, parts: &[&str]) -> ModelConfig {
    let kd = parts.last() == Some(&"kd");
    let strides = [2, 2, 2, 2, 1];
    let v2 = |embed_dims| {
        Architecture::SdtV2(SdtV2 {
            embed_dims,
            strides,
            kd,
            merge_repconv: false,
        })
    };
    let base = |embed_dims| {
        Architecture::SdtV3(SdtV3::Base {
            embed_dims,
            strides,
            max_spike: 4,
        })
    };
    let large = |embed_dims| {
        Architecture::SdtV3(SdtV3::Large {
            embed_dims,
            strides: [2; 4],
            depths: 12,
            kd,
            max_spike: 4,
        })
    };
    let architecture = match stem.trim_end_matches("_kd") {
        "sdtv2_15M" => v2([64, 128, 256, 360]),
        "sdtv2_metaspikformer_8_384" => v2([96, 192, 384, 480]),
        "sdtv2_metaspikformer_8_512" => v2([128, 256, 512, 640]),
        "sdtv2_metaspikformer_8_768" => v2([192, 384, 768, 960]),
        "sdtv3_base_Efficient_Spiking_Transformer_t" => base([24, 48, 96, 128]),
        "sdtv3_base_Efficient_Spiking_Transformer_s" => base([32, 64, 128, 192]),
        "sdtv3_base_Efficient_Spiking_Transformer_m" => base([48, 96, 192, 240]),
        "sdtv3_base_Efficient_Spiking_Transformer_l" => base([64, 128, 256, 360]),
        "sdtv3_large_spikformer12_512" => large([128, 256, 512]),
        "sdtv3_large_spikformer12_768" => large([196, 384, 768]),
        other => panic!("{other}?"),
    };
    ModelConfig {
        architecture,
        image_size: 224,
        in_channels: 3,
        num_classes: 1000,
        num_heads: 8,
        mlp_ratio: 4,
        time_steps: 1,
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
    assert_eq!(files, 78);
}

#[test]
fn what_the_authors_never_use_is_dead() {
    for file in fs::read_dir(folder("keys")).unwrap() {
        let path = file.unwrap().path();
        let stem = path.file_stem().unwrap().to_str().unwrap().to_owned();
        let config = published(&stem);
        let graph = config.graph().unwrap();
        let mut dead = 0;
        let is_unused = |key: &str| {
            let anywhere = [".norm1.", ".norm2.", "talking_heads", ".rep_conv."];
            anywhere.iter().any(|part| key.contains(part))
                || key == "pos_embed"
                || key.starts_with("norm.")
        };
        for tensor in &graph.tensors {
            assert_eq!(
                tensor.dead,
                is_unused(&tensor.key),
                "{stem}: {}",
                tensor.key
            );
            dead += usize::from(tensor.dead);
        }
        let expected = match config.architecture {
            Architecture::Spikformer(Spikformer { layout, depths, .. }) => {
                4 * depths
                    + if let Layout::Dvs { .. } = layout {
                        3
                    } else {
                        0
                    }
            }
            Architecture::Spikingformer(Spikingformer { depths, .. }) => 4 * depths,
            Architecture::SdtV1(SdtV1 { depths, .. }) => depths,
            Architecture::SdtV3(SdtV3::Large {
                embed_dims: [_, _, 512],
                depths,
                ..
            }) => 12 * depths,
            _ => 0,
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
    ]
    .into_iter()
    .map(|name| {
        let path = folder("fixtures").join(name);
        let json = fs::read_to_string(path.join("config.json")).unwrap();
        let profile = Profile::load(&path.join("profile.toml")).unwrap();
        Fixture {
            name,
            graph: Graph::clone(&profile.graph()),
            json: serde_json::from_str(&json).unwrap(),
        }
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
        let neurons = neurons.split("\"blocks\"").next().unwrap();
        let ordered: Vec<&str> = neurons
            .lines()
            .filter_map(|line| line.trim().strip_prefix('"')?.strip_suffix("\": {"))
            .collect();
        let built: Vec<&str> = graph.sites.iter().map(|s| s.name.as_str()).collect();
        assert_eq!(built, ordered, "{name}");
        for site in &graph.sites {
            let expected = match json["neurons"][&site.name]["v_threshold"].as_f64() {
                Some(threshold) if json["neurons"][&site.name]["plif_w"].is_number() => {
                    Neuron::Spiking(Spiking {
                        charge: Charge::DecayInput(TimeConstant::Learned(format!(
                            "{}.w",
                            site.name
                        ))),
                        threshold,
                        firing: Firing::AtLeast,
                        reset: Reset::Hard(0.0),
                    })
                }
                Some(threshold) => Neuron::lif(2.0, threshold),
                None => Neuron::Integer {
                    max: 4,
                    norm: if site.name == "spike" { 1 } else { 4 },
                    halves: Halves::ToEven,
                },
            };
            assert_eq!(site.neuron, expected, "{name}: {}", site.name);
            assert!(!site.batch_leak);
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
            let value = graph.node(output).shape;
            assert_eq!(
                block.layout.shape(graph.time_steps, batch, value),
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
            .enumerate()
            .map(|(i, stage)| {
                let of_stage = graph.blocks.iter().filter(|b| b.stage.index() == i);
                let blocks: Vec<&str> = of_stage.map(|b| b.name.as_str()).collect();
                format!("{}: {}", stage.name, blocks.join(" "))
            })
            .collect();
        let expected: &[&str] = match name {
            "qkformer-cifar" | "max-former-cifar" | "ms-qkformer-cifar" => &[
                "stage1: patch_embed1 stage1.0",
                "stage2: patch_embed2 stage2.0",
                "stage3: patch_embed3 stage3.0 stage3.1",
                "head: head",
            ],
            "max-former-dvs" => &[
                "stage1: patch_embed1 stage1.0",
                "stage2: patch_embed2 stage2.0",
                "head: head",
            ],
            "qkformer-imagenet" | "max-former-imagenet" | "ms-qkformer-imagenet" => &[
                "stage1: patch_embed1 stage1.0",
                "stage2: patch_embed2 stage2.0 stage2.1",
                "stage3: patch_embed3 stage3.0 stage3.1",
                "head: head",
            ],
            "spikingresformer-dvs" => &[
                "prologue: prologue",
                "layers.0: layers.0.0 layers.0.1",
                "layers.1: layers.1.0 layers.1.1 layers.1.2",
                "layers.2: layers.2.0 layers.2.1 layers.2.2 layers.2.3 layers.2.4",
                "head: head",
            ],
            "spikingresformer-cifar" => &[
                "prologue: prologue",
                "layers.0: layers.0.0 layers.0.1",
                "layers.1: layers.1.0 layers.1.1 layers.1.2 layers.1.3 layers.1.4",
                "layers.2: layers.2.0 layers.2.1 layers.2.2 layers.2.3 layers.2.4",
                "head: head",
            ],
            "spikingresformer-imagenet" => &[
                "prologue: prologue",
                "layers.0: layers.0.0 layers.0.1",
                "layers.1: layers.1.0 layers.1.1 layers.1.2 layers.1.3 layers.1.4",
                "layers.2: layers.2.0 layers.2.1 layers.2.2 layers.2.3 layers.2.4 layers.2.5 layers.2.6",
                "head: head",
            ],
            "sdt-v2" | "sdt-v3" => &[
                "stage1: downsample1_1 ConvBlock1_1.0 downsample1_2 ConvBlock1_2.0",
                "stage2: downsample2 ConvBlock2_1.0 ConvBlock2_2.0",
                "stage3: downsample3 block3.0 block3.1 block3.2 block3.3 block3.4 block3.5",
                "stage4: downsample4 block4.0 block4.1",
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
        let blocks = graph.layers.iter().map(|l| l.block);
        let mut blocks = blocks.chain(graph.sites.iter().map(|s| s.block));
        assert!(blocks.all(|b| b.index() < graph.blocks.len()), "{name}");
        // Every layer but the head and those in front of another layer has its batch norm; the last
        // one of a RepConv chain has two.
        for layer in &graph.layers {
            let part = |end: &str| layer.name.ends_with(end);
            let expected = match name {
                _ if layer.name == "head" || layer.name == "classifier" => 0,
                "sdt-v2" if part(".Conv.dwconv") || part(".body.2.0") => 0,
                "sdt-v2" if part(".body.2.1") => 2,
                _ => 1,
            };
            assert_eq!(layer.absorbed.len(), expected, "{name}: {}", layer.name);
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

fn layer_named<'a>(graph: &'a Graph, name: &str) -> &'a Layer {
    graph.layers.iter().find(|l| l.name == name).unwrap()
}

fn input_of(graph: &Graph, layer: &str) -> ValueRange {
    layer_named(graph, layer).input
}

#[test]
fn value_ranges_follow_the_residual_streams() {
    let graph = demo();
    let ranges = [
        ("patch_embed1.proj_conv", ValueRange::Real),
        ("patch_embed1.proj1_conv", ValueRange::Integer(1)),
        ("stage1.0.tssa.q_conv", ValueRange::Integer(2)),
        ("stage1.0.tssa.proj_conv", ValueRange::Integer(1)),
        ("stage1.0.mlp.mlp1_conv", ValueRange::Integer(3)),
        ("stage1.0.mlp.mlp2_conv", ValueRange::Integer(1)),
        ("patch_embed2.proj3_conv", ValueRange::Integer(4)),
        ("patch_embed2.proj_res_conv", ValueRange::Integer(4)),
        ("patch_embed3.proj4_conv", ValueRange::Integer(1)),
        ("stage3.0.ssa.v_conv", ValueRange::Integer(2)),
        ("stage3.1.ssa.v_conv", ValueRange::Integer(4)),
        ("stage3.1.ssa.proj_conv", ValueRange::Integer(1)),
        // Stream of at most 6, 7x7 tokens, 4 steps.
        ("head", ValueRange::Integer(6 * 49 * 4)),
    ];
    for (layer, range) in ranges {
        assert_eq!(input_of(&graph, layer), range, "{layer}");
    }
    let sums: Vec<ValueRange> = graph
        .nodes
        .iter()
        .filter(|n| matches!(n.op, Op::HeadSum { .. }))
        .map(|n| n.range)
        .collect();
    // 16 and 32 channels over 8 heads.
    assert_eq!(sums, [ValueRange::Integer(2), ValueRange::Integer(4)]);
}

#[test]
fn macs_count_a_static_input_once() {
    let graph = demo();
    let macs = |name: &str| layer_named(&graph, name).macs;
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
    // The image, its first layer and its batch norm; then the neuron ends it. The pooled sum has no
    // time.
    let stem: Vec<bool> = graph.nodes.iter().map(|n| n.time_invariant).collect();
    assert_eq!(stem[..4], [true, true, true, false]);
    let dynamic = stem[3..stem.len() - 2].iter().all(|&s| !s);
    assert!(dynamic && stem[stem.len() - 2..] == [true, true]);
}

#[test]
fn a_pooled_static_stem_stays_static() {
    let graph = published("qkformer_imagenet_QKFormer_10_384")
        .graph()
        .unwrap();
    let stem: Vec<bool> = graph
        .nodes
        .iter()
        .take(5)
        .map(|n| n.time_invariant)
        .collect();
    assert!(matches!(graph.nodes[3].op, Op::MaxPool { .. }));
    assert_eq!(stem, [true, true, true, true, false]);
}

#[test]
fn consumers_are_the_readers() {
    let graph = demo();
    let embedded = graph
        .blocks
        .iter()
        .find(|b| b.name == "patch_embed1")
        .and_then(|b| b.output)
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

#[test]
fn ranges_and_units_of_integer_neurons() {
    let graph = fixtures()
        .into_iter()
        .find(|f| f.name == "sdt-v3")
        .unwrap()
        .graph;
    // Levels up to 4 that stand for quarters; the head reads whole levels of one step.
    let read_unit = |layer: &str| {
        let is_layer = |n: &&Node| matches!(n.op, Op::Layer(id) if graph.layer(id).name == layer);
        let node = graph.nodes.iter().find(is_layer).unwrap();
        graph.node(node.inputs[0]).scale
    };
    for (layer, range, unit) in [
        ("downsample1_1.encode_conv", ValueRange::Real, 1.0),
        ("ConvBlock1_1.0.Conv.dwconv.0", ValueRange::Integer(4), 0.25),
        ("block3.0.attn.proj_conv.0", ValueRange::Integer(4), 0.25),
        ("head", ValueRange::Integer(4), 1.0),
    ] {
        assert_eq!(input_of(&graph, layer), range, "{layer}");
        assert_eq!(read_unit(layer), unit, "{layer}");
    }
    // 2 / sqrt(4 channels per head), of products of three quarters.
    let scales = graph.nodes.iter().filter_map(|n| match n.op {
        Op::Attention { scale, .. } => Some(scale),
        _ => None,
    });
    assert_eq!(scales.collect::<Vec<_>>()[0], 1.0 / 64.0);
    // A block's output is numbers, not levels.
    for block in graph.blocks.iter().filter_map(|b| b.output) {
        assert_eq!(graph.node(block).scale, 1.0);
    }
}

#[test]
fn a_merged_repconv_reads_spikes() {
    let config = ModelConfig {
        architecture: Architecture::SdtV2(SdtV2 {
            embed_dims: [64, 128, 256, 360],
            strides: [2, 2, 2, 2, 1],
            kd: false,
            merge_repconv: true,
        }),
        ..published("sdtv2_15M")
    };
    let (graph, factored) = (
        config.graph().unwrap(),
        published("sdtv2_15M").graph().unwrap(),
    );
    assert_eq!(graph.tensors, factored.tensors);
    let name = "block3.0.attn.proj_conv";
    let layer = layer_named(&graph, name);
    assert_eq!(layer.weight_shape, [256, 256, 3, 3]);
    assert_eq!(layer.input, ValueRange::Integer(1));
    assert_eq!(layer.macs, 256 * 256 * 9 * 14 * 14);
    // Its tensors are those of the chain.
    let mut keys = layer.keys();
    keys.sort_unstable();
    let mut chain: Vec<String> = graph
        .tensors
        .iter()
        .map(|t| t.key.clone())
        .filter(|k| k.starts_with(&format!("{name}.")) && !k.ends_with("num_batches_tracked"))
        .collect();
    chain.sort_unstable();
    assert_eq!(keys, chain);
    // In the chain, the padding of the first convolution is no work.
    let first = layer_named(&factored, &format!("{name}.0.body.0"));
    assert_eq!(first.macs, 256 * 256 * 14 * 14);
    assert_eq!(first.input, ValueRange::Integer(1));
    for inside in ["0.body.2.0", "0.body.2.1"] {
        assert_eq!(
            input_of(&factored, &format!("{name}.{inside}")),
            ValueRange::Real
        );
    }
}

#[test]
fn the_batch_leak_is_in_the_last_stages_projections() {
    for stem in ["qkformer_cifar10_4_384", "qkformer_dvs128_256"] {
        let mut config = published(stem);
        let plain = config.graph().unwrap();
        if let Architecture::QkFormer(QkFormer { batch_leak, .. }) = &mut config.architecture {
            *batch_leak = true;
        }
        let leaking = config.graph().unwrap();
        for (plain, leaking) in plain.sites.iter().zip(&leaking.sites) {
            assert!(!plain.batch_leak);
            let expected = leaking.name.ends_with(".ssa.proj_lif");
            assert_eq!(leaking.batch_leak, expected, "{}", leaking.name);
        }
    }
}

#[test]
fn frames_are_read_at_every_time_step() {
    for stem in [
        "spikformer_cifar10dvs_2_256",
        "spikingformer_cifar10dvs_2_256",
        "qkformer_dvs128_256",
        "sdtv1_gesture_2_256",
    ] {
        let graph = published(stem).graph().unwrap();
        assert_eq!(graph.frames(), Some(16), "{stem}");
        let before_sum = &graph.nodes[..graph.nodes.len() - 2];
        assert!(before_sum.iter().all(|n| !n.time_invariant), "{stem}");
        let first = &graph.layers[0];
        let weights = first.weights() as u64;
        assert_eq!(first.macs % (weights * 16), 0, "{stem}");
    }
    assert_eq!(demo().frames(), None);
}
