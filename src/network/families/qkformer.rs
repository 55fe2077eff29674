//! QKFormer (Zhou et al., arXiv 2403.16552; github.com/zhouchenlin2096/QKFormer): three stages of growing
//! width and shrinking maps; the first two attend by token masks (QKTA), the last by spiking
//! self-attention; residuals add spikes to spikes.
//!
//! The graph has the per-sample meaning everywhere: the authors' last stage lets the state of one neuron
//! population run on from image to image of a batch, which is not modelled here.

use super::super::builder::{Conv, Form, GraphBuilder};
use super::super::{Graph, Layout, ModelConfig, ModelError, NodeId};
use super::parts;

/// Builds the graph.
pub(super) fn build(config: &ModelConfig) -> Result<Graph, ModelError> {
    let (token_blocks, halvings) = match config.layout {
        Layout::Cifar => ([1, 1], 2),
        Layout::Imagenet => ([1, 2], 4),
    };
    let early_blocks = token_blocks.iter().sum::<usize>();
    config.check_depths(early_blocks + 1)?;
    config.check_heads(
        config.embed_dims / 4,
        "embed_dims / 4, the first stage's width",
    )?;
    config.check_halvings(halvings)?;

    let mut builder = parts::builder(config);
    let b = &mut builder;
    let blocks = [
        token_blocks[0],
        token_blocks[1],
        config.depths - early_blocks,
    ];
    b.stage("stage1");
    b.block("patch_embed1");
    let mut x = first_embed(b, config);
    b.block_output(x, false);
    for (i, blocks) in blocks.into_iter().enumerate() {
        let stage = i + 1;
        let width = config.embed_dims >> (2 - i);
        if stage > 1 {
            b.stage(&format!("stage{stage}"));
            let name = format!("patch_embed{stage}");
            b.block(&name);
            x = embed(b, x, &name, width, config.layout);
            b.block_output(x, false);
        }
        for j in 0..blocks {
            let name = format!("stage{stage}.{j}");
            b.block(&name);
            let y = if stage < 3 {
                token_attention(b, x, &format!("{name}.tssa"), width, config.num_heads)
            } else {
                let attention = match config.layout {
                    Layout::Cifar => "ssa",
                    Layout::Imagenet => "attn",
                };
                let attention = format!("{name}.{attention}");
                parts::self_attention(b, x, &attention, width, config.num_heads, Form::Sequence)
            };
            x = b.add(x, y);
            let y = mlp(b, x, &name, width, config);
            x = b.add(x, y);
            b.block_output(x, false);
        }
    }
    parts::head(b, x, config.num_classes);
    b.sort_state_dict(&["patch_embed", "stage", "head"]);
    builder.finish()
}

/// `patch_embed1`: the image to the first stage's width, with a 1x1 residual.
fn first_embed(b: &mut GraphBuilder, config: &ModelConfig) -> NodeId {
    let width = config.embed_dims / 4;
    let name = |part: &str| format!("patch_embed1.{part}");
    let image = b.input();
    let narrow = Conv::three(width / 2);
    let wide = Conv::three(width);
    let residual = Conv::one(width, Form::Map);
    let (main, side) = match config.layout {
        Layout::Cifar => {
            let x = parts::unit(b, image, &name("proj"), narrow);
            let main = parts::unit(b, x, &name("proj1"), wide);
            (main, parts::unit(b, x, &name("proj_res"), residual))
        }
        Layout::Imagenet => {
            let x = parts::pooled_unit(b, image, &name("proj"), narrow);
            let main = parts::pooled_unit(b, x, &name("proj1"), wide);
            let main = parts::unit(b, main, &name("proj2"), wide);
            let residual = residual.stride(2);
            (main, parts::unit(b, x, &name("proj_res"), residual))
        }
    };
    b.add(main, side)
}

/// `patch_embed2` and `patch_embed3`: half the size, twice the width, with a 1x1 residual. The layouts pool
/// at different convolutions.
fn embed(b: &mut GraphBuilder, x: NodeId, name: &str, width: usize, layout: Layout) -> NodeId {
    let (first, second) = (format!("{name}.proj3"), format!("{name}.proj4"));
    let wide = Conv::three(width);
    let main = match layout {
        Layout::Cifar => {
            let y = parts::unit(b, x, &first, wide);
            parts::pooled_unit(b, y, &second, wide)
        }
        Layout::Imagenet => {
            let y = parts::pooled_unit(b, x, &first, wide);
            parts::unit(b, y, &second, wide)
        }
    };
    let residual = Conv::one(width, Form::Map).stride(2);
    let side = parts::unit(b, x, &format!("{name}.proj_res"), residual);
    b.add(main, side)
}

/// QK token attention (`tssa`): the spikes of q, summed over each head's channels, decide by a neuron of
/// threshold 1/2 which tokens of k pass.
fn token_attention(
    b: &mut GraphBuilder,
    x: NodeId,
    name: &str,
    width: usize,
    heads: usize,
) -> NodeId {
    let conv = Conv::one(width, Form::Sequence);
    let [q, k] = ["q", "k"].map(|part| parts::unit(b, x, &format!("{name}.{part}"), conv));
    let sum = b.head_sum(q, heads);
    let mask = b.neuron(sum, &format!("{name}.attn_lif"), parts::ATTENTION_LIF);
    let masked = b.head_mask(mask, k, heads);
    parts::unit(b, masked, &format!("{name}.proj"), conv.bias(true))
}

fn mlp(b: &mut GraphBuilder, x: NodeId, block: &str, width: usize, config: &ModelConfig) -> NodeId {
    let part = match config.layout {
        Layout::Cifar => "mlp",
        Layout::Imagenet => "fc",
    };
    let names = [1, 2].map(|i| format!("{block}.mlp.{part}{i}"));
    let hidden = width * config.mlp_ratio;
    parts::mlp(b, x, [&names[0], &names[1]], hidden, width, Form::Map)
}
