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
    /// The sum of two values.
    Add,
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
    /// Sums over positions.
    TokenSum,
    /// Inputs mask (one position) and value: each channel times its mask.
    ChannelMask,
    /// Means over positions.
    TokenMean,
    /// Sums over time steps and positions.
    TokenTimeSum,
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
    /// The leak per time step; null for integer neurons.
    pub leak: Option<Factor>,
    /// The threshold that the potential is compared with; null for integer neurons.
    pub threshold: Option<i64>,
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
