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
    /// Sizes that fit one by one, but not together.
    #[error(
        "the sizes in [model] make a network of {value} {what}, more than {limit}: check embed_dims, \
         mlp_ratio, image_size, depths and time_steps"
    )]
    TooLarge {
        /// What is counted.
        what: &'static str,
        /// How many there would be (the largest u64 where it is more).
        value: u64,
        /// How many there may be.
        limit: u64,
    },
}

/// The most parameters a network may have: 16 GiB of them in f32.
pub(super) const MAX_PARAMETERS: u64 = 1 << 32;
/// The most multiply-accumulates one image may take; far beyond what could be evaluated.
pub(super) const MAX_MACS: u64 = 1 << 52;

impl ModelConfig {
    /// Builds the family's graph with all shapes inferred.
    ///
    /// # Errors
    /// [`ModelError`] names the size that does not fit.
    pub fn graph(&self) -> Result<Graph, ModelError> {
        super::families::build(self)
    }

    /// Checks what every family asks of the sizes: from 1 to a bound that keeps all arithmetic on shapes
    /// far from overflow, and a width that the patch embeddings can halve three times.
    pub(super) fn check(&self) -> Result<(), ModelError> {
        let bounds = [
            ("image_size", self.image_size, 4096),
            ("in_channels", self.in_channels, 4096),
            ("num_classes", self.num_classes, 1_000_000),
            ("embed_dims", self.embed_dims, 16_384),
            ("num_heads", self.num_heads, 16_384),
            ("mlp_ratio", self.mlp_ratio, 64),
            ("depths", self.depths, 256),
            ("time_steps", self.time_steps, 1024),
        ];
        for (key, value, most) in bounds {
            require((1..=most).contains(&value), key, value, || {
                format!("must be from 1 to {most}")
            })?;
        }
        require(
            self.embed_dims.is_multiple_of(8),
            "embed_dims",
            self.embed_dims,
            || "must be divisible by 8".to_owned(),
        )
    }

    /// Checks that the heads divide a width, which is called `what`.
    pub(super) fn check_heads(&self, width: usize, what: &str) -> Result<(), ModelError> {
        require(
            width.is_multiple_of(self.num_heads),
            "num_heads",
            self.num_heads,
            || format!("must divide {width} ({what})"),
        )
    }

    /// Checks that the image can be halved this often. The authors' code halves sizes rounding down where
    /// the pooling rounds up, so it runs on no other sizes.
    pub(super) fn check_halvings(&self, halvings: usize) -> Result<(), ModelError> {
        let factor = 1usize << halvings;
        require(
            self.image_size.is_multiple_of(factor),
            "image_size",
            self.image_size,
            || {
                format!(
                    "must be a multiple of {factor} in this layout, which halves it {halvings} times"
                )
            },
        )
    }

    /// Checks the smallest number of blocks.
    pub(super) fn check_depths(&self, least: usize) -> Result<(), ModelError> {
        require(self.depths >= least, "depths", self.depths, || {
            format!("must be at least {least} in this layout, one block or more for every stage")
        })
    }
}

fn require(
    holds: bool,
    key: &'static str,
    value: usize,
    why: impl FnOnce() -> String,
) -> Result<(), ModelError> {
    if holds {
        return Ok(());
    }
    Err(ModelError::Size {
        key,
        value: value.to_string(),
        why: why(),
    })
}
