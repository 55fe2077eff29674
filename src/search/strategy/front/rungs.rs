//! Allocations larger than the result, for a certificate: a ladder needs rungs between the result,
//! which hardly ever holds on unseen images, and what surely does.

use std::sync::Arc;

use super::costs::LayerCosts;
use crate::quant::Allocation;
use crate::search::Origin;
use crate::search::step::{Step, Trial};
use crate::search::strategy::Context;
use crate::search::strategy::try_out::{Tried, try_out};

/// The share of the base's memory that the largest one tried may have.
const LARGEST: f64 = 3.0;
/// The shares between which they lie close together: there ladders end.
const DENSE: std::ops::Range<f64> = 1.25..2.0;
/// The share of one's memory that the next smaller one has there.
const CLOSE: f64 = 0.92;

/// The rungs that are left to be tried.
#[derive(Clone, Debug)]
pub(super) struct Rungs(Arc<[Allocation]>);

impl Rungs {
    /// The allocations above the base, where a certificate is wanted: its narrowest layers raised,
    /// to each width of the menu in turn, and parts of the way there by the least predicted cost.
    /// What a search took down furthest is where it was most often lucky.
    pub fn above_base(search: &Context<'_>, costs: &LayerCosts) -> Self {
        let confidence = search.tree().constraint.confidence;
        let wanted = confidence.is_some() && search.settings().certify_images > 0;
        let Some(base) = search.base().filter(|_| wanted) else {
            return Rungs(Arc::default());
        };
        let bytes = |allocation: &Allocation| search.space().bytes(allocation) as f64;
        let most = LARGEST * base.bytes as f64;
        let mut rungs: Vec<Allocation> = Vec::new();
        let mut low = base.allocation.clone();
        for width in search.space().menu.iter().filter(|w| !w.is_float()) {
            let high = search.domains().raised(&base.allocation, *width);
            if high == low {
                continue;
            }
            let parts = match DENSE.contains(&(bytes(&low) / base.bytes as f64)) {
                true => (bytes(&low) / bytes(&high)).ln() / CLOSE.ln(),
                false => 2.0,
            };
            rungs.extend(between(search, costs, (&low, &high), parts.ceil() as u32));
            rungs.push(high.clone());
            low = high;
        }
        rungs.dedup();
        rungs.retain(|allocation| {
            let bytes = search.space().bytes(allocation);
            bytes > base.bytes
                && bytes as f64 <= most
                && search.satisfies_pins(allocation)
                && search.tree().constraint.fits(bytes)
        });
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

/// On the front of the allocations between two those whose memory is nearest to a geometric series
/// of so many parts.
fn between(
    search: &Context<'_>,
    costs: &LayerCosts,
    (low, high): (&Allocation, &Allocation),
    parts: u32,
) -> Vec<Allocation> {
    let bytes = |allocation| search.space().bytes(allocation) as f64;
    let (least, most) = (bytes(low), bytes(high));
    let domains = search.domains().between(low, high);
    let front = costs.front_within(search, &domains);
    let nearest = |part: u32| {
        let wanted = least * (most / least).powf(f64::from(part) / f64::from(parts));
        let away = |point: &&(u64, Allocation)| (point.0 as f64 - wanted).abs();
        let nearest = front.iter().min_by(|a, b| away(a).total_cmp(&away(b)));
        nearest.map(|(_, allocation)| allocation.clone())
    };
    (1..parts).filter_map(nearest).collect()
}
