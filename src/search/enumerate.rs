//! Exhaustive: every allocation of the finest level's groups that the pins allow, in the order of its bytes. The first one
//! that meets the constraint on the whole search split is the optimum, because all that are smaller do not.
//!
//! Each is judged on the whole search split at once: a screening could reject what all images would accept. No drift of
//! them is measured and the gate is not asked, whatever its mode: one that holds back would leave the optimum open. (Before
//! that a start and the smallest width everywhere are judged as in every search.)

use std::sync::Arc;

use super::choices::{Choices, ascending, count, decoded};
use super::engine::{Ask, Engine, Next};
use super::phases::{After, Phase};
use super::{CandidateId, Origin, Settings, StopReason};
use crate::evaluate::Verdict;
use crate::profile::{PinError, Strategy};
use crate::quant::{Allocation, Domains};

/// The most allocations that are tried out one by one.
pub const MOST_ALLOCATIONS: u64 = 1 << 16;

/// Why a search cannot begin.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum Unsearchable {
    /// The pins.
    #[error(transparent)]
    Pins(#[from] PinError),
    /// Too many allocations to try them all.
    #[error("an exhaustive search would try {} allocations ({groups} groups at the finest level), and tries at most {MOST_ALLOCATIONS}: pin layers in [pins], take widths out of quantizer.bits or the finest level out of search.levels; or choose another search.strategy", shown(*.count))]
    TooMany {
        /// How many; none where that exceeds every number.
        count: Option<u64>,
        /// Groups of the finest level that have a choice.
        groups: usize,
    },
}

fn shown(count: Option<u64>) -> String {
    count.map_or_else(
        || String::from("more than 18 million million million"),
        |c| c.to_string(),
    )
}

impl Settings {
    /// The widths each layer may have under the profile's own pins.
    ///
    /// # Errors
    /// [`Unsearchable`] where these settings leave nothing to search, or too much for the strategy.
    pub fn searchable(&self) -> Result<Domains, Unsearchable> {
        let domains = self.domains(&self.pins)?;
        self.few_enough(&domains)?;
        Ok(domains)
    }

    /// Refuses an exhaustive search of a large space.
    pub(super) fn few_enough(&self, domains: &Domains) -> Result<(), Unsearchable> {
        if self.search.strategy != Strategy::Exhaustive {
            return Ok(());
        }
        let choices = self.choices(domains);
        let count = count(&choices);
        match count {
            Some(count) if count <= MOST_ALLOCATIONS => Ok(()),
            _ => {
                let groups = choices.iter().filter(|c| c.widths.len() > 1).count();
                Err(Unsearchable::TooMany { count, groups })
            }
        }
    }
}

/// Where the stage stands.
#[derive(Clone, Debug)]
pub(super) struct Enumerating {
    choices: Arc<[Choices]>,
    lowest: Allocation,
    /// Bytes and code of every allocation, fewest bytes first.
    order: Arc<[(u64, u32)]>,
    /// Everything before this is known not to meet the constraint, or pruned.
    at: usize,
}

impl Engine {
    pub(super) fn open_enumerate(&mut self) {
        let choices = self.settings.choices(&self.domains);
        let lowest = self.lowest();
        let order = ascending(&self.settings.space, &choices, &lowest);
        self.phase = Phase::Enumerate(Enumerating {
            choices: choices.into(),
            lowest,
            order: order.into(),
            at: 0,
        });
    }

    pub(super) fn step_enumerate(&mut self, mut work: Enumerating) -> Next {
        if let Some(next) = self.step_resumed() {
            return next;
        }
        let incumbent = self.tree.incumbent.and_then(|i| self.tree.get(i));
        let bound = incumbent.map_or(u64::MAX, |i| i.bytes);
        while let Some((_, code)) = work.order.get(work.at).filter(|(bytes, _)| *bytes < bound) {
            let allocation = decoded(&work.choices, &work.lowest, *code);
            let Some(twin) = self.twin(&allocation) else {
                let parent = self.tree.base.unwrap_or(CandidateId(0));
                self.propose(Some(parent), None, Origin::Enumerated, allocation);
                self.phase = Phase::Enumerate(work);
                return Next::Again;
            };
            let (id, pruned, judgement) = (twin.id, twin.pruned, twin.confirmation);
            match judgement {
                None if !pruned => {
                    self.phase = Phase::Enumerate(work);
                    return Next::Ask(Ask::Confirm(id));
                }
                // What meets the constraint is the incumbent, and nothing else is smaller.
                Some(j) if j.verdict == Verdict::Met => break,
                _ => work.at += 1,
            }
        }
        self.take_incumbent();
        self.phase = match self.eligible_base() {
            Some(_) => Phase::Confirm(After::Stage),
            None => Phase::Test(StopReason::Complete),
        };
        Next::Again
    }

    /// Makes the incumbent the base.
    fn take_incumbent(&mut self) {
        let incumbent = self.tree.incumbent.and_then(|i| self.tree.get(i));
        if let Some(candidate) = incumbent.filter(|c| self.eligible(c)).map(|c| c.id) {
            self.take(candidate);
        }
    }
}
