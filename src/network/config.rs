//! The `[model]` section: which family and which sizes.

use serde::{Deserialize, Serialize};

use super::Graph;

/// A model family.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Family {
    /// Spikformer (Zhou et al.).
    Spikformer,
    /// QKFormer (Zhou et al.).
    #[serde(rename = "qkformer")]
    QkFormer,
}

/// Which of a family's published code layouts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Layout {
    /// The CIFAR code.
    Cifar,
    /// The ImageNet code.
    Imagenet,
}

/// A model's family and sizes: everything that its graph depends on.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ModelConfig {
    /// The family.
    pub family: Family,
    /// The layout.
    pub layout: Layout,
    /// Input rows and columns in pixels.
    pub image_size: usize,
    /// Input channels.
    pub in_channels: usize,
    /// Number of classes.
    pub num_classes: usize,
    /// Embedding width of the last stage.
    pub embed_dims: usize,
    /// Attention heads.
    pub num_heads: usize,
    /// Hidden width of an MLP over its embedding width.
    pub mlp_ratio: usize,
    /// Blocks (see the families).
    pub depths: usize,
    /// Time steps T.
    pub time_steps: usize,
}

/// Why a [`ModelConfig`] describes no network.
#[derive(Debug, thiserror::Error, PartialEq)]
#[non_exhaustive]
pub enum ModelError {
    /// A size that the family cannot have.
    #[error("model.{key} = {value}: {why}")]
    Size {
        /// The key in `[model]`.
        key: &'static str,
        /// The value given.
        value: String,
        /// What it must be.
        why: String,
    },
}

impl ModelConfig {
    /// Builds the family's graph with all shapes inferred.
    ///
    /// # Errors
    /// [`ModelError`] names the size that does not fit.
    pub fn graph(&self) -> Result<Graph, ModelError> {
        super::families::build(self)
    }
}
