//! What a run's measurements say about allocations that were never evaluated. (All of it ours.)
//!
//! Two models of the drop are fitted, as the gate's is. By *evidence*: for an allocation whose
//! drift and other proxies were measured, the gate's own model. By *costs*: every layer's width has
//! a cost ([`Costs`]), costs add up, and the response is linear in asinh(cost / scale); of the
//! sources of costs and of some scales those of greatest marginal likelihood are taken.
//! [`Predictor::solve`] finds the allocation that is best by costs, exactly.

mod costs;
mod solve;

use std::collections::HashMap;

use serde::{Deserialize, Serialize};

use super::drop_model::{DropModel, FEATURE_COUNT, Features};
use super::{Candidate, CandidateId, Space, Tree};
use crate::quant::{Allocation, BitWidth};
pub(super) use costs::Costs;
pub use solve::{Solution, Unsolved, Wanted};

/// Predicts accuracy drops from a run's measurements. A snapshot: make it anew when more has been
/// measured.
#[derive(Clone, Debug)]
pub struct Predictor<'a> {
    tree: &'a Tree,
    measured: HashMap<&'a Allocation, Measured>,
    by_costs: Option<CostModel>,
    costs: Costs,
    by_evidence: Option<DropModel>,
}

/// The drop as a function of an allocation's cost.
#[derive(Clone, Debug)]
struct CostModel {
    scale: f64,
    model: DropModel,
}

/// An accuracy drop that was not measured, in percentage points.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Estimate {
    /// What is to be expected.
    pub drop: f64,
    /// The lower bound of its 90 % interval.
    pub low: Option<f64>,
    /// The upper bound.
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
    /// What the model of the drop says; none before enough has been evaluated.
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
        let sources = Costs::sources(tree, settings);
        let first = sources.first()?.clone();
        let fitted = sources.into_iter().filter_map(|costs| {
            let model = CostModel::fit(tree, &costs)?;
            Some((costs, model))
        });
        let best = fitted.max_by(|a, b| a.1.evidence().total_cmp(&b.1.evidence()));
        let (costs, by_costs) = best.map_or((first, None), |(costs, model)| (costs, Some(model)));
        Some(Predictor {
            tree,
            measured: measured(tree),
            by_costs,
            costs,
            by_evidence: DropModel::fit(tree, tree.max_drop()),
        })
    }

    /// How many accuracies the predictions rest on.
    pub fn measurements(&self) -> usize {
        self.measured.len()
    }

    /// What is known of an allocation.
    pub fn predict(&self, allocation: &Allocation) -> Prediction {
        let space = self.tree.settings.as_ref().map(|s| &s.space);
        Prediction {
            memory_bytes: space.map_or(0, |s| s.bytes(allocation)),
            predicted: self.predicted(allocation),
            measured: self.measured.get(allocation).copied(),
        }
    }

    /// What is known of one bit-width for all layers, for each of the menu, narrowest first.
    pub fn uniform(&self) -> Vec<(BitWidth, Prediction)> {
        let space = self.tree.settings.iter().map(|s| &s.space);
        let of = |space: &Space| {
            let menu = space.menu.iter().filter(|w| !w.is_float());
            let mut known: Vec<_> = menu
                .map(|w| {
                    (
                        *w,
                        self.predict(&Allocation::uniform(space.layers.len(), *w)),
                    )
                })
                .collect();
            known.sort_by_key(|(width, _)| *width);
            known
        };
        space.flat_map(of).collect()
    }

    /// By its own evidence where that was measured, else by its cost.
    fn predicted(&self, allocation: &Allocation) -> Option<Estimate> {
        let limit = self.tree.max_drop();
        let known = |c: &&Candidate| c.drift.is_some();
        let candidate = self.tree.with(allocation).find(known);
        let by_evidence = self.by_evidence.as_ref().zip(candidate);
        let by_evidence = by_evidence.map(|(model, c)| model.forecast(c, limit).drop);
        by_evidence.or_else(|| {
            let cost = self.costs.of_allocation(allocation);
            Some(self.by_costs.as_ref()?.at(cost, limit))
        })
    }
}

impl CostModel {
    /// The scales that are tried, as quantiles of the costs of what was evaluated.
    const SCALES: [f64; 5] = [0.1, 0.3, 0.5, 0.7, 0.9];

    /// The model of greatest marginal likelihood; none before enough was evaluated, and where the
    /// drop does not grow with the cost.
    fn fit(tree: &Tree, costs: &Costs) -> Option<Self> {
        let evaluated = tree.candidates.iter().filter(|c| !c.bits.is_empty());
        let mut known: Vec<f64> = evaluated
            .map(|c| costs.of_allocation(&c.allocation))
            .filter(|cost| cost.is_finite() && *cost > 0.0)
            .collect();
        known.sort_by(f64::total_cmp);
        let scales = Self::SCALES.iter().filter_map(|share| {
            let at = (share * known.len() as f64) as usize;
            known.get(at).copied()
        });
        let models = scales.filter_map(|scale| {
            let features = |a: &Allocation| feature(costs.of_allocation(a), scale);
            let model = DropModel::fit_by(tree, tree.max_drop(), features, feature(0.0, scale))?;
            model.grows(0).then_some(CostModel { scale, model })
        });
        models.max_by(|a, b| a.evidence().total_cmp(&b.evidence()))
    }

    fn evidence(&self) -> f64 {
        self.model.evidence()
    }

    fn at(&self, cost: f64, limit: f64) -> Estimate {
        self.model.at(&feature(cost, self.scale), None, limit).drop
    }
}

/// A cost as the one feature of a model of the drop.
fn feature(cost: f64, scale: f64) -> Features {
    let mut features: Features = [None; FEATURE_COUNT];
    features[0] = Some(libm::asinh(cost / scale)).filter(|f| f.is_finite());
    features
}

/// What the run has measured, by allocation: of duplicates the one with the most images.
fn measured(tree: &Tree) -> HashMap<&Allocation, Measured> {
    let mut measured: HashMap<&Allocation, Measured> = HashMap::new();
    for c in tree.candidates.iter().filter(|c| !c.bits.is_empty()) {
        let images = c.bits.len();
        let of_this = Measured {
            candidate: c.id,
            images,
            whole: images >= tree.float.len(),
            drop: tree.measured_drop(&c.bits).0,
        };
        let known = measured.entry(&c.allocation).or_insert(of_this);
        if known.images < images {
            *known = of_this;
        }
    }
    measured
}
