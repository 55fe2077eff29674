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
pub const MAX_PARAMETERS: u64 = 1 << 32;
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

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn demo() -> ModelConfig {
        ModelConfig {
            family: Family::QkFormer,
            layout: Layout::Cifar,
            image_size: 28,
            in_channels: 1,
            num_classes: 10,
            embed_dims: 64,
            num_heads: 8,
            mlp_ratio: 4,
            depths: 4,
            time_steps: 4,
        }
    }

    /// The message of the error that a change to the demo's sizes gives.
    fn error(change: impl FnOnce(&mut ModelConfig)) -> String {
        let mut config = demo();
        change(&mut config);
        config.graph().unwrap_err().to_string()
    }

    #[test]
    fn sizes_that_fit_no_network_are_named() {
        let cases = [
            (
                error(|c| c.embed_dims = 60),
                "model.embed_dims = 60: must be divisible by 8",
            ),
            (
                error(|c| c.num_heads = 3),
                "model.num_heads = 3: must divide 16 (embed_dims / 4, the first stage's width)",
            ),
            (
                error(|c| {
                    c.family = Family::Spikformer;
                    c.num_heads = 3;
                }),
                "model.num_heads = 3: must divide 64 (embed_dims)",
            ),
            (
                error(|c| c.image_size = 30),
                "model.image_size = 30: must be a multiple of 4 in this layout, which halves it 2 times",
            ),
            (
                error(|c| c.layout = Layout::Imagenet),
                "model.image_size = 28: must be a multiple of 16 in this layout, which halves it 4 times",
            ),
            (
                error(|c| c.depths = 2),
                "model.depths = 2: must be at least 3 in this layout, one block or more for every stage",
            ),
            (
                error(|c| {
                    c.layout = Layout::Imagenet;
                    c.depths = 3;
                }),
                "model.depths = 3: must be at least 4 in this layout, one block or more for every stage",
            ),
            (
                error(|c| c.time_steps = 0),
                "model.time_steps = 0: must be from 1 to 1024",
            ),
            (
                error(|c| c.embed_dims = usize::MAX),
                "model.embed_dims = 18446744073709551615: must be from 1 to 16384",
            ),
        ];
        for (message, expected) in cases {
            assert_eq!(message, expected);
        }
    }

    #[test]
    fn sizes_too_large_together_are_refused() {
        let message = error(|c| {
            c.embed_dims = 16_384;
            c.mlp_ratio = 64;
        });
        assert!(
            message.contains("parameters, more than 4294967296"),
            "{message}"
        );
        let message = error(|c| {
            c.embed_dims = 2048;
            c.image_size = 4096;
            c.time_steps = 1024;
        });
        assert!(
            message.contains("multiply-accumulates per image"),
            "{message}"
        );
    }

    #[test]
    fn the_smallest_networks_exist() {
        for (family, layout, image_size, embed_dims, depths) in [
            (Family::Spikformer, Layout::Cifar, 4, 8, 1),
            (Family::Spikformer, Layout::Imagenet, 16, 8, 1),
            (Family::QkFormer, Layout::Cifar, 4, 8, 3),
            (Family::QkFormer, Layout::Imagenet, 16, 8, 4),
        ] {
            let graph = ModelConfig {
                family,
                layout,
                image_size,
                in_channels: 1,
                num_classes: 1,
                embed_dims,
                num_heads: 1,
                mlp_ratio: 1,
                depths,
                time_steps: 1,
            }
            .graph()
            .unwrap();
            assert!(
                graph
                    .nodes
                    .iter()
                    .all(|n| n.shape.height * n.shape.width >= 1)
            );
            assert_eq!(
                graph.layers.last().map(|l| l.input),
                Some(graph.nodes[graph.nodes.len() - 2].range)
            );
        }
    }

    fn size() -> impl Strategy<Value = usize> {
        prop_oneof![
            4 => 0usize..70,
            2 => (0u32..15).prop_map(|n| 1usize << n),
            1 => any::<usize>(),
        ]
    }

    proptest! {
        #[test]
        fn no_sizes_panic(
            qkformer: bool,
            cifar: bool,
            sizes in prop::array::uniform8(size()),
        ) {
            let config = ModelConfig {
                family: if qkformer { Family::QkFormer } else { Family::Spikformer },
                layout: if cifar { Layout::Cifar } else { Layout::Imagenet },
                image_size: sizes[0],
                in_channels: sizes[1],
                num_classes: sizes[2],
                embed_dims: sizes[3],
                num_heads: sizes[4],
                mlp_ratio: sizes[5],
                depths: sizes[6],
                time_steps: sizes[7],
            };
            if let Ok(graph) = config.graph() {
                prop_assert!(graph.parameters() <= MAX_PARAMETERS);
                prop_assert!(graph.macs() <= MAX_MACS);
                prop_assert_eq!(graph.nodes.last().map(|n| n.shape.channels), Some(sizes[2]));
            }
        }
    }

    proptest! {
        /// Sizes that satisfy the stated rules always make a network.
        #[test]
        fn sizes_within_the_rules_fit(
            qkformer: bool,
            cifar: bool,
            (image, channels, classes, width, ratio) in (1usize..6, 1usize..5, 1usize..30, 1usize..9, 1usize..5),
            (heads, depths, steps) in (0u32..4, 4usize..8, 1usize..5),
        ) {
            let config = ModelConfig {
                family: if qkformer { Family::QkFormer } else { Family::Spikformer },
                layout: if cifar { Layout::Cifar } else { Layout::Imagenet },
                image_size: 16 * image,
                in_channels: channels,
                num_classes: classes,
                embed_dims: 32 * width,
                num_heads: 1 << heads,
                mlp_ratio: ratio,
                depths,
                time_steps: steps,
            };
            prop_assert!(config.graph().is_ok(), "{:?}", config.graph().err());
        }
    }
}
