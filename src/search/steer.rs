//! Steering: what each command does to the search, and candidates that do not come from the ranking.

use super::check::Effect;
use super::engine::{Ask, Engine, Next, Phase};
use super::level::OpenLevel;
use super::{
    BaseReason, Candidate, CandidateId, CloseReason, Command, Event, GateDecision, Origin, State,
    StopReason,
};
use crate::evaluate::Verdict;

impl Engine {
    /// Obeys or refuses a command; either way the first event returned says so.
    pub fn command(&mut self, command: Command) -> Vec<Event> {
        match self.check(&command) {
            Err(why) => self.emit(Event::CommandRefused { command, why }),
            Ok((note, effect)) => {
                self.emit(Event::CommandAccepted { command, note });
                self.obey(effect);
                self.advance();
            }
        }
        self.take_events()
    }

    fn obey(&mut self, effect: Effect) {
        match effect {
            Effect::Nothing => {}
            Effect::Judge(candidate) => self.by_hand.push_back(candidate),
            Effect::Make(parent, change, allocation) => {
                let candidate =
                    self.propose(Some(parent), Some(change), Origin::Manual, allocation);
                self.by_hand.push_back(candidate);
            }
            Effect::LeaveBranch => self.leave_pruned(),
            Effect::TakeUp(top) => {
                self.resumed.push_back(top);
                // Behind the last level there is no next round: the level opens again for it.
                if matches!(
                    self.phase,
                    Phase::Confirm(_) | Phase::Test(StopReason::Complete)
                ) {
                    self.reopen(false);
                }
            }
            Effect::Repin(allowed) => self.repin(allowed),
            Effect::Stop => self.phase = Phase::Test(StopReason::Stopped),
        }
        if let Phase::Test(StopReason::Stopped) = self.phase {
            self.by_hand.clear();
        }
    }

    /// Drops queued work in pruned branches and moves the base out of them.
    fn leave_pruned(&mut self) {
        let tree = &self.tree;
        let alive = |id: &CandidateId| tree.get(*id).is_some_and(|c| !c.pruned);
        self.by_hand.retain(alive);
        self.extras.retain(alive);
        self.resumed.retain(alive);
        let Some(base) = self.tree.base else { return };
        if self.tree.get(base).is_some_and(|b| b.pruned)
            && let Some(candidate) = self.fallback(base)
        {
            self.emit(Event::BaseChanged {
                candidate,
                reason: BaseReason::Pruned,
            });
            self.reopen(true);
        }
    }

    /// Opens the level again on a base that did not come from its ranking. `forget` drops what failed on a smaller base.
    fn reopen(&mut self, forget: bool) {
        if forget {
            self.closed.clear();
        }
        let last = self.settings.search.levels.len().saturating_sub(1);
        match &self.phase {
            Phase::Level(open) => self.open_level(open.index),
            Phase::Confirm(super::engine::After::Level(next)) if !forget => {
                self.open_level(next.saturating_sub(1))
            }
            Phase::Test(_) if !forget => self.open_level(last),
            _ => {}
        }
    }

    /// Brings base and incumbent within changed pins.
    fn repin(&mut self, allowed: Vec<Vec<crate::quant::BitWidth>>) {
        self.allowed = allowed;
        let Some(base) = self.tree.base.and_then(|b| self.tree.get(b)).cloned() else {
            return;
        };
        let confirmed =
            |c: &&Candidate| c.state() == State::Confirmed && self.conforms(&c.allocation);
        let smallest = self
            .tree
            .candidates
            .iter()
            .filter(confirmed)
            .min_by_key(|c| (c.bytes, c.id))
            .map(|c| c.id);
        if smallest != self.tree.incumbent {
            self.emit(Event::IncumbentChanged {
                candidate: smallest,
            });
        }
        if self.conforms(&base.allocation) {
            self.reopen(true);
        } else {
            self.bring_within_pins(&base);
        }
    }

    /// Makes the child of a candidate that keeps to the pins; it becomes the base when it passes.
    fn bring_within_pins(&mut self, from: &Candidate) {
        let allocation = self.clamped(&from.allocation);
        let twin = self
            .tree
            .candidates
            .iter()
            .find(|c| c.allocation == allocation && !c.pruned)
            .map(|c| c.id);
        let candidate =
            twin.unwrap_or_else(|| self.propose(Some(from.id), None, Origin::Pin, allocation));
        self.by_hand.retain(|c| *c != candidate);
        self.by_hand.push_front(candidate);
    }

    /// Judges the candidate at the head of the queue of those asked for; the gate has no say.
    pub(super) fn step_by_hand(&mut self, id: CandidateId) -> Next {
        let Some(candidate) = self.tree.get(id).cloned() else {
            self.by_hand.pop_front();
            return Next::Again;
        };
        let Some(drift) = candidate.drift else {
            return Next::Ask(Ask::Drift(id));
        };
        if candidate.judgement().is_none()
            && candidate
                .gate
                .is_none_or(|g| g.decision != GateDecision::Exempt)
        {
            let reason = self.frozen.exempt(drift, &candidate.allocation);
            self.emit(Event::Gated {
                candidate: id,
                reason,
            });
            return Next::Again;
        }
        let Some(judgement) = candidate.judgement() else {
            return Next::Ask(Ask::Screen(id));
        };
        self.by_hand.pop_front();
        let base = self.tree.base.and_then(|b| self.tree.get(b)).cloned();
        let base_breaks_pins = base.as_ref().is_some_and(|b| !self.conforms(&b.allocation));
        let smaller = base.as_ref().is_none_or(|b| candidate.bytes < b.bytes);
        if judgement.verdict == Verdict::Met
            && (smaller || base_breaks_pins)
            && self.conforms(&candidate.allocation)
        {
            self.emit(Event::BaseChanged {
                candidate: id,
                reason: BaseReason::Accepted,
            });
            self.reopen(base_breaks_pins);
        } else if base_breaks_pins && self.by_hand.is_empty() {
            // The base brought within the pins fails: the widest allocation they leave is the last resort.
            let widest = self.largest();
            let start = self.tree.get(CandidateId(0)).cloned();
            match start {
                Some(start) if candidate.allocation != widest => {
                    let candidate = self.propose(Some(start.id), None, Origin::Pin, widest);
                    self.by_hand.push_front(candidate);
                }
                _ => self.phase = Phase::Test(StopReason::Complete),
            }
        }
        Next::Again
    }

    /// Judges an undecided candidate of a resumed branch; the gate decides as for any other.
    pub(super) fn step_extra(&mut self, id: CandidateId) -> Next {
        let base_bytes = self
            .tree
            .base
            .and_then(|b| self.tree.get(b))
            .map_or(0, |b| b.bytes);
        let candidate = self
            .tree
            .get(id)
            .filter(|c| !c.pruned && c.bytes < base_bytes)
            .cloned();
        let Some(candidate) = candidate.filter(|c| self.conforms(&c.allocation)) else {
            self.extras.pop_front();
            return Next::Again;
        };
        let Some(drift) = candidate.drift else {
            return Next::Ask(Ask::Drift(id));
        };
        let Some(gate) = candidate.gate else {
            self.decide(&candidate, drift);
            return Next::Again;
        };
        match candidate.judgement() {
            None if gate.decision != GateDecision::HeldBack => return Next::Ask(Ask::Screen(id)),
            Some(judgement) if judgement.verdict == Verdict::Met => {
                self.extras.pop_front();
                self.emit(Event::BaseChanged {
                    candidate: id,
                    reason: BaseReason::Accepted,
                });
                self.reopen(true);
            }
            _ => {
                self.extras.pop_front();
            }
        }
        Next::Again
    }

    /// Lets a resumed branch take part: its smallest passed candidate is the base again if it is smaller; groups that
    /// were closed because of the pruning open again; its undecided candidates are judged in this round.
    pub(super) fn take_up(&mut self, top: CandidateId, open: &mut OpenLevel) {
        let branch: Vec<Candidate> = self
            .tree
            .branch(top)
            .iter()
            .filter_map(|c| self.tree.get(*c))
            .cloned()
            .collect();
        let Some(base) = self.tree.base.and_then(|b| self.tree.get(b)).cloned() else {
            return;
        };
        let passed = |c: &&Candidate| matches!(c.state(), State::Passed | State::Confirmed);
        let best = branch
            .iter()
            .filter(|c| !c.pruned && self.conforms(&c.allocation))
            .filter(passed);
        if let Some(best) = best
            .min_by_key(|c| (c.bytes, c.id))
            .filter(|c| c.bytes < base.bytes)
        {
            self.emit(Event::BaseChanged {
                candidate: best.id,
                reason: BaseReason::Resumed,
            });
            self.reopen(true);
            return;
        }
        for group in &mut open.groups {
            if matches!(group.closed, Some((_, CloseReason::Pruned))) {
                group.closed = None;
            }
        }
        let undecided = |c: &&Candidate| matches!(c.state(), State::Proposed | State::Measured);
        let elsewhere = branch
            .iter()
            .filter(|c| !c.pruned && c.parent != Some(base.id))
            .filter(undecided);
        self.extras.extend(elsewhere.map(|c| c.id));
        self.open_round(open);
        self.phase = Phase::Level(open.clone());
    }
}
