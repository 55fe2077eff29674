//! Layers: the quantizable weights, and what follows them channel by channel.

use serde::{Deserialize, Serialize};

use super::{BlockId, Op, Shape, ValueRange};

/// How a layer's weight is applied.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum LayerKind {
    /// A 2-D convolution over positions. A `[O, I, 1]` (1-D) or `[O, I]` (linear over tokens)
    /// weight is the 1x1 case: the same sums.
    Conv {
        /// Kernel rows and columns.
        kernel: usize,
        /// Stride, both directions.
        stride: usize,
        /// Zero padding, both directions.
        padding: usize,
        /// Groups (channels for a depthwise convolution).
        groups: usize,
    },
    /// A 1-D convolution over tokens, row-major over positions: a weight `[O, I / groups, k]`.
    /// Where their number stays, so do rows and columns; else all tokens make one row.
    Conv1d {
        /// Kernel length.
        kernel: usize,
        /// Stride.
        stride: usize,
        /// Zero padding at both ends.
        padding: usize,
        /// Groups (channels for a depthwise convolution).
        groups: usize,
    },
    /// A fully connected layer on a pooled vector (the head).
    Linear,
}

/// The source of a layer's weight.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum WeightSource {
    /// `<name>.weight`, and `<name>.bias` where it has a bias.
    #[default]
    Stored,
    /// The RepConv chain of `sdt-v2` below `<name>`, merged into one dense 3x3 convolution with a
    /// bias: 1x1 convolution, batch norm, depthwise 3x3, 1x1 convolution, two batch norms.
    MergedRepConv,
}

/// A per-channel affine operation after a layer.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum PerChannel {
    /// Batch norm in evaluation mode, eps 1e-5; the key without `.weight`.
    BatchNorm(String),
    /// Multiplication by a vector; its key.
    Scale(String),
    /// [`Op::HeadScale`](super::Op::HeadScale).
    HeadScale {
        /// The key of the firing rates.
        key: String,
        /// Number of heads.
        heads: usize,
        /// Terms of a sum.
        terms: usize,
    },
}

impl LayerKind {
    /// Kernel, stride, padding and groups; a linear layer is a 1x1 convolution of one position.
    pub fn window(self) -> (usize, usize, usize, usize) {
        match self {
            LayerKind::Linear => (1, 1, 0, 1),
            LayerKind::Conv {
                kernel,
                stride,
                padding,
                groups,
            }
            | LayerKind::Conv1d {
                kernel,
                stride,
                padding,
                groups,
            } => (kernel, stride, padding, groups),
        }
    }
    /// Whether it reads positions as one row of tokens.
    pub fn is_1d(self) -> bool {
        matches!(self, LayerKind::Conv1d { .. })
    }
    /// Positions of the kernel.
    pub fn taps(self) -> usize {
        let kernel = self.window().0;
        match self.is_1d() {
            true => kernel,
            false => kernel * kernel,
        }
    }
    /// Rows and columns that it reads a value as.
    pub fn map(self, shape: Shape) -> (usize, usize) {
        match self.is_1d() {
            true => (1, shape.height * shape.width),
            false => (shape.height, shape.width),
        }
    }
}

impl PerChannel {
    /// The operation of a node, where it is one of these.
    pub fn of(op: &Op) -> Option<Self> {
        match op {
            Op::BatchNorm(name) => Some(PerChannel::BatchNorm(name.clone())),
            Op::ChannelScale(key) => Some(PerChannel::Scale(key.clone())),
            &Op::HeadScale {
                heads,
                ref key,
                terms,
            } => {
                let key = key.clone();
                Some(PerChannel::HeadScale { key, heads, terms })
            }
            _ => None,
        }
    }
    /// The state-dict keys of its numbers.
    pub fn keys(&self) -> Vec<String> {
        match self {
            PerChannel::BatchNorm(name) => ["weight", "bias", "running_mean", "running_var"]
                .map(|part| format!("{name}.{part}"))
                .to_vec(),
            PerChannel::Scale(key) | PerChannel::HeadScale { key, .. } => vec![key.clone()],
        }
    }
}

/// A layer: one quantizable weight tensor.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Layer {
    /// The state-dict key without `.weight`, or the chain's where several tensors make one weight.
    pub name: String,
    /// Its block (which names its stage).
    pub block: BlockId,
    /// How the weight is applied.
    pub kind: LayerKind,
    /// The weight's shape in the state dict; the first number is the output channels.
    pub weight_shape: Vec<usize>,
    /// True when it adds a bias per channel.
    pub bias: bool,
    /// Where the state dict has the weight.
    pub source: WeightSource,
    /// What directly follows channel by channel, in order, read by nothing else: what the layer's
    /// affine absorbs.
    pub absorbed: Vec<PerChannel>,
    /// The range of its input.
    pub input: ValueRange,
    /// Multiply-accumulates for one image: over all time steps, or over one where the input is the
    /// same at every time step (a static image's first layer).
    pub macs: u64,
}

impl Layer {
    /// Number of output channels.
    pub fn channels(&self) -> usize {
        self.weight_shape.first().copied().unwrap_or(0)
    }
    /// Number of weights that make one output: `weights / channels`.
    pub fn fan_in(&self) -> usize {
        self.weight_shape.iter().skip(1).product()
    }
    /// The state-dict keys that the layer and what it absorbs stand for.
    pub fn keys(&self) -> Vec<String> {
        let name = &self.name;
        let mut keys = match self.source {
            WeightSource::Stored => vec![format!("{name}.weight")],
            WeightSource::MergedRepConv => {
                let chain = RepConv::of(name);
                let norms = [chain.first_norm, chain.second_norm, chain.third_norm];
                let mut keys = vec![chain.first, chain.depthwise, chain.second];
                keys.iter_mut().for_each(|key| key.push_str(".weight"));
                keys.extend(
                    norms
                        .iter()
                        .flat_map(|n| PerChannel::BatchNorm(n.clone()).keys()),
                );
                keys
            }
        };
        if self.bias && self.source == WeightSource::Stored {
            keys.push(format!("{name}.bias"));
        }
        keys.extend(self.absorbed.iter().flat_map(PerChannel::keys));
        keys
    }
    /// Number of groups that inputs and outputs are divided among.
    pub fn groups(&self) -> usize {
        self.kind.window().3.max(1)
    }
    /// Number of weights.
    pub fn weights(&self) -> usize {
        self.weight_shape.iter().product()
    }
}

/// The modules of a RepConv chain of `sdt-v2` and the batch norm behind it (keys without
/// `.weight`), in execution order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RepConv {
    /// The first 1x1 convolution.
    pub first: String,
    /// The batch norm behind it. Its output is padded by what it makes of 0.
    pub first_norm: String,
    /// The depthwise 3x3 convolution.
    pub depthwise: String,
    /// The second 1x1 convolution.
    pub second: String,
    /// The batch norm behind it.
    pub second_norm: String,
    /// The batch norm behind the chain.
    pub third_norm: String,
}

impl RepConv {
    /// The chain of a name such as `block3.0.attn.q_conv`.
    pub fn of(name: &str) -> Self {
        RepConv {
            first: format!("{name}.0.body.0"),
            first_norm: format!("{name}.0.body.1.bn"),
            depthwise: format!("{name}.0.body.2.0"),
            second: format!("{name}.0.body.2.1"),
            second_norm: format!("{name}.0.body.2.2"),
            third_norm: format!("{name}.1"),
        }
    }
}
