//! Spikformer (Zhou et al., arXiv 2209.15425; github.com/ZK-Zhou/spikformer): a convolutional patch
//! embedding, then blocks of spiking self-attention and MLP whose residuals add spikes to spikes.
//!
//! The two layouts differ in where the embedding pools and in how the blocks' weights are stored: `imagenet`
//! has `[C, H, W]` maps and convolutions, `cifar` has `[N, C]` tokens and `nn.Linear`.

use super::super::builder::{Conv, Form, GraphBuilder};
use super::super::{Graph, Layout, ModelConfig, ModelError, NodeId};
use super::parts;

/// Builds the graph.
pub(super) fn build(config: &ModelConfig) -> Result<Graph, ModelError> {
    let pooled = pooled_stages(config.layout);
    config.check_heads(config.embed_dims, "embed_dims")?;
    config.check_halvings(pooled.iter().filter(|&&p| p).count())?;

    let mut builder = parts::builder(config);
    let b = &mut builder;
    b.stage("patch_embed");
    b.block("patch_embed");
    let token_major = config.layout == Layout::Cifar;
    let mut x = patch_embed(b, config.embed_dims, pooled);
    b.block_output(x, token_major);
    b.stage("block");
    for i in 0..config.depths {
        let name = format!("block.{i}");
        b.block(&name);
        x = block(b, x, &name, config);
        b.block_output(x, token_major);
    }
    parts::head(b, x, config.num_classes);
    builder.finish()
}

/// Which of the embedding's four stages end with a pooling of the spikes.
fn pooled_stages(layout: Layout) -> [bool; 4] {
    match layout {
        Layout::Cifar => [false, false, true, true],
        Layout::Imagenet => [true; 4],
    }
}

/// Spiking patch splitting: four 3x3 convolutions, then a residual one as relative position encoding.
fn patch_embed(b: &mut GraphBuilder, width: usize, pooled: [bool; 4]) -> NodeId {
    let mut x = b.input();
    for (i, pool) in pooled.into_iter().enumerate() {
        let number = if i == 0 { String::new() } else { i.to_string() };
        x = b.conv(
            x,
            &format!("patch_embed.proj_conv{number}"),
            Conv::three(width >> (3 - i)),
        );
        x = b.batch_norm(x, &format!("patch_embed.proj_bn{number}"));
        x = b.neuron(x, &format!("patch_embed.proj_lif{number}"), parts::LIF);
        if pool {
            x = parts::halve(b, x);
        }
    }
    let position = parts::unit(b, x, "patch_embed.rpe", Conv::three(width));
    b.add(x, position)
}

fn block(b: &mut GraphBuilder, x: NodeId, name: &str, config: &ModelConfig) -> NodeId {
    let width = config.embed_dims;
    let (attention_form, mlp_form) = match config.layout {
        Layout::Cifar => (Form::Matrix, Form::Matrix),
        Layout::Imagenet => (Form::Sequence, Form::Map),
    };
    unused_norm(b, &format!("{name}.norm1"), width);
    let attention_name = format!("{name}.attn");
    let y = parts::self_attention(
        b,
        x,
        &attention_name,
        width,
        config.num_heads,
        attention_form,
    );
    let x = b.add(x, y);
    unused_norm(b, &format!("{name}.norm2"), width);
    let names = [format!("{name}.mlp.fc1"), format!("{name}.mlp.fc2")];
    let hidden = width * config.mlp_ratio;
    let y = parts::mlp(b, x, [&names[0], &names[1]], hidden, width, mlp_form);
    b.add(x, y)
}

/// A layer norm that the authors construct and never call.
fn unused_norm(b: &mut GraphBuilder, name: &str, width: usize) {
    for key in ["weight", "bias"] {
        b.dead(format!("{name}.{key}"), &[width]);
    }
}
