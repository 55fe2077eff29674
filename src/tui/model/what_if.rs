//! What if the memory were limited to a budget: the predicted front, and a point of it.

use std::collections::BTreeMap;

use crate::quant::{Allocation, BitWidth};
use crate::search::{Command, Solution, Tree};

/// A memory budget that is moved along the predicted front.
#[derive(Clone, Debug, PartialEq)]
pub struct WhatIf {
    /// The predicted front, smallest first; none while it is computed.
    pub front: Option<Vec<Solution>>,
    /// Why there is no front.
    pub error: Option<String>,
    /// The budget in bytes.
    pub budget: u64,
    /// How much the run had measured when the front was asked for.
    pub asked: u64,
    /// Accuracies behind the prediction.
    pub measurements: usize,
}

/// The steps between the smallest and the largest budget.
const STEPS: u64 = 100;

impl WhatIf {
    /// The front smallest first, with the budget kept, or at first that of `near`.
    pub fn known(&mut self, mut front: Vec<Solution>, near: u64) {
        front.sort_by_key(|s| s.prediction.memory_bytes);
        if self.front.is_none() {
            self.budget = near;
        }
        self.front = Some(front);
        self.step(0);
    }

    /// Moves the budget.
    pub fn step(&mut self, by: i64) {
        let sizes = self
            .front
            .iter()
            .flatten()
            .map(|s| s.prediction.memory_bytes);
        let (Some(least), Some(most)) = (sizes.clone().min(), sizes.max()) else {
            return;
        };
        let step = ((most - least) / STEPS).max(1);
        let moved = match by < 0 {
            true => self.budget.saturating_sub(by.unsigned_abs() * step),
            false => self.budget.saturating_add(by.unsigned_abs() * step),
        };
        self.budget = moved.clamp(least, most);
    }

    /// The allocation within the budget: the predicted best.
    pub fn solution(&self) -> Option<&Solution> {
        let fits = |s: &&Solution| s.prediction.memory_bytes <= self.budget;
        self.front.iter().flatten().rfind(fits)
    }

    /// Its rank by predicted drop among all of the front, the least drop first.
    pub fn rank(&self) -> Option<(usize, usize)> {
        let drop = |s: &Solution| s.prediction.drop().unwrap_or(f64::INFINITY);
        let own = drop(self.solution()?);
        let all = self.front.iter().flatten();
        let less = all.filter(|s| drop(s) < own).count();
        Some((less + 1, self.front.as_ref().map_or(0, Vec::len)))
    }

    /// What to tell the search to have the allocation evaluated: a child of the base.
    pub fn command(&self, tree: &Tree) -> Option<Command> {
        evaluate(tree, &self.solution()?.allocation)
    }
}

/// What to tell the search to have an allocation evaluated: a child of the base, or of the result;
/// none where it is that allocation itself.
pub fn evaluate(tree: &Tree, allocation: &Allocation) -> Option<Command> {
    let parent = tree
        .expanded()
        .or(tree.best())
        .or(tree.candidates.first())?;
    let bits = differing(tree, &parent.allocation, allocation);
    (!bits.is_empty()).then_some(Command::SetLayers {
        candidate: parent.id,
        bits,
    })
}

/// The layers in which an allocation differs from another, with its widths.
fn differing(tree: &Tree, from: &Allocation, to: &Allocation) -> BTreeMap<String, BitWidth> {
    let layers = tree.settings.iter().flat_map(|s| &s.space.layers);
    let widths = from.0.iter().zip(&to.0);
    let differ = layers.zip(widths).filter(|(_, (from, to))| from != to);
    differ
        .map(|(layer, (_, to))| (layer.name.clone(), *to))
        .collect()
}
