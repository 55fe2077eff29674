//! Allocate: the exact optimum of what single groups' drifts predict, brought to the truth by
//! bisection and trades.
//!
//! Every group of the finest level is lowered alone and its drift measured; a dynamic programme
//! gives all allocations that no other beats in bytes and predicted cost. Along that front the
//! smallest that passes is found by bisection. Then groups are traded: one goes up a step, another
//! down, as long as the memory shrinks. A trade must hold on the whole search split at once: among
//! so many, some would pass the screening by chance (selection bias). For the highest accuracy the
//! allocations of the front that fit best are tried.

use std::collections::VecDeque;

use super::drifts::GroupDrifts;
use super::tries::Tries;
use super::try_out::{Tried, try_out};
use super::{Context, Step, Strategy};
use crate::quant::Allocation;
use crate::search::step::{Ask, Trial};
use crate::search::{CandidateId, Origin, State};

/// Trades that fail one after the other before no more are tried, as a multiple of the number of
/// layers.
const PATIENCE: usize = 2;

/// The strategy for the smallest memory.
#[derive(Clone, Debug, Default)]
pub struct Allocate {
    drifts: Option<GroupDrifts>,
    work: Work,
}

#[derive(Clone, Debug, Default)]
enum Work {
    /// Measuring the drifts.
    #[default]
    Measuring,
    /// Bisecting the front.
    Bisecting(Bisecting),
    /// Trying trades on a base.
    Trading(Trading),
    /// Nothing is left to try.
    Done,
}

/// Everything on the front up to `low` is larger than what passes, everything from `high` on
/// fails.
#[derive(Clone, Debug)]
struct Bisecting {
    front: Vec<(u64, Allocation)>,
    low: usize,
    high: usize,
}

#[derive(Clone, Debug)]
struct Trading {
    base: CandidateId,
    queue: VecDeque<Allocation>,
    failed: usize,
}

impl Strategy for Allocate {
    fn open(&mut self, search: &mut Context<'_>) -> Step {
        self.drifts = GroupDrifts::of_start(search);
        self.work = Work::Measuring;
        match self.drifts {
            Some(_) => Step::Again,
            None => Step::Done,
        }
    }

    fn step(&mut self, search: &mut Context<'_>) -> Step {
        let Some(drifts) = &self.drifts else {
            return Step::Done;
        };
        let (next, work) = match std::mem::take(&mut self.work) {
            Work::Measuring => match drifts.unmeasured(search) {
                Some(ask) => (Step::Ask(ask), Work::Measuring),
                None => (Step::Again, bisecting(search, drifts)),
            },
            Work::Bisecting(work) => bisect(search, drifts, work),
            Work::Trading(work) => trade(search, drifts, work),
            Work::Done => (Step::Done, Work::Done),
        };
        self.work = work;
        match self.work {
            Work::Done => Step::Done,
            _ => next,
        }
    }

    fn takes_resumed(&self, search: &Context<'_>) -> bool {
        let drifts = self.drifts.as_ref();
        let measuring = matches!(self.work, Work::Measuring);
        !(measuring && drifts.is_some_and(|d| d.unmeasured(search).is_some()))
    }
}

/// The front below the base, down to what is known to fail.
fn bisecting(search: &Context<'_>, drifts: &GroupDrifts) -> Work {
    let tree = search.tree();
    let bytes = tree.expanded().map_or(0, |b| b.bytes);
    let mut front = drifts.front(search);
    front.retain(|(of, a)| *of < bytes && search.satisfies_pins(a));
    let refuted = |(_, a): &(u64, Allocation)| {
        let duplicate = search.duplicate(a);
        duplicate.is_some_and(|c| c.state() == State::Refuted)
    };
    Work::Bisecting(Bisecting {
        high: front.iter().position(refuted).unwrap_or(front.len()),
        front,
        low: 0,
    })
}

fn bisect(search: &mut Context<'_>, drifts: &GroupDrifts, mut work: Bisecting) -> (Step, Work) {
    let middle = (work.low + work.high) / 2;
    let open = work.front.get(middle).filter(|_| work.low < work.high);
    let Some(allocation) = open.map(|(_, a)| a.clone()) else {
        return (Step::Again, trading(search, drifts));
    };
    let next = match try_out(
        search,
        (Origin::Allocated, None),
        allocation,
        Trial::Screened,
    ) {
        Tried::Open(next, _) => next,
        Tried::Passed(candidate) => {
            work.low = middle + 1;
            search.take_smaller(candidate);
            Step::Again
        }
        Tried::Failed => {
            work.high = middle;
            Step::Again
        }
    };
    (next, Work::Bisecting(work))
}

fn trade(search: &mut Context<'_>, drifts: &GroupDrifts, mut work: Trading) -> (Step, Work) {
    let unmoved = search.tree().base == Some(work.base);
    let judged = search.tree().get(work.base).and_then(|b| b.confirmation);
    if unmoved && judged.is_none() {
        let confirm = Ask::Confirm(work.base);
        return (Step::Ask(confirm), Work::Trading(work));
    }
    let patience = PATIENCE * search.space().layers.len();
    let trade = work.queue.front().filter(|_| work.failed < patience);
    let Some(allocation) = trade.cloned() else {
        return (Step::Again, Work::Done);
    };
    if !unmoved {
        return (Step::Again, trading(search, drifts));
    }
    match try_out(search, (Origin::Allocated, None), allocation, Trial::Whole) {
        Tried::Open(next, _) => (next, Work::Trading(work)),
        Tried::Passed(candidate) => {
            search.take_smaller(candidate);
            (Step::Again, trading(search, drifts))
        }
        Tried::Failed => {
            work.queue.pop_front();
            work.failed += 1;
            (Step::Again, Work::Trading(work))
        }
    }
}

fn trading(search: &Context<'_>, drifts: &GroupDrifts) -> Work {
    let base = search.tree().expanded();
    let queue = base.map(|b| drifts.trades(search, &b.allocation));
    let mut queue = queue.unwrap_or_default();
    queue.retain(|a| search.satisfies_pins(a) && search.closed(a).is_none());
    Work::Trading(Trading {
        base: base.map_or(CandidateId(0), |b| b.id),
        queue: queue.into(),
        failed: 0,
    })
}

/// For the highest accuracy: the allocations within the memory that are predicted to be best, once
/// the drifts around the widest one are measured.
pub(super) fn predicted(search: &mut Context<'_>) -> Result<Tries, Step> {
    let widest = super::levels::widest(search);
    let drifts = GroupDrifts::around(search, widest).ok_or(Step::Done)?;
    if let Some(ask) = drifts.unmeasured(search) {
        return Err(Step::Ask(ask));
    }
    Ok(Tries::predicted(search, drifts.front(search)))
}
