//! Rows of SpikingResformer.

use super::super::row::Literal::Number;
use super::super::row::{Row, Size, Stored};
use super::{CIFAR, DVS, FOUR_STEPS, IMAGENET};

const PATCHES: (&str, Size) = (
    "patch_sizes",
    Size::told(Stored::Dimensions(&[
        ("layers.0.0.W.weight", 2),
        ("layers.1.1.W.weight", 2),
        ("layers.2.1.W.weight", 2),
    ])),
);
const GROUPS: (&str, Size) = (
    "group_size",
    Size::told(Stored::Axis("layers.0.1.conv.0.1.weight", 1)),
);
const PAIRS: (&str, Size) = (
    "depths",
    Size::told(Stored::Pairs(&["layers.0.", "layers.1.", "layers.2."])),
);

/// The image's size also sets a scale, which the tensors do not tell.
pub(super) const IMAGENET_ROW: Row = Row {
    family: "spikingresformer",
    fixed: IMAGENET,
    two_channels: false,
    image: Size::published(
        &[
            (
                "num_classes",
                10,
                (Number(128), "as transferred to CIFAR-10"),
            ),
            (
                "num_classes",
                100,
                (Number(128), "as transferred to CIFAR-100"),
            ),
        ],
        Number(224),
        "the authors' ImageNet images",
    ),
    first_layer: "prologue.0.weight",
    width: Stored::Dimensions(&[
        ("layers.0.0.Wproj.weight", 0),
        ("layers.1.0.conv.weight", 0),
        ("layers.2.0.conv.weight", 0),
    ]),
    heads: Size::told(Stored::Dimensions(&[
        ("layers.0.0.firing_rate_x", 2),
        ("layers.1.1.firing_rate_x", 2),
        ("layers.2.1.firing_rate_x", 2),
    ])),
    mlp: "layers.0.1.up.1.weight",
    others: &[PATCHES, GROUPS, PAIRS, FOUR_STEPS],
};

pub(super) const CIFAR_ROW: Row = Row {
    fixed: CIFAR,
    image: Size::assumed(32, "CIFAR images; CIFAR10-DVS has the same tensors"),
    ..IMAGENET_ROW
};

/// With trained time constants.
pub(super) const DVS_ROW: Row = Row {
    fixed: DVS,
    image: Size::assumed(64, "the authors' frames"),
    others: &[
        PATCHES,
        GROUPS,
        PAIRS,
        ("time_steps", Size::assumed(16, "as published")),
    ],
    ..IMAGENET_ROW
};
