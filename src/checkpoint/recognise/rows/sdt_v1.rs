//! Rows of Spike-driven Transformer.

use super::super::row::Literal::{Number, Text};
use super::super::row::{Row, Size, Stored};
use super::spikformer::SPIKFORMER_CIFAR;
use super::{BLOCKS, DVS, FOUR_STEPS};

const TWO_BLOCKS: &str = "the CIFAR networks have 2 blocks";
const MORE_BLOCKS: &str = "the ImageNet networks have 6 to 10 blocks";
const OF_GESTURE: &str = "as published for DVS128 Gesture";
const OF_CIFAR_DVS: &str = "as published for CIFAR10-DVS";

pub(super) const SDT_V1: Row = Row {
    family: "sdt-v1",
    fixed: &[],
    image: Size::published(
        &[("depths", 2, (Number(32), TWO_BLOCKS))],
        Number(224),
        MORE_BLOCKS,
    ),
    // The heads change nothing but the shape of a tensor that is never used.
    heads: Stored::Axis("block.0.attn.talking_heads.weight", 0).or(8, "as published"),
    mlp: "block.0.mlp.fc1_conv.weight",
    others: &[
        BLOCKS,
        (
            "pooling",
            Size::published(
                &[("depths", 2, (Text("0011"), TWO_BLOCKS))],
                Text("1111"),
                MORE_BLOCKS,
            ),
        ),
        FOUR_STEPS,
    ],
    ..SPIKFORMER_CIFAR
};

/// The same tensors as for images.
pub(super) const SDT_V1_DVS: Row = Row {
    fixed: DVS,
    two_channels: true,
    image: Size::published(
        &[("num_classes", 11, (Number(128), OF_GESTURE))],
        Number(64),
        OF_CIFAR_DVS,
    ),
    others: &[
        BLOCKS,
        (
            "pooling",
            Size::published(
                &[("num_classes", 11, (Text("0111"), OF_GESTURE))],
                Text("0011"),
                OF_CIFAR_DVS,
            ),
        ),
        (
            "time_steps",
            Size::published(
                &[(
                    "num_classes",
                    11,
                    (Number(16), "published with 16 and with 10 frames"),
                )],
                Number(10),
                OF_CIFAR_DVS,
            ),
        ),
    ],
    ..SDT_V1
};
