//! Spikingformer (Zhou et al., arXiv 2304.11954; github.com/zhouchenlin2096/Spikingformer):
//! Spikformer with membrane shortcuts. A neuron leads every convolution, residuals add real
//! numbers, and the head reads them without a neuron.
//!
//! The layouts differ in the embedding: `cifar` pools in its last two parts only and names them
//! otherwise; `dvs` is the `imagenet` code with another time constant (1.5 in the authors' code).

use serde::Serialize;

use super::super::builder::{Conv, Form, GraphBuilder};
use super::super::{
    Architecture, BlockLayout, Family, Graph, Layout, ModelConfig, ModelError, NodeId,
};
use super::definition::{self, Definition, Sizes};
use super::parts::{self, Isotropic, Mlp, SelfAttention};
use super::row::Literal::Number;
use super::row::{
    BLOCKS, DVS, EIGHT_HEADS, FRAMES, FRAMES_IMAGE, IMAGENET, IMAGENET_IMAGE, Row, SIXTEEN_HEADS,
    Size, Stored,
};
use super::spikformer;

/// The sizes of Spikingformer.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Spikingformer {
    /// The layout.
    #[serde(flatten)]
    pub layout: Layout,
    /// Embedding width.
    pub embed_dims: usize,
    /// Blocks.
    pub depths: usize,
}

/// What is said of the family.
pub(super) const FAMILY: Definition = Definition {
    required: &["layout", "depths"],
    optional: &["tau"],
    read: |table| {
        let (layout, embed_dims, depths) = definition::layered(table, Family::Spikingformer, 1.5)?;
        Ok(Architecture::Spikingformer(Spikingformer {
            layout,
            embed_dims,
            depths,
        }))
    },
    rows: &[CIFAR_ROW, IMAGENET_ROW, DVS_ROW],
    recipes: &[("imagenet", None, "imagenet-224")],
};

pub(super) const CIFAR_ROW: Row = Row {
    first_layer: "patch_embed.block0_conv.weight",
    width: Stored::Dimension(&[("head.weight", 1), ("patch_embed.block4_conv.weight", 0)]),
    heads: Size::published(
        &[
            ("num_classes", 100, (Number(8), "the authors' cifar100.yml")),
            ("num_classes", 10, (Number(12), "the authors' cifar10.yml")),
        ],
        Number(8),
        "none is published for these classes",
    ),
    mlp: "block.0.mlp.mlp1_conv.weight",
    ..spikformer::CIFAR_ROW
};

pub(super) const IMAGENET_ROW: Row = Row {
    fixed: IMAGENET,
    image: IMAGENET_IMAGE,
    first_layer: "patch_embed.proj_conv.weight",
    width: Stored::Dimension(&[("head.weight", 1), ("patch_embed.proj4_conv.weight", 0)]),
    heads: EIGHT_HEADS,
    ..CIFAR_ROW
};

/// The same tensors as the `imagenet` layout's.
pub(super) const DVS_ROW: Row = Row {
    fixed: DVS,
    two_channels: true,
    image: FRAMES_IMAGE,
    heads: SIXTEEN_HEADS,
    others: &[BLOCKS, FRAMES],
    ..IMAGENET_ROW
};

impl Sizes for Spikingformer {
    fn layout(&self) -> Option<Layout> {
        Some(self.layout)
    }

    fn build(&self, config: &ModelConfig) -> Result<Graph, ModelError> {
        build(config, self)
    }
}

fn build(config: &ModelConfig, sizes: &Spikingformer) -> Result<Graph, ModelError> {
    let &Spikingformer {
        layout,
        embed_dims: width,
        depths,
    } = sizes;
    let network = Isotropic {
        config,
        width,
        depths,
        pooled: match layout {
            Layout::Cifar => [false, false, true, true],
            Layout::Imagenet | Layout::Dvs { .. } => [true; 4],
        },
        output: BlockLayout::Map,
    };
    network.check()?;
    let mut builder = parts::builder(config);
    let x = network.build(
        &mut builder,
        |b, image| patch_embed(b, image, layout, width, network.pooled),
        |b, x, name| block(b, x, name, config, layout, width),
    );
    parts::head(&mut builder, x, config.num_classes);
    builder.finish()
}

/// A 3x3 convolution of the image, then four more, each led by a neuron and perhaps a pooling of
/// its spikes.
fn patch_embed(
    b: &mut GraphBuilder,
    image: NodeId,
    layout: Layout,
    width: usize,
    pooled: [bool; 4],
) -> NodeId {
    let name = |i: usize| match (layout, i) {
        (Layout::Cifar, i) => format!("patch_embed.block{i}"),
        (_, 0) => "patch_embed.proj".to_owned(),
        (_, i) => format!("patch_embed.proj{i}"),
    };
    let mut x = parts::layer(b, image, &name(0), Conv::three(width / 8));
    for (i, pool) in pooled.into_iter().enumerate() {
        let name = name(i + 1);
        x = b.neuron(x, &format!("{name}_lif"), parts::lif(layout.tau()));
        if pool {
            x = parts::halve(b, x);
        }
        let out = (width / 4) << i.min(2);
        x = parts::layer(b, x, &name, Conv::three(out));
    }
    x
}

/// The neuron in front of q, k and v is named `proj_lif` by the authors.
fn block(
    b: &mut GraphBuilder,
    x: NodeId,
    name: &str,
    config: &ModelConfig,
    layout: Layout,
    width: usize,
) -> NodeId {
    let tau = layout.tau();
    let attention = SelfAttention {
        width,
        heads: config.num_heads,
        form: Form::Sequence,
        scale: 0.125,
        tau,
    };
    let mlp = Mlp {
        width,
        hidden: width * config.mlp_ratio,
        form: Form::Map,
        tau,
    };
    parts::unused_norm(b, &format!("{name}.norm1"), width);
    let y = b.neuron(x, &format!("{name}.attn.proj_lif"), parts::lif(tau));
    let y = attention.build(b, y, &format!("{name}.attn"));
    let x = b.add(x, y);
    parts::unused_norm(b, &format!("{name}.norm2"), width);
    let names = [format!("{name}.mlp.mlp1"), format!("{name}.mlp.mlp2")];
    let y = mlp.build_reversed(b, x, [&names[0], &names[1]]);
    b.add(x, y)
}
