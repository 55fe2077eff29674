//! Rows of Spike-driven Transformer.

use super::super::row::Literal::{Number, Text};
use super::super::row::{Row, Size, Stored};
use super::spikformer::SPIKFORMER_WIDTH;
use super::{
    BLOCKS, CLASSES, DVS, FOUR_STEPS, channels, otherwise, published, ratio, told, untold,
};

const SDT_V1_CHANNELS: Size = channels(&[("patch_embed.proj_conv.weight", 1)]);
/// The heads change nothing but the shape of a tensor that is never used.
const SDT_V1_HEADS: Size = Size {
    key: "num_heads",
    stored: Stored::Dimension(&[("block.0.attn.talking_heads.weight", 0)]),
    assumed: &[otherwise(Number(8), "as published")],
};

pub(super) const SDT_V1: Row = Row {
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
                otherwise(Number(224), "the ImageNet networks have 6 to 10 blocks"),
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
                otherwise(Text("1111"), "the ImageNet networks have 6 to 10 blocks"),
            ],
        ),
        FOUR_STEPS,
    ],
};

/// The same tensors as for images.
pub(super) const SDT_V1_DVS: Row = Row {
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
                otherwise(Number(64), "as published for CIFAR10-DVS"),
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
                otherwise(Text("0011"), "as published for CIFAR10-DVS"),
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
                otherwise(Number(10), "as published for CIFAR10-DVS"),
            ],
        ),
    ],
};
