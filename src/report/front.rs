//! Points of the front, as lines of JSON.

use std::collections::BTreeMap;

use serde::Serialize;

use crate::quant::{Allocation, BitWidth, saving_percent};
use crate::search::{FrontPoint, Prediction, Settings};

/// Every layer's width.
pub type Bits = BTreeMap<String, BitWidth>;

/// The widths of an allocation by layer.
pub fn bits(settings: &Settings, allocation: &Allocation) -> Bits {
    let names = settings.space.layers.iter().map(|l| l.name.clone());
    names.zip(allocation.0.iter().copied()).collect()
}

/// `measured` or `predicted`: where a drop comes from.
pub fn basis(prediction: &Prediction) -> &'static str {
    match prediction.measured {
        Some(measured) if measured.whole => "measured",
        _ => "predicted",
    }
}

/// A point of the front.
#[derive(Clone, Debug, Serialize)]
#[serde(tag = "type", rename = "front")]
pub struct FrontLine {
    /// What is known of it.
    #[serde(flatten)]
    pub prediction: Prediction,
    /// `measured` or `predicted`.
    pub basis: &'static str,
    /// In percentage points.
    pub accuracy_drop: Option<f64>,
    /// Of the float network's memory.
    pub memory_saving_percent: f64,
    /// Every layer's width.
    pub bits: Bits,
}

impl FrontLine {
    /// From a point of a run's front.
    pub fn new(point: &FrontPoint, settings: &Settings) -> Self {
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
