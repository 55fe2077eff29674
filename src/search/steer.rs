//! Steering: what each command does to the search, and candidates that do not come from the ranking.

use super::check::Effect;
use super::engine::{Engine, Next};
use super::judge::{Judged, Trial};
use super::phases::Phase;
use super::{BaseReason, Candidate, CandidateId, CloseReason, Event, Instruction, Origin, State};

impl Engine {
    /// Obeys or refuses a command; either way the first event returned says so.
    pub fn command(&mut self, instruction: impl Into<Instruction>) -> Vec<Event> {
        let Instruction { id, command } = instruction.into();
        match self.check(&command) {
            Err(why) => self.emit(Event::CommandRefused { id, command, why }),
            Ok((note, effect)) => {
                let candidate = match effect {
                    Effect::Judge(candidate) | Effect::Withdraw(candidate) => Some(candidate),
                    Effect::Make(..) => Some(CandidateId(self.tree.candidates.len() as u32)),
                    _ => None,
                };
                self.emit(Event::CommandAccepted {
                    id,
                    command,
                    note,
                    candidate,
                });
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
                let candidate = self.propose(Some(parent), change, Origin::Manual, allocation);
                self.by_hand.push_back(candidate);
            }
            Effect::LeaveBranch => self.leave_branch(),
            Effect::Withdraw(candidate) => {
                self.by_hand.retain(|c| *c != candidate);
                self.leave_branch();
            }
            Effect::TakeUp(top) => {
                self.resumed.push_back(top);
                // Behind the last level there is no next round: the level opens again for it.
                if !matches!(self.phase, Phase::Level(_)) {
                    self.reopen(false);
                }
            }
            Effect::Repin(domains) => self.repin(domains),
            Effect::Rejudge => self.rejudge(),
            Effect::Finish(reason) => {
                let phase = std::mem::replace(&mut self.phase, Phase::Test(reason));
                self.before_stop = Some(Box::new(phase));
            }
            Effect::GoOn => {
                if let Some(phase) = self.before_stop.take() {
                    self.phase = *phase;
                }
            }
        }
    }

    /// Drops queued work in pruned branches.
    fn leave_branch(&mut self) {
        let tree = &self.tree;
        let alive = |id: &CandidateId| tree.get(*id).is_some_and(|c| !c.pruned);
        if let Phase::Level(open) = &mut self.phase {
            open.leaves.retain(alive);
            open.states.retain(|state| alive(&state.base));
            for state in &mut open.states {
                state.found.retain(|(candidate, _)| alive(candidate));
            }
        }
        self.by_hand.retain(alive);
        self.extras.retain(alive);
        self.resumed.retain(alive);
    }

    /// Judges the candidate at the head of the queue of those asked for; the gate has no say.
    pub(super) fn step_by_hand(&mut self, id: CandidateId) -> Next {
        if self.highest_accuracy() {
            return self.step_by_hand_in_budget(id);
        }
        if let Judged::Open(next) = self.judging(id, Trial::Exempt) {
            return next;
        }
        self.by_hand.pop_front();
        let Some(candidate) = self.tree.get(id).cloned() else {
            return Next::Again;
        };
        let base = self.eligible_base();
        let wanted = base.is_none_or(|b| candidate.bytes < b.bytes);
        if wanted && self.eligible(&candidate) {
            let forget = base.is_none();
            self.emit(Event::BaseChanged {
                candidate: id,
                reason: BaseReason::Accepted,
            });
            self.reopen(forget);
        }
        Next::Again
    }

    /// One step of what resumed branches brought, before the stage goes on; none when nothing is left of that.
    pub(super) fn step_resumed(&mut self) -> Option<Next> {
        if let Some(top) = self.resumed.pop_front() {
            self.take_up(top);
            return Some(Next::Again);
        }
        self.extras.front().copied().map(|id| self.step_extra(id))
    }

    /// Judges an undecided candidate of a resumed branch; the gate decides as for any other.
    fn step_extra(&mut self, id: CandidateId) -> Next {
        let base_bytes = self
            .tree
            .base
            .and_then(|b| self.tree.get(b))
            .map_or(u64::MAX, |b| b.bytes);
        let candidate = self.tree.get(id);
        let takes_part =
            |c: &&Candidate| !c.pruned && c.bytes < base_bytes && self.conforms(&c.allocation);
        if candidate.filter(takes_part).is_none() {
            self.extras.pop_front();
            return Next::Again;
        }
        match self.judging(id, Trial::Screened) {
            Judged::Open(next) => return next,
            Judged::Passed => {
                self.extras.pop_front();
                self.emit(Event::BaseChanged {
                    candidate: id,
                    reason: BaseReason::Accepted,
                });
                self.reopen(true);
            }
            Judged::Failed | Judged::HeldBack => {
                self.extras.pop_front();
            }
        }
        Next::Again
    }

    /// Lets a resumed branch take part: its smallest passed candidate is the base again if it is smaller; groups that
    /// were closed because of the pruning open again; its undecided candidates are judged in this round.
    fn take_up(&mut self, top: CandidateId) {
        let branch: Vec<Candidate> = self
            .tree
            .branch(top)
            .iter()
            .filter_map(|c| self.tree.get(*c))
            .cloned()
            .collect();
        let base = self.tree.base.and_then(|b| self.tree.get(b));
        let (base, base_bytes) = (base.map(|b| b.id), base.map_or(u64::MAX, |b| b.bytes));
        let passed = |c: &&Candidate| matches!(c.state(), State::Passed | State::Confirmed);
        let best = branch
            .iter()
            .filter(|c| !c.pruned && self.conforms(&c.allocation))
            .filter(passed);
        if let Some(best) = best
            .min_by_key(|c| (c.bytes, c.id))
            .filter(|c| c.bytes < base_bytes)
        {
            self.emit(Event::BaseChanged {
                candidate: best.id,
                reason: BaseReason::Resumed,
            });
            self.reopen(true);
            return;
        }
        let undecided = |c: &&Candidate| matches!(c.state(), State::Proposed | State::Measured);
        let elsewhere = branch
            .iter()
            .filter(|c| !c.pruned && (base.is_none() || c.parent != base))
            .filter(undecided);
        self.extras.extend(elsewhere.map(|c| c.id));
        if let Phase::Level(open) = &mut self.phase {
            let groups = open.states.iter_mut().flat_map(|s| &mut s.groups);
            for group in groups.filter(|g| matches!(g.closed, Some((_, CloseReason::Pruned)))) {
                group.closed = None;
            }
            let open = open.clone();
            self.open_round(&open);
        }
    }
}
