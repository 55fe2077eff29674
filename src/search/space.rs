//! The search space: a network's layers, the bit menu, and the memory of every choice.

use serde::{Deserialize, Serialize};

use super::Group;
use crate::network::{Graph, Layer, LayerId};
use crate::profile::{Level, Tie};
use crate::quant::{Allocation, BitWidth, MemoryModel, packed_bytes};

/// The layer of a network, as the search sees it.
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

/// The search space: layers, bit menu, ties and the memory of every choice.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Space {
    /// Layers in the graph's order.
    pub layers: Vec<SpaceLayer>,
    /// Allowed widths, ascending.
    pub menu: Vec<BitWidth>,
    /// Bytes that no choice changes.
    pub fixed_bytes: u64,
    /// Layers of equal width; no layer is in two of them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub ties: Vec<Tie>,
    /// Names of the neuron sites, in the graph's order; the logits are the last drift site and not
    /// listed.
    pub sites: Vec<String>,
}

impl Space {
    /// The space of a graph: its layers with their memory at each bit-width of the menu.
    pub fn of(graph: &Graph, memory: &MemoryModel, menu: &[BitWidth], ties: Vec<Tie>) -> Self {
        let layer = |(i, layer): (usize, &Layer)| {
            let id = LayerId(i as u32);
            let block = &graph.blocks[layer.block.index()];
            SpaceLayer {
                name: layer.name.clone(),
                stage: graph.stages[block.stage.index()].name.clone(),
                block: block.name.clone(),
                weights: layer.weights() as u64,
                bytes: menu.iter().map(|w| memory.layer_bytes(id, *w)).collect(),
                float_bytes: memory.layer_bytes(id, BitWidth::FLOAT),
            }
        };
        Space {
            layers: graph.layers.iter().enumerate().map(layer).collect(),
            menu: menu.to_vec(),
            fixed_bytes: memory.fixed_bytes(),
            ties,
            sites: graph.sites.iter().map(|s| s.name.clone()).collect(),
        }
    }

    /// The smallest bit-width of the menu.
    pub fn lowest_width(&self) -> BitWidth {
        let smallest = self.menu.iter().min().copied();
        smallest.unwrap_or(BitWidth::FLOAT)
    }
    /// Memory of an allocation in bytes.
    pub fn bytes(&self, allocation: &Allocation) -> u64 {
        let layers = self.layers.iter().zip(&allocation.0);
        let layers = layers.map(|(layer, width)| self.layer_bytes(layer, *width));
        layers.fold(self.fixed_bytes, u64::saturating_add)
    }
    /// Memory of a layer at a width in bytes: packed weights and the layer's affine.
    pub fn layer_bytes(&self, layer: &SpaceLayer, width: BitWidth) -> u64 {
        let position = self.menu.iter().position(|w| *w == width);
        let listed = position.and_then(|i| layer.bytes.get(i));
        listed.copied().unwrap_or(layer.float_bytes)
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
    /// Indices of a group's layers, in the graph's order, with those that are tied to them; empty
    /// for an unknown name.
    pub fn members(&self, group: &Group) -> Vec<usize> {
        let is_member = |layer: &SpaceLayer| match group {
            Group::Network => true,
            Group::Stage(name) => &layer.stage == name,
            Group::Block(name) => &layer.block == name,
            Group::Layer(name) => &layer.name == name,
            Group::Tie(name) => self.tie(&layer.name).is_some_and(|tie| &tie.name == name),
        };
        let members = (0..self.layers.len()).filter(|i| is_member(&self.layers[*i]));
        let mut members: Vec<usize> = members.flat_map(|i| self.tied(i)).collect();
        members.sort_unstable();
        members.dedup();
        members
    }
    /// A layer with those that are tied to it.
    pub fn tied(&self, layer: usize) -> Vec<usize> {
        let tie = self.layers.get(layer).and_then(|l| self.tie(&l.name));
        let Some(tie) = tie else { return vec![layer] };
        let of_tie = |i: &usize| tie.layers.contains(&self.layers[*i].name);
        (0..self.layers.len()).filter(of_tie).collect()
    }
    /// The tie that a layer is in.
    pub fn tie(&self, layer: &str) -> Option<&Tie> {
        self.ties
            .iter()
            .find(|tie| tie.layers.iter().any(|l| l == layer))
    }
    /// The groups of a level, in the graph's order; of those with the same layers the first. At the
    /// level of layers tied ones are one group.
    pub fn groups(&self, level: Level) -> Vec<Group> {
        let mut groups = Vec::new();
        for layer in &self.layers {
            let group = match (level, self.tie(&layer.name)) {
                (Level::Network, _) => Group::Network,
                (Level::Stage, _) => Group::Stage(layer.stage.clone()),
                (Level::Block, _) => Group::Block(layer.block.clone()),
                (Level::Layer, None) => Group::Layer(layer.name.clone()),
                (Level::Layer, Some(tie)) => Group::Tie(tie.name.clone()),
            };
            if !groups.contains(&group) {
                groups.push(group);
            }
        }
        let mut seen: Vec<Vec<usize>> = Vec::new();
        groups.retain(|group| {
            let members = self.members(group);
            let is_new = !seen.contains(&members);
            seen.push(members);
            is_new
        });
        groups
    }
    /// Brings tied layers to the largest width among them.
    pub fn level_ties(&self, allocation: &mut Allocation) {
        for tie in &self.ties {
            let of_tie = |i: &usize| tie.layers.contains(&self.layers[*i].name);
            let members: Vec<usize> = (0..self.layers.len()).filter(of_tie).collect();
            let widths = members.iter().filter_map(|i| allocation.0.get(*i).copied());
            let Some(largest) = widths.max() else {
                continue;
            };
            for i in members {
                if let Some(width) = allocation.0.get_mut(i) {
                    *width = largest;
                }
            }
        }
    }
}
