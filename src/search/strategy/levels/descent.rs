//! The way down for the highest accuracy: from the largest widths by the ranking of the levels, on
//! drift alone, until the allocation fits in the memory; that one is tried.

use std::collections::VecDeque;

use super::state::{OpenGroup, OpenState};
use crate::profile::Level;
use crate::search::step::Ask;
use crate::search::strategy::tries::Tries;
use crate::search::strategy::{Context, Step, Strategy};
use crate::search::{CandidateId, CloseReason, Origin};

/// The strategy for the highest accuracy. Only the last level steps below the budget: finer ones
/// end nearer to it.
#[derive(Clone, Debug, Default)]
pub struct Descent {
    state: Option<OpenState>,
    /// The levels still to come.
    levels: VecDeque<Level>,
    /// What the way led to.
    tries: Option<Tries>,
}

/// The candidate of the largest widths that the rules allow.
pub fn widest(search: &mut Context<'_>) -> CandidateId {
    let widest = search.engine.clamped(&search.domains().highest());
    match search.duplicate(&widest).map(|c| c.id) {
        Some(duplicate) => duplicate,
        None => search
            .engine
            .propose(search.tree().base, None, Origin::Search, widest),
    }
}

impl Strategy for Descent {
    fn open(&mut self, search: &mut Context<'_>) -> Step {
        *self = Descent {
            state: None,
            levels: search.settings().search.levels.clone().into(),
            tries: None,
        };
        if !self.levels.is_empty() {
            let top = widest(search);
            self.next_level(search, top);
        }
        Step::Again
    }

    fn step(&mut self, search: &mut Context<'_>) -> Step {
        if let Some(tries) = &mut self.tries {
            return tries.step(search);
        }
        let Some(state) = &mut self.state else {
            return Step::Done;
        };
        let Some(base) = search.tree().get(state.base).filter(|c| !c.pruned) else {
            return Step::Done;
        };
        let id = base.id;
        if base.drift.is_none() {
            return Step::Ask(Ask::Drift(id));
        }
        if search.tree().constraint.fits(base.bytes) {
            let found = VecDeque::from([base.allocation.clone()]);
            self.tries = Some(Tries::all(found));
            return Step::Again;
        }
        let Some(head) = state.ranking(search).into_iter().next() else {
            self.next_level(search, id);
            return Step::Again;
        };
        let group = &mut state.groups[head.group];
        let bits = head.step.bits;
        let child = head
            .fresh
            .unwrap_or_else(|| group.child(search, id, head.step));
        group.candidate = Some(child);
        let candidate = search.tree().get(child);
        if candidate.is_some_and(|c| c.pruned) {
            group.closed = Some((bits, CloseReason::Pruned));
        } else if head.fresh.is_some() {
            let mut lower = state.child(child, head.group, true);
            if !self.levels.is_empty() {
                stay_above(search, &mut lower);
            }
            self.state = Some(lower);
        } else if candidate.is_some_and(|c| c.drift.is_none()) {
            return Step::Ask(Ask::Drift(child));
        }
        Step::Again
    }
}

impl Descent {
    /// Goes on at the next level from a candidate; there may be none.
    fn next_level(&mut self, search: &Context<'_>, from: CandidateId) {
        self.state = self.levels.pop_front().map(|level| {
            let groups = search.space().groups(level).into_iter();
            let groups = groups.map(|group| {
                let members = search.space().members(&group);
                OpenGroup::of(group, members, None)
            });
            let mut state = OpenState::of(from, groups.collect(), false, true);
            if !self.levels.is_empty() {
                stay_above(search, &mut state);
            }
            state
        });
    }
}

/// Closes every group whose next step would fit in the memory.
fn stay_above(search: &Context<'_>, state: &mut OpenState) {
    let Some(base) = search.tree().get(state.base) else {
        return;
    };
    for group in &mut state.groups {
        let step = group.next(&base.allocation, search);
        if let Some(step) = step.filter(|s| search.fits(&s.allocation)) {
            group.closed = Some((step.bits, CloseReason::Lowest));
        }
    }
}
