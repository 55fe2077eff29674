//! What a search by fronts has still to ask, as far as its tree tells: an estimate for people.

use super::{Candidate, Origin, State, Tree};
use crate::profile::StrategyName;

/// Fronts that a search predicts.
const FRONTS: usize = 4;
/// Evaluations of steps down: about as many are made at least and at most.
const STEPS: (usize, usize) = (3, 12);
/// The share of the bytes to which a front is bisected.
const NEAR: f64 = 0.08;

/// Questions that are still to come, at least and at most.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Remaining {
    /// Drifts.
    pub drifts: (usize, usize),
    /// Screenings and confirmations.
    pub evaluations: (usize, usize),
}

impl Tree {
    /// What a search by fronts has still to ask: the drifts of its probes, the bisection of the
    /// open front, the fronts behind it, and steps. None for other strategies, and before it has
    /// begun.
    pub fn remaining(&self) -> Option<Remaining> {
        let settings = self.settings.as_deref()?;
        let base = self.expanded()?;
        if settings.search.strategy != StrategyName::Front || self.finished.is_some() {
            return None;
        }
        let probes = || self.active().filter(|c| c.origin == Origin::Probe);
        let level = settings.search.levels.last();
        let groups = level.map_or(0, |level| settings.space.groups(*level).len());
        let unmeasured = |c: &&Candidate| c.drift.is_none() && !c.pruned;
        let drifts = match probes().next() {
            Some(_) => {
                let left = probes().filter(unmeasured).count();
                (left, left)
            }
            None => (groups, 2 * groups),
        };
        // A bisection halves the logarithm of the bytes between what passes and what fails.
        let failed = |c: &&Candidate| matches!(c.state(), State::Failed | State::Refuted);
        let smaller = self.active().filter(|c| c.bytes < base.bytes);
        let fails = smaller.filter(failed).map(|c| c.bytes).max();
        let range = (base.bytes as f64 / fails.unwrap_or(1).max(1) as f64).ln();
        let halvings = (range / NEAR.ln_1p()).max(1.0).log2().ceil() as usize;
        let stepped = |c: &&Candidate| c.origin == Origin::Search && c.judgement().is_some();
        let steps = self.active().filter(stepped).count();
        let fronts = FRONTS.saturating_sub(self.fronts);
        Some(Remaining {
            drifts,
            evaluations: (
                STEPS.0.saturating_sub(steps),
                halvings + fronts * (1 + halvings) + STEPS.1.saturating_sub(steps),
            ),
        })
    }
}
