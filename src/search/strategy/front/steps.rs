//! Steps down from a base: groups lowered by one width, the one of least predicted cost for the
//! bytes it saves first.
//!
//! Several go down together, as many as save a few percent of the memory: near the limit every
//! evaluation takes nearly all images, whatever it saves. Where they fail together half of them are
//! tried; a group that fails alone is not tried again.

use std::collections::HashSet;

use super::costs::LayerCosts;
use super::{WORTH, not_pruned};
use crate::quant::Allocation;
use crate::search::step::{Step, Trial};
use crate::search::strategy::Context;
use crate::search::strategy::levels::{GroupStep, lower};
use crate::search::strategy::try_out::{Tried, try_out};
use crate::search::{CandidateId, Group, Move, Origin};

/// Share of the bytes that steps taken together save at first.
const TOGETHER: f64 = 0.03;
/// Evaluations that fail one after the other before no more steps are tried.
const PATIENCE: usize = 3;

/// The steps.
#[derive(Clone, Debug)]
pub(super) struct Steps {
    costs: LayerCosts,
    /// Groups that failed alone.
    failed: HashSet<Group>,
    /// Share of the bytes that the next ones save together.
    together: f64,
    failures: usize,
    evaluated: usize,
    /// Evaluations at the most.
    most: usize,
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
    /// At most so many steps down from the base there is, by some costs.
    pub fn new(costs: LayerCosts, most: usize) -> Self {
        Steps {
            costs,
            failed: HashSet::new(),
            together: TOGETHER,
            failures: 0,
            evaluated: 0,
            most,
            under_way: None,
        }
    }

    /// How many were evaluated.
    pub fn evaluated(&self) -> usize {
        self.evaluated
    }

    /// One step of the search; none behind the last one.
    pub fn step(&mut self, search: &mut Context<'_>) -> Option<Step> {
        let bundle = not_pruned(search, self.under_way.take());
        let bundle = bundle.or_else(|| self.cheapest(search))?;
        let alone = (bundle.moves.len() == 1).then(|| bundle.moves[0].clone());
        let allocation = bundle.allocation.clone();
        Some(
            match try_out(search, (Origin::Search, alone), allocation, Trial::Screened) {
                Tried::Open(next, candidate) => {
                    self.under_way = Some((bundle, candidate));
                    next
                }
                Tried::Passed(candidate) => {
                    self.evaluated += 1;
                    self.failures = 0;
                    search.take_smaller(candidate);
                    Step::Again
                }
                Tried::Failed => {
                    self.evaluated += 1;
                    self.failures += 1;
                    match bundle.moves.as_slice() {
                        [alone] => drop(self.failed.insert(alone.group.clone())),
                        _ => self.together /= 2.0,
                    }
                    Step::Again
                }
            },
        )
    }

    /// The steps down from the base of least predicted cost for the bytes they save.
    fn cheapest(&self, search: &Context<'_>) -> Option<Bundle> {
        if self.failures >= PATIENCE || self.evaluated >= self.most {
            return None;
        }
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
