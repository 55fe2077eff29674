//! Builds a [`Graph`] operation by operation: each method appends one node and infers its shape, value
//! range, staticness, multiply-accumulates and state-dict entries, so that a family only says what
//! follows what.
//!
//! Sizes are checked before building ([`super::ModelConfig::graph`]); the methods assume that they fit.

mod conv;

use super::config::{MAX_MACS, MAX_PARAMETERS};
use super::{
    Block, BlockId, Graph, Layer, LayerId, LayerKind, ModelError, Neuron, Node, NodeId, Op, Range,
    Shape, Site, SiteId, Stage, StageId, TensorKind, TensorSpec,
};
pub(in crate::network) use conv::{Conv, Form};

/// A graph under construction.
pub(super) struct GraphBuilder {
    graph: Graph,
}

impl GraphBuilder {
    /// An empty graph for one input shape.
    pub(super) fn new(input: Shape, time_steps: usize, classes: usize) -> Self {
        GraphBuilder {
            graph: Graph {
                nodes: Vec::new(),
                layers: Vec::new(),
                sites: Vec::new(),
                blocks: Vec::new(),
                stages: Vec::new(),
                tensors: Vec::new(),
                input,
                time_steps,
                classes,
            },
        }
    }

    /// Starts a stage; the blocks that follow belong to it.
    pub(super) fn stage(&mut self, name: &str) {
        self.graph.stages.push(Stage {
            name: name.to_owned(),
        });
    }

    /// Starts a block of the last stage; the nodes that follow belong to it.
    pub(super) fn block(&mut self, name: &str) {
        self.graph.blocks.push(Block {
            name: name.to_owned(),
            stage: StageId(last(&self.graph.stages)),
            output: None,
            token_major: false,
        });
    }

    /// Names the output of the last block. `token_major` as in [`Block::token_major`].
    pub(super) fn block_output(&mut self, output: NodeId, token_major: bool) {
        if let Some(block) = self.graph.blocks.last_mut() {
            block.output = Some(output);
            block.token_major = token_major;
        }
    }

    /// The image, the same at every time step.
    pub(super) fn input(&mut self) -> NodeId {
        let shape = self.graph.input;
        self.push(Op::Input, &[], shape, Range::Real, true)
    }

    /// A convolution; `name` is the state-dict key without `.weight`.
    pub(super) fn conv(&mut self, x: NodeId, name: &str, conv: Conv) -> NodeId {
        let from = self.node(x).shape;
        let padding = conv.kernel / 2;
        let shape = Shape {
            channels: conv.out,
            height: window_count(from.height, conv.kernel, conv.stride, padding),
            width: window_count(from.width, conv.kernel, conv.stride, padding),
        };
        let weight_shape = match conv.form {
            Form::Map => vec![conv.out, from.channels, conv.kernel, conv.kernel],
            Form::Sequence => vec![conv.out, from.channels, 1],
            Form::Matrix => vec![conv.out, from.channels],
        };
        let kind = LayerKind::Conv {
            kernel: conv.kernel,
            stride: conv.stride,
            padding,
            groups: 1,
        };
        self.layer(x, name, kind, weight_shape, conv.bias, shape)
    }

    /// A fully connected layer with bias on a pooled vector.
    pub(super) fn linear(&mut self, x: NodeId, name: &str, out: usize) -> NodeId {
        let from = self.node(x).shape;
        let shape = Shape {
            channels: out,
            ..from
        };
        let weight_shape = vec![out, from.channels];
        self.layer(x, name, LayerKind::Linear, weight_shape, true, shape)
    }

    /// Batch norm; directly after a layer it becomes that layer's [`Layer::norm`].
    pub(super) fn batch_norm(&mut self, x: NodeId, name: &str) -> NodeId {
        let Node {
            shape, is_static, ..
        } = *self.node(x);
        let channels = [shape.channels];
        for key in ["weight", "bias"] {
            self.tensor(format!("{name}.{key}"), &channels, TensorKind::Param);
        }
        for key in ["running_mean", "running_var"] {
            self.tensor(format!("{name}.{key}"), &channels, TensorKind::Buffer);
        }
        self.tensor(
            format!("{name}.num_batches_tracked"),
            &[],
            TensorKind::Buffer,
        );
        if let Op::Layer(layer) = self.node(x).op {
            self.graph.layers[layer.index()].norm = Some(name.to_owned());
        }
        let op = Op::BatchNorm(name.to_owned());
        self.push(op, &[x], shape, Range::Real, is_static)
    }

    /// Spiking neurons.
    pub(super) fn neuron(&mut self, x: NodeId, name: &str, neuron: Neuron) -> NodeId {
        let shape = self.node(x).shape;
        self.graph.sites.push(Site {
            name: name.to_owned(),
            block: self.current_block(),
            neuron,
            shape,
        });
        let op = Op::Neuron(SiteId(last(&self.graph.sites)));
        let range = Range::Integer(neuron.max_output());
        self.push(op, &[x], shape, range, false)
    }

    /// Max-pooling.
    pub(super) fn max_pool(
        &mut self,
        x: NodeId,
        kernel: usize,
        stride: usize,
        padding: usize,
    ) -> NodeId {
        let Node {
            shape,
            range,
            is_static,
            ..
        } = *self.node(x);
        let shape = Shape {
            height: window_count(shape.height, kernel, stride, padding),
            width: window_count(shape.width, kernel, stride, padding),
            ..shape
        };
        let op = Op::MaxPool {
            kernel,
            stride,
            padding,
        };
        self.push(op, &[x], shape, range, is_static)
    }

    /// The sum of two values of one shape.
    pub(super) fn add(&mut self, a: NodeId, b: NodeId) -> NodeId {
        let (left, right) = (self.node(a), self.node(b));
        let range = combine(left.range, right.range, u64::saturating_add);
        let is_static = left.is_static && right.is_static;
        let shape = left.shape;
        self.push(Op::Add, &[a, b], shape, range, is_static)
    }

    /// Spiking self-attention. The scale need not be an integer, so the value counts as real.
    pub(super) fn attention(&mut self, qkv: [NodeId; 3], heads: usize, scale: f64) -> NodeId {
        let shape = self.node(qkv[2]).shape;
        let is_static = qkv.iter().all(|&x| self.node(x).is_static);
        let op = Op::Attention { heads, scale };
        self.push(op, &qkv, shape, Range::Real, is_static)
    }

    /// The sum over each head's channels.
    pub(super) fn head_sum(&mut self, x: NodeId, heads: usize) -> NodeId {
        let Node {
            shape,
            range,
            is_static,
            ..
        } = *self.node(x);
        let range = scaled(range, (shape.channels / heads) as u64);
        let shape = Shape {
            channels: heads,
            ..shape
        };
        self.push(Op::HeadSum { heads }, &[x], shape, range, is_static)
    }

    /// Each head's channels of `value` times the head's channel of `mask`.
    pub(super) fn head_mask(&mut self, mask: NodeId, value: NodeId, heads: usize) -> NodeId {
        let (m, v) = (self.node(mask), self.node(value));
        let range = combine(m.range, v.range, u64::saturating_mul);
        let is_static = m.is_static && v.is_static;
        let shape = v.shape;
        let op = Op::HeadMask { heads };
        self.push(op, &[mask, value], shape, range, is_static)
    }

    /// The sum over positions and time steps, one vector per image.
    pub(super) fn token_time_sum(&mut self, x: NodeId) -> NodeId {
        let Node { shape, range, .. } = *self.node(x);
        let terms = shape.height * shape.width * self.graph.time_steps;
        let range = scaled(range, terms as u64);
        let shape = Shape {
            channels: shape.channels,
            height: 1,
            width: 1,
        };
        self.push(Op::TokenTimeSum, &[x], shape, range, true)
    }

    /// A parameter that the authors construct and never use.
    pub(super) fn dead(&mut self, key: String, shape: &[usize]) {
        self.tensor(key, shape, TensorKind::Param);
        if let Some(tensor) = self.graph.tensors.last_mut() {
            tensor.dead = true;
        }
    }

    /// Sorts the state dict by the first of these prefixes that a key starts with, where the authors
    /// construct modules in another order than they run them.
    pub(super) fn sort_state_dict(&mut self, prefixes: &[&str]) {
        self.graph
            .tensors
            .sort_by_key(|t| prefixes.iter().position(|p| t.key.starts_with(p)));
    }

    /// The finished graph.
    ///
    /// # Errors
    /// [`ModelError::TooLarge`] beyond [`MAX_PARAMETERS`] or [`MAX_MACS`].
    pub(super) fn finish(self) -> Result<Graph, ModelError> {
        let checks = [
            ("parameters", self.graph.parameters(), MAX_PARAMETERS),
            (
                "multiply-accumulates per image",
                self.graph.macs(),
                MAX_MACS,
            ),
        ];
        for (what, value, limit) in checks {
            if value > limit {
                return Err(ModelError::TooLarge { what, value, limit });
            }
        }
        Ok(self.graph)
    }

    fn layer(
        &mut self,
        x: NodeId,
        name: &str,
        kind: LayerKind,
        weight_shape: Vec<usize>,
        bias: bool,
        shape: Shape,
    ) -> NodeId {
        let Node {
            range, is_static, ..
        } = *self.node(x);
        self.tensor(format!("{name}.weight"), &weight_shape, TensorKind::Param);
        if bias {
            self.tensor(format!("{name}.bias"), &[shape.channels], TensorKind::Param);
        }
        let steps = if is_static { 1 } else { self.graph.time_steps };
        let mut layer = Layer {
            name: name.to_owned(),
            block: self.current_block(),
            kind,
            weight_shape,
            bias,
            norm: None,
            input: range,
            macs: 0,
        };
        layer.macs = [shape.height, shape.width, steps]
            .iter()
            .fold(layer.weights() as u64, |n, &k| n.saturating_mul(k as u64));
        self.graph.layers.push(layer);
        let op = Op::Layer(LayerId(last(&self.graph.layers)));
        self.push(op, &[x], shape, Range::Real, is_static)
    }

    fn tensor(&mut self, key: String, shape: &[usize], kind: TensorKind) {
        self.graph.tensors.push(TensorSpec {
            key,
            shape: shape.to_vec(),
            kind,
            dead: false,
        });
    }

    fn push(
        &mut self,
        op: Op,
        inputs: &[NodeId],
        shape: Shape,
        range: Range,
        is_static: bool,
    ) -> NodeId {
        self.graph.nodes.push(Node {
            op,
            inputs: inputs.to_vec(),
            block: self.current_block(),
            shape,
            range,
            is_static,
        });
        NodeId(last(&self.graph.nodes))
    }

    fn node(&self, id: NodeId) -> &Node {
        &self.graph.nodes[id.index()]
    }

    fn current_block(&self) -> BlockId {
        BlockId(last(&self.graph.blocks))
    }
}

/// The id of a list's last element.
fn last<T>(list: &[T]) -> u32 {
    (list.len() as u32).saturating_sub(1)
}

/// The output length of a sliding window.
fn window_count(length: usize, kernel: usize, stride: usize, padding: usize) -> usize {
    (length + 2 * padding - kernel) / stride + 1
}

fn combine(a: Range, b: Range, maxima: fn(u64, u64) -> u64) -> Range {
    match (a, b) {
        (Range::Integer(a), Range::Integer(b)) => Range::Integer(maxima(a, b)),
        _ => Range::Real,
    }
}

fn scaled(range: Range, terms: u64) -> Range {
    combine(range, Range::Integer(terms), u64::saturating_mul)
}
