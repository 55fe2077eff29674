//! What a run's measurements say about allocations that were never evaluated. (All of it ours.)
//!
//! Every layer's width has a cost ([`Costs`]); costs add up, and their sum goes with the accuracy
//! drop ([`Trend`], fitted to everything that the run has measured). [`Predictor::solve`] finds the
//! allocation that is best by that, exactly.

mod costs;
mod solve;
mod trend;

use std::collections::HashMap;

use serde::{Deserialize, Serialize};

use super::{CandidateId, Tree};
use crate::quant::Allocation;
pub(super) use costs::Costs;
pub use solve::{Solution, Unsolved, Wanted};
use trend::Trend;

/// Predicts accuracy drops from a run's measurements. A snapshot: make it anew when more has been
/// measured.
#[derive(Clone, Debug)]
pub struct Predictor<'a> {
    tree: &'a Tree,
    measured: HashMap<&'a Allocation, Measured>,
    costs: Costs,
    trend: Trend,
}

/// An accuracy drop that was not measured, in percentage points.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Estimate {
    /// What the trend says.
    pub drop: f64,
    /// Nine of ten of the run's own measurements lie within such bounds; none where fewer than ten
    /// are known.
    pub low: Option<f64>,
    /// The other bound.
    pub high: Option<f64>,
}

/// An accuracy drop that the run has measured, in percentage points.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Measured {
    /// The candidate.
    pub candidate: CandidateId,
    /// Images of the search split that were looked at.
    pub images: usize,
    /// True where that is all of them.
    pub whole: bool,
    /// Against float on the same images.
    pub drop: f64,
}

/// What is known of an allocation without evaluating it.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Prediction {
    /// Its memory.
    pub memory_bytes: u64,
    /// What the measurements of others say; none before enough has been measured.
    pub predicted: Option<Estimate>,
    /// What was measured of itself, if anything.
    pub measured: Option<Measured>,
}

impl Prediction {
    /// The drop: measured on the whole search split, else predicted, else measured on a part.
    pub fn drop(&self) -> Option<f64> {
        let whole = self.measured.filter(|m| m.whole).map(|m| m.drop);
        let part = self.measured.map(|m| m.drop);
        whole.or(self.predicted.map(|p| p.drop)).or(part)
    }
}

impl<'a> Predictor<'a> {
    /// From everything that has been measured so far; none before a search has begun.
    pub fn new(tree: &'a Tree) -> Option<Self> {
        let settings = tree.settings.as_ref()?;
        let costs = Costs::of(tree, settings)?;
        let measured = measured(tree);
        let point =
            |(a, m): (&&Allocation, &Measured)| (costs.of_allocation(a), m.drop, m.images as f64);
        let trend = Trend::fit(
            measured.iter().map(point).collect(),
            settings.search_images as f64,
        );
        Some(Predictor {
            tree,
            measured,
            costs,
            trend,
        })
    }

    /// How many accuracies the predictions rest on.
    pub fn measurements(&self) -> usize {
        self.trend.len()
    }

    /// What is known of an allocation.
    pub fn predict(&self, allocation: &Allocation) -> Prediction {
        let space = self.tree.settings.as_ref().map(|s| &s.space);
        Prediction {
            memory_bytes: space.map_or(0, |s| s.bytes(allocation)),
            predicted: self.trend.at(self.costs.of_allocation(allocation)),
            measured: self.measured.get(allocation).copied(),
        }
    }
}

/// What the run has measured, by allocation: of duplicates the one with the most images.
fn measured(tree: &Tree) -> HashMap<&Allocation, Measured> {
    let mut measured: HashMap<&Allocation, Measured> = HashMap::new();
    for c in tree.candidates.iter().filter(|c| !c.bits.is_empty()) {
        let images = c.bits.len();
        let lost = tree.float.correct_in(0, images) as f64 - c.bits.correct() as f64;
        let of_this = Measured {
            candidate: c.id,
            images,
            whole: images >= tree.float.len(),
            drop: 100.0 * lost / images as f64,
        };
        let known = measured.entry(&c.allocation).or_insert(of_this);
        if known.images < images {
            *known = of_this;
        }
    }
    measured
}
