//! The bit-widths that each layer may have.

use super::{Allocation, BitWidth};

/// The domains of all layers, in the graph's order: the bit-widths that pins, ties and a chip
/// leave each of them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Domains(Vec<Vec<BitWidth>>);

impl Domains {
    /// The domains with these bit-widths, one list a layer.
    pub fn new(widths: Vec<Vec<BitWidth>>) -> Self {
        Domains(widths)
    }

    /// The bit-widths of a layer; none for an unknown layer.
    pub fn of(&self, layer: usize) -> &[BitWidth] {
        self.0.get(layer).map_or(&[], Vec::as_slice)
    }

    /// True where every layer of an allocation has one of its bit-widths.
    pub fn allows(&self, allocation: &Allocation) -> bool {
        let mut pairs = allocation.0.iter().zip(&self.0);
        pairs.all(|(width, allowed)| allowed.contains(width))
    }

    /// The nearest bit-width of a layer to the wanted one: the largest not above it, else the
    /// smallest; the wanted one for a layer without any.
    pub fn nearest(&self, layer: usize, wanted: BitWidth) -> BitWidth {
        let allowed = || self.of(layer).iter().copied();
        let below = allowed().filter(|w| *w <= wanted).max();
        below.or_else(|| allowed().min()).unwrap_or(wanted)
    }

    /// The allocation with every layer at its nearest bit-width.
    pub fn clamp(&self, allocation: &Allocation) -> Allocation {
        let widths = allocation.0.iter().enumerate();
        Allocation(widths.map(|(i, w)| self.nearest(i, *w)).collect())
    }

    /// The allocation with some layers set to a bit-width, each to its nearest one.
    pub fn with(&self, from: &Allocation, layers: &[usize], bits: BitWidth) -> Allocation {
        let mut to = from.clone();
        for layer in layers {
            if let Some(width) = to.0.get_mut(*layer) {
                *width = self.nearest(*layer, bits);
            }
        }
        to
    }

    /// The allocation with some layers lowered to a bit-width, each to its nearest one; no layer
    /// is raised.
    pub fn lowered(&self, from: &Allocation, layers: &[usize], bits: BitWidth) -> Allocation {
        let mut to = self.with(from, layers, bits);
        for (width, before) in to.0.iter_mut().zip(&from.0) {
            *width = (*width).min(*before);
        }
        to
    }

    /// The allocation with every layer raised to at least a bit-width, each to its nearest one; no
    /// layer is lowered.
    pub fn raised(&self, from: &Allocation, bits: BitWidth) -> Allocation {
        let layers = from.0.iter().enumerate();
        let raised = layers.map(|(layer, width)| self.nearest(layer, bits).max(*width));
        Allocation(raised.collect())
    }

    /// The bit-widths from those of one allocation to those of another.
    pub fn between(&self, low: &Allocation, high: &Allocation) -> Domains {
        let bounds = low.0.iter().zip(&high.0);
        let within = self.0.iter().zip(bounds).map(|(widths, (low, high))| {
            let within = widths.iter().filter(|w| (low..=high).contains(w));
            within.copied().collect()
        });
        Domains(within.collect())
    }

    /// The smallest bit-width of a layer.
    pub fn lowest_of(&self, layer: usize) -> Option<BitWidth> {
        self.of(layer).iter().min().copied()
    }

    /// The smallest bit-width of every layer.
    pub fn lowest(&self) -> Allocation {
        let widths = (0..self.0.len()).filter_map(|i| self.lowest_of(i));
        Allocation(widths.collect())
    }

    /// The largest bit-width of every layer.
    pub fn highest(&self) -> Allocation {
        let largest = |widths: &Vec<BitWidth>| widths.iter().max().copied();
        Allocation(self.0.iter().filter_map(largest).collect())
    }
}
