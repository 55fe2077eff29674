//! The bit-widths of a part of the network.

use crate::quant::{Allocation, BitWidth};
use crate::search::Settings;
use crate::tui::model::Part;

/// The bit-widths of a part.
#[derive(Clone, Copy, PartialEq)]
pub struct Widths {
    /// The smallest one.
    pub min: BitWidth,
    /// The largest one.
    pub max: BitWidth,
    /// The mean over its weights.
    pub mean: f64,
}

impl Widths {
    /// Those of a part of an allocation.
    pub fn of(settings: &Settings, part: &Part, allocation: &Allocation) -> Self {
        let layers = &settings.space.layers;
        let members = part.members.iter();
        let all: Vec<(BitWidth, f64)> = members
            .filter_map(|m| Some((*allocation.0.get(*m)?, layers.get(*m)?.weights as f64)))
            .collect();
        let widths = || all.iter().map(|(width, _)| *width);
        let min = widths().min().unwrap_or(BitWidth::FLOAT);
        let max = widths().max().unwrap_or(min);
        let bits = all.iter().map(|(w, weights)| f64::from(w.bits()) * weights);
        let weights: f64 = all.iter().map(|(_, weights)| weights).sum();
        let mean = match weights > 0.0 {
            true => bits.sum::<f64>() / weights,
            false => f64::from(max.bits()),
        };
        Widths { min, max, mean }
    }
    /// One width, or from the smallest to the largest.
    pub fn text(self) -> String {
        match self.min == self.max {
            true => self.min.to_string(),
            false => format!("{}-{}", self.min.bits(), self.max.bits()),
        }
    }
    /// In at most two columns.
    pub fn short(self) -> String {
        self.max.bits().to_string()
    }
}
