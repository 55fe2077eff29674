//! Single groups lowered alone: how much each matters by other evidence than its layers' errors.

use std::collections::HashMap;

use super::costs::LayerCosts;
use crate::quant::{Allocation, BitWidth};
use crate::search::step::Ask;
use crate::search::strategy::Context;
use crate::search::{CandidateId, Move, Proxy};

/// A group's factor is at least this share of the mean: no evidence says that it costs nothing.
const LEAST: f64 = 0.02;

/// Every group of the finest level lowered alone, around the allocation that the search started
/// from.
#[derive(Clone, Debug)]
pub(super) struct Probes {
    around: CandidateId,
    groups: Vec<Probed>,
}

/// A group with the candidates in which it is lowered alone.
#[derive(Clone, Debug)]
struct Probed {
    members: Vec<usize>,
    /// The width that it is lowered to, and the candidate.
    lowered: Vec<(BitWidth, CandidateId)>,
}

impl Probes {
    /// Makes the candidates: each group at the width that it has in `narrow`, an allocation that is
    /// near to the limit or beyond it, and at its smallest. From the back of the network forward,
    /// so that what is kept of the layers before them is of use.
    pub fn of(search: &mut Context<'_>, narrow: &Allocation) -> Option<Self> {
        let around = search.start()?;
        let start = search.tree().get(around)?.allocation.clone();
        let level = *search.settings().search.levels.last()?;
        let lowest = search.domains().lowest();
        let mut groups = Vec::new();
        for group in search.space().groups(level).into_iter().rev() {
            let members = search.space().members(&group);
            let mut lowered: Vec<(BitWidth, CandidateId)> = Vec::new();
            for to in [narrow, &lowest] {
                let widths = members.iter().filter_map(|l| to.0.get(*l).copied());
                let Some(bits) = widths.max() else { continue };
                let allocation = search.domains().lowered(&start, &members, bits);
                if allocation == start || lowered.iter().any(|(known, _)| *known == bits) {
                    continue;
                }
                let group = group.clone();
                let candidate = search.probe(around, Move { group, bits }, allocation);
                lowered.push((bits, candidate));
            }
            groups.push(Probed { members, lowered });
        }
        Some(Probes { around, groups })
    }

    /// The question about the first candidate whose evidence is not known yet.
    pub fn unmeasured(&self, search: &Context<'_>) -> Option<Ask> {
        let lowered = self.groups.iter().flat_map(|g| &g.lowered);
        let all = std::iter::once(self.around).chain(lowered.map(|(_, id)| *id));
        search.unmeasured(all)
    }

    /// The costs by some kinds of evidence: the layers' errors, those of each group multiplied so
    /// that the group lowered alone costs what was measured, at other widths as at the nearest one
    /// that was. Of several kinds, which are noisy each by itself, the geometric mean, in the unit
    /// of the first. None where nothing was measured of one, or it cost nothing.
    pub fn costs(
        &self,
        search: &Context<'_>,
        errors: &LayerCosts,
        sources: &[Proxy],
    ) -> Option<LayerCosts> {
        let factors = sources.iter().map(|s| self.factors(search, errors, *s));
        let factors = factors.collect::<Option<Vec<Factors>>>()?;
        let unit = factors.first()?.mean;
        let share = 1.0 / factors.len() as f64;
        Some(errors.scaled(|layer, width| {
            let relative = factors.iter().map(|f| f.relative(layer, width).powf(share));
            unit * relative.product::<f64>()
        }))
    }

    fn factors(&self, search: &Context<'_>, errors: &LayerCosts, source: Proxy) -> Option<Factors> {
        let tree = search.tree();
        let start = tree.get(self.around)?;
        let zero = source.of(start)?;
        let mut of_layers: HashMap<usize, Vec<(BitWidth, f64)>> = HashMap::new();
        for group in &self.groups {
            let error = |a: &Allocation| -> f64 {
                let widths = group
                    .members
                    .iter()
                    .filter_map(|l| Some((*l, *a.0.get(*l)?)));
                widths.map(|(layer, width)| errors.of(layer, width)).sum()
            };
            for (bits, id) in &group.lowered {
                let candidate = tree.get(*id);
                let measured = candidate.and_then(|c| Some((error(&c.allocation), source.of(c)?)));
                let Some((error_of_it, value)) = measured else {
                    continue;
                };
                let added = error_of_it - error(&start.allocation);
                if added <= 0.0 {
                    continue;
                }
                let factor = (value - zero).max(0.0) / added;
                for layer in &group.members {
                    of_layers.entry(*layer).or_default().push((*bits, factor));
                }
            }
        }
        let all = || of_layers.values().flatten().map(|(_, factor)| *factor);
        let mean = all().sum::<f64>() / all().count().max(1) as f64;
        (mean > 0.0).then_some(Factors { of_layers, mean })
    }
}

/// What a kind of evidence says the errors of layers are to be multiplied by.
struct Factors {
    /// Of each layer the factors at the widths that were measured.
    of_layers: HashMap<usize, Vec<(BitWidth, f64)>>,
    mean: f64,
}

impl Factors {
    /// The factor of a layer at a width, or the nearest one that was measured, over the mean.
    fn relative(&self, layer: usize, width: BitWidth) -> f64 {
        let known = self.of_layers.get(&layer).map_or(&[][..], Vec::as_slice);
        let away = |(bits, _): &&(BitWidth, f64)| bits.bits().abs_diff(width.bits());
        let nearest = known.iter().min_by_key(away);
        nearest.map_or(1.0, |(_, factor)| (factor / self.mean).max(LEAST))
    }
}
