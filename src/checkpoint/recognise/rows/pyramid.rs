//! Rows of the families with four widths: Spike-driven Transformer V2 and V3.

use super::super::row::Literal::{Number, Text};
use super::super::row::{Row, Size, Stored};
use super::{CLASSES, EIGHT_HEADS, IMAGENET_IMAGE, channels, otherwise, ratio, told, untold};

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
    &[otherwise(Number(1), "this family has no time axis")],
);
const SPIKE_LEVELS: Size = untold(
    "max_spike",
    &[otherwise(Number(4), "as published; 8 for files named 1x8")],
);

pub(super) const SDT_V2: Row = Row {
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
            &[otherwise(
                Number(4),
                "published with 4 and, 55M_kd.pth, with 1",
            )],
        ),
        KD,
    ],
};

pub(super) const SDT_V3: Row = Row {
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

pub(super) const SDT_V3_LARGE: Row = Row {
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
