//! Spikformer (Zhou et al., arXiv 2209.15425; github.com/ZK-Zhou/spikformer): a convolutional patch
//! embedding, then blocks of spiking self-attention and MLP whose residuals add spikes to spikes.
//!
//! The layouts differ in where the embedding pools, in the attention's scale (1/8; 1/4 in `dvs`)
//! and in how the blocks' weights are stored: `imagenet` has `[C, H, W]` maps and convolutions,
//! `dvs` `[C, N]` and 1-D convolutions, `cifar` `[N, C]` tokens and `nn.Linear`. `dvs` also has a
//! position embedding and a final norm that nothing uses.

use serde::Serialize;

use super::super::builder::{Conv, Form, GraphBuilder};
use super::super::{
    Architecture, BlockLayout, Family, Graph, Layout, ModelConfig, ModelError, NodeId,
};
use super::definition::{self, Definition, Sizes};
use super::parts::{self, Isotropic, Mlp, SelfAttention};
use super::row::Literal::Number;
use super::row::{
    BLOCKS, CIFAR, CIFAR_IMAGE, DVS, FOUR_STEPS, FRAMES, IMAGENET, IMAGENET_IMAGE, Row,
    SIXTEEN_HEADS, Size, Stored,
};

/// The sizes of Spikformer.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Spikformer {
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
        let (layout, embed_dims, depths) = definition::layered(table, Family::Spikformer, 2.0)?;
        Ok(Architecture::Spikformer(Spikformer {
            layout,
            embed_dims,
            depths,
        }))
    },
    rows: &[CIFAR_ROW, IMAGENET_ROW, DVS_ROW],
    recipes: &[("imagenet", None, "imagenet-224")],
};

pub(super) const CIFAR_ROW: Row = Row {
    fixed: CIFAR,
    two_channels: false,
    image: CIFAR_IMAGE,
    first_layer: "patch_embed.proj_conv.weight",
    width: Stored::Dimension(&[("head.weight", 1), ("patch_embed.rpe_conv.weight", 0)]),
    heads: Size::published(
        &[("embed_dims", 384, (Number(12), "the authors' cifar10.yml"))],
        Number(8),
        "none is published for this width",
    ),
    mlp: "block.0.mlp.fc1_linear.weight",
    others: &[BLOCKS, FOUR_STEPS],
};

pub(super) const IMAGENET_ROW: Row = Row {
    fixed: IMAGENET,
    image: IMAGENET_IMAGE,
    heads: Size::published(
        &[(
            "embed_dims",
            512,
            (Number(8), "the authors' code for 8-512"),
        )],
        Number(8),
        "of 8-512; none is published for this width",
    ),
    mlp: "block.0.mlp.fc1_conv.weight",
    ..CIFAR_ROW
};

pub(super) const DVS_ROW: Row = Row {
    fixed: DVS,
    image: Stored::Side("pos_embed", 1, 16).or(128, "the authors' frames"),
    heads: SIXTEEN_HEADS,
    mlp: "block.0.mlp.fc1_conv.weight",
    others: &[BLOCKS, FRAMES],
    ..CIFAR_ROW
};

impl Sizes for Spikformer {
    fn layout(&self) -> Option<Layout> {
        Some(self.layout)
    }

    fn build(&self, config: &ModelConfig) -> Result<Graph, ModelError> {
        build(config, self)
    }
}

fn build(config: &ModelConfig, sizes: &Spikformer) -> Result<Graph, ModelError> {
    let &Spikformer {
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
        output: match layout {
            Layout::Cifar => BlockLayout::Tokens,
            Layout::Imagenet => BlockLayout::Map,
            Layout::Dvs { .. } => BlockLayout::ChannelTokens,
        },
    };
    network.check()?;
    let mut builder = parts::builder(config);
    let b = &mut builder;
    let has_unused = matches!(layout, Layout::Dvs { .. });
    if has_unused {
        let side = config.image_size >> network.halvings();
        b.dead("pos_embed".to_owned(), &[1, side * side, width]);
    }
    let x = network.build(
        b,
        |b, image| patch_embed(b, image, width, network.pooled, layout.tau()),
        |b, x, name| block(b, x, name, config, layout, width),
    );
    if has_unused {
        parts::unused_norm(b, "norm", width);
    }
    parts::head(b, x, config.num_classes);
    builder.finish()
}

/// Spiking patch splitting: four 3x3 convolutions, some with a pooling of their spikes, then a
/// residual one as relative position encoding.
fn patch_embed(
    b: &mut GraphBuilder,
    image: NodeId,
    width: usize,
    pooled: [bool; 4],
    tau: f64,
) -> NodeId {
    let mut x = image;
    for (i, pool) in pooled.into_iter().enumerate() {
        let number = if i == 0 { String::new() } else { i.to_string() };
        x = b.conv(
            x,
            &format!("patch_embed.proj_conv{number}"),
            Conv::three(width >> (3 - i)),
        );
        x = b.batch_norm(x, &format!("patch_embed.proj_bn{number}"));
        x = b.neuron(x, &format!("patch_embed.proj_lif{number}"), parts::lif(tau));
        if pool {
            x = parts::halve(b, x);
        }
    }
    let position = parts::unit(b, x, "patch_embed.rpe", Conv::three(width), tau);
    b.add(x, position)
}

fn block(
    b: &mut GraphBuilder,
    x: NodeId,
    name: &str,
    config: &ModelConfig,
    layout: Layout,
    width: usize,
) -> NodeId {
    let (attention_form, mlp_form, scale) = match layout {
        Layout::Cifar => (Form::Matrix, Form::Matrix, 0.125),
        Layout::Imagenet => (Form::Sequence, Form::Map, 0.125),
        Layout::Dvs { .. } => (Form::Sequence, Form::Sequence, 0.25),
    };
    let attention = SelfAttention {
        width,
        heads: config.num_heads,
        form: attention_form,
        scale,
        tau: layout.tau(),
    };
    let mlp = Mlp {
        width,
        hidden: width * config.mlp_ratio,
        form: mlp_form,
        tau: layout.tau(),
    };
    parts::unused_norm(b, &format!("{name}.norm1"), width);
    let y = attention.build_spiking(b, x, &format!("{name}.attn"));
    let x = b.add(x, y);
    parts::unused_norm(b, &format!("{name}.norm2"), width);
    let names = [format!("{name}.mlp.fc1"), format!("{name}.mlp.fc2")];
    let y = mlp.build(b, x, [&names[0], &names[1]]);
    b.add(x, y)
}
