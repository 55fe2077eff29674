//! The best allocation by prediction, exactly: a dynamic programme over bytes.

use std::collections::HashMap;

use serde::Serialize;

use super::{Prediction, Predictor};
use crate::profile::{Pin, PinError};
use crate::quant::{Allocation, Domains};
use crate::search::choices::{Choices, undominated};
use crate::search::knapsack::Choice;
use crate::search::{Candidate, Settings};

/// What an allocation must meet. With a drop given the smallest such allocation is wanted, else the
/// one of least drop.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Wanted {
    /// The largest memory in bytes.
    pub max_memory: Option<u64>,
    /// The largest accuracy drop in percentage points.
    pub max_drop: Option<f64>,
}

/// An answer, or a point of a front.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Solution {
    /// All bit-widths.
    pub allocation: Allocation,
    /// What is known of it.
    #[serde(flatten)]
    pub prediction: Prediction,
}

impl Solution {
    /// True where its drop was measured on the whole search split.
    pub fn is_measured(&self) -> bool {
        self.prediction.measured.is_some_and(|m| m.whole)
    }
}

/// Why there is no answer.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Unsolved {
    /// The pins.
    #[error(transparent)]
    Pins(#[from] PinError),
    /// Nothing has been measured.
    #[error("the run has too few measurements to predict anything: continue it first")]
    TooEarly,
    /// Nothing meets what is wanted.
    #[error("nothing that this run knows or predicts meets that; the nearest has {} bytes and a drop of {}", .0.prediction.memory_bytes, points(&.0.prediction))]
    NothingMeets(Box<Solution>),
}

fn points(prediction: &Prediction) -> String {
    prediction
        .drop()
        .map_or("unknown size".into(), |d| format!("{d:.2} points"))
}

impl Predictor<'_> {
    /// The best allocation under the pins in force and some more.
    ///
    /// # Errors
    /// [`Unsolved`].
    pub fn solve(&self, wanted: Wanted, more: &[Pin]) -> Result<Solution, Unsolved> {
        let all = self.candidates(more)?;
        let fits = |s: &&Solution| {
            wanted
                .max_memory
                .is_none_or(|max| s.prediction.memory_bytes <= max)
        };
        let known = |s: &&Solution| s.prediction.drop().is_some();
        let drop = |s: &Solution| s.prediction.drop().unwrap_or(f64::INFINITY);
        let bytes = |s: &Solution| s.prediction.memory_bytes;
        // Of equal ones the one that was measured.
        let measured_first = |a: &Solution, b: &Solution| b.is_measured().cmp(&a.is_measured());
        let fitting = || all.iter().filter(fits).filter(known);
        let by_drop = |a: &&Solution, b: &&Solution| {
            (drop(a).total_cmp(&drop(b)))
                .then(bytes(a).cmp(&bytes(b)))
                .then(measured_first(a, b))
        };
        let best = match wanted.max_drop {
            Some(max) => fitting().filter(|s| drop(s) <= max).min_by(|a, b| {
                bytes(a)
                    .cmp(&bytes(b))
                    .then(measured_first(a, b))
                    .then(drop(a).total_cmp(&drop(b)))
            }),
            None => fitting().min_by(by_drop),
        };
        if let Some(best) = best {
            return Ok(best.clone());
        }
        let smallest = all.iter().min_by_key(|s| bytes(s));
        match fitting().min_by(by_drop).or(smallest) {
            Some(nearest) if known(&nearest) => {
                Err(Unsolved::NothingMeets(Box::new(nearest.clone())))
            }
            _ => Err(Unsolved::TooEarly),
        }
    }

    /// Accuracy against memory: the allocations that no other is predicted to beat, at most `most`
    /// of them evenly over the bytes, and everything measured on the whole search split that
    /// nothing measured beats. Most bytes first.
    ///
    /// # Errors
    /// [`Unsolved`].
    pub fn front(&self, more: &[Pin], most: usize) -> Result<Vec<Solution>, Unsolved> {
        let all = self.candidates(more)?;
        let (mut measured, predicted): (Vec<Solution>, Vec<Solution>) =
            all.into_iter().partition(Solution::is_measured);
        let place = |s: &Solution| {
            (
                s.prediction.memory_bytes,
                s.prediction.drop().unwrap_or(f64::INFINITY),
            )
        };
        measured.sort_by(|a, b| {
            let (a, b) = (place(a), place(b));
            a.0.cmp(&b.0).then(a.1.total_cmp(&b.1))
        });
        let mut least = f64::INFINITY;
        measured.retain(|s| {
            let better = place(s).1 < least;
            least = least.min(place(s).1);
            better
        });
        let step = predicted.len().div_ceil(most.max(1)).max(1);
        let last = predicted.len().saturating_sub(1);
        let thinned = predicted
            .into_iter()
            .enumerate()
            .filter(|(i, _)| i % step == 0 || *i == last)
            .map(|(_, s)| s);
        let mut points: Vec<Solution> = measured.into_iter().chain(thinned).collect();
        let bytes = |p: &Solution| p.prediction.memory_bytes;
        points.sort_by(|a, b| (bytes(b).cmp(&bytes(a))).then(a.allocation.cmp(&b.allocation)));
        Ok(points)
    }

    /// What is best by costs at some number of bytes, and all that has been measured on the whole
    /// search split or has evidence of its own; all within the pins.
    fn candidates(&self, more: &[Pin]) -> Result<Vec<Solution>, Unsolved> {
        let Some(settings) = &self.tree.settings else {
            return Err(Unsolved::TooEarly);
        };
        let domains = settings.domains(&self.tree.pins_with(more))?;
        let tree = self.tree;
        // What has evidence of its own may be better than what is best by costs.
        let is_known = |c: &Candidate| c.drift.is_some() || c.bits.len() >= tree.float.len();
        let mut all: HashMap<Allocation, Solution> = tree
            .candidates
            .iter()
            .filter(|c| domains.allows(&c.allocation) && is_known(c))
            .map(|c| (c.allocation.clone(), self.solution(c.allocation.clone())))
            .collect();
        let mut solutions: Vec<Solution> = Vec::new();
        for allocation in self.predicted_front(settings, &domains) {
            let known = all.remove(&allocation);
            solutions.push(known.unwrap_or_else(|| self.solution(allocation)));
        }
        let mut others: Vec<Solution> = all.into_values().collect();
        others.sort_by(|a, b| a.allocation.cmp(&b.allocation));
        solutions.extend(others);
        Ok(solutions)
    }

    fn solution(&self, allocation: Allocation) -> Solution {
        let prediction = self.predict(&allocation);
        Solution {
            allocation,
            prediction,
        }
    }

    /// Allocations of which no other has fewer bytes at the same predicted cost, most bytes first.
    fn predicted_front(&self, settings: &Settings, domains: &Domains) -> Vec<Allocation> {
        let space = &settings.space;
        let top = domains.highest();
        let all_cost = self.costs.of_allocation(&top);
        let groups = settings.choices(domains);
        let with = |group: &Choices, choice: usize| {
            let mut changed = top.clone();
            group.set(&mut changed, choice);
            changed
        };
        // Relative to all layers at their largest width, up to a constant: only differences of sums
        // matter.
        let sum = |allocation: Allocation| Choice {
            bytes: space.bytes(&allocation),
            cost: (self.costs.of_allocation(&allocation) - all_cost).max(0.0),
        };
        let of_group = |g: &Choices| (0..g.widths.len()).map(|i| sum(with(g, i))).collect();
        let sums: Vec<Vec<Choice>> = groups.iter().map(of_group).collect();
        undominated(&groups, &sums, &top)
    }
}
