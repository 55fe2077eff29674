//! Everything the search depends on, as plain data.

use serde::{Deserialize, Serialize};

use super::Group;
use super::known::{Bar, allowed_loss};
use crate::evaluate::PairedTest;
use crate::profile::{
    Constraint, GateConfig, Level, Pin, PinError, Screening, SearchConfig, bounds,
};
use crate::quant::{Allocation, BitWidth, packed_bytes};

/// A layer as the search sees it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct SpaceLayer {
    /// Its name.
    pub name: String,
    /// Its stage's name.
    pub stage: String,
    /// Its block's name.
    pub block: String,
    /// Number of weights.
    pub weights: u64,
    /// Bytes at each width of the menu, in the menu's order: packed weights and the layer's affine.
    pub bytes: Vec<u64>,
    /// Bytes as float.
    pub float_bytes: u64,
}

/// The network as the search sees it: layers, the bit menu and what every choice costs.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Space {
    /// Layers in the graph's order.
    pub layers: Vec<SpaceLayer>,
    /// Allowed widths, ascending.
    pub menu: Vec<BitWidth>,
    /// Bytes that no choice changes.
    pub fixed_bytes: u64,
    /// Names of the neuron sites, in the graph's order; the logits are the last drift site and not listed.
    pub sites: Vec<String>,
}

impl Space {
    /// Memory of an allocation in bytes.
    pub fn bytes(&self, allocation: &Allocation) -> u64 {
        let layer = |(layer, width): (&SpaceLayer, &BitWidth)| {
            let position = self.menu.iter().position(|w| w == width);
            let listed = position.and_then(|i| layer.bytes.get(i));
            listed.copied().unwrap_or(layer.float_bytes)
        };
        let layers = self.layers.iter().zip(&allocation.0).map(layer);
        layers.fold(self.fixed_bytes, u64::saturating_add)
    }
    /// Memory of the float network in bytes.
    pub fn float_bytes(&self) -> u64 {
        let layers = self.layers.iter().map(|l| l.float_bytes);
        layers.fold(self.fixed_bytes, u64::saturating_add)
    }
    /// Bytes of the packed weights alone, without affines: the figure that papers quote.
    pub fn weight_bytes(&self, allocation: &Allocation) -> u64 {
        let packed = |(layer, width): (&SpaceLayer, &BitWidth)| packed_bytes(layer.weights, *width);
        let layers = self.layers.iter().zip(&allocation.0).map(packed);
        layers.fold(0, u64::saturating_add)
    }
    /// Indices of a group's layers; empty for an unknown name.
    pub fn members(&self, group: &Group) -> Vec<usize> {
        let is_member = |layer: &SpaceLayer| match group {
            Group::Network => true,
            Group::Stage(name) => &layer.stage == name,
            Group::Block(name) => &layer.block == name,
            Group::Layer(name) => &layer.name == name,
        };
        (0..self.layers.len())
            .filter(|i| is_member(&self.layers[*i]))
            .collect()
    }
    /// The groups of a level, in the graph's order.
    pub fn groups(&self, level: Level) -> Vec<Group> {
        let mut groups = Vec::new();
        for layer in &self.layers {
            let group = match level {
                Level::Network => Group::Network,
                Level::Stage => Group::Stage(layer.stage.clone()),
                Level::Block => Group::Block(layer.block.clone()),
                Level::Layer => Group::Layer(layer.name.clone()),
            };
            if !groups.contains(&group) {
                groups.push(group);
            }
        }
        groups
    }
}

/// Everything the search depends on beside outcomes and commands.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Settings {
    /// The profile's name.
    pub name: String,
    /// The network.
    pub space: Space,
    /// What a result must meet.
    pub constraint: Constraint,
    /// Strategy, levels, screening size, seed.
    pub search: SearchConfig,
    /// The gate.
    pub gate: GateConfig,
    /// Bounds on bit-widths.
    pub pins: Vec<Pin>,
    /// The allocation to start from; none for the largest width everywhere.
    pub start: Option<Allocation>,
    /// Images of the calibration split.
    pub calibration_images: usize,
    /// Images of the search split.
    pub search_images: usize,
    /// Images of the test split; 0 for none.
    pub test_images: usize,
}

impl Settings {
    /// Images of a screening: no more than the search split has.
    pub fn screen(&self) -> usize {
        self.search.screen.clamp(1, self.search_images.max(1))
    }
    /// What a screening is measured against where accuracy may drop by so many points.
    pub(super) fn screening(&self, max_drop: f64) -> Bar {
        let (of, search) = (self.screen(), &self.search);
        let allowed = allowed_loss(max_drop, of);
        let indifferent = allowed_loss(search.indifference, of);
        let test = || PairedTest::new(search.alpha, search.beta, of, allowed, indifferent);
        Bar {
            of,
            allowed_loss: allowed,
            whole: false,
            test: (search.screening == Screening::Sequential).then(test),
        }
    }
    /// What a confirmation is measured against, likewise.
    pub(super) fn confirmation(&self, max_drop: f64) -> Bar {
        let of = self.search_images;
        Bar {
            of,
            allowed_loss: allowed_loss(max_drop, of),
            whole: true,
            test: None,
        }
    }
    /// The widths each layer may have under the given pins.
    ///
    /// # Errors
    /// [`PinError`] where a pin names no layer or leaves one no width.
    pub fn allowed(&self, pins: &[Pin]) -> Result<Vec<Vec<BitWidth>>, PinError> {
        let names: Vec<&str> = self.space.layers.iter().map(|l| l.name.as_str()).collect();
        bounds(pins, &names, &self.space.menu)
    }
}
