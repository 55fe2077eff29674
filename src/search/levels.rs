//! Greedy and beam: one level after the other, lowering one group at a time. Greedy is the beam of width 1.
//!
//! At every *depth* each state is expanded in rank order until some children have passed: of all of them the best go on:
//! fewest bytes, then smallest drift, then a content hash. Always among them: what greedy alone would take. A state
//! without such a child is a leaf; the level's result is the smallest leaf. At the finest level, where a beam chooses among
//! the most, what goes on must hold on the whole search split: of many that pass a screening the smallest pass it by luck.

use super::engine::{Ask, Engine, Next};
use super::judge::{Judged, Trial};
use super::level::{OpenGroup, OpenLevel, OpenState, Ranked};
use super::phases::{After, Phase};
use super::{BaseReason, CandidateId, CloseReason, Event};
use crate::profile::Level;

impl Engine {
    /// Opens a level on the base, and on what else of the beam may be expanded.
    pub(super) fn open_level(&mut self, level: Level) {
        let Some(base) = self.tree.base else { return };
        let mut bases = vec![base];
        for other in std::mem::take(&mut self.beam) {
            let eligible = self.tree.get(other).is_some_and(|c| self.eligible(c));
            if eligible && !bases.contains(&other) && bases.len() < self.settings.search.beam() {
                bases.push(other);
            }
        }
        let groups = self.fresh_groups(level);
        let allocation = |c: &CandidateId| self.tree.get(*c).map(|c| &c.allocation);
        let can_go_on = |g: &&OpenGroup| {
            let mut allocations = bases.iter().filter_map(allocation);
            allocations.any(|a| g.next(a, &self.domains, &self.settings).is_some())
        };
        let open = groups.iter().filter(can_go_on);
        let open = open.map(|g| g.group.clone()).collect();
        let states = bases.iter().enumerate().map(|(i, base)| OpenState {
            base: *base,
            groups: groups.clone(),
            opening: true,
            found: Vec::new(),
            searched: false,
            greedy: i == 0,
        });
        let states = states.collect();
        self.emit(Event::LevelOpened {
            level,
            groups: open,
        });
        self.phase = Phase::Level(OpenLevel {
            level,
            since: self.tree.candidates.len(),
            states,
            leaves: Vec::new(),
        });
    }

    fn fresh_groups(&self, level: Level) -> Vec<OpenGroup> {
        let groups = self.settings.space.groups(level).into_iter();
        let fresh = groups.map(|group| {
            let members = self.settings.space.members(&group);
            OpenGroup {
                closed: self.closed.get(&members).copied(),
                group,
                members,
                candidate: None,
                found: false,
            }
        });
        fresh.collect()
    }

    pub(super) fn step_level(&mut self, open: OpenLevel) -> Next {
        if let Some(opening) = open.states.iter().position(|s| s.opening) {
            return self.step_opening(open, opening);
        }
        if let Some(next) = self.step_resumed() {
            return next;
        }
        match open.states.iter().position(|s| !s.searched) {
            Some(state) => self.step_state(open, state),
            None => self.next_depth(open),
        }
    }

    /// Proposes and measures the first step of every group of a state.
    fn step_opening(&mut self, mut open: OpenLevel, at: usize) -> Next {
        let state = &mut open.states[at];
        let Some(base) = self.tree.get(state.base).map(|b| b.allocation.clone()) else {
            return Next::Wait;
        };
        for i in 0..state.groups.len() {
            let group = &state.groups[i];
            if group.candidate.is_some() {
                continue;
            }
            let Some(step) = group.next(&base, &self.domains, &self.settings) else {
                continue;
            };
            if let Some(reason) = self.hopeless(&step.allocation) {
                self.close_group(state, i, step.bits, reason);
                continue;
            }
            let group = group.group.clone();
            state.groups[i].candidate = Some(self.child(state.base, &group, &step));
        }
        let unmeasured = |id: &CandidateId| {
            let candidate = self.tree.get(*id);
            candidate.is_some_and(|c| c.drift.is_none() && !c.pruned)
        };
        let mut candidates = state.groups.iter().filter_map(|g| g.candidate);
        let first = candidates.find(unmeasured);
        if first.is_none() {
            state.opening = false;
        }
        if !open.states.iter().any(|s| s.opening) {
            self.open_round(&open);
        }
        self.phase = Phase::Level(open);
        first.map_or(Next::Again, |candidate| Next::Ask(Ask::Drift(candidate)))
    }

    /// One step of expanding a state: the head of its ranking is made, measured, gated, screened; taken or closed.
    fn step_state(&mut self, mut open: OpenLevel, at: usize) -> Next {
        if self.close_beaten(&mut open, at) {
            self.phase = Phase::Level(open);
            return Next::Again;
        }
        let ranking = open.states[at].ranking(&self.domains, &self.tree, &self.settings);
        let most = self.most_bytes(&open, at);
        let head = ranking.into_iter().find(|r| r.bytes <= most);
        let quota = open.quota(at, self.settings.search.beam());
        let whole = self.keeps_confirmed();
        let state = &mut open.states[at];
        let Some(head) = head else {
            state.searched = true;
            self.phase = Phase::Level(open);
            return Next::Again;
        };
        let Some(fresh) = head.fresh else {
            return self.step_unmeasured(open, at, &head);
        };
        let pruned = self.tree.get(fresh).is_some_and(|c| c.pruned);
        let judged = match pruned {
            true => None,
            // What greedy alone would take has to hold as the others that go on, before the next is looked for.
            false if whole && state.greedy && state.found.is_empty() => {
                Some(self.judging(fresh, Trial::Whole))
            }
            false => Some(self.judging(fresh, Trial::Screened)),
        };
        let reason = match judged {
            None => CloseReason::Pruned,
            Some(Judged::Open(next)) => return next,
            Some(Judged::Passed) => {
                state.groups[head.group].found = true;
                state.found.push((fresh, head.group));
                state.searched = state.found.len() >= quota;
                self.phase = Phase::Level(open);
                return Next::Again;
            }
            Some(Judged::Failed) => CloseReason::Failed,
            Some(Judged::HeldBack) => CloseReason::HeldBack,
        };
        self.close_group(state, head.group, head.step.bits, reason);
        self.phase = Phase::Level(open);
        Next::Again
    }

    fn step_unmeasured(&mut self, mut open: OpenLevel, at: usize, head: &Ranked) -> Next {
        let wider = || self.wider_failed(&open, at, &head.step.allocation);
        let reason = self.hopeless(&head.step.allocation).or_else(wider);
        let state = &mut open.states[at];
        if let Some(reason) = reason {
            self.close_group(state, head.group, head.step.bits, reason);
            self.phase = Phase::Level(open);
            return Next::Again;
        }
        let group = state.groups[head.group].group.clone();
        let candidate = self.child(state.base, &group, &head.step);
        state.groups[head.group].candidate = Some(candidate);
        self.phase = Phase::Level(open);
        let measured = self.tree.get(candidate).is_some_and(|c| c.drift.is_some());
        if measured {
            Next::Again
        } else {
            Next::Ask(Ask::Drift(candidate))
        }
    }

    /// Every state has been expanded: the best children go on, or the level closes.
    fn next_depth(&mut self, mut open: OpenLevel) -> Next {
        let asked = open.clone();
        let leaves = open.states.iter().filter(|s| !self.has_child(s));
        open.leaves.extend(leaves.map(|s| s.base));
        let kept = match self.keep(&open) {
            Ok(kept) => kept,
            Err(candidate) => {
                self.phase = Phase::Level(asked);
                return Next::Ask(Ask::Confirm(candidate));
            }
        };
        if kept.is_empty() {
            self.close_level(open);
            return Next::Again;
        }
        let states = kept
            .iter()
            .map(|f| open.states[f.state].child(f.candidate, f.group, f.greedy));
        open.states = states.collect();
        let bases: Vec<CandidateId> = open.states.iter().map(|s| s.base).collect();
        self.move_base(self.smallest(&bases));
        if self.settings.search.beam() > 1 {
            self.emit(Event::BeamKept { states: bases });
        }
        self.open_round(&open);
        self.phase = Phase::Level(open);
        Next::Again
    }

    /// True where a child was found that was not refuted since.
    fn has_child(&self, state: &OpenState) -> bool {
        let mut found = state.found.iter().filter_map(|(c, _)| self.tree.get(*c));
        found.any(|c| self.eligible(c))
    }

    fn close_level(&mut self, open: OpenLevel) {
        let mut leaves = open.leaves;
        leaves.sort_by(|a, b| self.order(*a, *b));
        leaves.dedup();
        self.move_base(leaves.first().copied());
        self.beam = leaves;
        self.emit(Event::LevelClosed { level: open.level });
        self.phase = Phase::Confirm(After::Stage);
    }

    fn move_base(&mut self, to: Option<CandidateId>) {
        if let Some(candidate) = to.filter(|c| self.tree.base != Some(*c)) {
            self.emit(Event::BaseChanged {
                candidate,
                reason: BaseReason::Accepted,
            });
        }
    }

    /// The smallest of some candidates: fewest bytes, then smallest drift, then content.
    fn smallest(&self, of: &[CandidateId]) -> Option<CandidateId> {
        of.iter().copied().min_by(|a, b| self.order(*a, *b))
    }
}
