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

/// The basis of a drop: `measured` or `predicted`.
pub fn basis(prediction: &Prediction) -> &'static str {
    match prediction.measured {
        Some(measured) if measured.whole => "measured",
        _ => "predicted",
    }
}

/// One point of a front.
#[derive(Clone, Debug, Serialize)]
#[serde(tag = "type", rename = "front")]
pub struct FrontLine {
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

impl FrontLine {
    /// The line for a point of the front of a run.
    pub fn new(point: &Solution, settings: &Settings) -> Self {
        let prediction = point.prediction;
        let float = settings.space.float_bytes();
        FrontLine {
            prediction,
            basis: basis(&prediction),
            accuracy_drop: prediction.drop(),
            memory_saving_percent: saving_percent(prediction.memory_bytes, float),
            bits: bits(settings, &point.allocation),
        }
    }
}
