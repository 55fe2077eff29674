//! What several families have in common.

use std::borrow::Borrow;

use super::super::builder::{Conv, Form, GraphBuilder};
use super::super::config::check_depths;
use super::super::{BlockLayout, ModelConfig, ModelError, Neuron, NodeId, Shape};

/// The neuron of every site but the one after attention.
pub(super) fn lif(tau: f64) -> Neuron {
    Neuron::lif(tau, 1.0)
}

/// The neuron after attention.
pub(super) fn attention_lif(tau: f64) -> Neuron {
    Neuron::lif(tau, 0.5)
}

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

/// Layer and batch norm, named `<name>_conv` (`_linear` for a matrix) and `<name>_bn`.
pub(super) fn layer(b: &mut GraphBuilder, x: NodeId, name: &str, conv: Conv) -> NodeId {
    let suffix = match conv.form() {
        Form::Map | Form::Sequence => "conv",
        Form::Matrix => "linear",
    };
    let x = b.conv(x, &format!("{name}_{suffix}"), conv);
    b.batch_norm(x, &format!("{name}_bn"))
}

/// Layer, batch norm and neuron `<name>_lif`.
pub(super) fn unit(b: &mut GraphBuilder, x: NodeId, name: &str, conv: Conv, tau: f64) -> NodeId {
    let x = layer(b, x, name, conv);
    b.neuron(x, &format!("{name}_lif"), lif(tau))
}

/// As [`unit`], with a pooling between batch norm and neuron.
pub(super) fn pooled_unit(
    b: &mut GraphBuilder,
    x: NodeId,
    name: &str,
    conv: Conv,
    tau: f64,
) -> NodeId {
    let x = layer(b, x, name, conv);
    let x = halve(b, x);
    b.neuron(x, &format!("{name}_lif"), lif(tau))
}

/// Neuron `<name>_lif`, then layer and batch norm.
pub(super) fn reversed_unit(
    b: &mut GraphBuilder,
    x: NodeId,
    name: &str,
    conv: Conv,
    tau: f64,
) -> NodeId {
    let x = b.neuron(x, &format!("{name}_lif"), lif(tau));
    layer(b, x, name, conv)
}

/// Neuron, layer and batch norm of these names.
pub(super) fn led(
    b: &mut GraphBuilder,
    x: NodeId,
    [neuron_name, layer_name, norm_name]: [String; 3],
    neuron: impl Borrow<Neuron>,
    conv: Conv,
) -> NodeId {
    let x = b.neuron(x, &neuron_name, neuron);
    let x = b.conv(x, &layer_name, conv);
    b.batch_norm(x, &norm_name)
}

/// The embedding and the blocks of a network whose blocks all have one width.
pub(super) struct Isotropic<'a> {
    pub config: &'a ModelConfig,
    pub width: usize,
    pub depths: usize,
    /// Which of the embedding's convolutions are followed by a pooling.
    pub pooled: [bool; 4],
    /// How the authors' code lays the outputs of the blocks out.
    pub output: BlockLayout,
}

impl Isotropic<'_> {
    /// How often the embedding halves the image.
    pub(super) fn halvings(&self) -> usize {
        self.pooled.iter().filter(|&&pooled| pooled).count()
    }

    /// Checks the sizes.
    pub(super) fn check(&self) -> Result<(), ModelError> {
        self.config.check_width(self.width, 8)?;
        self.config.check_heads(self.width, "embed_dims")?;
        self.config.check_halvings(self.halvings())?;
        check_depths(self.depths, 1)
    }

    /// Builds the stages `patch_embed`, of the image, and `block`.
    pub(super) fn build(
        &self,
        b: &mut GraphBuilder,
        patch_embed: impl FnOnce(&mut GraphBuilder, NodeId) -> NodeId,
        mut block: impl FnMut(&mut GraphBuilder, NodeId, &str) -> NodeId,
    ) -> NodeId {
        b.stage("patch_embed");
        b.block("patch_embed");
        let image = b.input(self.config.frames().is_some());
        let mut x = patch_embed(b, image);
        b.block_output(x, self.output);
        b.stage("block");
        for i in 0..self.depths {
            let name = format!("block.{i}");
            b.block(&name);
            x = block(b, x, &name);
            b.block_output(x, self.output);
        }
        x
    }
}

/// A spiking self-attention branch.
#[derive(Clone, Copy)]
pub(super) struct SelfAttention {
    pub width: usize,
    pub heads: usize,
    pub form: Form,
    pub scale: f64,
    pub tau: f64,
}

impl SelfAttention {
    /// From the input of q, k and v to the projection's batch norm: units q, k and v, their
    /// product, a neuron of threshold 1/2, the projection. `nn.Linear` keeps its bias on q, k and
    /// v; the convolutions have none.
    pub(super) fn build(self, b: &mut GraphBuilder, x: NodeId, name: &str) -> NodeId {
        let conv = Conv::one(self.width, self.form).bias(self.form == Form::Matrix);
        let qkv = ["q", "k", "v"].map(|part| unit(b, x, &format!("{name}.{part}"), conv, self.tau));
        let x = b.attention(qkv, self.heads, self.scale);
        let x = b.neuron(x, &format!("{name}.attn_lif"), attention_lif(self.tau));
        layer(b, x, &format!("{name}.proj"), conv.bias(true))
    }

    /// The same with the projection's neuron (the caller adds the residual).
    pub(super) fn build_spiking(self, b: &mut GraphBuilder, x: NodeId, name: &str) -> NodeId {
        let x = self.build(b, x, name);
        b.neuron(x, &format!("{name}.proj_lif"), lif(self.tau))
    }
}

/// The two layers of an MLP, with bias.
#[derive(Clone, Copy)]
pub(super) struct Mlp {
    pub width: usize,
    pub hidden: usize,
    pub form: Form,
    pub tau: f64,
}

impl Mlp {
    /// Each layer followed by neurons (the caller adds the residual).
    pub(super) fn build(self, b: &mut GraphBuilder, x: NodeId, names: [&str; 2]) -> NodeId {
        let [first, second] = self.layers();
        let x = unit(b, x, names[0], first, self.tau);
        unit(b, x, names[1], second, self.tau)
    }
    /// Each layer led by neurons (the caller adds the residual).
    pub(super) fn build_reversed(
        self,
        b: &mut GraphBuilder,
        x: NodeId,
        names: [&str; 2],
    ) -> NodeId {
        let [first, second] = self.layers();
        let x = reversed_unit(b, x, names[0], first, self.tau);
        reversed_unit(b, x, names[1], second, self.tau)
    }
    /// The layers.
    pub(super) fn layers(self) -> [Conv; 2] {
        [self.hidden, self.width].map(|width| Conv::one(width, self.form).bias(true))
    }
}

/// A layer norm that the authors construct and never call.
pub(super) fn unused_norm(b: &mut GraphBuilder, name: &str, width: usize) {
    for key in ["weight", "bias"] {
        b.dead(format!("{name}.{key}"), &[width]);
    }
}

/// The stage `head`: the mean over tokens and time steps, then a fully connected layer.
pub(super) fn head(b: &mut GraphBuilder, x: NodeId, classes: usize) {
    begin_head(b);
    let x = b.token_time_sum(x);
    b.linear(x, "head", classes);
}

/// The stage `head` of the families with a neuron in front of it: the mean over tokens, the neuron,
/// then a fully connected layer whose outputs are averaged over time steps (here its inputs, which
/// is the same). With `kd` there are two such layers, whose outputs are averaged.
pub(super) fn spiking_head(
    b: &mut GraphBuilder,
    x: NodeId,
    (name, neuron): (&str, Neuron),
    classes: usize,
    kd: bool,
) {
    begin_head(b);
    let x = b.token_mean(x);
    let x = b.neuron(x, name, neuron);
    let x = b.token_time_sum(x);
    let head = b.linear(x, "head", classes);
    if kd {
        let second = b.linear(x, "head_kd", classes);
        b.average(head, second);
    }
}

/// Starts the stage and block `head`.
pub(super) fn begin_head(b: &mut GraphBuilder) {
    b.stage("head");
    b.block("head");
}
