//! The rows of all families' layouts.

mod pyramid;
mod qkformer;
mod sdt_v1;
mod spikformer;

use super::row::{Assumed, Literal, Row, Size, Stored};
use Literal::{Number, Text};

const fn told(key: &'static str, stored: Stored) -> Size {
    let assumed = &[];
    Size {
        key,
        stored,
        assumed,
    }
}

const fn untold(key: &'static str, assumed: &'static [Assumed]) -> Size {
    let stored = Stored::No;
    Size {
        key,
        stored,
        assumed,
    }
}

const fn published(
    when: &'static [(&'static str, i64)],
    value: Literal,
    because: &'static str,
) -> Assumed {
    Assumed {
        when,
        value,
        because,
    }
}

const fn otherwise(value: Literal, because: &'static str) -> Assumed {
    published(&[], value, because)
}

const NO_FIRST_LAYER: &[Assumed] = &[otherwise(Number(3), "the first layer is missing")];
const NO_MLP: &[Assumed] = &[otherwise(Number(4), "the first MLP is missing")];

/// Input channels, from the weight of the first layer.
const fn channels(weight: &'static [(&'static str, usize)]) -> Size {
    Size {
        key: "in_channels",
        stored: Stored::Dimension(weight),
        assumed: NO_FIRST_LAYER,
    }
}

/// The ratio of an MLP, from the weight of its first layer.
const fn ratio(weight: &'static str) -> Size {
    Size {
        key: "mlp_ratio",
        stored: Stored::Ratio(weight),
        assumed: NO_MLP,
    }
}

const CIFAR_IMAGE: Size = untold(
    "image_size",
    &[
        published(
            &[("in_channels", 1)],
            Number(28),
            "one channel, as (Fashion-)MNIST images",
        ),
        otherwise(Number(32), "CIFAR images"),
    ],
);
const IMAGENET_IMAGE: Size = untold(
    "image_size",
    &[otherwise(Number(224), "the authors' ImageNet images")],
);
const FRAMES_IMAGE: Size = untold(
    "image_size",
    &[otherwise(Number(128), "the authors' frames")],
);
const FOUR_STEPS: Size = untold("time_steps", &[otherwise(Number(4), "as published")]);
const FRAMES: Size = untold(
    "time_steps",
    &[otherwise(
        Number(16),
        "published with 16 and with 10 frames",
    )],
);
const EIGHT_HEADS: Size = untold("num_heads", &[otherwise(Number(8), "as published")]);
const SIXTEEN_HEADS: Size = untold("num_heads", &[otherwise(Number(16), "as published")]);
const CLASSES: Size = Size {
    key: "num_classes",
    stored: Stored::Dimension(&[("head.weight", 0), ("head.bias", 0)]),
    assumed: &[otherwise(Number(1000), "there is no head")],
};
/// The key of the event-camera layouts.
const DVS: &[(&str, Literal)] = &[("layout", Text("dvs"))];
const CIFAR: &[(&str, Literal)] = &[("layout", Text("cifar"))];
const IMAGENET: &[(&str, Literal)] = &[("layout", Text("imagenet"))];

const BLOCKS: Size = told("depths", Stored::Blocks("block.", 0));

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
];
