use proptest::prelude::*;

use super::*;
use crate::network::{
    MaxFormer, MsQkFormer, QkFormer, ResformerLayout, ResformerSizes, SdtV1, SdtV2, SdtV3,
    Spikformer, SpikingResformer, Spikingformer,
};

fn demo() -> ModelConfig {
    ModelConfig {
        architecture: Architecture::QkFormer(QkFormer {
            layout: Layout::Cifar,
            embed_dims: 64,
            depths: 4,
            batch_leak: false,
        }),
        image_size: 28,
        in_channels: 1,
        num_classes: 10,
        num_heads: 8,
        mlp_ratio: 4,
        time_steps: 4,
    }
}

/// The message of the error that a change to the demo's sizes gives.
fn error(change: impl FnOnce(&mut ModelConfig)) -> String {
    let mut config = demo();
    change(&mut config);
    config.graph().unwrap_err().to_string()
}

fn qkformer(layout: Layout, embed_dims: usize, depths: usize) -> Architecture {
    Architecture::QkFormer(QkFormer {
        layout,
        embed_dims,
        depths,
        batch_leak: false,
    })
}

const DVS: Layout = Layout::Dvs { tau: 2.0 };

#[test]
fn sizes_that_fit_no_network_are_named() {
    let cases = [
        (
            error(|c| c.architecture = qkformer(Layout::Cifar, 60, 4)),
            "model.embed_dims = 60: must be divisible by 8",
        ),
        (
            error(|c| c.architecture = qkformer(DVS, 72, 4)),
            "model.embed_dims = 72: must be divisible by 16",
        ),
        (
            error(|c| c.num_heads = 3),
            "model.num_heads = 3: must divide 16 (embed_dims / 4, the first stage's width)",
        ),
        (
            error(|c| {
                c.num_heads = 3;
                c.architecture = qkformer(DVS, 64, 4);
            }),
            "model.num_heads = 3: must divide 32 (embed_dims / 2, the first stage's width)",
        ),
        (
            error(|c| {
                c.architecture = Architecture::Spikformer(Spikformer {
                    layout: Layout::Cifar,
                    embed_dims: 64,
                    depths: 1,
                });
                c.num_heads = 3;
            }),
            "model.num_heads = 3: must divide 64 (embed_dims)",
        ),
        (
            error(|c| c.image_size = 30),
            "model.image_size = 30: must be a multiple of 4 in this layout, which halves it 2 times",
        ),
        (
            error(|c| c.architecture = qkformer(Layout::Imagenet, 64, 4)),
            "model.image_size = 28: must be a multiple of 16 in this layout, which halves it 4 times",
        ),
        (
            error(|c| c.architecture = qkformer(Layout::Cifar, 64, 2)),
            "model.depths = 2: must be at least 3 in this layout, one block or more for every stage",
        ),
        (
            error(|c| c.architecture = qkformer(Layout::Imagenet, 64, 3)),
            "model.depths = 3: must be at least 4 in this layout, one block or more for every stage",
        ),
        (
            error(|c| c.time_steps = 0),
            "model.time_steps = 0: must be from 1 to 1024",
        ),
        (
            error(|c| c.architecture = qkformer(Layout::Cifar, usize::MAX, 4)),
            "model.embed_dims = 18446744073709551615: must be from 1 to 16384",
        ),
        (
            error(|c| c.architecture = qkformer(Layout::Dvs { tau: f64::NAN }, 64, 4)),
            "model.tau = NaN: must be from 1 (no memory) to 1000000",
        ),
        (
            error(|c| {
                c.architecture = Architecture::SdtV2(SdtV2 {
                    embed_dims: [16, 24, 30, 40],
                    strides: [2, 2, 2, 2, 1],
                    kd: false,
                    merge_repconv: false,
                });
            }),
            "model.num_heads = 8: must divide 30 (the width of stage 3)",
        ),
        (
            error(|c| c.architecture = base([2, 2, 2, 0, 1], 4)),
            "model.time_steps = 4: must be 1: a neuron's integer stands for max_spike steps",
        ),
        (
            error(|c| {
                c.time_steps = 1;
                c.architecture = base([2, 2, 2, 0, 1], 4);
            }),
            "model.strides = [2, 2, 2, 0, 1]: each must be from 1 to 16",
        ),
        (
            error(|c| {
                c.time_steps = 1;
                c.architecture = base([1; 5], 0);
            }),
            "model.max_spike = 0: must be from 1 to 255",
        ),
        (
            error(|c| {
                c.num_heads = 4;
                c.architecture = resformer(|_| ());
            }),
            "model.num_heads = 4: must be 8, the heads of the last stage",
        ),
        (
            error(|c| c.architecture = resformer(|sizes| sizes.num_heads[1] = 5)),
            "model.num_heads = 5: must divide 24 (the width of stage 2)",
        ),
        (
            error(|c| c.architecture = resformer(|sizes| sizes.patch_sizes[2] = 4)),
            "model.patch_sizes = 4: must divide 7 (the map of stage 3 at this image_size)",
        ),
        (
            error(|c| c.architecture = resformer(|sizes| sizes.group_size = 60)),
            "model.group_size = 60: must divide 64 (mlp_ratio times the width of stage 1)",
        ),
        (
            error(|c| c.architecture = resformer(|sizes| sizes.depths[0] = 0)),
            "model.depths = 0: must be from 1 to 256",
        ),
    ];
    for (message, expected) in cases {
        assert_eq!(message, expected);
    }
}

fn resformer(change: impl FnOnce(&mut ResformerSizes)) -> Architecture {
    let mut sizes = ResformerSizes {
        embed_dims: [16, 24, 32],
        num_heads: [1, 3, 8],
        patch_sizes: [4, 2, 1],
        group_size: 16,
        depths: [1, 2, 3],
    };
    change(&mut sizes);
    let layout = ResformerLayout::Cifar;
    Architecture::SpikingResformer(SpikingResformer { layout, sizes })
}

fn base(strides: [usize; 5], max_spike: u64) -> Architecture {
    Architecture::SdtV3(SdtV3::Base {
        embed_dims: [16, 24, 32, 40],
        strides,
        max_spike,
    })
}

#[test]
fn sizes_too_large_together_are_refused() {
    let message = error(|c| {
        c.architecture = qkformer(Layout::Cifar, 16_384, 4);
        c.mlp_ratio = 64;
    });
    assert!(
        message.contains("parameters, more than 4294967296"),
        "{message}"
    );
    let message = error(|c| {
        c.architecture = qkformer(Layout::Cifar, 2048, 4);
        c.image_size = 4096;
        c.time_steps = 1024;
    });
    assert!(
        message.contains("multiply-accumulates per image"),
        "{message}"
    );
}

/// One architecture of every code path, as small as it can be, with the smallest image that it
/// takes.
fn smallest() -> Vec<(Architecture, usize)> {
    let mut all = Vec::new();
    for (layout, image) in [(Layout::Cifar, 4), (Layout::Imagenet, 16), (DVS, 16)] {
        let (embed_dims, depths) = (8, 1);
        all.push((
            Architecture::Spikformer(Spikformer {
                layout,
                embed_dims,
                depths,
            }),
            image,
        ));
        all.push((
            Architecture::Spikingformer(Spikingformer {
                layout,
                embed_dims,
                depths,
            }),
            image,
        ));
    }
    all.push((qkformer(Layout::Cifar, 8, 3), 4));
    all.push((qkformer(Layout::Imagenet, 8, 4), 16));
    all.push((qkformer(DVS, 16, 2), 16));
    for (layout, embed_dims, depths, image) in [
        (Layout::Cifar, 8, 3, 4),
        (Layout::Imagenet, 8, 4, 16),
        (DVS, 16, 2, 16),
    ] {
        for architecture in [
            Architecture::MaxFormer(MaxFormer {
                layout,
                embed_dims,
                depths,
            }),
            Architecture::MsQkFormer(MsQkFormer {
                layout,
                embed_dims,
                depths,
            }),
        ] {
            all.push((architecture, image));
        }
    }
    for (layout, image) in [
        (ResformerLayout::Cifar, 4),
        (ResformerLayout::Imagenet, 16),
        (ResformerLayout::Dvs { tau: None }, 4),
        (ResformerLayout::Dvs { tau: Some(1.5) }, 4),
    ] {
        let sizes = ResformerSizes {
            embed_dims: [1; 3],
            num_heads: [1; 3],
            patch_sizes: [4, 2, 1],
            group_size: 1,
            depths: [1; 3],
        };
        all.push((
            Architecture::SpikingResformer(SpikingResformer { layout, sizes }),
            image,
        ));
    }
    for dvs in [None, Some(1.5)] {
        all.push((
            Architecture::SdtV1(SdtV1 {
                embed_dims: 8,
                depths: 1,
                pooling: [false; 4],
                dvs,
            }),
            1,
        ));
    }
    for merge_repconv in [false, true] {
        all.push((
            Architecture::SdtV2(SdtV2 {
                embed_dims: [2, 1, 1, 1],
                strides: [16; 5],
                kd: merge_repconv,
                merge_repconv,
            }),
            1,
        ));
    }
    all.push((
        Architecture::SdtV3(SdtV3::Base {
            embed_dims: [2, 1, 1, 1],
            strides: [16; 5],
            max_spike: 1,
        }),
        1,
    ));
    all.push((
        Architecture::SdtV3(SdtV3::Large {
            embed_dims: [2, 1, 2],
            strides: [16; 4],
            depths: 1,
            kd: true,
            max_spike: 1,
        }),
        1,
    ));
    all
}

fn small(architecture: Architecture, image_size: usize) -> ModelConfig {
    ModelConfig {
        architecture,
        image_size,
        in_channels: 1,
        num_classes: 1,
        num_heads: 1,
        mlp_ratio: 1,
        time_steps: 1,
    }
}

#[test]
fn the_smallest_networks_exist() {
    for (architecture, image_size) in smallest() {
        let graph = small(architecture, image_size).graph().unwrap();
        let nodes = &graph.nodes;
        assert!(nodes.iter().all(|n| n.shape.height * n.shape.width >= 1));
        assert_eq!(nodes.last().map(|n| n.shape.channels), Some(1));
        for node in nodes {
            if let crate::network::Op::Layer(layer) = node.op {
                assert_eq!(
                    graph.layer(layer).input,
                    graph.node(node.inputs[0]).range,
                    "{architecture:?}"
                );
            }
        }
    }
}

/// What is written is read again, and says the family and the layout in words.
#[test]
fn the_table_is_flat_and_reads_back() {
    for (architecture, image_size) in smallest() {
        let config = small(architecture, image_size);
        let text = toml::to_string(&config).unwrap();
        assert!(
            !text.contains('['.to_string().as_str()) || text.contains("= ["),
            "{text}"
        );
        assert!(
            text.contains(&format!("family = \"{}\"", config.family())),
            "{text}"
        );
        let layout = config
            .layout()
            .map(|l| format!("layout = \"{}\"", l.name()));
        assert_eq!(text.contains("layout"), layout.is_some(), "{text}");
        assert!(layout.is_none_or(|l| text.contains(&l)), "{text}");
        assert_eq!(
            toml::from_str::<ModelConfig>(&text).unwrap(),
            config,
            "{text}"
        );
    }
}

/// Reads a `[model]` with the sizes that every family has.
fn read(own: &str) -> Result<ModelConfig, String> {
    let common = "image_size = 32\nin_channels = 3\nnum_classes = 10\nnum_heads = 8\nmlp_ratio = 4\n\
                  time_steps = 1\n";
    toml::from_str(&format!("{common}{own}")).map_err(|e| e.message().to_owned())
}

#[test]
fn defaults_are_the_published_ones() {
    let architecture = |own: &str| read(own).unwrap().architecture;
    let wide = "embed_dims = [16, 24, 32, 40]\n";
    assert_eq!(
        architecture(&format!("family = \"sdt-v2\"\n{wide}")),
        Architecture::SdtV2(SdtV2 {
            embed_dims: [16, 24, 32, 40],
            strides: [2, 2, 2, 2, 1],
            kd: false,
            merge_repconv: false,
        })
    );
    assert_eq!(
        architecture(&format!("family = \"sdt-v3\"\n{wide}")),
        base([2, 2, 2, 2, 1], 4)
    );
    assert_eq!(
        architecture("family = \"sdt-v3\"\nsize = \"large\"\nembed_dims = [128, 256, 512]"),
        Architecture::SdtV3(SdtV3::Large {
            embed_dims: [128, 256, 512],
            strides: [2; 4],
            depths: 12,
            kd: false,
            max_spike: 4,
        })
    );
    let one = "embed_dims = 64\ndepths = 2\n";
    let tau = |family: &str| match architecture(&format!(
        "family = \"{family}\"\nlayout = \"dvs\"\npooling = \"0011\"\n{one}"
    )) {
        Architecture::SdtV1(SdtV1 { dvs, .. }) => dvs,
        other => panic!("{other:?}"),
    };
    assert_eq!(tau("sdt-v1"), Some(2.0));
    for (family, expected) in [
        ("spikformer", 2.0),
        ("qkformer", 2.0),
        ("spikingformer", 1.5),
    ] {
        let own = format!("family = \"{family}\"\nlayout = \"dvs\"\n{one}");
        let config = read(&own).unwrap();
        assert_eq!(config.layout(), Some(Layout::Dvs { tau: expected }));
        let given = read(&format!("{own}tau = 3\n")).unwrap();
        assert_eq!(given.layout(), Some(Layout::Dvs { tau: 3.0 }));
    }
    for (layout, expected) in [
        ("cifar", [false, false, true, true]),
        ("imagenet", [true; 4]),
    ] {
        let own = format!("family = \"sdt-v1\"\nlayout = \"{layout}\"\n{one}");
        let Architecture::SdtV1(SdtV1 { pooling, dvs, .. }) = architecture(&own) else {
            panic!("another family");
        };
        assert_eq!((pooling, dvs), (expected, None));
    }
}

#[test]
fn keys_that_do_not_belong_together_are_named() {
    let one = "embed_dims = 64\ndepths = 2\n";
    let four = "embed_dims = [16, 24, 32, 40]\n";
    let cases = [
        (
            format!("family = \"qkformer\"\nlayout = \"cifar\"\npooling = \"0011\"\n{one}"),
            "model.pooling: family qkformer has no such key, sdt-v1 has",
        ),
        (
            format!("family = \"sdt-v1\"\nkd = true\n{one}"),
            "model.kd: family sdt-v1 has no such key, sdt-v2, sdt-v3 has",
        ),
        (
            format!("family = \"spikformer\"\nlayout = \"cifar\"\ntau = 2.0\n{one}"),
            "model.tau: only layout \"dvs\" has it; elsewhere it is 2",
        ),
        (
            format!("family = \"sdt-v1\"\npooling = \"0011\"\ntau = 2.0\n{one}"),
            "model.tau: only layout \"dvs\" has it; elsewhere it is 2",
        ),
        (
            format!("family = \"spikformer\"\n{one}"),
            "model.layout is missing: \"cifar\", \"imagenet\" or \"dvs\"",
        ),
        (
            format!("family = \"sdt-v1\"\n{one}"),
            "model.pooling is missing: four digits, 1 where a pooling follows the convolution, such as \
             \"0011\"",
        ),
        (
            format!("family = \"sdt-v1\"\npooling = \"012\"\n{one}"),
            "model.pooling = \"012\": must be four digits, 1 where a pooling follows the convolution, \
             such as \"0011\"",
        ),
        (
            format!("family = \"sdt-v2\"\nlayout = \"cifar\"\n{four}"),
            "model.layout: family sdt-v2 has only \"imagenet\"",
        ),
        (
            "family = \"sdt-v2\"\nembed_dims = 64\n".to_owned(),
            "model.embed_dims = 64: must be 4 numbers, one for each stage",
        ),
        (
            format!("family = \"sdt-v3\"\nsize = \"large\"\n{four}"),
            "model.embed_dims = [16, 24, 32, 40]: must be 3 numbers, one for each stage",
        ),
        (
            "family = \"spikformer\"\nlayout = \"cifar\"\ndepths = 2\nembed_dims = [16]\n"
                .to_owned(),
            "model.embed_dims = [16]: family spikformer has one number",
        ),
        (
            format!("family = \"sdt-v2\"\nstrides = [2, 2]\n{four}"),
            "model.strides = [2, 2]: must be 5 numbers, one for each downsampling",
        ),
        (
            format!("family = \"sdt-v3\"\ndepths = 12\n{four}"),
            "model.depths: of family sdt-v3 only size = \"large\" has it",
        ),
        (
            "family = \"qkformer\"\nlayout = \"cifar\"\nembed_dims = 64\n".to_owned(),
            "model.depths is missing: the number of blocks",
        ),
    ];
    for (own, expected) in cases {
        assert_eq!(read(&own).unwrap_err(), expected, "{own}");
    }
}

fn size() -> impl Strategy<Value = usize> {
    prop_oneof![
        4 => 0usize..70,
        2 => (0u32..15).prop_map(|n| 1usize << n),
        1 => any::<usize>(),
    ]
}

fn layout() -> impl Strategy<Value = Layout> {
    prop_oneof![
        Just(Layout::Cifar),
        Just(Layout::Imagenet),
        prop_oneof![Just(1.5), any::<f64>()].prop_map(|tau| Layout::Dvs { tau }),
    ]
}

/// Any architecture of the sizes that a strategy makes.
fn architecture(
    size: impl Strategy<Value = usize>,
    stride: impl Strategy<Value = usize>,
) -> impl Strategy<Value = Architecture> {
    let sizes = prop::collection::vec(size, 5);
    let strides = prop::array::uniform5(stride);
    let flags = prop::array::uniform4(any::<bool>());
    (0..11usize, layout(), sizes, strides, flags).prop_map(|(which, layout, s, strides, flags)| {
        let (embed_dims, depths) = (s[0], s[4]);
        let widths = [s[0], s[1], s[2], s[3]];
        match which {
            0 => Architecture::Spikformer(Spikformer {
                layout,
                embed_dims,
                depths,
            }),
            1 => Architecture::Spikingformer(Spikingformer {
                layout,
                embed_dims,
                depths,
            }),
            2 | 3 => Architecture::QkFormer(QkFormer {
                layout,
                embed_dims,
                depths,
                batch_leak: flags[0],
            }),
            4 => Architecture::SdtV1(SdtV1 {
                embed_dims,
                depths,
                pooling: flags,
                dvs: match layout {
                    Layout::Dvs { tau } => Some(tau),
                    _ => None,
                },
            }),
            5 => Architecture::SdtV2(SdtV2 {
                embed_dims: widths,
                strides,
                kd: flags[0],
                merge_repconv: flags[1],
            }),
            6 => Architecture::SdtV3(SdtV3::Base {
                embed_dims: widths,
                strides,
                max_spike: s[4] as u64,
            }),
            8 => Architecture::MaxFormer(MaxFormer {
                layout,
                embed_dims,
                depths,
            }),
            9 => Architecture::MsQkFormer(MsQkFormer {
                layout,
                embed_dims,
                depths,
            }),
            10 => Architecture::SpikingResformer(SpikingResformer {
                layout: match layout {
                    Layout::Cifar => ResformerLayout::Cifar,
                    Layout::Imagenet => ResformerLayout::Imagenet,
                    Layout::Dvs { tau } => ResformerLayout::Dvs {
                        tau: flags[0].then_some(tau),
                    },
                },
                sizes: ResformerSizes {
                    embed_dims: [s[0], s[1], s[2]],
                    num_heads: [1, strides[0], strides[1]],
                    patch_sizes: [strides[2], strides[3], strides[4]],
                    group_size: s[3],
                    depths: [1, 2, strides[0]],
                },
            }),
            _ => Architecture::SdtV3(SdtV3::Large {
                embed_dims: [s[0], s[1], s[2]],
                strides: [strides[0], strides[1], strides[2], strides[3]],
                depths,
                kd: flags[0],
                max_spike: s[3] as u64,
            }),
        }
    })
}

proptest! {
    #[test]
    fn no_sizes_panic(
        architecture in architecture(size(), size()),
        sizes in prop::array::uniform6(size()),
    ) {
        let mut config = ModelConfig {
            architecture,
            image_size: sizes[0],
            in_channels: sizes[1],
            num_classes: sizes[2],
            num_heads: sizes[3],
            mlp_ratio: sizes[4],
            time_steps: sizes[5],
        };
        if let Architecture::SpikingResformer(SpikingResformer { sizes, .. }) = architecture {
            config.num_heads = sizes.num_heads[2];
        }
        if let Ok(graph) = config.graph() {
            prop_assert!(graph.parameters() <= MAX_PARAMETERS);
            prop_assert!(graph.macs() <= MAX_MACS);
            prop_assert_eq!(graph.nodes.last().map(|n| n.shape.channels), Some(sizes[2]));
            prop_assert_eq!(graph.frames(), config.frames());
        }
    }

    /// Sizes that satisfy the stated rules always make a network.
    #[test]
    fn sizes_within_the_rules_fit(
        architecture in architecture((1usize..9).prop_map(|n| 32 * n), 1usize..4),
        (image, channels, classes, ratio) in (1usize..6, 1usize..5, 1usize..30, 1usize..5),
        (heads, depths, steps) in (0u32..4, 4usize..8, 1usize..5),
    ) {
        let mut config = ModelConfig {
            architecture,
            image_size: 16 * image,
            in_channels: channels,
            num_classes: classes,
            num_heads: 1 << heads,
            mlp_ratio: ratio,
            time_steps: steps,
        };
        match &mut config.architecture {
            Architecture::Spikformer(Spikformer { layout, depths: d, .. })
            | Architecture::Spikingformer(Spikingformer { layout, depths: d, .. })
            | Architecture::QkFormer(QkFormer { layout, depths: d, .. }) => {
                *d = depths;
                if let Layout::Dvs { tau } = layout {
                    *tau = 1.5;
                }
            }
            Architecture::SdtV1(SdtV1 { depths: d, dvs, .. }) => {
                *d = depths;
                *dvs = dvs.map(|_| 2.0);
            }
            Architecture::MaxFormer(MaxFormer { layout, depths: d, .. })
            | Architecture::MsQkFormer(MsQkFormer { layout, depths: d, .. }) => {
                *d = depths;
                if let Layout::Dvs { tau } = layout {
                    *tau = 1.5;
                }
            }
            Architecture::SpikingResformer(SpikingResformer { layout, sizes }) => {
                if let ResformerLayout::Dvs { tau: Some(tau) } = layout {
                    *tau = 1.5;
                }
                sizes.num_heads = [1, 2, config.num_heads];
                sizes.patch_sizes = [4, 2, 1];
                sizes.group_size = 32;
                sizes.depths = [1, 1, depths];
            }
            Architecture::SdtV2(_) => {}
            Architecture::SdtV3(SdtV3::Base { max_spike, .. }) => {
                *max_spike = depths as u64;
                config.time_steps = 1;
            }
            Architecture::SdtV3(SdtV3::Large { max_spike, depths: d, .. }) => {
                (*max_spike, *d) = (steps as u64, depths);
                config.time_steps = 1;
            }
        }
        prop_assert!(config.graph().is_ok(), "{:?} of {:?}", config.graph().err(), config);
    }
}
