//! Rows of Spikformer and Spikingformer.

use super::super::row::Literal::Number;
use super::super::row::{Row, Size, Stored};
use super::{
    BLOCKS, CIFAR, CIFAR_IMAGE, DVS, EIGHT_HEADS, FOUR_STEPS, FRAMES, FRAMES_IMAGE, IMAGENET,
    IMAGENET_IMAGE, SIXTEEN_HEADS,
};

pub(super) const SPIKFORMER_CIFAR: Row = Row {
    family: "spikformer",
    fixed: CIFAR,
    two_channels: false,
    image: CIFAR_IMAGE,
    first_layer: "patch_embed.proj_conv.weight",
    width: Stored::Dimension(&[("head.weight", 1), ("patch_embed.rpe_conv.weight", 0)]),
    heads: Size::published(
        &[("embed_dims", 384, (Number(12), "the authors' cifar10.yml"))],
        Number(8),
        "none is published for this width",
    ),
    mlp: "block.0.mlp.fc1_linear.weight",
    others: &[BLOCKS, FOUR_STEPS],
};

pub(super) const SPIKFORMER_IMAGENET: Row = Row {
    fixed: IMAGENET,
    image: IMAGENET_IMAGE,
    heads: Size::published(
        &[(
            "embed_dims",
            512,
            (Number(8), "the authors' code for 8-512"),
        )],
        Number(8),
        "of 8-512; none is published for this width",
    ),
    mlp: "block.0.mlp.fc1_conv.weight",
    ..SPIKFORMER_CIFAR
};

pub(super) const SPIKFORMER_DVS: Row = Row {
    fixed: DVS,
    image: Stored::Side("pos_embed", 1, 16).or(128, "the authors' frames"),
    heads: SIXTEEN_HEADS,
    mlp: "block.0.mlp.fc1_conv.weight",
    others: &[BLOCKS, FRAMES],
    ..SPIKFORMER_CIFAR
};

pub(super) const SPIKINGFORMER_CIFAR: Row = Row {
    family: "spikingformer",
    first_layer: "patch_embed.block0_conv.weight",
    width: Stored::Dimension(&[("head.weight", 1), ("patch_embed.block4_conv.weight", 0)]),
    heads: Size::published(
        &[
            ("num_classes", 100, (Number(8), "the authors' cifar100.yml")),
            ("num_classes", 10, (Number(12), "the authors' cifar10.yml")),
        ],
        Number(8),
        "none is published for these classes",
    ),
    mlp: "block.0.mlp.mlp1_conv.weight",
    ..SPIKFORMER_CIFAR
};

pub(super) const SPIKINGFORMER_IMAGENET: Row = Row {
    fixed: IMAGENET,
    image: IMAGENET_IMAGE,
    first_layer: "patch_embed.proj_conv.weight",
    width: Stored::Dimension(&[("head.weight", 1), ("patch_embed.proj4_conv.weight", 0)]),
    heads: EIGHT_HEADS,
    ..SPIKINGFORMER_CIFAR
};

/// The same tensors as the `imagenet` layout's.
pub(super) const SPIKINGFORMER_DVS: Row = Row {
    fixed: DVS,
    two_channels: true,
    image: FRAMES_IMAGE,
    heads: SIXTEEN_HEADS,
    others: &[BLOCKS, FRAMES],
    ..SPIKINGFORMER_IMAGENET
};
