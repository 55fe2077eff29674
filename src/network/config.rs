//! The `[model]` section: which family and which sizes.
//!
//! In a profile it is one flat table ([`table`]); here a family has exactly the sizes that its
//! networks have.

mod check;
mod keys;
mod table;

use serde::{Deserialize, Serialize};

use super::{Architecture, Family};

pub(super) use check::{check_depths, check_list, check_max_spike, check_strides, require};
pub use keys::{MODEL_KEYS, ModelKey, ModelKeyKind};
pub(crate) use table::ModelTable;
pub(super) use table::{foreign, missing, wrong};

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
        self.architecture.family()
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
        self.architecture.sizes().layout()
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
