//! The rows of all families' layouts.

use super::row::{Assumed, Literal, Row, Size, Stored};
use Literal::{Number, Text};

const fn told(key: &'static str, stored: Stored) -> Size {
    let assumed = &[];
    Size {
        key,
        stored,
        assumed,
    }
}

const fn untold(key: &'static str, assumed: &'static [Assumed]) -> Size {
    let stored = Stored::No;
    Size {
        key,
        stored,
        assumed,
    }
}

const fn published(
    when: &'static [(&'static str, i64)],
    value: Literal,
    because: &'static str,
) -> Assumed {
    Assumed {
        when,
        value,
        because,
    }
}

const NO_FIRST_LAYER: &[Assumed] = &[published(&[], Number(3), "the first layer is missing")];
const NO_MLP: &[Assumed] = &[published(&[], Number(4), "the first MLP is missing")];

/// Input channels, from the weight of the first layer.
const fn channels(weight: &'static [(&'static str, usize)]) -> Size {
    Size {
        key: "in_channels",
        stored: Stored::Dimension(weight),
        assumed: NO_FIRST_LAYER,
    }
}

/// The ratio of an MLP, from the weight of its first layer.
const fn ratio(weight: &'static str) -> Size {
    Size {
        key: "mlp_ratio",
        stored: Stored::Ratio(weight),
        assumed: NO_MLP,
    }
}

const CIFAR_IMAGE: Size = untold(
    "image_size",
    &[
        published(
            &[("in_channels", 1)],
            Number(28),
            "one channel, as (Fashion-)MNIST images",
        ),
        published(&[], Number(32), "CIFAR images"),
    ],
);
const IMAGENET_IMAGE: Size = untold(
    "image_size",
    &[published(&[], Number(224), "the authors' ImageNet images")],
);
const FRAMES_IMAGE: Size = untold(
    "image_size",
    &[published(&[], Number(128), "the authors' frames")],
);
const FOUR_STEPS: Size = untold("time_steps", &[published(&[], Number(4), "as published")]);
const FRAMES: Size = untold(
    "time_steps",
    &[published(
        &[],
        Number(16),
        "published with 16 and with 10 frames",
    )],
);
const EIGHT_HEADS: Size = untold("num_heads", &[published(&[], Number(8), "as published")]);
const SIXTEEN_HEADS: Size = untold("num_heads", &[published(&[], Number(16), "as published")]);
const CLASSES: Size = Size {
    key: "num_classes",
    stored: Stored::Dimension(&[("head.weight", 0), ("head.bias", 0)]),
    assumed: &[published(&[], Number(1000), "there is no head")],
};
/// The key of the event-camera layouts.
const DVS: &[(&str, Literal)] = &[("layout", Text("dvs"))];
const CIFAR: &[(&str, Literal)] = &[("layout", Text("cifar"))];
const IMAGENET: &[(&str, Literal)] = &[("layout", Text("imagenet"))];

const BLOCKS: Size = told("depths", Stored::Blocks("block.", 0));

/// Every layout.
pub(super) const ROWS: &[Row] = &[
    SPIKFORMER_CIFAR,
    SPIKFORMER_IMAGENET,
    SPIKFORMER_DVS,
    SPIKINGFORMER_CIFAR,
    SPIKINGFORMER_IMAGENET,
    SPIKINGFORMER_DVS,
    QKFORMER_CIFAR,
    QKFORMER_IMAGENET,
    QKFORMER_DVS,
    SDT_V1,
    SDT_V1_DVS,
    SDT_V2,
    SDT_V3,
    SDT_V3_LARGE,
];

const SPIKFORMER_CIFAR: Row = Row {
    family: "spikformer",
    fixed: CIFAR,
    channels: None,
    sizes: &[
        CIFAR_IMAGE,
        channels(&[("patch_embed.proj_conv.weight", 1)]),
        CLASSES,
        told("embed_dims", SPIKFORMER_WIDTH),
        untold(
            "num_heads",
            &[
                published(
                    &[("embed_dims", 384)],
                    Number(12),
                    "the authors' cifar10.yml",
                ),
                published(&[], Number(8), "none is published for this width"),
            ],
        ),
        ratio("block.0.mlp.fc1_linear.weight"),
        BLOCKS,
        FOUR_STEPS,
    ],
};

const SPIKFORMER_WIDTH: Stored =
    Stored::Dimension(&[("head.weight", 1), ("patch_embed.rpe_conv.weight", 0)]);

const SPIKFORMER_IMAGENET: Row = Row {
    family: "spikformer",
    fixed: IMAGENET,
    channels: None,
    sizes: &[
        IMAGENET_IMAGE,
        channels(&[("patch_embed.proj_conv.weight", 1)]),
        CLASSES,
        told("embed_dims", SPIKFORMER_WIDTH),
        untold(
            "num_heads",
            &[
                published(
                    &[("embed_dims", 512)],
                    Number(8),
                    "the authors' code for 8-512",
                ),
                published(&[], Number(8), "of 8-512; none is published for this width"),
            ],
        ),
        ratio("block.0.mlp.fc1_conv.weight"),
        BLOCKS,
        FOUR_STEPS,
    ],
};

const SPIKFORMER_DVS: Row = Row {
    family: "spikformer",
    fixed: DVS,
    channels: None,
    sizes: &[
        Size {
            key: "image_size",
            stored: Stored::Side("pos_embed", 1, 16),
            assumed: &[published(&[], Number(128), "the authors' frames")],
        },
        channels(&[("patch_embed.proj_conv.weight", 1)]),
        CLASSES,
        told("embed_dims", SPIKFORMER_WIDTH),
        SIXTEEN_HEADS,
        ratio("block.0.mlp.fc1_conv.weight"),
        BLOCKS,
        FRAMES,
    ],
};

const SPIKINGFORMER_CIFAR: Row = Row {
    family: "spikingformer",
    fixed: CIFAR,
    channels: None,
    sizes: &[
        CIFAR_IMAGE,
        channels(&[("patch_embed.block0_conv.weight", 1)]),
        CLASSES,
        told(
            "embed_dims",
            Stored::Dimension(&[("head.weight", 1), ("patch_embed.block4_conv.weight", 0)]),
        ),
        untold(
            "num_heads",
            &[
                published(
                    &[("num_classes", 100)],
                    Number(8),
                    "the authors' cifar100.yml",
                ),
                published(
                    &[("num_classes", 10)],
                    Number(12),
                    "the authors' cifar10.yml",
                ),
                published(&[], Number(8), "none is published for these classes"),
            ],
        ),
        ratio("block.0.mlp.mlp1_conv.weight"),
        BLOCKS,
        FOUR_STEPS,
    ],
};

const SPIKINGFORMER_WIDTH: Stored =
    Stored::Dimension(&[("head.weight", 1), ("patch_embed.proj4_conv.weight", 0)]);

const SPIKINGFORMER_IMAGENET: Row = Row {
    family: "spikingformer",
    fixed: IMAGENET,
    channels: None,
    sizes: &[
        IMAGENET_IMAGE,
        channels(&[("patch_embed.proj_conv.weight", 1)]),
        CLASSES,
        told("embed_dims", SPIKINGFORMER_WIDTH),
        EIGHT_HEADS,
        ratio("block.0.mlp.mlp1_conv.weight"),
        BLOCKS,
        FOUR_STEPS,
    ],
};

/// The same tensors as the `imagenet` layout's.
const SPIKINGFORMER_DVS: Row = Row {
    family: "spikingformer",
    fixed: DVS,
    channels: Some(2),
    sizes: &[
        FRAMES_IMAGE,
        channels(&[("patch_embed.proj_conv.weight", 1)]),
        CLASSES,
        told("embed_dims", SPIKINGFORMER_WIDTH),
        SIXTEEN_HEADS,
        ratio("block.0.mlp.mlp1_conv.weight"),
        BLOCKS,
        FRAMES,
    ],
};

const QKFORMER_CHANNELS: Size = channels(&[("patch_embed1.proj_conv.weight", 1)]);

const QKFORMER_CIFAR: Row = Row {
    family: "qkformer",
    fixed: CIFAR,
    channels: None,
    sizes: &[
        CIFAR_IMAGE,
        QKFORMER_CHANNELS,
        CLASSES,
        told(
            "embed_dims",
            Stored::Dimension(&[("head.weight", 1), ("patch_embed3.proj4_conv.weight", 0)]),
        ),
        EIGHT_HEADS,
        ratio("stage1.0.mlp.mlp1_conv.weight"),
        told("depths", Stored::Blocks("stage3.", 2)),
        FOUR_STEPS,
    ],
};

const QKFORMER_IMAGENET: Row = Row {
    family: "qkformer",
    fixed: IMAGENET,
    channels: None,
    sizes: &[
        IMAGENET_IMAGE,
        QKFORMER_CHANNELS,
        CLASSES,
        told(
            "embed_dims",
            Stored::Dimension(&[("head.weight", 1), ("patch_embed3.proj4_conv.weight", 0)]),
        ),
        untold(
            "num_heads",
            &[
                published(&[("embed_dims", 384)], Number(6), "as published for 10-384"),
                published(&[("embed_dims", 512)], Number(8), "as published for 10-512"),
                published(
                    &[("embed_dims", 768)],
                    Number(12),
                    "as published for 10-768",
                ),
                published(&[], Number(6), "none is published for this width"),
            ],
        ),
        ratio("stage1.0.mlp.fc1_conv.weight"),
        told("depths", Stored::Blocks("stage3.", 3)),
        FOUR_STEPS,
    ],
};

const QKFORMER_DVS: Row = Row {
    family: "qkformer",
    fixed: DVS,
    channels: None,
    sizes: &[
        FRAMES_IMAGE,
        QKFORMER_CHANNELS,
        CLASSES,
        told(
            "embed_dims",
            Stored::Dimension(&[("head.weight", 1), ("patch_embed2.proj4_conv.weight", 0)]),
        ),
        SIXTEEN_HEADS,
        ratio("stage1.0.mlp.mlp1_conv.weight"),
        told("depths", Stored::Blocks("stage2.", 1)),
        FRAMES,
    ],
};

const SDT_V1_CHANNELS: Size = channels(&[("patch_embed.proj_conv.weight", 1)]);
/// The heads change nothing but the shape of a tensor that is never used.
const SDT_V1_HEADS: Size = Size {
    key: "num_heads",
    stored: Stored::Dimension(&[("block.0.attn.talking_heads.weight", 0)]),
    assumed: &[published(&[], Number(8), "as published")],
};

const SDT_V1: Row = Row {
    family: "sdt-v1",
    fixed: &[],
    channels: None,
    sizes: &[
        untold(
            "image_size",
            &[
                published(
                    &[("depths", 2)],
                    Number(32),
                    "the CIFAR networks have 2 blocks",
                ),
                published(
                    &[],
                    Number(224),
                    "the ImageNet networks have 6 to 10 blocks",
                ),
            ],
        ),
        SDT_V1_CHANNELS,
        CLASSES,
        told("embed_dims", SPIKFORMER_WIDTH),
        SDT_V1_HEADS,
        ratio("block.0.mlp.fc1_conv.weight"),
        BLOCKS,
        untold(
            "pooling",
            &[
                published(
                    &[("depths", 2)],
                    Text("0011"),
                    "the CIFAR networks have 2 blocks",
                ),
                published(
                    &[],
                    Text("1111"),
                    "the ImageNet networks have 6 to 10 blocks",
                ),
            ],
        ),
        FOUR_STEPS,
    ],
};

/// The same tensors as for images.
const SDT_V1_DVS: Row = Row {
    family: "sdt-v1",
    fixed: DVS,
    channels: Some(2),
    sizes: &[
        untold(
            "image_size",
            &[
                published(
                    &[("num_classes", 11)],
                    Number(128),
                    "as published for DVS128 Gesture",
                ),
                published(&[], Number(64), "as published for CIFAR10-DVS"),
            ],
        ),
        SDT_V1_CHANNELS,
        CLASSES,
        told("embed_dims", SPIKFORMER_WIDTH),
        SDT_V1_HEADS,
        ratio("block.0.mlp.fc1_conv.weight"),
        BLOCKS,
        untold(
            "pooling",
            &[
                published(
                    &[("num_classes", 11)],
                    Text("0111"),
                    "as published for DVS128 Gesture",
                ),
                published(&[], Text("0011"), "as published for CIFAR10-DVS"),
            ],
        ),
        untold(
            "time_steps",
            &[
                published(
                    &[("num_classes", 11)],
                    Number(16),
                    "published with 16 and with 10 frames",
                ),
                published(&[], Number(10), "as published for CIFAR10-DVS"),
            ],
        ),
    ],
};

/// Sizes that `sdt-v2` and `sdt-v3` share.
const PYRAMID_CHANNELS: Size = channels(&[("downsample1_1.encode_conv.weight", 1)]);
const PYRAMID_WIDTHS: Size = told(
    "embed_dims",
    Stored::Dimensions(&[
        ("downsample1_2.encode_conv.weight", 0),
        ("downsample2.encode_conv.weight", 0),
        ("downsample3.encode_conv.weight", 0),
        ("downsample4.encode_conv.weight", 0),
    ]),
);
const PYRAMID_RATIO: Size = ratio("block3.0.mlp.fc1_conv.weight");
const KD: Size = told("kd", Stored::Present("head_kd.weight"));
const ONE_STEP: Size = untold(
    "time_steps",
    &[published(&[], Number(1), "this family has no time axis")],
);
const SPIKE_LEVELS: Size = untold(
    "max_spike",
    &[published(
        &[],
        Number(4),
        "as published; 8 for files named 1x8",
    )],
);

const SDT_V2: Row = Row {
    family: "sdt-v2",
    fixed: &[],
    channels: None,
    sizes: &[
        IMAGENET_IMAGE,
        PYRAMID_CHANNELS,
        CLASSES,
        PYRAMID_WIDTHS,
        EIGHT_HEADS,
        PYRAMID_RATIO,
        untold(
            "time_steps",
            &[published(
                &[],
                Number(4),
                "published with 4 and, 55M_kd.pth, with 1",
            )],
        ),
        KD,
    ],
};

const SDT_V3: Row = Row {
    family: "sdt-v3",
    fixed: &[("size", Text("base"))],
    channels: None,
    sizes: &[
        IMAGENET_IMAGE,
        PYRAMID_CHANNELS,
        CLASSES,
        PYRAMID_WIDTHS,
        EIGHT_HEADS,
        PYRAMID_RATIO,
        ONE_STEP,
        SPIKE_LEVELS,
    ],
};

const SDT_V3_LARGE: Row = Row {
    family: "sdt-v3",
    fixed: &[("size", Text("large"))],
    channels: None,
    sizes: &[
        IMAGENET_IMAGE,
        PYRAMID_CHANNELS,
        CLASSES,
        told(
            "embed_dims",
            Stored::Dimensions(&[
                ("downsample1_2.encode_conv.weight", 0),
                ("downsample2.encode_conv.weight", 0),
                ("downsample3.encode_conv.weight", 0),
            ]),
        ),
        EIGHT_HEADS,
        PYRAMID_RATIO,
        told("depths", Stored::Blocks("block3.", 0)),
        ONE_STEP,
        SPIKE_LEVELS,
        KD,
    ],
};
