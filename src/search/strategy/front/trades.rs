//! Trades: what failed by little is tried again with one group raised by a width, the one that is
//! predicted to cost most where it is, as long as the whole still takes fewer bytes than the base.

use std::collections::HashSet;

use super::costs::LayerCosts;
use super::{WORTH, hopeless, not_pruned};
use crate::evaluate::Verdict;
use crate::quant::{Allocation, BitWidth, Domains};
use crate::search::step::{Step, Trial};
use crate::search::strategy::Context;
use crate::search::strategy::try_out::{Tried, try_out};
use crate::search::{Candidate, CandidateId, Origin};

/// What lost more than so many times what is allowed did not fail by little.
const BY_LITTLE: f64 = 1.6;
/// Evaluations of trades that fail one after the other before no more are tried.
const PATIENCE: usize = 3;

/// The trades.
#[derive(Clone, Debug)]
pub(super) struct Trades {
    costs: LayerCosts,
    /// Failed candidates that a trade was made of.
    done: HashSet<CandidateId>,
    evaluated: usize,
    /// Evaluations at the most.
    most: usize,
    /// One met the constraint.
    passed: bool,
    under_way: Option<(Allocation, CandidateId)>,
}

impl Trades {
    /// At most so many trades by some costs, until one passes.
    pub fn new(costs: LayerCosts, most: usize) -> Self {
        Trades {
            costs,
            done: HashSet::new(),
            evaluated: 0,
            most: most.min(PATIENCE),
            passed: false,
            under_way: None,
        }
    }

    /// How many were evaluated.
    pub fn evaluated(&self) -> usize {
        self.evaluated
    }

    /// True where the last one met the constraint.
    pub fn has_passed(&self) -> bool {
        self.passed
    }

    /// One step of the search; none behind the last one.
    pub fn step(&mut self, search: &mut Context<'_>) -> Option<Step> {
        let allocation = not_pruned(search, self.under_way.take());
        let allocation = allocation.or_else(|| self.next(search))?;
        let trial = (Origin::Search, None);
        Some(
            match try_out(search, trial, allocation.clone(), Trial::Screened) {
                // Its evidence says that nothing is gained.
                Tried::Open(_, candidate) if hopeless(search, candidate) => Step::Again,
                Tried::Open(next, candidate) => {
                    self.under_way = Some((allocation, candidate));
                    next
                }
                Tried::Passed(candidate) => {
                    self.evaluated += 1;
                    self.passed = true;
                    search.take_smaller(candidate);
                    Step::Again
                }
                Tried::Failed => {
                    self.evaluated += 1;
                    Step::Again
                }
            },
        )
    }

    /// The trade of what failed by least and was not traded yet.
    fn next(&mut self, search: &Context<'_>) -> Option<Allocation> {
        if self.passed || self.evaluated >= self.most {
            return None;
        }
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
        failed.sort_by(|a, b| a.0.total_cmp(&b.0).then(a.1.cmp(&b.1)));
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
