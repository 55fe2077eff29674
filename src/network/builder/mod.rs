//! Builds a [`Graph`] operation by operation: each method appends one node and infers its shape,
//! value range, scale, time invariance, multiply-accumulates and state-dict entries, so that a
//! family only says what follows what.
//!
//! Sizes are checked before building ([`super::ModelConfig::graph`]); the methods assume that they
//! fit.

mod attention;
mod constants;
mod conv;
mod layers;
mod operation;

use std::borrow::Borrow;

use super::config::{MAX_MACS, MAX_PARAMETERS};
use super::{
    Block, BlockId, BlockLayout, Graph, ModelError, Neuron, Node, NodeId, Op, Shape, Site, SiteId,
    Stage, StageId, TensorKind, TensorSpec, ValueRange,
};
pub(in crate::network) use constants::AverageWindow;
pub(in crate::network) use conv::{Conv, Form};

/// A graph under construction.
pub(super) struct GraphBuilder {
    graph: Graph,
}

/// A value to append, inferred from its inputs.
#[derive(Clone, Copy)]
struct Value {
    shape: Shape,
    range: ValueRange,
    scale: f64,
    time_invariant: bool,
}

impl Value {
    fn real(self) -> Self {
        Value {
            range: ValueRange::Real,
            scale: 1.0,
            ..self
        }
    }
    fn shaped(self, shape: Shape) -> Self {
        Value { shape, ..self }
    }
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

    /// The graph so far.
    pub(super) fn graph(&self) -> &Graph {
        &self.graph
    }

    /// The shape of a value.
    pub(super) fn shape(&self, id: NodeId) -> Shape {
        self.node(id).shape
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
            layout: BlockLayout::default(),
        });
    }

    /// Names the output of the last block.
    pub(super) fn block_output(&mut self, output: NodeId, layout: BlockLayout) {
        if let Some(block) = self.graph.blocks.last_mut() {
            block.output = Some(output);
            block.layout = layout;
        }
    }

    /// The image, the same at every time step, or frames, one for every step.
    pub(super) fn input(&mut self, frames: bool) -> NodeId {
        let value = Value {
            shape: self.graph.input,
            range: ValueRange::Real,
            scale: 1.0,
            time_invariant: !frames,
        };
        self.push(Op::Input, &[], value)
    }

    /// Spiking neurons; a trained time constant is entered into the state dict.
    pub(super) fn neuron(&mut self, x: NodeId, name: &str, neuron: impl Borrow<Neuron>) -> NodeId {
        let neuron = neuron.borrow().clone();
        let shape = self.node(x).shape;
        let value = Value {
            shape,
            range: ValueRange::Integer(neuron.max_output()),
            scale: match neuron {
                Neuron::Spiking(_) => 1.0,
                Neuron::Integer { norm, .. } => 1.0 / norm as f64,
            },
            time_invariant: false,
        };
        // Populations may share it.
        if let Some(key) = neuron.key()
            && !self.graph.tensors.iter().any(|t| t.key == key)
        {
            self.parameter(key.to_owned(), &[]);
        }
        self.graph.sites.push(Site {
            name: name.to_owned(),
            block: self.current_block(),
            neuron,
            shape,
            batch_leak: false,
        });
        let op = Op::Neuron(SiteId(last(&self.graph.sites)));
        self.push(op, &[x], value)
    }

    /// Lets the state of the last neurons run on from image to image of a batch.
    pub(super) fn leak(&mut self) {
        if let Some(site) = self.graph.sites.last_mut() {
            site.batch_leak = true;
        }
    }

    /// Max-pooling.
    pub(super) fn max_pool(
        &mut self,
        x: NodeId,
        kernel: usize,
        stride: usize,
        padding: usize,
    ) -> NodeId {
        let value = self.value(x);
        let count = |length| window_count(length, kernel, stride, padding);
        let shape = Shape {
            height: count(value.shape.height),
            width: count(value.shape.width),
            ..value.shape
        };
        let op = Op::MaxPool {
            kernel,
            stride,
            padding,
        };
        self.push(op, &[x], value.shaped(shape))
    }

    /// The sum of two values of one shape and scale.
    pub(super) fn add(&mut self, a: NodeId, b: NodeId) -> NodeId {
        let value = self.both(a, b, u64::saturating_add);
        self.push(Op::Add, &[a, b], value)
    }

    /// The mean of two values of one shape and scale.
    pub(super) fn average(&mut self, a: NodeId, b: NodeId) -> NodeId {
        let value = self.both(a, b, u64::saturating_add).real();
        self.push(Op::Average, &[a, b], value)
    }

    /// The mean over positions at every time step, one vector per image and step.
    pub(super) fn token_mean(&mut self, x: NodeId) -> NodeId {
        let value = self.value(x).real();
        self.push(Op::TokenMean, &[x], value.shaped(vector(value.shape)))
    }

    /// The sum over positions and time steps, one vector per image; its scale makes it the mean.
    pub(super) fn token_time_sum(&mut self, x: NodeId) -> NodeId {
        let value = self.value(x);
        let positions = value.shape.height * value.shape.width;
        let steps = if value.time_invariant {
            1
        } else {
            self.graph.time_steps
        };
        let terms = positions * steps;
        let sum = Value {
            shape: vector(value.shape),
            range: scaled(value.range, terms as u64),
            scale: value.scale / terms as f64,
            time_invariant: true,
        };
        self.push(Op::TokenTimeSum, &[x], sum)
    }

    /// A parameter that belongs to no layer.
    pub(super) fn parameter(&mut self, key: String, shape: &[usize]) {
        self.tensor(key, shape, TensorKind::Param);
    }

    /// A buffer that belongs to no batch norm.
    pub(super) fn buffer(&mut self, key: String, shape: &[usize]) {
        self.tensor(key, shape, TensorKind::Buffer);
    }

    /// Declares what is entered from here to be unused by the authors' forward pass: call it with
    /// the number of entries before ([`entries`](Self::entries)).
    pub(super) fn dead_since(&mut self, entries: usize) {
        for tensor in self.graph.tensors.iter_mut().skip(entries) {
            tensor.dead = true;
        }
    }

    /// State-dict entries so far.
    pub(super) fn entries(&self) -> usize {
        self.graph.tensors.len()
    }

    /// A parameter that the authors construct and never use.
    pub(super) fn dead(&mut self, key: String, shape: &[usize]) {
        let before = self.entries();
        self.parameter(key, shape);
        self.dead_since(before);
    }

    /// A tensor of a kind that the authors construct and never use.
    pub(super) fn dead_tensor(&mut self, key: String, shape: &[usize], kind: TensorKind) {
        let before = self.entries();
        self.tensor(key, shape, kind);
        self.dead_since(before);
    }

    /// Sorts the state dict by the first of these prefixes that a key starts with, where the
    /// authors construct modules in another order than they run them.
    pub(super) fn sort_state_dict(&mut self, prefixes: &[&str]) {
        self.graph
            .tensors
            .sort_by_key(|t| prefixes.iter().position(|p| t.key.starts_with(p)));
    }

    /// Moves an entry of the state dict to its end, where the authors construct a module later than
    /// they run it; nothing where there is no such entry.
    pub(super) fn last_entry(&mut self, key: &str) {
        let tensors = &mut self.graph.tensors;
        if let Some(at) = tensors.iter().position(|t| t.key == key) {
            tensors[at..].rotate_left(1);
        }
    }

    /// The finished graph.
    ///
    /// # Errors
    /// [`ModelError`] beyond [`MAX_PARAMETERS`] or [`MAX_MACS`].
    pub(super) fn finish(mut self) -> Result<Graph, ModelError> {
        self.graph.absorb();
        let checks = [
            ("parameters", self.graph.parameters(), MAX_PARAMETERS),
            (
                "products of attention per image",
                self.graph.head_products(),
                MAX_MACS,
            ),
            (
                "multiply-accumulates per image",
                self.graph.macs(),
                MAX_MACS,
            ),
        ];
        for (what, value, limit) in checks {
            if value > limit {
                let message = format!(
                    "the sizes in [model] make a network of {value} {what}, more than {limit}: check embed_dims, \
                     mlp_ratio, image_size, depths and time_steps"
                );
                return Err(ModelError { key: None, message });
            }
        }
        Ok(self.graph)
    }

    fn tensor(&mut self, key: String, shape: &[usize], kind: TensorKind) {
        self.graph.tensors.push(TensorSpec {
            key,
            shape: shape.to_vec(),
            kind,
            dead: false,
        });
    }

    fn push(&mut self, op: Op, inputs: &[NodeId], value: Value) -> NodeId {
        self.graph.nodes.push(Node {
            op,
            inputs: inputs.to_vec(),
            block: self.current_block(),
            shape: value.shape,
            range: value.range,
            scale: value.scale,
            time_invariant: value.time_invariant,
        });
        NodeId(last(&self.graph.nodes))
    }

    fn node(&self, id: NodeId) -> &Node {
        &self.graph.nodes[id.index()]
    }

    fn value(&self, id: NodeId) -> Value {
        let node = self.node(id);
        Value {
            shape: node.shape,
            range: node.range,
            scale: node.scale,
            time_invariant: node.time_invariant,
        }
    }

    /// What two values together are, with the second one's shape.
    fn both(&self, a: NodeId, b: NodeId, maxima: fn(u64, u64) -> u64) -> Value {
        let (a, b) = (self.value(a), self.value(b));
        Value {
            range: combine(a.range, b.range, maxima),
            time_invariant: a.time_invariant && b.time_invariant,
            ..b
        }
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
    (length + 2 * padding).saturating_sub(kernel) / stride.max(1) + 1
}

/// A shape with one position.
fn vector(shape: Shape) -> Shape {
    Shape {
        channels: shape.channels,
        height: 1,
        width: 1,
    }
}

fn combine(a: ValueRange, b: ValueRange, maxima: fn(u64, u64) -> u64) -> ValueRange {
    match (a, b) {
        (ValueRange::Integer(a), ValueRange::Integer(b)) => ValueRange::Integer(maxima(a, b)),
        _ => ValueRange::Real,
    }
}

fn scaled(range: ValueRange, terms: u64) -> ValueRange {
    combine(range, ValueRange::Integer(terms), u64::saturating_mul)
}
