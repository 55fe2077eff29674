//! What several families have in common.

use super::super::builder::{Conv, Form, GraphBuilder};
use super::super::{ModelConfig, Neuron, NodeId, Shape};

/// The neuron of every site but the one after attention.
pub(super) const LIF: Neuron = Neuron::Lif {
    tau: 2.0,
    threshold: 1.0,
};

/// The neuron after attention.
pub(super) const ATTENTION_LIF: Neuron = Neuron::Lif {
    tau: 2.0,
    threshold: 0.5,
};

/// An empty graph for the configuration's square image.
pub(super) fn builder(config: &ModelConfig) -> GraphBuilder {
    let input = Shape {
        channels: config.in_channels,
        height: config.image_size,
        width: config.image_size,
    };
    GraphBuilder::new(input, config.time_steps, config.num_classes)
}

/// The pooling of every family: 3x3, stride 2, padding 1.
pub(super) fn halve(b: &mut GraphBuilder, x: NodeId) -> NodeId {
    b.max_pool(x, 3, 2, 1)
}

/// Layer, batch norm and neuron, named `<name>_conv` (`_linear` for a matrix), `<name>_bn`, `<name>_lif`.
pub(super) fn unit(b: &mut GraphBuilder, x: NodeId, name: &str, conv: Conv) -> NodeId {
    let x = layer_and_norm(b, x, name, conv);
    b.neuron(x, &format!("{name}_lif"), LIF)
}

/// As [`unit`], with a pooling between batch norm and neuron.
pub(super) fn pooled_unit(b: &mut GraphBuilder, x: NodeId, name: &str, conv: Conv) -> NodeId {
    let x = layer_and_norm(b, x, name, conv);
    let x = halve(b, x);
    b.neuron(x, &format!("{name}_lif"), LIF)
}

fn layer_and_norm(b: &mut GraphBuilder, x: NodeId, name: &str, conv: Conv) -> NodeId {
    let suffix = match conv.form() {
        Form::Map | Form::Sequence => "conv",
        Form::Matrix => "linear",
    };
    let x = b.conv(x, &format!("{name}_{suffix}"), conv);
    b.batch_norm(x, &format!("{name}_bn"))
}

/// Spikformer's self-attention branch (the caller adds the residual): `scale = 1/8`, then a neuron of
/// threshold 1/2, then the projection. `nn.Linear` keeps its bias on q, k and v; the convolutions have none.
pub(super) fn self_attention(
    b: &mut GraphBuilder,
    x: NodeId,
    name: &str,
    width: usize,
    heads: usize,
    form: Form,
) -> NodeId {
    let conv = Conv::one(width, form).bias(form == Form::Matrix);
    let qkv = ["q", "k", "v"].map(|part| unit(b, x, &format!("{name}.{part}"), conv));
    let x = b.attention(qkv, heads, 0.125);
    let x = b.neuron(x, &format!("{name}.attn_lif"), ATTENTION_LIF);
    unit(b, x, &format!("{name}.proj"), conv.bias(true))
}

/// The MLP branch (the caller adds the residual): two layers with bias, each followed by neurons.
pub(super) fn mlp(
    b: &mut GraphBuilder,
    x: NodeId,
    names: [&str; 2],
    hidden: usize,
    width: usize,
    form: Form,
) -> NodeId {
    let x = unit(b, x, names[0], Conv::one(hidden, form).bias(true));
    unit(b, x, names[1], Conv::one(width, form).bias(true))
}

/// The stage `head`: the mean over tokens and time steps, then a fully connected layer.
pub(super) fn head(b: &mut GraphBuilder, x: NodeId, classes: usize) {
    b.stage("head");
    b.block("head");
    let x = b.token_time_sum(x);
    b.linear(x, "head", classes);
}
