//! The points of a front as lines of JSON.

use std::collections::BTreeMap;

use serde::Serialize;

use crate::quant::{Allocation, BitWidth, saving_percent};
use crate::search::{Prediction, Settings, Solution};

/// The bit-width of every layer by name.
pub type Bits = BTreeMap<String, BitWidth>;

/// The bit-widths of an allocation by the names of the layers.
pub fn bits(settings: &Settings, allocation: &Allocation) -> Bits {
    let names = settings.space.layers.iter().map(|l| l.name.clone());
    names.zip(allocation.0.iter().copied()).collect()
}

/// An allocation with what is measured or predicted of it.
#[derive(Clone, Debug, Serialize)]
pub struct Predicted {
    /// The measurement or prediction.
    #[serde(flatten)]
    pub prediction: Prediction,
    /// The basis of the drop: `measured` or `predicted`.
    pub basis: &'static str,
    /// The accuracy drop in percentage points.
    pub accuracy_drop: Option<f64>,
    /// The saving against the float network.
    pub memory_saving_percent: f64,
    /// The bit-width of every layer.
    pub bits: Bits,
}

impl Predicted {
    /// What there is to say of a solution.
    pub fn new(solution: &Solution, settings: &Settings) -> Self {
        let prediction = solution.prediction;
        let float = settings.space.float_bytes();
        let is_measured = prediction.measured.is_some_and(|m| m.whole);
        Predicted {
            prediction,
            basis: if is_measured { "measured" } else { "predicted" },
            accuracy_drop: prediction.drop(),
            memory_saving_percent: saving_percent(prediction.memory_bytes, float),
            bits: bits(settings, &solution.allocation),
        }
    }
}

/// One point of a front, as a line of JSON.
#[derive(Clone, Debug, Serialize)]
#[serde(tag = "type", rename = "front")]
pub struct FrontLine {
    /// The allocation.
    #[serde(flatten)]
    pub point: Predicted,
}

impl FrontLine {
    /// The line for a point of the front of a run.
    pub fn new(point: &Solution, settings: &Settings) -> Self {
        let point = Predicted::new(point, settings);
        FrontLine { point }
    }
}
