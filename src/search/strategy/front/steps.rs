//! Steps down from a base: groups lowered by one width, the one of least predicted cost for the
//! bytes it saves first.
//!
//! Several go down together, as many as save a few percent of the memory: near the limit every
//! evaluation takes nearly all images, whatever it saves. Where they fail together half of them are
//! tried; a group that fails alone is not tried again.

use std::collections::HashSet;

use super::costs::LayerCosts;
use super::refining::Refined;
use super::{WORTH, not_pruned};
use crate::quant::Allocation;
use crate::search::step::Trial;
use crate::search::strategy::Context;
use crate::search::strategy::levels::{GroupStep, lower};
use crate::search::strategy::try_out::{Tried, try_out};
use crate::search::{CandidateId, Group, Move, Origin};

/// Share of the bytes that steps taken together save at first.
const TOGETHER: f64 = 0.03;

/// The steps.
#[derive(Clone, Debug)]
pub(super) struct Steps {
    costs: LayerCosts,
    /// Groups that failed alone.
    failed: HashSet<Group>,
    /// Share of the bytes that the next ones save together.
    together: f64,
    /// Those under way.
    under_way: Option<(Bundle, CandidateId)>,
}

/// Steps that are taken together.
#[derive(Clone, Debug)]
struct Bundle {
    moves: Vec<Move>,
    allocation: Allocation,
}

impl Steps {
    /// Steps down from the base there is, by some costs.
    pub fn new(costs: LayerCosts) -> Self {
        Steps {
            costs,
            failed: HashSet::new(),
            together: TOGETHER,
            under_way: None,
        }
    }

    /// Groups that failed alone may be tried again.
    pub fn forget_failures(&mut self) {
        self.failed.clear();
    }

    /// A step of the search; none where no group is left to be lowered.
    pub fn step(&mut self, search: &mut Context<'_>) -> Option<Refined> {
        let bundle = not_pruned(search, self.under_way.take());
        let bundle = bundle.or_else(|| self.cheapest(search))?;
        let alone = match bundle.moves.as_slice() {
            [alone] => Some(alone.clone()),
            _ => None,
        };
        let trial = (Origin::Search, alone.clone());
        let allocation = bundle.allocation.clone();
        Some(match try_out(search, trial, allocation, Trial::Screened) {
            Tried::Open(next, candidate) => {
                self.under_way = Some((bundle, candidate));
                Refined::Open(next)
            }
            Tried::Passed(candidate) => {
                search.take_smaller(candidate);
                Refined::Passed
            }
            Tried::Failed => {
                match alone {
                    Some(alone) => drop(self.failed.insert(alone.group)),
                    None => self.together /= 2.0,
                }
                Refined::Failed
            }
        })
    }

    /// The steps down from the base of least predicted cost for the bytes they save.
    fn cheapest(&self, search: &Context<'_>) -> Option<Bundle> {
        let base = search.base()?;
        let level = *search.settings().search.levels.last()?;
        let cost = self.costs.of_allocation(&base.allocation);
        let saved = |allocation: &Allocation| {
            let bytes = search.space().bytes(allocation);
            base.bytes.saturating_sub(bytes)
        };
        let worth = (WORTH * base.bytes as f64) as u64;
        let open = search.space().groups(level).into_iter();
        let open = open.filter(|group| !self.failed.contains(group));
        let steps = open.filter_map(|group| {
            let members = search.space().members(&group);
            let GroupStep { bits, allocation } = lower(
                &base.allocation,
                &members,
                search.domains(),
                &search.space().menu,
            )?;
            let added = self.costs.of_allocation(&allocation) - cost;
            let saved = Some(saved(&allocation)).filter(|saved| *saved > worth)?;
            Some((added / saved as f64, Move { group, bits }))
        });
        let mut steps: Vec<(f64, Move)> = steps.collect();
        steps.sort_by(|a, b| a.0.total_cmp(&b.0));
        let mut bundle = Bundle {
            moves: Vec::new(),
            allocation: base.allocation.clone(),
        };
        let enough = (self.together * base.bytes as f64) as u64;
        for (_, step) in steps {
            let members = search.space().members(&step.group);
            let domains = search.domains();
            bundle.allocation = domains.lowered(&bundle.allocation, &members, step.bits);
            bundle.moves.push(step);
            if saved(&bundle.allocation) >= enough {
                break;
            }
        }
        (!bundle.moves.is_empty()).then_some(bundle)
    }
}
