//! Trades: what failed by little is tried again with one group raised by a width, the one that is
//! predicted to cost most where it is, as long as the whole still takes fewer bytes than the base.

use std::collections::HashSet;

use super::costs::LayerCosts;
use super::refining::Refined;
use super::{WORTH, hopeless, not_pruned};
use crate::evaluate::Verdict;
use crate::quant::{Allocation, BitWidth, Domains};
use crate::search::step::{Step, Trial};
use crate::search::strategy::Context;
use crate::search::strategy::try_out::{Tried, try_out};
use crate::search::{Candidate, CandidateId, Origin};

/// What lost more than so many times what is allowed did not fail by little.
const BY_LITTLE: f64 = 1.6;

/// The trades.
#[derive(Clone, Debug)]
pub(super) struct Trades {
    costs: LayerCosts,
    /// Failed candidates that a trade was made of.
    done: HashSet<CandidateId>,
    under_way: Option<(Allocation, CandidateId)>,
}

impl Trades {
    /// Trades by some costs.
    pub fn new(costs: LayerCosts) -> Self {
        Trades {
            costs,
            done: HashSet::new(),
            under_way: None,
        }
    }

    /// A step of the search; none where nothing is left to be traded.
    pub fn step(&mut self, search: &mut Context<'_>) -> Option<Refined> {
        let allocation = not_pruned(search, self.under_way.take());
        let allocation = allocation.or_else(|| self.next(search))?;
        let trial = (Origin::Search, None);
        let tried = try_out(search, trial, allocation.clone(), Trial::Screened);
        Some(match tried {
            // Its evidence says that nothing is gained.
            Tried::Open(_, candidate) if hopeless(search, candidate) => Refined::Open(Step::Again),
            Tried::Open(next, candidate) => {
                self.under_way = Some((allocation, candidate));
                Refined::Open(next)
            }
            Tried::Passed(candidate) => {
                search.take_smaller(candidate);
                Refined::Passed
            }
            Tried::Failed => Refined::Failed,
        })
    }

    /// The trade of what failed by least and was not traded yet.
    fn next(&mut self, search: &Context<'_>) -> Option<Allocation> {
        let tree = search.tree();
        let base = search.base()?;
        let most = base.bytes - (WORTH * base.bytes as f64) as u64;
        let limit = BY_LITTLE * tree.max_drop();
        let failed = |c: &&Candidate| {
            let failed = c.screening.is_some_and(|j| j.verdict == Verdict::NotMet);
            failed && !c.pruned && c.bytes < most && !self.done.contains(&c.id)
        };
        let drop = |c: &Candidate| (tree.measured_drop(&c.bits).0, c.id);
        let failed = tree.active().filter(failed).map(drop);
        let mut failed: Vec<(f64, CandidateId)> =
            failed.filter(|(drop, _)| *drop <= limit).collect();
        // Of equal ones the first proposed: numbers differ where a command was undone.
        failed.sort_by(|a, b| a.0.total_cmp(&b.0));
        for (_, id) in failed {
            self.done.insert(id);
            let traded = tree.get(id).and_then(|c| self.traded(search, c, most));
            if traded.is_some() {
                return traded;
            }
        }
        None
    }

    /// The group whose raise relieves most, raised, within so many bytes; nothing that is known.
    fn traded(&self, search: &Context<'_>, of: &Candidate, most: u64) -> Option<Allocation> {
        let level = *search.settings().search.levels.last()?;
        let cost = self.costs.of_allocation(&of.allocation);
        let groups = search.space().groups(level).into_iter();
        let raised = groups.filter_map(|group| {
            let members = search.space().members(&group);
            let menu = &search.space().menu;
            let allocation = raise(&of.allocation, &members, search.domains(), menu)?;
            let within = search.space().bytes(&allocation) <= most
                && search.duplicate(&allocation).is_none()
                && search.satisfies_pins(&allocation);
            let relief = cost - self.costs.of_allocation(&allocation);
            (within && relief > 0.0).then_some((relief, allocation))
        });
        let best = raised.max_by(|a, b| a.0.total_cmp(&b.0));
        best.map(|(_, allocation)| allocation)
    }
}

/// An allocation with a group raised to the next width that changes it; none above the largest.
fn raise(
    from: &Allocation,
    members: &[usize],
    domains: &Domains,
    menu: &[BitWidth],
) -> Option<Allocation> {
    let widths = members.iter().filter_map(|l| from.0.get(*l));
    let mut bits = *widths.min()?;
    loop {
        bits = menu.iter().copied().filter(|w| *w > bits).min()?;
        let mut to = domains.with(from, members, bits);
        for (width, before) in to.0.iter_mut().zip(&from.0) {
            *width = (*width).max(*before);
        }
        if to != *from {
            return Some(to);
        }
    }
}
