//! Spike-driven Transformer V2, Meta-SpikeFormer (Yao et al., arXiv 2404.03663;
//! github.com/BICLab/Spike-Driven-Transformer-V2): two stages of convolution blocks, two of
//! attention (SDSA-3) whose projections are RepConv chains.
//!
//! A RepConv chain is linear: 1x1 convolution, batch norm, depthwise 3x3, 1x1, two batch norms. It
//! is kept as it is (`2 C^2 + 9 C` weights, two real-valued values inside) or merged into one dense
//! 3x3 convolution (`9 C^2` weights, which read spikes).

use serde::Serialize;

use super::super::builder::{Conv, Form, GraphBuilder};
use super::super::config::check_strides;
use super::super::{
    Architecture, BlockLayout, Family, Graph, ModelConfig, ModelError, NodeId, RepConv,
};
use super::definition::{self, Definition, Sizes};
use super::parts::{self, Mlp};
use super::pyramid::Pyramid;
use super::row::{EIGHT_HEADS, IMAGENET_IMAGE, Row, Size, Stored};

/// The membrane time constant of every neuron.
const TAU: f64 = 2.0;

/// The sizes of the Spike-driven Transformer V2 (Meta-SpikeFormer).
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct SdtV2 {
    /// Widths of the four stages.
    pub embed_dims: [usize; 4],
    /// Strides of the five downsamplings.
    pub strides: [usize; 5],
    /// Whether there is a second head, of distillation.
    pub kd: bool,
    /// Whether each RepConv chain is one dense 3x3 convolution.
    pub merge_repconv: bool,
}

/// What is said of the family.
pub(super) const FAMILY: Definition = Definition {
    required: &[],
    optional: &["layout", "strides", "kd", "merge_repconv"],
    read: |table| {
        definition::only_imagenet(table, Family::SdtV2)?;
        Ok(Architecture::SdtV2(SdtV2 {
            embed_dims: table.widths()?,
            strides: table
                .list("strides", "downsampling")?
                .unwrap_or([2, 2, 2, 2, 1]),
            kd: table.flag("kd")?,
            merge_repconv: table.flag("merge_repconv")?,
        }))
    },
    rows: &[ROW],
    recipes: &[("imagenet", None, "imagenet-256")],
};

pub(super) const KD: (&str, Size) = ("kd", Size::told(Stored::Present("head_kd.weight")));
pub(super) const ROW: Row = Row {
    fixed: &[],
    two_channels: false,
    image: IMAGENET_IMAGE,
    first_layer: "downsample1_1.encode_conv.weight",
    width: Stored::Dimensions(&[
        ("downsample1_2.encode_conv.weight", 0),
        ("downsample2.encode_conv.weight", 0),
        ("downsample3.encode_conv.weight", 0),
        ("downsample4.encode_conv.weight", 0),
    ]),
    heads: EIGHT_HEADS,
    mlp: "block3.0.mlp.fc1_conv.weight",
    others: &[
        (
            "time_steps",
            Size::assumed(4, "published with 4 and, 55M_kd.pth, with 1"),
        ),
        KD,
    ],
};

impl Architecture {
    /// Whether RepConv chains are merged; none for families without such chains.
    pub fn merge_repconv(&mut self) -> Option<&mut bool> {
        match self {
            Architecture::SdtV2(sizes) => Some(&mut sizes.merge_repconv),
            _ => None,
        }
    }
}

impl Sizes for SdtV2 {
    fn build(&self, config: &ModelConfig) -> Result<Graph, ModelError> {
        build(config, self)
    }
}

fn build(config: &ModelConfig, sizes: &SdtV2) -> Result<Graph, ModelError> {
    let &SdtV2 {
        embed_dims: widths,
        strides,
        kd,
        merge_repconv,
    } = sizes;
    check_widths(config, &widths)?;
    check_strides(&strides)?;
    let mut builder = parts::builder(config);
    let pyramid = Pyramid {
        widths: &widths,
        strides: &strides,
        blocks: &[6, 2],
        spike: "lif",
        neuron: parts::lif(TAU),
        layouts: [BlockLayout::Map; 2],
    };
    let x = pyramid.build(
        &mut builder,
        config,
        &mut |b, x, name, width| conv_block(b, x, name, width, config.mlp_ratio),
        &mut |b, x, name, width| {
            let y = attention(
                b,
                x,
                &format!("{name}.attn"),
                width,
                config.num_heads,
                merge_repconv,
            );
            let x = b.add(x, y);
            let mlp = Mlp {
                width,
                hidden: width * config.mlp_ratio,
                form: Form::Sequence,
                tau: TAU,
            };
            let names = [format!("{name}.mlp.fc1"), format!("{name}.mlp.fc2")];
            let y = mlp.build_reversed(b, x, [&names[0], &names[1]]);
            b.add(x, y)
        },
    );
    let neuron = ("lif", parts::lif(TAU));
    parts::spiking_head(&mut builder, x, neuron, config.num_classes, kd);
    builder.finish()
}

/// Checks the widths of a pyramid: the first is halved, the third and later ones have heads.
pub(super) fn check_widths(config: &ModelConfig, widths: &[usize]) -> Result<(), ModelError> {
    for (i, &width) in widths.iter().enumerate() {
        config.check_width(width, if i == 0 { 2 } else { 1 })?;
        if i >= 2 {
            config.check_heads(width, &format!("the width of stage {}", i + 1))?;
        }
    }
    Ok(())
}

/// A separable convolution (whose depthwise part has neither neuron nor batch norm behind it), then
/// two 3x3 convolutions, each part with a shortcut.
fn conv_block(b: &mut GraphBuilder, x: NodeId, name: &str, width: usize, ratio: usize) -> NodeId {
    let lif = parts::lif(TAU);
    let part = |part: &str| format!("{name}.Conv.{part}");
    let wide = 2 * width;
    let first = Conv::one(wide, Form::Map);
    let y = parts::led(b, x, ["lif1", "pwconv1", "bn1"].map(part), &lif, first);
    let y = b.neuron(y, &part("lif2"), &lif);
    let y = b.conv(y, &part("dwconv"), Conv::depthwise(wide, 7));
    let y = b.conv(y, &part("pwconv2"), Conv::one(width, Form::Map));
    let y = b.batch_norm(y, &part("bn2"));
    let x = b.add(x, y);
    let mut y = x;
    for (i, out) in [(1, ratio * width), (2, width)] {
        let names = ["lif", "conv", "bn"].map(|part| format!("{name}.{part}{i}"));
        y = parts::led(b, y, names, &lif, Conv::three(out));
    }
    b.add(x, y)
}

/// SDSA-3: q, k, v and the projection are RepConv chains; the scale is 1/8 whatever the head's
/// width.
fn attention(
    b: &mut GraphBuilder,
    x: NodeId,
    name: &str,
    width: usize,
    heads: usize,
    merge: bool,
) -> NodeId {
    let x = b.neuron(x, &format!("{name}.head_lif"), parts::lif(TAU));
    let qkv = ["q", "k", "v"].map(|part| {
        let y = repconv(b, x, &format!("{name}.{part}_conv"), width, merge);
        b.neuron(y, &format!("{name}.{part}_lif"), parts::lif(TAU))
    });
    let x = b.attention(qkv, heads, 0.125);
    let x = b.neuron(x, &format!("{name}.attn_lif"), parts::attention_lif(TAU));
    repconv(b, x, &format!("{name}.proj_conv"), width, merge)
}

/// A RepConv chain. The authors pad behind the first batch norm with what it makes of 0: the same
/// as padding the input with 0, for the first convolution has no bias.
fn repconv(b: &mut GraphBuilder, x: NodeId, name: &str, width: usize, merge: bool) -> NodeId {
    if merge {
        return b.merged_repconv(x, name, width);
    }
    let chain = RepConv::of(name);
    let point = Conv::one(width, Form::Map);
    let x = b.conv(x, &chain.first, point.padding(1));
    let x = b.batch_norm(x, &chain.first_norm);
    let x = b.conv(x, &chain.depthwise, Conv::depthwise(width, 3).padding(0));
    let x = b.conv(x, &chain.second, point);
    let x = b.batch_norm(x, &chain.second_norm);
    b.batch_norm(x, &chain.third_norm)
}
