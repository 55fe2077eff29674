//! Exhaustive search: every allocation of the finest level's groups that the pins allow.
//!
//! For the smallest memory in the order of its bytes: the first one that meets the constraint on
//! the whole search split is the optimum, because all that are smaller do not. Each is judged on
//! the whole search split at once: a screening could reject what all images would accept. No drift
//! of them is measured and the gate is not asked, whatever its mode: one that rejects would leave
//! the optimum open. For the highest accuracy all that fits in the memory is tried, largest first.

use std::sync::Arc;

use super::tries::Tries;
use super::{Context, Step, Strategy};
use crate::evaluate::Verdict;
use crate::quant::Allocation;
use crate::search::Origin;
use crate::search::choices::{Choices, ascending, decoded};
use crate::search::step::Ask;

/// All allocations, as codes in the order of their bytes.
#[derive(Clone, Debug)]
struct All {
    choices: Arc<[Choices]>,
    lowest: Allocation,
    /// Bytes and code, fewest bytes first.
    order: Arc<[(u64, u32)]>,
}

impl All {
    fn of(search: &Context<'_>) -> Self {
        let choices = search.settings().choices(search.domains());
        let lowest = search.domains().lowest();
        All {
            order: ascending(search.space(), &choices, &lowest).into(),
            choices: choices.into(),
            lowest,
        }
    }
    fn allocation(&self, code: u32) -> Allocation {
        decoded(&self.choices, &self.lowest, code)
    }
}

/// The strategy for the smallest memory.
#[derive(Clone, Debug, Default)]
pub struct Ascending {
    all: Option<All>,
    /// Everything before this is known not to meet the constraint, or pruned.
    at: usize,
}

impl Strategy for Ascending {
    fn open(&mut self, search: &mut Context<'_>) -> Step {
        *self = Ascending {
            all: Some(All::of(search)),
            at: 0,
        };
        Step::Again
    }

    fn step(&mut self, search: &mut Context<'_>) -> Step {
        let Some(all) = &self.all else {
            return Step::Done;
        };
        let bound = search.incumbent().map_or(u64::MAX, |i| i.bytes);
        while let Some((_, code)) = all.order.get(self.at).filter(|(bytes, _)| *bytes < bound) {
            let allocation = all.allocation(*code);
            let Some(duplicate) = search.duplicate(&allocation) else {
                search.propose_as(Origin::Enumerated, None, allocation);
                return Step::Again;
            };
            match duplicate.confirmation {
                None if !duplicate.pruned => return Step::Ask(Ask::Confirm(duplicate.id)),
                // What meets the constraint is the incumbent, and nothing else is smaller.
                Some(j) if j.verdict == Verdict::Met => break,
                _ => self.at += 1,
            }
        }
        let incumbent = search.incumbent().filter(|c| search.eligible(c));
        if let Some(incumbent) = incumbent.map(|c| c.id) {
            search.take(incumbent);
        }
        Step::Done
    }
    fn needs_base(&self) -> bool {
        false
    }
}

/// For the highest accuracy: all that fits in the memory, most bytes first, without drifts.
pub(super) fn descending(search: &mut Context<'_>) -> Result<Tries, Step> {
    let all = All::of(search);
    let order = all.order.iter().rev();
    let fit = order.filter(|(bytes, _)| search.tree().constraint.fits(*bytes));
    Ok(Tries::undrifted(
        fit.map(|(_, code)| all.allocation(*code)).collect(),
    ))
}
