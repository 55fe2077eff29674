//! The graph of operations and its labels.

use serde::{Deserialize, Serialize};

macro_rules! id {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $name(pub u32);
        impl $name {
            /// The position in the graph's list of the same kind.
            pub fn index(self) -> usize {
                self.0 as usize
            }
        }
    };
}

id!(
    /// An operation: an index into [`Graph::nodes`], which are in execution order.
    NodeId
);
id!(
    /// A layer that owns one quantizable weight tensor: an index into [`Graph::layers`].
    LayerId
);
id!(
    /// A population of spiking neurons: an index into [`Graph::sites`].
    SiteId
);
id!(
    /// A block: an index into [`Graph::blocks`].
    BlockId
);
id!(
    /// A stage: an index into [`Graph::stages`].
    StageId
);

/// The shape of one value for one image and one time step: channels, height, width.
/// Tokens are positions, row-major: a transformer's `[C, N]` is `channels = C`, `height * width = N`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Shape {
    /// Channels (features after the token mean).
    pub channels: usize,
    /// Rows (1 after the token mean).
    pub height: usize,
    /// Columns (1 after the token mean).
    pub width: usize,
}

/// What is known of a value's numbers without running the network.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Range {
    /// Any real number.
    Real,
    /// Whole numbers from 0 to the given maximum: spikes (1) or small spike counts.
    Integer(u64),
}

/// How a layer's weight is applied.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum LayerKind {
    /// A 2-D convolution over positions. A `[O, I, 1]` (1-D) or `[O, I]` (linear over tokens) weight is
    /// the 1x1 case: the same sums.
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
    /// A fully connected layer on a pooled vector (the head).
    Linear,
}

/// A layer: one quantizable weight tensor.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Layer {
    /// The state-dict key without `.weight`.
    pub name: String,
    /// Its block (which names its stage).
    pub block: BlockId,
    /// How the weight is applied.
    pub kind: LayerKind,
    /// The weight's shape in the state dict; the first number is the output channels.
    pub weight_shape: Vec<usize>,
    /// True when the state dict has `<name>.bias`.
    pub bias: bool,
    /// The batch norm that directly follows (its key without `.weight`), which the layer's affine absorbs.
    pub norm: Option<String>,
    /// What is known of the numbers it sees.
    pub input: Range,
    /// Multiply-accumulates for one image: over all time steps, or over one where the input is the same
    /// at every time step (a static image's first layer).
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
    /// Number of weights.
    pub fn weights(&self) -> usize {
        self.weight_shape.iter().product()
    }
}

/// How a neuron population turns its input into spikes.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Neuron {
    /// Leaky integrate-and-fire, `v += (x - v) / tau`, spike where `v >= threshold`, hard reset to 0.
    Lif {
        /// Membrane time constant in time steps.
        tau: f64,
        /// Firing threshold.
        threshold: f64,
    },
}

impl Neuron {
    /// The threshold in whose unit drift is measured.
    pub fn threshold(self) -> f64 {
        match self {
            Neuron::Lif { threshold, .. } => threshold,
        }
    }
    /// The largest output at one time step.
    pub fn max_output(self) -> u64 {
        match self {
            Neuron::Lif { .. } => 1,
        }
    }
}

/// A neuron site: one population of spiking neurons, where drift is measured.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Site {
    /// The module's name in the authors' code, such as `stage1.0.mlp.mlp1_lif`.
    pub name: String,
    /// Its block.
    pub block: BlockId,
    /// Its dynamics.
    pub neuron: Neuron,
    /// The shape of the population for one image.
    pub shape: Shape,
}

/// A block: the unit of the hierarchy between stage and layer.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Block {
    /// The module's name in the authors' code, such as `stage3.1`, or `head`.
    pub name: String,
    /// Its stage.
    pub stage: StageId,
    /// The node whose value is the block's output (what `predict --trace` writes as `block.<name>`);
    /// none for `head`.
    pub output: Option<NodeId>,
    /// True where the authors' code keeps this block's output as tokens `[T, B, N, C]` instead of a map
    /// `[T, B, C, H, W]`.
    pub token_major: bool,
}

/// A stage: the unit of the hierarchy between network and block.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Stage {
    /// Its name, such as `stage3` or `head`.
    pub name: String,
}

/// An operation. Every value is `[T, B, C, H, W]` with T = 1 where it is the same at every time step.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Op {
    /// The normalised image, the same at every time step.
    Input,
    /// A layer's weight (and bias) applied.
    Layer(LayerId),
    /// Batch norm in evaluation mode, eps 1e-5; the key without `.weight`.
    BatchNorm(String),
    /// Neurons: the only operation with state over time.
    Neuron(SiteId),
    /// Max-pooling.
    MaxPool {
        /// Window rows and columns.
        kernel: usize,
        /// Stride.
        stride: usize,
        /// Padding (never wins).
        padding: usize,
    },
    /// Element-wise sum of two values.
    Add,
    /// Spiking self-attention of inputs q, k, v without softmax: `scale * q (k^T v)` per head.
    Attention {
        /// Number of heads; channels are split `head * d + j`.
        heads: usize,
        /// The constant factor.
        scale: f64,
    },
    /// Sum over the channels of each head: C channels become `heads`.
    HeadSum {
        /// Number of heads.
        heads: usize,
    },
    /// Inputs mask `[heads]` and value `[C]`: each head's channels times its mask.
    HeadMask {
        /// Number of heads.
        heads: usize,
    },
    /// Mean over positions and time steps, kept as the exact sum; the head multiplies by `1 / (T * N)`.
    TokenTimeSum,
}

/// One operation with its inputs and labels.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Node {
    /// What it does.
    pub op: Op,
    /// The values it reads, all earlier in the list.
    pub inputs: Vec<NodeId>,
    /// The block it belongs to.
    pub block: BlockId,
    /// Shape of its value for one image and one time step.
    pub shape: Shape,
    /// What is known of its numbers.
    pub range: Range,
    /// True when the value is the same at every time step and is computed once.
    pub is_static: bool,
}

/// The kind of a state-dict entry.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum TensorKind {
    /// A trained parameter.
    Param,
    /// A buffer (batch-norm statistics).
    Buffer,
}

/// One entry of the authors' state dict, in their order.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct TensorSpec {
    /// Its key.
    pub key: String,
    /// Its shape; empty for a scalar.
    pub shape: Vec<usize>,
    /// Parameter or buffer.
    pub kind: TensorKind,
    /// Constructed by the authors but never used in their forward pass: may be missing from a checkpoint.
    pub dead: bool,
}

/// A whole model as data.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Graph {
    /// Operations in execution order; the last one is the logits.
    pub nodes: Vec<Node>,
    /// Quantizable layers in execution order.
    pub layers: Vec<Layer>,
    /// Neuron sites in execution order.
    pub sites: Vec<Site>,
    /// Blocks in execution order; the last one is `head`.
    pub blocks: Vec<Block>,
    /// Stages in execution order; the last one is `head`.
    pub stages: Vec<Stage>,
    /// The authors' state dict.
    pub tensors: Vec<TensorSpec>,
    /// Shape of the input image.
    pub input: Shape,
    /// Time steps T.
    pub time_steps: usize,
    /// Number of classes.
    pub classes: usize,
}
