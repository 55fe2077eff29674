//! How weights become integers: the `[quantizer]` section without its bit menu.

use serde::{Deserialize, Serialize};

/// One scale per output channel or per layer.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Granularity {
    /// One scale per output channel.
    #[default]
    Channel,
    /// One scale for the whole tensor.
    Tensor,
}

/// How a scale is chosen.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ScaleRule {
    /// The clipping ratio of least squared error, of 0.300, 0.325 … 1.000.
    #[default]
    Mse,
    /// The largest magnitude maps to the largest integer.
    Max,
    /// A power of two (shift-only hardware): the better of the two neighbours of the `max` scale.
    PowerOfTwo,
}

/// How a scaled weight becomes an integer.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Rounding {
    /// To the nearest, ties to even.
    #[default]
    Nearest,
    /// Down (floor).
    Truncate,
    /// Up with the probability of the fraction, keyed by seed, layer and index.
    Stochastic,
}

/// The number format of the per-channel affine that a deployment stores.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Affine {
    /// 32-bit floating point.
    #[default]
    F32,
    /// 16-bit floating point.
    F16,
}

/// How weights become integers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Scheme {
    /// One scale per channel or per tensor.
    pub granularity: Granularity,
    /// How the scale is chosen.
    pub scale: ScaleRule,
    /// How a scaled weight is rounded.
    pub rounding: Rounding,
    /// The stored affine.
    pub affine: Affine,
    /// Key of stochastic rounding; not changed by `--seed`.
    pub rounding_seed: u64,
}
