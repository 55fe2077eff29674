//! Rows of QKFormer.

use super::super::row::Literal::Number;
use super::super::row::{Row, Size, Stored};
use super::{
    CIFAR, CIFAR_IMAGE, CLASSES, DVS, EIGHT_HEADS, FOUR_STEPS, FRAMES, FRAMES_IMAGE, IMAGENET,
    IMAGENET_IMAGE, SIXTEEN_HEADS, channels, otherwise, published, ratio, told, untold,
};

const QKFORMER_CHANNELS: Size = channels(&[("patch_embed1.proj_conv.weight", 1)]);

pub(super) const QKFORMER_CIFAR: Row = Row {
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

pub(super) const QKFORMER_IMAGENET: Row = Row {
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
                otherwise(Number(6), "none is published for this width"),
            ],
        ),
        ratio("stage1.0.mlp.fc1_conv.weight"),
        told("depths", Stored::Blocks("stage3.", 3)),
        FOUR_STEPS,
    ],
};

pub(super) const QKFORMER_DVS: Row = Row {
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
