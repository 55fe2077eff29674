//! Operations and populations of neurons.

use serde::{Deserialize, Serialize};

use super::layer::{Span, TensorRef};

/// One operation. [`the module`](super) defines what each computes.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Operation {
    /// What it does.
    pub op: OperationKind,
    /// The operations whose values it reads, by their position in the list; all earlier.
    pub inputs: Vec<usize>,
    /// Channels, rows and columns of its value.
    pub shape: [usize; 3],
    /// True where the value is the same at every time step.
    pub time_invariant: bool,
    /// The range of its numbers.
    pub numbers: Number,
    /// What a number counts: the value is this times the number.
    pub unit: f64,
    /// Stage.
    pub stage: String,
    /// Block.
    pub block: String,
}

/// What an operation does.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub enum OperationKind {
    /// The input.
    Input,
    /// The layer of this name, with its affine.
    Layer(String),
    /// The neurons of the site of this name.
    Neuron(String),
    /// Max-pooling.
    MaxPool {
        /// Rows and columns of the window.
        kernel: usize,
        /// Stride, both directions.
        stride: usize,
        /// Padding, both directions.
        padding: usize,
    },
    /// Average pooling.
    AveragePool {
        /// Rows and columns of the window.
        kernel: usize,
        /// Stride, both directions.
        stride: usize,
        /// Padding with zeros, both directions.
        padding: usize,
        /// Whether positions of the padding count.
        count_include_pad: bool,
    },
    /// The sum of two values.
    Add,
    /// The sum of a value and a trained constant, the same at every time step.
    AddConstant {
        /// The constant as the checkpoint has it, `checkpoint.KEY`, F32.
        constant: TensorRef,
        /// The order of its numbers.
        order: ConstantOrder,
    },
    /// The mean of two values.
    Average,
    /// The product of two values.
    Multiply,
    /// Spiking self-attention of q, k, v.
    Attention {
        /// Number of heads.
        heads: usize,
        /// The factor, of the numbers as they are.
        scale: f64,
        /// The tokens that see each other; all of a time step where nothing is said.
        #[serde(default, skip_serializing_if = "Tokens::is_all")]
        tokens: Tokens,
    },
    /// Sums over the channels of each head.
    HeadSum {
        /// Number of heads.
        heads: usize,
    },
    /// Inputs mask and value: each head's channels times its mask.
    HeadMask {
        /// Number of heads.
        heads: usize,
    },
    /// The largest number of a 3x3 window over tokens and a head's channels.
    HeadErode {
        /// Number of heads.
        heads: usize,
    },
    /// Some channels of each head.
    Slice {
        /// Number of heads.
        heads: usize,
        /// The first channel of each.
        start: usize,
        /// Channels of each.
        count: usize,
    },
    /// The channels of all inputs, head by head.
    Concat {
        /// Number of heads.
        heads: usize,
    },
    /// Inputs keys and value: their products per head.
    Scores {
        /// Number of heads.
        heads: usize,
    },
    /// Inputs values and map: what the map selects, per head.
    Apply {
        /// Number of heads.
        heads: usize,
    },
    /// Each head's channels times its factor.
    HeadScale {
        /// One for each head.
        factors: Vec<f32>,
    },
    /// Each channel times its factor, plus its summand: a batch norm or scale that no layer takes
    /// in, behind what is no layer or is read by others, too.
    ChannelAffine {
        /// One for each channel.
        factors: Vec<f32>,
        /// One for each channel.
        summands: Vec<f32>,
    },
    /// Sums over positions.
    TokenSum,
    /// Inputs mask (one position) and value: each channel times its mask.
    ChannelMask,
    /// Means over positions.
    TokenMean,
    /// Sums over time steps and positions.
    TokenTimeSum,
}

/// The order of a constant's numbers; dimensions of 1 may come first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "kebab-case")]
pub enum ConstantOrder {
    /// Channels of positions: `[C, H, W]` or `[C, H * W]`.
    ChannelsFirst,
    /// Positions of channels: `[H * W, C]`.
    PositionsFirst,
}

impl ConstantOrder {
    /// The numbers of a constant of so many channels, those of each channel together.
    pub fn by_channel(self, numbers: Vec<f32>, channels: usize) -> Vec<f32> {
        match self {
            ConstantOrder::ChannelsFirst => numbers,
            ConstantOrder::PositionsFirst => {
                let channel = |c: usize| numbers.iter().skip(c).step_by(channels.max(1));
                (0..channels).flat_map(channel).copied().collect()
            }
        }
    }
}

/// The tokens that see each other.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "kebab-case")]
pub enum Tokens {
    /// All of a time step.
    #[default]
    All,
    /// Those of a time step whose rows and whose columns are the same modulo this number.
    Grid(usize),
    /// All of this number of successive time steps, from the first on.
    Steps(usize),
}

impl Tokens {
    /// Whether all of a time step see each other.
    pub fn is_all(&self) -> bool {
        *self == Tokens::All
    }

    /// How many see each other, of a value of this many rows and columns.
    pub fn count(self, rows: usize, columns: usize) -> usize {
        let all = rows.saturating_mul(columns);
        match self {
            Tokens::All => all,
            Tokens::Grid(stride) => all / stride.saturating_mul(stride).max(1),
            Tokens::Steps(steps) => all.saturating_mul(steps),
        }
    }
}

/// The numbers that a value is made of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "kebab-case")]
pub enum Number {
    /// Any f32.
    Real,
    /// Whole numbers from 0 to this.
    Integer(u64),
    /// Fixed-point numbers, in packages of format 2: integers of so many bits in two's complement.
    /// An integer n stands for `n / 2^fraction`.
    Fixed {
        /// Bits.
        bits: u8,
        /// Bits behind the binary point.
        fraction: i32,
    },
    /// Exact sums, in packages of format 2: integers from `-most` to `most`. An integer n stands
    /// for `unit * n / 2^fraction`.
    Sum {
        /// The largest magnitude.
        most: u64,
        /// Bits behind the binary point.
        fraction: i32,
    },
}

/// One population of neurons.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Site {
    /// The module's name in the authors' code.
    pub name: String,
    /// Block.
    pub block: String,
    /// Channels, rows, columns.
    pub shape: [usize; 3],
    /// The dynamics.
    pub neuron: SiteNeuron,
    /// The layer whose affine is the input of the neurons, directly; null where something else
    /// (another value, a pooling) lies between.
    pub input_layer: Option<String>,
    /// The dynamics in units of that layer's accumulator, per channel; null where there is no such
    /// layer or its factor `a` is 0 somewhere.
    pub accumulator_units: Option<super::layer::Units>,
    /// The dynamics in integers; in packages of format 2 and only there.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fixed: Option<SiteFixed>,
    /// True where the potentials depend on sums of real numbers, whose last digits depend on the
    /// order of summation.
    pub depends_on_rounding: bool,
    /// The least and the largest potential before reset (of integer neurons: input) over the
    /// golden images; null without any.
    pub potential: Option<Span<f64>>,
}

/// The dynamics of a population in integers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct SiteFixed {
    /// Bits of the potential, in two's complement.
    pub bits: u8,
    /// A potential v stands for `v / 2^fraction`.
    pub fraction: i32,
    /// What turns integers of the input into numbers of the potential's grid; null where the input
    /// is on it.
    pub input: Option<Factor>,
    /// The leak per time step; null for integer neurons and for those without a leak.
    pub leak: Option<Factor>,
    /// The threshold that the potential is compared with; null for integer neurons. Neurons fire
    /// from it on.
    pub threshold: Option<i64>,
    /// The potential after a hard reset, which is also where it begins; where there is none, 0.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rest: Option<i64>,
    /// What a soft reset subtracts.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub subtracted: Option<i64>,
}

/// `multiplier / 2^shift`; a shift below 0 is one to the left.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Factor {
    /// The multiplier.
    pub multiplier: i32,
    /// The shift.
    pub shift: i32,
}

/// The dynamics of neurons.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub enum SiteNeuron {
    /// Leaky integrate-and-fire.
    Lif {
        /// Membrane time constant in time steps; the leak per step is `1 / tau`.
        tau: f64,
        /// Firing threshold: fires where the potential is at least this.
        threshold: f64,
        /// The potential after a spike.
        reset: f64,
    },
    /// Neurons that charge, fire or are reset in another way.
    Spiking {
        /// How the potential takes in the input.
        charge: Charge,
        /// Firing threshold.
        threshold: f64,
        /// `at-least`: fires where the potential is at least the threshold; `above`: where it is
        /// above.
        firing: Firing,
        /// What a spike does to the potential.
        reset: Reset,
    },
    /// Integer neurons, without state.
    Integer {
        /// The largest level.
        max: u64,
        /// A level stands for `level / norm`.
        norm: u64,
        /// `to-even` or `up`.
        halves: Halves,
    },
}

/// How the potential v takes in the input x; r is the potential after a hard reset, else 0.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "kebab-case")]
pub enum Charge {
    /// `v + x`.
    Integrate,
    /// `v + (x - (v - r)) / tau`.
    DecayInput(Leak),
    /// `v - (v - r) / tau + x`.
    Leak(Leak),
    /// `v * k + x`, k being this number.
    Retain(f64),
}

/// The leak per time step.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "kebab-case")]
pub enum Leak {
    /// A division by tau; by a power of two, the multiplication by its inverse.
    Over(f64),
    /// A multiplication by one over tau.
    Times(f64),
}

/// On which side of the threshold neurons fire.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "kebab-case")]
pub enum Firing {
    /// At and above it.
    AtLeast,
    /// Above it.
    Above,
}

/// What a spike does to the potential.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "kebab-case")]
pub enum Reset {
    /// It becomes this, which is also where it begins.
    Hard(f64),
    /// The threshold is subtracted.
    Soft,
    /// The threshold is subtracted at the next time step, after the charge.
    SoftNext,
}

/// The rounding of halves.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "kebab-case")]
pub enum Halves {
    /// To the even neighbour.
    ToEven,
    /// Up.
    Up,
}

impl Site {
    /// The tensor in accumulator units, where there is one.
    pub fn units(&self) -> Option<&TensorRef> {
        self.accumulator_units.as_ref().map(|u| &u.tensor)
    }
}
