//! The graph of operations and its labels.

use serde::{Deserialize, Serialize};

use super::{Layer, Site};

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

/// The shape of one value for one image and one time step: channels, height, width. Tokens are
/// positions, row-major: a transformer's `[C, N]` is `channels = C`, `height * width = N`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Shape {
    /// Channels (features after the token mean).
    pub channels: usize,
    /// Rows (1 after the token mean).
    pub height: usize,
    /// Columns (1 after the token mean).
    pub width: usize,
}

/// The range of a value's numbers, known without running the network.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ValueRange {
    /// Any real number.
    Real,
    /// Whole numbers from 0 to the given maximum: spikes (1) or small spike counts.
    Integer(u64),
}

/// A block: the unit of the hierarchy between stage and layer.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Block {
    /// The module's name in the authors' code, such as `stage3.1`, or `head`.
    pub name: String,
    /// Its stage.
    pub stage: StageId,
    /// The node whose value is the block's output (what `predict --trace` writes as
    /// `block.<name>`); none for `head`.
    pub output: Option<NodeId>,
    /// How the authors' code lays this block's output out.
    pub layout: BlockLayout,
}

/// How the authors' code lays a block's output out.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum BlockLayout {
    /// A map at every time step, `[T, B, C, H, W]`.
    #[default]
    Map,
    /// Tokens of channels, `[T, B, N, C]`.
    Tokens,
    /// Channels of tokens, `[T, B, C, N]`.
    ChannelTokens,
    /// A map without time, `[B, C, H, W]`.
    StillMap,
}

impl BlockLayout {
    /// The shape of a traced output.
    pub fn shape(self, steps: usize, batch: usize, value: Shape) -> Vec<usize> {
        let Shape {
            channels,
            height,
            width,
        } = value;
        match self {
            BlockLayout::Map => vec![steps, batch, channels, height, width],
            BlockLayout::Tokens => vec![steps, batch, height * width, channels],
            BlockLayout::ChannelTokens => vec![steps, batch, channels, height * width],
            BlockLayout::StillMap => vec![batch, channels, height, width],
        }
    }
}

/// A stage: the unit of the hierarchy between network and block.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Stage {
    /// Its name, such as `stage3` or `head`.
    pub name: String,
}

/// An operation. Every value is `[T, B, C, H, W]` with T = 1 where it is the same at every time
/// step.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Op {
    /// The normalised image, the same at every time step; or frames, one for every time step.
    Input,
    /// A layer's weight (and bias) applied.
    Layer(LayerId),
    /// Batch norm in evaluation mode, eps 1e-5; the key without `.weight`.
    BatchNorm(String),
    /// Multiplication by a vector over channels; its key.
    ChannelScale(String),
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
    /// Average pooling: the sum over a window, divided by its positions.
    AveragePool {
        /// Window rows and columns.
        kernel: usize,
        /// Stride.
        stride: usize,
        /// Padding with zeros.
        padding: usize,
        /// Whether positions of the padding count among those that the sum is divided by.
        count_include_pad: bool,
    },
    /// Element-wise sum of two values.
    Add,
    /// Addition of a trained constant, the same at every time step (a position embedding).
    AddConstant {
        /// Its state-dict key.
        key: String,
        /// How the tensor is laid out; dimensions of 1 may come first.
        layout: ConstantLayout,
    },
    /// Element-wise mean of two values.
    Average,
    /// Element-wise product of two values of spikes.
    Multiply,
    /// Spiking self-attention of inputs q, k, v without softmax: `scale * q (k^T v)` per head. v
    /// may have more channels than q and k.
    Attention {
        /// Number of heads; channels are split `head * d + j`.
        heads: usize,
        /// The constant factor, of the numbers as they are stored (units included).
        scale: f64,
        /// The tokens that see each other.
        tokens: Tokens,
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
    /// The largest number within one token and one channel of the same head: a 3x3 window over
    /// tokens (row-major) and channels. `Erode` of `sdt-v1` as it acts on tensors `[T, B, heads, N,
    /// d]`.
    HeadErode {
        /// Number of heads.
        heads: usize,
    },
    /// Some channels of each head: `count` of them, from its channel `start` on.
    Slice {
        /// Number of heads; 1 for the value as a whole.
        heads: usize,
        /// The first channel taken of each head.
        start: usize,
        /// Channels taken of each head.
        count: usize,
    },
    /// The channels of two or more values one after the other, head by head.
    Concat {
        /// Number of heads; 1 for the values as a whole.
        heads: usize,
    },
    /// Inputs keys K `[C, N']` and value X `[C, N]`: `K^T X` per head. Channel `h * N' + n` of the
    /// result, at the positions of X, is the product with position n of K in head h.
    Scores {
        /// Number of heads; channels are split `head * d + j`.
        heads: usize,
    },
    /// Inputs values V `[C, N']` and map A `[heads * N', N]`, as [`Op::Scores`] makes it: `V A` per
    /// head, C channels at the positions of A.
    Apply {
        /// Number of heads; channels are split `head * d + j`.
        heads: usize,
    },
    /// Multiplication of each head's channels by `1 / sqrt(rate * terms)`, the expected deviation
    /// of a sum of so many spikes of a firing rate, which is a buffer `[1, 1, heads, 1, 1]`.
    HeadScale {
        /// Number of heads; channels are split `head * d + j`.
        heads: usize,
        /// The buffer's key.
        key: String,
        /// Terms of a sum.
        terms: usize,
    },
    /// Sum over positions at every time step.
    TokenSum,
    /// Inputs mask `[C]` of one position and value `[C]`: each channel times its mask.
    ChannelMask,
    /// Mean over positions at every time step.
    TokenMean,
    /// Sum over positions and time steps, which stands for the mean by its [`Node::scale`].
    TokenTimeSum,
}

/// The tokens that see each other in an attention.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Tokens {
    /// All of a time step.
    #[default]
    All,
    /// Those of a time step whose rows and whose columns are the same modulo this number: a strided
    /// grid (SGLFormer).
    Grid(usize),
    /// All of this number of successive time steps: a chunk of them (STAtten).
    Steps(usize),
}

impl Tokens {
    /// How many tokens see each other, of values of this shape.
    pub fn count(self, shape: Shape) -> usize {
        let all = shape.height * shape.width;
        match self {
            Tokens::All => all,
            Tokens::Grid(stride) => all / (stride * stride).max(1),
            Tokens::Steps(steps) => all * steps,
        }
    }
}

/// The layout of a trained constant.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ConstantLayout {
    /// `[C, H, W]`.
    Map,
    /// Tokens of channels, `[N, C]`.
    Tokens,
    /// Channels of tokens, `[C, N]`.
    ChannelTokens,
    /// `[C]`, the same at every position.
    Channels,
}

impl ConstantLayout {
    /// The shape of a constant for a value of this shape.
    pub fn shape(self, value: Shape) -> Vec<usize> {
        let Shape {
            channels,
            height,
            width,
        } = value;
        match self {
            ConstantLayout::Map => vec![channels, height, width],
            ConstantLayout::Tokens => vec![height * width, channels],
            ConstantLayout::ChannelTokens => vec![channels, height * width],
            ConstantLayout::Channels => vec![channels],
        }
    }
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
    /// The range of its numbers.
    pub range: ValueRange,
    /// What its numbers count: the value is this times its numbers. 1 but for levels of integer
    /// neurons (`1 / norm`) and [`Op::TokenTimeSum`] (`1 / (T N)`); layers and attention take it
    /// into account.
    pub scale: f64,
    /// True when the value is the same at every time step and is computed once.
    pub time_invariant: bool,
}

/// The kind of a state-dict entry.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum TensorKind {
    /// A trained parameter.
    Param,
    /// A buffer (batch-norm statistics, firing rates).
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
    /// Constructed by the authors but never used in their forward pass: may be missing from a
    /// checkpoint.
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
