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
    /// An integer multiplier with a shift, and an integer summand, of 16 bits each; what follows is
    /// fixed-point as well ([`fixed`](super::fixed)).
    Fixed,
}

/// The method that makes the integers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Method {
    /// Integers that keep the layer's output over the calibration images.
    Calibrated,
    /// Every weight to its nearest grid point.
    #[default]
    Nearest,
}

/// How the two numbers per channel behind a layer's integers are fitted again.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Correction {
    /// Not at all: scale, bias and batch norm as they are.
    #[default]
    None,
    /// To the mean and the spread of the float layer on the float network's inputs.
    Local,
    /// To the same on the inputs of the quantized network, layer after layer.
    Sequential,
}

/// How the inputs of the calibration images weigh.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Weighting {
    /// All alike.
    #[default]
    None,
    /// By how near the neurons behind the layer are to their threshold.
    Threshold,
}

/// The share of the mean input variance that is added to every variance.
pub const DAMPING: f64 = 0.01;

/// How weights become integers.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Scheme {
    /// The method.
    // Left out where they are those of rounding to the nearest, so that fingerprints of earlier
    // versions' runs stay what they were; here and below.
    #[serde(skip_serializing_if = "is_usual")]
    pub method: Method,
    /// The correction of the affine.
    #[serde(skip_serializing_if = "is_usual")]
    pub correction: Correction,
    /// The weights of the inputs.
    #[serde(skip_serializing_if = "is_usual")]
    pub weighting: Weighting,
    /// The damping of the inputs' covariance.
    #[serde(skip_serializing_if = "is_usual_damping")]
    pub damping: f64,
    /// One scale per channel or per tensor.
    pub granularity: Granularity,
    /// How the scale is chosen.
    pub scale: ScaleRule,
    /// How a scaled weight is rounded.
    pub rounding: Rounding,
    /// The stored affine.
    pub affine: Affine,
    /// Bits of membrane potentials and of whatever else is no integer by itself; none: f32. Given
    /// with [`Affine::Fixed`] and only with it.
    #[serde(skip_serializing_if = "is_usual")]
    pub membrane_bits: Option<u8>,
    /// Key of stochastic rounding; not changed by `--seed`.
    pub rounding_seed: u64,
}

impl Scheme {
    /// Whether integers or affines depend on calibration images.
    pub fn needs_images(&self) -> bool {
        self.method == Method::Calibrated || self.correction != Correction::None
    }

    /// The bits of membrane potentials where everything is computed in integers.
    pub fn fixed(&self) -> Option<u8> {
        self.membrane_bits.filter(|_| self.affine == Affine::Fixed)
    }
}

fn is_usual<T: Default + PartialEq>(value: &T) -> bool {
    *value == T::default()
}

fn is_usual_damping(damping: &f64) -> bool {
    *damping == DAMPING
}

impl Default for Scheme {
    /// Rounding to the nearest, without correction.
    fn default() -> Self {
        Scheme {
            method: Method::default(),
            correction: Correction::default(),
            weighting: Weighting::default(),
            damping: DAMPING,
            granularity: Granularity::default(),
            scale: ScaleRule::default(),
            rounding: Rounding::default(),
            affine: Affine::default(),
            membrane_bits: None,
            rounding_seed: 0,
        }
    }
}
