//! Rows of the families with several widths: Spike-driven Transformer V2 and V3.

use super::super::row::{Row, Size, Stored};
use super::{EIGHT_HEADS, IMAGENET_IMAGE};

const KD: (&str, Size) = ("kd", Size::told(Stored::Present("head_kd.weight")));
const ONE_STEP: (&str, Size) = (
    "time_steps",
    Size::assumed(1, "this family has no time axis"),
);
const SPIKE_LEVELS: (&str, Size) = (
    "max_spike",
    Size::assumed(4, "as published; 8 for files named 1x8"),
);

pub(super) const SDT_V2: Row = Row {
    family: "sdt-v2",
    fixed: &[],
    two_channels: false,
    image: IMAGENET_IMAGE,
    first_layer: "downsample1_1.encode_conv.weight",
    width: Stored::Dimensions(&[
        ("downsample1_2.encode_conv.weight", 0),
        ("downsample2.encode_conv.weight", 0),
        ("downsample3.encode_conv.weight", 0),
        ("downsample4.encode_conv.weight", 0),
    ]),
    heads: EIGHT_HEADS,
    mlp: "block3.0.mlp.fc1_conv.weight",
    others: &[
        (
            "time_steps",
            Size::assumed(4, "published with 4 and, 55M_kd.pth, with 1"),
        ),
        KD,
    ],
};

pub(super) const SDT_V3: Row = Row {
    family: "sdt-v3",
    fixed: &[("size", "base")],
    others: &[ONE_STEP, SPIKE_LEVELS],
    ..SDT_V2
};

pub(super) const SDT_V3_LARGE: Row = Row {
    fixed: &[("size", "large")],
    width: Stored::Dimensions(&[
        ("downsample1_2.encode_conv.weight", 0),
        ("downsample2.encode_conv.weight", 0),
        ("downsample3.encode_conv.weight", 0),
    ]),
    others: &[
        ("depths", Size::told(Stored::Blocks("block3.", 0))),
        ONE_STEP,
        SPIKE_LEVELS,
        KD,
    ],
    ..SDT_V3
};
