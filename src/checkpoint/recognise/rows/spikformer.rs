//! Rows of Spikformer and Spikingformer.

use super::super::row::Literal::Number;
use super::super::row::{Row, Size, Stored};
use super::{
    BLOCKS, CIFAR, CIFAR_IMAGE, CLASSES, DVS, EIGHT_HEADS, FOUR_STEPS, FRAMES, FRAMES_IMAGE,
    IMAGENET, IMAGENET_IMAGE, SIXTEEN_HEADS, channels, otherwise, published, ratio, told, untold,
};

pub(super) const SPIKFORMER_CIFAR: Row = Row {
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
                otherwise(Number(8), "none is published for this width"),
            ],
        ),
        ratio("block.0.mlp.fc1_linear.weight"),
        BLOCKS,
        FOUR_STEPS,
    ],
};

pub(super) const SPIKFORMER_WIDTH: Stored =
    Stored::Dimension(&[("head.weight", 1), ("patch_embed.rpe_conv.weight", 0)]);

pub(super) const SPIKFORMER_IMAGENET: Row = Row {
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
                otherwise(Number(8), "of 8-512; none is published for this width"),
            ],
        ),
        ratio("block.0.mlp.fc1_conv.weight"),
        BLOCKS,
        FOUR_STEPS,
    ],
};

pub(super) const SPIKFORMER_DVS: Row = Row {
    family: "spikformer",
    fixed: DVS,
    channels: None,
    sizes: &[
        Size {
            key: "image_size",
            stored: Stored::Side("pos_embed", 1, 16),
            assumed: &[otherwise(Number(128), "the authors' frames")],
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

pub(super) const SPIKINGFORMER_CIFAR: Row = Row {
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
                otherwise(Number(8), "none is published for these classes"),
            ],
        ),
        ratio("block.0.mlp.mlp1_conv.weight"),
        BLOCKS,
        FOUR_STEPS,
    ],
};

const SPIKINGFORMER_WIDTH: Stored =
    Stored::Dimension(&[("head.weight", 1), ("patch_embed.proj4_conv.weight", 0)]);

pub(super) const SPIKINGFORMER_IMAGENET: Row = Row {
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
pub(super) const SPIKINGFORMER_DVS: Row = Row {
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
