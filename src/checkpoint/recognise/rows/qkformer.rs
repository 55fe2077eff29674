//! Rows of QKFormer.

use super::super::row::Literal::Number;
use super::super::row::{Row, Size, Stored};
use super::{
    CIFAR, CIFAR_IMAGE, DVS, EIGHT_HEADS, FOUR_STEPS, FRAMES, FRAMES_IMAGE, IMAGENET,
    IMAGENET_IMAGE, SIXTEEN_HEADS,
};

pub(super) const QKFORMER_CIFAR: Row = Row {
    family: "qkformer",
    fixed: CIFAR,
    two_channels: false,
    image: CIFAR_IMAGE,
    first_layer: "patch_embed1.proj_conv.weight",
    width: Stored::Dimension(&[("head.weight", 1), ("patch_embed3.proj4_conv.weight", 0)]),
    heads: EIGHT_HEADS,
    mlp: "stage1.0.mlp.mlp1_conv.weight",
    others: &[
        ("depths", Size::told(Stored::Blocks("stage3.", 2))),
        FOUR_STEPS,
    ],
};

pub(super) const QKFORMER_IMAGENET: Row = Row {
    fixed: IMAGENET,
    image: IMAGENET_IMAGE,
    heads: Size::published(
        &[
            ("embed_dims", 384, (Number(6), "as published for 10-384")),
            ("embed_dims", 512, (Number(8), "as published for 10-512")),
            ("embed_dims", 768, (Number(12), "as published for 10-768")),
        ],
        Number(6),
        "none is published for this width",
    ),
    mlp: "stage1.0.mlp.fc1_conv.weight",
    others: &[
        ("depths", Size::told(Stored::Blocks("stage3.", 3))),
        FOUR_STEPS,
    ],
    ..QKFORMER_CIFAR
};

pub(super) const QKFORMER_DVS: Row = Row {
    fixed: DVS,
    image: FRAMES_IMAGE,
    width: Stored::Dimension(&[("head.weight", 1), ("patch_embed2.proj4_conv.weight", 0)]),
    heads: SIXTEEN_HEADS,
    others: &[("depths", Size::told(Stored::Blocks("stage2.", 1))), FRAMES],
    ..QKFORMER_CIFAR
};
