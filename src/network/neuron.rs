//! Neurons: how a population turns its input into spikes.

use serde::{Deserialize, Serialize};

use super::{BlockId, Shape};

/// How an integer neuron rounds halves.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Halves {
    /// To the even neighbour.
    ToEven,
    /// Up.
    Up,
}

/// How a neuron population turns its input into spikes.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Neuron {
    /// Leaky integrate-and-fire, `v += (x - v) / tau`, spike where `v >= threshold`, hard reset to
    /// 0.
    Lif {
        /// Membrane time constant in time steps.
        tau: f64,
        /// Firing threshold.
        threshold: f64,
    },
    /// Spike firing approximation: the input, clamped to `[0, max]` and rounded, is emitted as an
    /// integer level that stands for `level / norm`. There is no state.
    Integer {
        /// The largest level.
        max: u64,
        /// The divisor of levels.
        norm: u64,
        /// How halves are rounded.
        halves: Halves,
    },
}

impl Neuron {
    /// The threshold in whose unit drift is measured; 1 for integer neurons.
    pub fn threshold(self) -> f64 {
        match self {
            Neuron::Lif { threshold, .. } => threshold,
            Neuron::Integer { .. } => 1.0,
        }
    }
    /// The largest output at one time step.
    pub fn max_output(self) -> u64 {
        match self {
            Neuron::Lif { .. } => 1,
            Neuron::Integer { max, .. } => max,
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
    /// True when the state is not reset between the images of a batch: it runs through all images
    /// of the first time step, then of the second, and so on, so that a result depends on the batch
    /// (the authors' QKFormer).
    pub batch_leak: bool,
}
