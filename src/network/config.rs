//! The `[model]` section: which family and which sizes.
//!
//! In a profile it is one flat table ([`table`]); here a family has exactly the sizes that its
//! networks have.

mod check;
mod keys;
mod table;

use std::fmt;

use serde::{Deserialize, Serialize};

pub(super) use check::{check_depths, check_list, check_max_spike, check_strides, require};
pub use keys::{MODEL_KEYS, ModelKey, ModelKeyKind};
pub(crate) use table::ModelTable;
pub(super) use table::{foreign, missing, wrong};

/// A model family.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Family {
    /// Spikformer (Zhou et al.).
    Spikformer,
    /// Spikingformer (Zhou et al.).
    Spikingformer,
    /// QKFormer (Zhou et al.).
    #[serde(rename = "qkformer")]
    QkFormer,
    /// Spike-driven Transformer (Yao et al.).
    #[serde(rename = "sdt-v1")]
    SdtV1,
    /// Spike-driven Transformer V2, Meta-SpikeFormer (Yao et al.).
    #[serde(rename = "sdt-v2")]
    SdtV2,
    /// Spike-driven Transformer V3, E-SpikeFormer (Yao et al.).
    #[serde(rename = "sdt-v3")]
    SdtV3,
    /// Max-Former.
    MaxFormer,
    /// MS-QKFormer, by the authors of Max-Former.
    #[serde(rename = "ms-qkformer")]
    MsQkFormer,
    /// SpikingResformer (Shi et al.).
    #[serde(rename = "spikingresformer")]
    SpikingResformer,
}

impl Family {
    /// Every family.
    pub const ALL: [Family; 9] = [
        Family::Spikformer,
        Family::Spikingformer,
        Family::QkFormer,
        Family::SdtV1,
        Family::SdtV2,
        Family::SdtV3,
        Family::MaxFormer,
        Family::MsQkFormer,
        Family::SpikingResformer,
    ];

    /// The names, as profiles write them, in the same order.
    pub const NAMES: [&'static str; 9] = [
        "spikformer",
        "spikingformer",
        "qkformer",
        "sdt-v1",
        "sdt-v2",
        "sdt-v3",
        "max-former",
        "ms-qkformer",
        "spikingresformer",
    ];

    /// The name, as profiles write it.
    pub fn name(self) -> &'static str {
        Self::NAMES[self as usize]
    }
}

impl fmt::Display for Family {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

/// The published code layout of a family.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
#[serde(tag = "layout", rename_all = "kebab-case")]
pub enum Layout {
    /// The CIFAR code.
    Cifar,
    /// The ImageNet code.
    Imagenet,
    /// The code for event cameras, which reads another frame at every time step.
    Dvs {
        /// Membrane time constant of every neuron, in time steps.
        tau: f64,
    },
}

impl Layout {
    /// The name, as profiles write it.
    pub fn name(self) -> &'static str {
        match self {
            Layout::Cifar => "cifar",
            Layout::Imagenet => "imagenet",
            Layout::Dvs { .. } => "dvs",
        }
    }
    /// Membrane time constant of every neuron, in time steps; 2 but for event cameras.
    pub(super) fn tau(self) -> f64 {
        match self {
            Layout::Cifar | Layout::Imagenet => 2.0,
            Layout::Dvs { tau } => tau,
        }
    }
}

/// The published code layout of SpikingResformer.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
#[serde(tag = "layout", rename_all = "kebab-case")]
pub enum ResformerLayout {
    /// The CIFAR code.
    Cifar,
    /// The ImageNet code, whose prologue quarters the image.
    Imagenet,
    /// The CIFAR code on frames.
    Dvs {
        /// Membrane time constant of every neuron, in time steps; none where each population has a
        /// trained one of its own.
        #[serde(skip_serializing_if = "Option::is_none")]
        tau: Option<f64>,
    },
}

/// The sizes of the three stages of SpikingResformer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct ResformerSizes {
    /// Widths.
    pub embed_dims: [usize; 3],
    /// Attention heads.
    pub num_heads: [usize; 3],
    /// Kernel and stride of the convolution that makes keys and values.
    pub patch_sizes: [usize; 3],
    /// Input channels of a group of the grouped convolutions.
    pub group_size: usize,
    /// Pairs of an attention and a feed-forward block.
    pub depths: [usize; 3],
}

/// A family with its sizes, written as the keys of `[model]` that it has of its own.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
#[serde(tag = "family", rename_all = "kebab-case")]
pub enum Architecture {
    /// Spikformer.
    Spikformer {
        /// The layout.
        #[serde(flatten)]
        layout: Layout,
        /// Embedding width.
        embed_dims: usize,
        /// Blocks.
        depths: usize,
    },
    /// Spikingformer.
    Spikingformer {
        /// The layout.
        #[serde(flatten)]
        layout: Layout,
        /// Embedding width.
        embed_dims: usize,
        /// Blocks.
        depths: usize,
    },
    /// QKFormer.
    #[serde(rename = "qkformer")]
    QkFormer {
        /// The layout.
        #[serde(flatten)]
        layout: Layout,
        /// Embedding width of the last stage.
        embed_dims: usize,
        /// Blocks in all; the last stage has what the others leave of them.
        depths: usize,
        /// Whether the last stage's `proj_lif` runs on from image to image of a batch, as in the
        /// authors' code.
        batch_leak: bool,
    },
    /// Spike-driven Transformer.
    #[serde(rename = "sdt-v1")]
    SdtV1 {
        /// Embedding width.
        embed_dims: usize,
        /// Blocks.
        depths: usize,
        /// Which of the embedding's four convolutions are followed by a pooling.
        #[serde(serialize_with = "table::digits")]
        pooling: [bool; 4],
        /// The authors' `dvs_mode` (frames, eroding attention) with this membrane time constant;
        /// none for images.
        #[serde(flatten, serialize_with = "table::dvs_layout")]
        dvs: Option<f64>,
    },
    /// Spike-driven Transformer V2 (Meta-SpikeFormer).
    #[serde(rename = "sdt-v2")]
    SdtV2 {
        /// Widths of the four stages.
        embed_dims: [usize; 4],
        /// Strides of the five downsamplings.
        strides: [usize; 5],
        /// Whether there is a second head, of distillation.
        kd: bool,
        /// Whether each RepConv chain is one dense 3x3 convolution.
        merge_repconv: bool,
    },
    /// Spike-driven Transformer V3 (E-SpikeFormer), `Model_Base` of the authors' code.
    #[serde(rename = "sdt-v3")]
    SdtV3Base {
        /// Widths of the four stages.
        embed_dims: [usize; 4],
        /// Strides of the five downsamplings.
        strides: [usize; 5],
        /// The most that a neuron emits.
        max_spike: u64,
    },
    /// Spike-driven Transformer V3, `Model_Large` of the authors' code.
    #[serde(rename = "sdt-v3")]
    SdtV3Large {
        /// Widths of the three stages.
        embed_dims: [usize; 3],
        /// Strides of the four downsamplings.
        strides: [usize; 4],
        /// Blocks of the last stage.
        depths: usize,
        /// Whether there is a second head, of distillation.
        kd: bool,
        /// The most that a neuron emits.
        max_spike: u64,
    },
    /// Max-Former.
    MaxFormer {
        /// The layout.
        #[serde(flatten)]
        layout: Layout,
        /// Embedding width of the last stage.
        embed_dims: usize,
        /// Blocks in all; the last stage has what the others leave of them.
        depths: usize,
    },
    /// MS-QKFormer.
    #[serde(rename = "ms-qkformer")]
    MsQkFormer {
        /// The layout.
        #[serde(flatten)]
        layout: Layout,
        /// Embedding width of the last stage.
        embed_dims: usize,
        /// Blocks in all; the last stage has what the others leave of them.
        depths: usize,
    },
    /// SpikingResformer.
    #[serde(rename = "spikingresformer")]
    SpikingResformer {
        /// The layout.
        #[serde(flatten)]
        layout: ResformerLayout,
        /// The sizes of its stages.
        #[serde(flatten)]
        sizes: ResformerSizes,
    },
}

impl Architecture {
    /// Whether RepConv chains are merged; none for families without such chains.
    pub fn merge_repconv(&mut self) -> Option<&mut bool> {
        match self {
            Architecture::SdtV2 { merge_repconv, .. } => Some(merge_repconv),
            _ => None,
        }
    }
}

/// A model's family and sizes: everything that its graph depends on.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(try_from = "ModelTable")]
pub struct ModelConfig {
    /// The family with its sizes.
    pub architecture: Architecture,
    /// Input rows and columns in pixels.
    pub image_size: usize,
    /// Input channels.
    pub in_channels: usize,
    /// Number of classes.
    pub num_classes: usize,
    /// Attention heads; of the last stage, where the architecture has a number for each.
    pub num_heads: usize,
    /// Hidden width of an MLP over its embedding width.
    pub mlp_ratio: usize,
    /// Time steps T; for event cameras the number of frames.
    pub time_steps: usize,
}

/// The error of a [`ModelConfig`] that describes no network.
#[derive(Debug, thiserror::Error, PartialEq)]
#[error("{message}")]
pub struct ModelError {
    /// The key in `[model]` to look at; none where several sizes are wrong together.
    pub key: Option<&'static str>,
    /// The problem.
    pub message: String,
}

/// The most parameters a network may have: 16 GiB of them in f32.
pub const MAX_PARAMETERS: u64 = 1 << 32;
/// The most multiply-accumulates one image may take; far beyond what could be evaluated.
pub(super) const MAX_MACS: u64 = 1 << 52;

impl ModelConfig {
    /// The family.
    pub fn family(&self) -> Family {
        match self.architecture {
            Architecture::Spikformer { .. } => Family::Spikformer,
            Architecture::Spikingformer { .. } => Family::Spikingformer,
            Architecture::QkFormer { .. } => Family::QkFormer,
            Architecture::SdtV1 { .. } => Family::SdtV1,
            Architecture::SdtV2 { .. } => Family::SdtV2,
            Architecture::SdtV3Base { .. } | Architecture::SdtV3Large { .. } => Family::SdtV3,
            Architecture::MaxFormer { .. } => Family::MaxFormer,
            Architecture::MsQkFormer { .. } => Family::MsQkFormer,
            Architecture::SpikingResformer { .. } => Family::SpikingResformer,
        }
    }

    /// The sizes that every family has, by their keys.
    pub(super) fn common_sizes(&self) -> [(&'static str, usize); 6] {
        [
            ("image_size", self.image_size),
            ("in_channels", self.in_channels),
            ("num_classes", self.num_classes),
            ("num_heads", self.num_heads),
            ("mlp_ratio", self.mlp_ratio),
            ("time_steps", self.time_steps),
        ]
    }

    /// The layout, of families that publish several. The image code of `sdt-v1` is one for all
    /// images.
    pub fn layout(&self) -> Option<Layout> {
        match self.architecture {
            Architecture::Spikformer { layout, .. }
            | Architecture::Spikingformer { layout, .. }
            | Architecture::QkFormer { layout, .. }
            | Architecture::MaxFormer { layout, .. }
            | Architecture::MsQkFormer { layout, .. } => Some(layout),
            Architecture::SdtV1 { dvs, .. } => dvs.map(|tau| Layout::Dvs { tau }),
            Architecture::SpikingResformer { layout, .. } => Some(match layout {
                ResformerLayout::Cifar => Layout::Cifar,
                ResformerLayout::Imagenet => Layout::Imagenet,
                // Trained time constants begin at 2.
                ResformerLayout::Dvs { tau } => Layout::Dvs {
                    tau: tau.unwrap_or(2.0),
                },
            }),
            _ => None,
        }
    }

    /// Frames that the network reads: the time steps of an event-camera layout; none where it reads
    /// one image.
    pub fn frames(&self) -> Option<usize> {
        let dvs = matches!(self.layout(), Some(Layout::Dvs { .. }));
        dvs.then_some(self.time_steps)
    }
}

#[cfg(test)]
mod tests;
