//! What a layer's width is predicted to cost, and the front of allocations that follows.

use std::collections::HashMap;
use std::sync::Arc;

use crate::quant::{Allocation, BitWidth, Domains};
use crate::search::choices::Choices;
use crate::search::knapsack::{Choice, hull};
use crate::search::strategy::Context;

/// The predicted cost of every layer at every width. Costs add up over layers; only their ratios
/// matter. Copies share them: the engine looks ahead with a copy of its strategy.
#[derive(Clone, Debug, Default)]
pub(super) struct LayerCosts(Arc<HashMap<(usize, BitWidth), f64>>);

impl LayerCosts {
    /// The errors of the layers' outputs, each by itself.
    pub fn of_errors(search: &Context<'_>) -> Self {
        let by_width = search.tree().layer_errors.iter();
        let costs = by_width.flat_map(|(width, errors)| {
            let layers = errors.iter().enumerate();
            layers.map(|(layer, error)| ((layer, *width), error.max(0.0)))
        });
        LayerCosts(Arc::new(costs.collect()))
    }

    /// These costs, each multiplied by a factor of its layer and width.
    pub fn scaled(&self, factor: impl Fn(usize, BitWidth) -> f64) -> Self {
        let scaled = self.0.iter().map(|((layer, width), cost)| {
            let place = (*layer, *width);
            (place, cost * factor(*layer, *width))
        });
        LayerCosts(Arc::new(scaled.collect()))
    }

    /// A layer at a width; float costs nothing.
    pub fn of(&self, layer: usize, width: BitWidth) -> f64 {
        self.0.get(&(layer, width)).copied().unwrap_or(0.0)
    }

    /// An allocation.
    pub fn of_allocation(&self, allocation: &Allocation) -> f64 {
        let layers = allocation.0.iter().enumerate();
        layers.map(|(layer, width)| self.of(layer, *width)).sum()
    }

    /// The hull of the allocations that the groups of the finest level may form under the pins,
    /// most bytes first.
    pub fn front(&self, search: &Context<'_>) -> Vec<(u64, Allocation)> {
        self.front_within(search, search.domains())
    }

    /// The same with only these bit-widths.
    pub fn front_within(&self, search: &Context<'_>, domains: &Domains) -> Vec<(u64, Allocation)> {
        let space = search.space();
        let groups = search.settings().choices(domains);
        let choice = |group: &Choices, widths: &Vec<BitWidth>| {
            let members = || group.members.iter().zip(widths);
            let bytes = |(layer, width): (&usize, &BitWidth)| {
                let layer = space.layers.get(*layer);
                layer.map_or(0, |layer| space.layer_bytes(layer, *width))
            };
            Choice {
                bytes: members().map(bytes).sum(),
                cost: members()
                    .map(|(layer, width)| self.of(*layer, *width))
                    .sum(),
            }
        };
        let of_group = |group: &Choices| -> Vec<Choice> {
            group
                .widths
                .iter()
                .map(|widths| choice(group, widths))
                .collect()
        };
        let costs: Vec<Vec<Choice>> = groups.iter().map(of_group).collect();
        let lowest = domains.lowest();
        let allocation = |choices: &[usize]| {
            let mut allocation = lowest.clone();
            for (group, choice) in groups.iter().zip(choices) {
                group.set(&mut allocation, *choice);
            }
            allocation
        };
        let points = hull(&costs).into_iter().map(|p| allocation(&p.choices));
        points.map(|a| (space.bytes(&a), a)).collect()
    }
}
