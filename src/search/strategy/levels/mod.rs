//! Greedy and beam search: one level of the hierarchy after the other, lowering one group at a
//! time. Greedy is the beam of width 1.
//!
//! At every *depth* each state is expanded in rank order until some children have passed: of all
//! of them the best go on: fewest bytes, then smallest drift, then a content hash. Always among
//! them: what greedy alone would take. A state without such a child is a leaf; the level's result
//! is the smallest leaf. At the finest level, where a beam chooses among the most, what goes on
//! must hold on the whole search split: of many that pass a screening the smallest is likely to
//! have passed by chance (selection bias).

mod bounds;
mod descent;
mod state;

pub use descent::{Descent, widest};
pub use state::{GroupStep, lower};

use self::state::{OpenGroup, OpenState, Ranked};
use super::{Context, Step, Strategy};
use crate::profile::Level;
use crate::quant::BitWidth;
use crate::search::step::{Ask, Judged, Trial};
use crate::search::{CandidateId, CloseReason, Event};

/// The strategies of all levels, coarse to fine.
pub(super) fn plan(levels: &[Level], beam: usize) -> Vec<Box<dyn Strategy>> {
    let last = levels.len().saturating_sub(1);
    let level = |(i, level): (usize, &Level)| -> Box<dyn Strategy> {
        Box::new(OneLevel {
            level: *level,
            beam,
            finest: i == last,
            since: 0,
            states: Vec::new(),
            leaves: Vec::new(),
        })
    };
    levels.iter().enumerate().map(level).collect()
}

/// The search of one level: one state for greedy, up to the beam's width for beam.
#[derive(Clone, Debug)]
pub struct OneLevel {
    level: Level,
    /// How many states are expanded.
    beam: usize,
    /// True for the last level.
    finest: bool,
    /// Candidates that took part when it opened.
    since: usize,
    /// The states that are expanded.
    states: Vec<OpenState>,
    /// The states that could not be lowered any further.
    leaves: Vec<CandidateId>,
}

impl Strategy for OneLevel {
    fn open(&mut self, search: &mut Context<'_>) -> Step {
        let Some(base) = search.tree().base else {
            return Step::Done;
        };
        let mut bases = vec![base];
        for other in std::mem::take(&mut search.engine.expanded) {
            let candidate = search.tree().get(other);
            let eligible = candidate.is_some_and(|c| search.eligible(c));
            if eligible && !bases.contains(&other) && bases.len() < self.beam {
                bases.push(other);
            }
        }
        let groups = self.fresh_groups(search);
        let allocation = |c: &CandidateId| search.tree().get(*c).map(|c| &c.allocation);
        let can_go_on = |g: &&OpenGroup| {
            let mut allocations = bases.iter().filter_map(allocation);
            allocations.any(|a| g.next(a, search).is_some())
        };
        let open = groups.iter().filter(can_go_on);
        let open = open.map(|g| g.group.clone()).collect();
        let states = bases.iter().enumerate();
        self.states = states
            .map(|(i, base)| OpenState::of(*base, groups.clone(), true, i == 0))
            .collect();
        self.leaves.clear();
        search.engine.emit(Event::LevelOpened {
            level: self.level,
            groups: open,
        });
        self.since = search.tree().active().count();
        Step::Again
    }

    fn step(&mut self, search: &mut Context<'_>) -> Step {
        if let Some(opening) = self.states.iter().position(|s| s.opening) {
            return self.step_opening(search, opening);
        }
        match self.states.iter().position(|s| !s.searched) {
            Some(state) => self.step_state(search, state),
            None => self.next_depth(search),
        }
    }
    fn follows_a_line(&self) -> bool {
        true
    }
    fn takes_resumed(&self, _: &Context<'_>) -> bool {
        !self.states.iter().any(|s| s.opening)
    }

    /// Groups that were closed because of the pruning open again.
    fn resumed(&mut self, search: &mut Context<'_>) {
        let groups = self.states.iter_mut().flat_map(|s| &mut s.groups);
        for group in groups.filter(|g| matches!(g.closed, Some((_, CloseReason::Pruned)))) {
            group.closed = None;
        }
        self.open_round(search);
    }

    fn pruned(&mut self, alive: &dyn Fn(CandidateId) -> bool) {
        self.leaves.retain(|c| alive(*c));
        self.states.retain(|state| alive(state.base));
        for state in &mut self.states {
            state.found.retain(|(candidate, _)| alive(*candidate));
        }
    }

    fn expanded(&self) -> Option<Vec<CandidateId>> {
        let mut expanded: Vec<CandidateId> = self.states.iter().map(|s| s.base).collect();
        expanded.extend(&self.leaves);
        Some(expanded)
    }
}

impl OneLevel {
    fn fresh_groups(&self, search: &Context<'_>) -> Vec<OpenGroup> {
        let groups = search.space().groups(self.level).into_iter();
        let fresh = groups.map(|group| {
            let members = search.space().members(&group);
            let closed = search.engine.closed.get(&members).copied();
            OpenGroup::of(group, members, closed)
        });
        fresh.collect()
    }

    /// Proposes and measures the first step of every group of a state.
    fn step_opening(&mut self, search: &mut Context<'_>, at: usize) -> Step {
        let Some(base) = search.tree().get(self.states[at].base) else {
            return Step::Wait;
        };
        let base = base.allocation.clone();
        for i in 0..self.states[at].groups.len() {
            let group = &self.states[at].groups[i];
            if group.candidate.is_some() {
                continue;
            }
            let Some(step) = group.next(&base, search) else {
                continue;
            };
            if let Some(reason) = search.closed(&step.allocation) {
                self.close_group(search, at, i, step.bits, reason);
                continue;
            }
            let state = &mut self.states[at];
            let child = state.groups[i].child(search, state.base, step);
            state.groups[i].candidate = Some(child);
        }
        let unmeasured = |id: &CandidateId| {
            let candidate = search.tree().get(*id);
            candidate.is_some_and(|c| c.drift.is_none() && !c.pruned)
        };
        let mut candidates = self.states[at].groups.iter().filter_map(|g| g.candidate);
        let first = candidates.find(unmeasured);
        if first.is_none() {
            self.states[at].opening = false;
        }
        if !self.states.iter().any(|s| s.opening) {
            self.open_round(search);
        }
        first.map_or(Step::Again, |candidate| Step::Ask(Ask::Drift(candidate)))
    }

    /// One step of expanding a state: the head of its ranking is made, measured, gated, screened;
    /// taken or closed.
    fn step_state(&mut self, search: &mut Context<'_>, at: usize) -> Step {
        if self.close_beaten(search, at) {
            return Step::Again;
        }
        let ranking = self.states[at].ranking(search);
        let most = self.most_bytes(search, at);
        let quota = self.quota(at);
        let Some(head) = ranking.into_iter().find(|r| r.bytes <= most) else {
            self.states[at].searched = true;
            return Step::Again;
        };
        let Some(fresh) = head.fresh else {
            return self.step_unmeasured(search, at, head);
        };
        let pruned = search.tree().get(fresh).is_some_and(|c| c.pruned);
        let whole = self.keeps_confirmed();
        let state = &mut self.states[at];
        let judged = match pruned {
            true => None,
            // What greedy alone would take has to hold as the others that go on, before the next
            // is looked for.
            false if whole && state.greedy && state.found.is_empty() => {
                Some(search.judge(fresh, Trial::Whole))
            }
            false => Some(search.judge(fresh, Trial::Screened)),
        };
        let reason = match judged {
            None => CloseReason::Pruned,
            Some(Judged::Open(next)) => return next,
            Some(Judged::Passed) => {
                state.groups[head.group].found = true;
                state.found.push((fresh, head.group));
                state.searched = state.found.len() >= quota;
                return Step::Again;
            }
            Some(Judged::Failed) => CloseReason::Failed,
            Some(Judged::Rejected) => CloseReason::HeldBack,
        };
        self.close_group(search, at, head.group, head.step.bits, reason);
        Step::Again
    }

    fn step_unmeasured(&mut self, search: &mut Context<'_>, at: usize, head: Ranked) -> Step {
        let wider = || self.wider_failed(search, at, &head.step.allocation);
        if let Some(reason) = search.closed(&head.step.allocation).or_else(wider) {
            self.close_group(search, at, head.group, head.step.bits, reason);
            return Step::Again;
        }
        let state = &mut self.states[at];
        let group = &mut state.groups[head.group];
        let candidate = group.child(search, state.base, head.step);
        group.candidate = Some(candidate);
        let measured = search
            .tree()
            .get(candidate)
            .is_some_and(|c| c.drift.is_some());
        match measured {
            true => Step::Again,
            false => Step::Ask(Ask::Drift(candidate)),
        }
    }

    /// Every state has been expanded: the best children go on, or the level closes.
    fn next_depth(&mut self, search: &mut Context<'_>) -> Step {
        let childless = self.states.iter().filter(|s| !s.has_child(search));
        let mut leaves = self.leaves.clone();
        leaves.extend(childless.map(|s| s.base));
        let best = match self.best_children(search, &leaves) {
            Ok(best) => best,
            Err(candidate) => return Step::Ask(Ask::Confirm(candidate)),
        };
        self.leaves = leaves;
        if best.is_empty() {
            return self.close_level(search);
        }
        let states = best
            .iter()
            .map(|f| self.states[f.state].child(f.candidate, f.group, f.greedy));
        self.states = states.collect();
        let bases: Vec<CandidateId> = self.states.iter().map(|s| s.base).collect();
        let smallest = bases
            .iter()
            .copied()
            .min_by(|a, b| search.engine.order(*a, *b));
        if let Some(smallest) = smallest {
            search.take(smallest);
        }
        if self.beam > 1 {
            search.engine.emit(Event::BeamKept { states: bases });
        }
        self.open_round(search);
        Step::Again
    }

    fn close_level(&mut self, search: &mut Context<'_>) -> Step {
        let mut leaves = std::mem::take(&mut self.leaves);
        self.states.clear();
        leaves.sort_by(|a, b| search.engine.order(*a, *b));
        leaves.dedup();
        if let Some(smallest) = leaves.first() {
            search.take(*smallest);
        }
        search.engine.expanded = leaves;
        search.engine.emit(Event::LevelClosed { level: self.level });
        Step::Done
    }

    fn close_group(
        &mut self,
        search: &mut Context<'_>,
        at: usize,
        index: usize,
        bits: BitWidth,
        reason: CloseReason,
    ) {
        let state = &mut self.states[at];
        let group = &mut state.groups[index];
        group.closed = Some((bits, reason));
        // Under the other reasons the same widths may do on another base.
        let failed = !matches!(reason, CloseReason::Pruned | CloseReason::CannotBeat);
        if failed && state.greedy {
            let closed = &mut search.engine.closed;
            closed.insert(group.members.clone(), (bits, reason));
        }
        search.engine.emit(Event::GroupClosed {
            base: state.base,
            group: group.group.clone(),
            at: bits,
            reason,
        });
    }

    fn open_round(&self, search: &mut Context<'_>) {
        let Some(base) = search.tree().base else {
            return;
        };
        let open = self.states.iter().map(|s| s.ranking(search).len()).sum();
        if open == 0 {
            return;
        }
        search.engine.open_round();
        search.engine.emit(Event::RoundOpened {
            round: search.tree().round + 1,
            level: self.level,
            base,
            open,
        });
    }

    /// True where children have to hold on the whole search split to go on: in a beam at the
    /// finest level.
    fn keeps_confirmed(&self) -> bool {
        self.beam > 1 && self.finest
    }

    /// How many children a state has to find at a depth: all that go on for a single one, else
    /// greedy's two and the others one each, so that the beam stays diverse and no more is
    /// evaluated than has a place, but for one.
    fn quota(&self, state: usize) -> usize {
        match (self.states.len(), self.states[state].greedy) {
            (0 | 1, _) => self.beam,
            (_, true) => self.beam.min(2),
            (_, false) => 1,
        }
    }
}
