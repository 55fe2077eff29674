//! The rows of all families' layouts.

mod max_former;
mod pyramid;
mod qkformer;
mod sdt_v1;
mod spikformer;
mod spiking_resformer;

use super::row::Literal::Number;
use super::row::{Row, Size, Stored};

const CIFAR_IMAGE: Size = Size::published(
    &[(
        "in_channels",
        1,
        (Number(28), "one channel, as (Fashion-)MNIST images"),
    )],
    Number(32),
    "CIFAR images",
);
const IMAGENET_IMAGE: Size = Size::assumed(224, "the authors' ImageNet images");
const FRAMES_IMAGE: Size = Size::assumed(128, "the authors' frames");
const EIGHT_HEADS: Size = Size::assumed(8, "as published");
const SIXTEEN_HEADS: Size = Size::assumed(16, "as published");

const FOUR_STEPS: (&str, Size) = ("time_steps", Size::assumed(4, "as published"));
const FRAMES: (&str, Size) = (
    "time_steps",
    Size::assumed(16, "published with 16 and with 10 frames"),
);
const BLOCKS: (&str, Size) = ("depths", Size::told(Stored::Blocks("block.", 0)));

const CIFAR: &[(&str, &str)] = &[("layout", "cifar")];
const IMAGENET: &[(&str, &str)] = &[("layout", "imagenet")];
/// The key of the event-camera layouts.
const DVS: &[(&str, &str)] = &[("layout", "dvs")];

/// Every layout.
pub(super) const ROWS: &[Row] = &[
    spikformer::SPIKFORMER_CIFAR,
    spikformer::SPIKFORMER_IMAGENET,
    spikformer::SPIKFORMER_DVS,
    spikformer::SPIKINGFORMER_CIFAR,
    spikformer::SPIKINGFORMER_IMAGENET,
    spikformer::SPIKINGFORMER_DVS,
    qkformer::QKFORMER_CIFAR,
    qkformer::QKFORMER_IMAGENET,
    qkformer::QKFORMER_DVS,
    sdt_v1::SDT_V1,
    sdt_v1::SDT_V1_DVS,
    pyramid::SDT_V2,
    pyramid::SDT_V3,
    pyramid::SDT_V3_LARGE,
    max_former::MAX_FORMER_CIFAR,
    max_former::MAX_FORMER_IMAGENET,
    max_former::MAX_FORMER_DVS,
    max_former::MS_QKFORMER_CIFAR,
    max_former::MS_QKFORMER_IMAGENET,
    max_former::MS_QKFORMER_DVS,
    spiking_resformer::CIFAR_ROW,
    spiking_resformer::IMAGENET_ROW,
    spiking_resformer::DVS_ROW,
];
