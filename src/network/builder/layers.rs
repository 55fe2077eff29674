//! Layers, and what they absorb.

use super::super::{
    Layer, LayerId, LayerKind, NodeId, Op, RepConv, Shape, TensorKind, ValueRange, WeightSource,
};
use super::{Conv, Form, GraphBuilder, last, window_count};

impl GraphBuilder {
    /// A convolution; `name` is the state-dict key without `.weight`.
    pub(in crate::network) fn conv(&mut self, x: NodeId, name: &str, conv: Conv) -> NodeId {
        let from = self.node(x).shape;
        let count = |length| window_count(length, conv.kernel, conv.stride, conv.padding);
        let shape = Shape {
            channels: conv.out,
            height: count(from.height),
            width: count(from.width),
        };
        let groups = conv.groups;
        let inputs = from.channels / groups;
        let weight_shape = match conv.form {
            Form::Map => vec![conv.out, inputs, conv.kernel, conv.kernel],
            Form::Sequence => vec![conv.out, inputs, 1],
            Form::Matrix => vec![conv.out, inputs],
        };
        let kind = LayerKind::Conv {
            kernel: conv.kernel,
            stride: conv.stride,
            padding: conv.padding,
            groups,
        };
        // A padded 1x1 convolution does no work on its padding.
        let positions = match conv.kernel {
            1 => (
                from.height.div_ceil(conv.stride),
                from.width.div_ceil(conv.stride),
            ),
            _ => (shape.height, shape.width),
        };
        let layer = self.new_layer(name, kind, weight_shape, conv.bias, conv.source);
        self.layer(x, layer, shape, positions)
    }

    /// A RepConv chain of `sdt-v2`, merged into one dense 3x3 convolution of as many channels.
    pub(in crate::network) fn merged_repconv(
        &mut self,
        x: NodeId,
        name: &str,
        width: usize,
    ) -> NodeId {
        let chain = RepConv::of(name);
        let weight = |b: &mut Self, key: &str, shape: &[usize]| {
            b.parameter(format!("{key}.weight"), shape);
        };
        weight(self, &chain.first, &[width, width, 1, 1]);
        self.batch_norm_tensors(&chain.first_norm, width);
        weight(self, &chain.depthwise, &[width, 1, 3, 3]);
        weight(self, &chain.second, &[width, width, 1, 1]);
        self.batch_norm_tensors(&chain.second_norm, width);
        self.batch_norm_tensors(&chain.third_norm, width);
        let conv = Conv::three(width).bias(true);
        self.conv(x, name, conv.source(WeightSource::MergedRepConv))
    }

    /// A 1-D convolution over tokens, of a kernel, a stride, a padding and groups; `name` is the
    /// state-dict key without `.weight`.
    pub(in crate::network) fn conv1d(
        &mut self,
        x: NodeId,
        name: &str,
        (out, bias): (usize, bool),
        (kernel, stride, padding, groups): (usize, usize, usize, usize),
    ) -> NodeId {
        let from = self.node(x).shape;
        let kind = LayerKind::Conv1d {
            kernel,
            stride,
            padding,
            groups,
        };
        let tokens = from.height * from.width;
        let left = window_count(tokens, kernel, stride, padding);
        let (height, width) = match left == tokens {
            true => (from.height, from.width),
            false => (1, left),
        };
        let shape = Shape {
            channels: out,
            height,
            width,
        };
        let weight_shape = vec![out, from.channels / groups.max(1), kernel];
        let layer = self.new_layer(name, kind, weight_shape, bias, WeightSource::Stored);
        self.layer(x, layer, shape, (height, width))
    }

    /// A fully connected layer with bias on a pooled vector.
    pub(in crate::network) fn linear(&mut self, x: NodeId, name: &str, out: usize) -> NodeId {
        self.fully_connected(x, name, out, true)
    }

    /// A fully connected layer on a pooled vector, with or without a bias.
    pub(in crate::network) fn fully_connected(
        &mut self,
        x: NodeId,
        name: &str,
        out: usize,
        bias: bool,
    ) -> NodeId {
        let from = self.node(x).shape;
        let shape = Shape {
            channels: out,
            ..from
        };
        let weight_shape = vec![out, from.channels];
        let kind = LayerKind::Linear;
        let layer = self.new_layer(name, kind, weight_shape, bias, WeightSource::Stored);
        self.layer(x, layer, shape, (1, 1))
    }

    /// Batch norm.
    pub(in crate::network) fn batch_norm(&mut self, x: NodeId, name: &str) -> NodeId {
        let channels = self.node(x).shape.channels;
        self.batch_norm_tensors(name, channels);
        let value = self.value(x).real();
        self.push(Op::BatchNorm(name.to_owned()), &[x], value)
    }

    /// The state-dict entries of a batch norm.
    pub(in crate::network) fn batch_norm_tensors(&mut self, name: &str, channels: usize) {
        for key in ["weight", "bias"] {
            self.tensor(format!("{name}.{key}"), &[channels], TensorKind::Param);
        }
        for key in ["running_mean", "running_var"] {
            self.tensor(format!("{name}.{key}"), &[channels], TensorKind::Buffer);
        }
        let counter = format!("{name}.num_batches_tracked");
        self.tensor(counter, &[], TensorKind::Buffer);
    }

    /// Multiplication by the vector of a key that [`parameter`](Self::parameter) has entered.
    pub(in crate::network) fn channel_scale(&mut self, x: NodeId, key: &str) -> NodeId {
        let value = self.value(x).real();
        self.push(Op::ChannelScale(key.to_owned()), &[x], value)
    }

    /// Multiplication of each head's channels by `1 / sqrt(rate * terms)`, of the firing rates of a
    /// key that [`buffer`](Self::buffer) has entered.
    pub(in crate::network) fn head_scale(
        &mut self,
        x: NodeId,
        heads: usize,
        key: &str,
        terms: usize,
    ) -> NodeId {
        let key = key.to_owned();
        let value = self.value(x).real();
        self.push(Op::HeadScale { heads, key, terms }, &[x], value)
    }

    fn new_layer(
        &self,
        name: &str,
        kind: LayerKind,
        weight_shape: Vec<usize>,
        bias: bool,
        source: WeightSource,
    ) -> Layer {
        Layer {
            name: name.to_owned(),
            block: self.current_block(),
            kind,
            weight_shape,
            bias,
            source,
            absorbed: Vec::new(),
            input: ValueRange::Real,
            macs: 0,
        }
    }

    /// Appends a layer. `positions` are the rows and columns at which it does work.
    fn layer(
        &mut self,
        x: NodeId,
        mut layer: Layer,
        shape: Shape,
        positions: (usize, usize),
    ) -> NodeId {
        let from = self.value(x);
        if layer.source == WeightSource::Stored {
            let name = &layer.name;
            let (weight, bias) = (format!("{name}.weight"), format!("{name}.bias"));
            self.tensor(weight, &layer.weight_shape, TensorKind::Param);
            if layer.bias {
                self.tensor(bias, &[shape.channels], TensorKind::Param);
            }
        }
        let steps = if from.time_invariant {
            1
        } else {
            self.graph.time_steps
        };
        layer.input = from.range;
        layer.macs = [positions.0, positions.1, steps]
            .iter()
            .fold(layer.weights() as u64, |n, &k| n.saturating_mul(k as u64));
        self.graph.layers.push(layer);
        let op = Op::Layer(LayerId(last(&self.graph.layers)));
        self.push(op, &[x], from.real().shaped(shape))
    }
}
