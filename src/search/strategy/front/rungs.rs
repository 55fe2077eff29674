//! Allocations larger than the result, for a certificate: a ladder needs rungs between the result,
//! which hardly ever holds on unseen images, and what surely does.

use std::sync::Arc;

use super::costs::LayerCosts;
use crate::quant::Allocation;
use crate::search::Origin;
use crate::search::step::{Step, Trial};
use crate::search::strategy::Context;
use crate::search::strategy::try_out::{Tried, try_out};

/// How much larger each rung is than the one below it.
const LARGER: f64 = 1.13;
/// How many are tried.
const RUNGS: i32 = 5;

/// The rungs that are left to be tried.
#[derive(Clone, Debug)]
pub(super) struct Rungs(Arc<[Allocation]>);

impl Rungs {
    /// The allocations on a front above the base, where a certificate is wanted.
    pub fn above_base(search: &Context<'_>, costs: &LayerCosts) -> Self {
        let confidence = search.tree().constraint.confidence;
        let wanted = confidence.is_some() && search.settings().certify_images > 0;
        let base = search.base().filter(|_| wanted).map(|base| base.bytes);
        let mut front = costs.front(search);
        front.retain(|(bytes, allocation)| {
            Some(*bytes) > base
                && search.satisfies_pins(allocation)
                && search.tree().constraint.fits(*bytes)
        });
        let at = |base: u64, rung: i32| {
            let wanted = base as f64 * LARGER.powi(rung);
            let away = |point: &&(u64, Allocation)| (point.0 as f64 - wanted).abs();
            let nearest = front.iter().min_by(|a, b| away(a).total_cmp(&away(b)));
            nearest.map(|(_, allocation)| allocation.clone())
        };
        let rungs = base
            .into_iter()
            .flat_map(|base| (1..=RUNGS).map(move |r| (base, r)));
        let mut rungs: Vec<Allocation> = rungs.filter_map(|(base, rung)| at(base, rung)).collect();
        rungs.dedup();
        Rungs(rungs.into())
    }

    /// One step of the search; none behind the last one.
    pub fn step(self, search: &mut Context<'_>) -> (Step, Option<Self>) {
        let Some((allocation, rest)) = self.0.split_first() else {
            return (Step::Done, None);
        };
        match try_out(
            search,
            (Origin::Front, None),
            allocation.clone(),
            Trial::Screened,
        ) {
            Tried::Open(next, _) => (next, Some(self)),
            Tried::Passed(_) | Tried::Failed => (Step::Again, Some(Rungs(rest.into()))),
        }
    }
}
