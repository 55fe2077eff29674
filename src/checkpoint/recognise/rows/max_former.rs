//! Rows of Max-Former and MS-QKFormer.

use super::super::row::Literal::Number;
use super::super::row::{Row, Size, Stored};
use super::qkformer::{QKFORMER_CIFAR, QKFORMER_DVS, QKFORMER_IMAGENET};

const FC1: &str = "stage1.0.mlp.fc1_conv.weight";
const THREE_STAGES: Stored =
    Stored::Dimension(&[("head.weight", 1), ("stage3.0.attn.q_conv.weight", 0)]);
const TWO_STAGES: Stored =
    Stored::Dimension(&[("head.weight", 1), ("stage2.0.attn.q_conv.weight", 0)]);

pub(super) const MAX_FORMER_CIFAR: Row = Row {
    family: "max-former",
    width: THREE_STAGES,
    mlp: FC1,
    ..QKFORMER_CIFAR
};

pub(super) const MAX_FORMER_IMAGENET: Row = Row {
    family: "max-former",
    first_layer: "patch_embed1.embed1.embed_conv.weight",
    width: THREE_STAGES,
    others: &[
        ("depths", Size::told(Stored::Blocks("stage3.", 3))),
        (
            "time_steps",
            Size::assumed(4, "published with 4 and, files named T1, with 1"),
        ),
    ],
    ..QKFORMER_IMAGENET
};

pub(super) const MAX_FORMER_DVS: Row = Row {
    family: "max-former",
    width: TWO_STAGES,
    mlp: FC1,
    ..QKFORMER_DVS
};

pub(super) const MS_QKFORMER_CIFAR: Row = Row {
    family: "ms-qkformer",
    ..MAX_FORMER_CIFAR
};

pub(super) const MS_QKFORMER_IMAGENET: Row = Row {
    family: "ms-qkformer",
    width: THREE_STAGES,
    others: &[
        ("depths", Size::told(Stored::Blocks("stage3.", 3))),
        (
            "time_steps",
            Size::published(
                &[("embed_dims", 768, (Number(1), "as published for 10-768"))],
                Number(4),
                "as published for 10-384",
            ),
        ),
    ],
    ..QKFORMER_IMAGENET
};

pub(super) const MS_QKFORMER_DVS: Row = Row {
    family: "ms-qkformer",
    ..MAX_FORMER_DVS
};
