//! Which of the weights of a checkpoint are meant.

use serde::{Deserialize, Serialize};

/// The choice among the weights of a training run's checkpoint: `model.weights` of a profile.
#[derive(
    Clone,
    Copy,
    Debug,
    Default,
    PartialEq,
    Eq,
    Hash,
    Serialize,
    Deserialize,
    strum::Display,
    strum::EnumString,
    strum::VariantNames,
)]
#[serde(rename_all = "kebab-case")]
#[strum(serialize_all = "kebab-case")]
pub enum WeightsChoice {
    /// The network's own weights.
    #[default]
    Model,
    /// The exponential moving average of them that training kept beside them.
    Ema,
}
