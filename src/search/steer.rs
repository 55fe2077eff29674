//! Steering: what each command does to the search, and candidates that do not come from the
//! ranking.

use super::check::Effect;
use super::engine::Engine;
use super::phase::Phase;
use super::step::{Judged, Step, Trial};
use super::{
    BaseReason, Candidate, CandidateId, Command, Event, Instruction, Origin, State, StopReason,
};

impl Engine {
    /// Obeys or refuses a command; either way the first event returned says so.
    pub fn command(&mut self, instruction: impl Into<Instruction>) -> Vec<Event> {
        let Instruction { id, command } = instruction.into();
        match self.check(&command) {
            Err(why) => self.emit(Event::CommandRefused { id, command, why }),
            Ok((note, effect)) => {
                let candidate = match &effect {
                    Effect::Judge(candidate) => Some(*candidate),
                    Effect::Make(_, _, allocation) => Some(self.tree.number(allocation)),
                    _ => None,
                };
                let steers = command.is_undoable() || command == Command::Redo;
                if steers {
                    self.note_position();
                }
                let before = (self.tree.base, self.tree.incumbent);
                self.emit(Event::CommandAccepted {
                    id,
                    command,
                    note,
                    candidate,
                });
                if steers {
                    self.reopen_finished();
                }
                if matches!(effect, Effect::Return) {
                    self.tell_restored(before);
                }
                self.obey(effect);
                self.advance();
            }
        }
        self.take_events()
    }

    /// Tells base and incumbent where an undo restored others: for those who read the events
    /// without folding them.
    fn tell_restored(&mut self, before: (Option<CandidateId>, Option<CandidateId>)) {
        let (base, incumbent) = (self.tree.base, self.tree.incumbent);
        if let Some(candidate) = base.filter(|_| base != before.0) {
            let reason = BaseReason::Undone;
            self.emit(Event::BaseChanged { candidate, reason });
        }
        if incumbent != before.1 {
            self.emit(Event::IncumbentChanged {
                candidate: incumbent,
            });
        }
    }

    /// Opens a search again that had finished: it stands where it did before its end.
    fn reopen_finished(&mut self) {
        let Phase::Finished(reason) = self.phase else {
            return;
        };
        let stopped = self.before_stop.filter(|_| reason == StopReason::Stopped);
        self.phase = stopped.unwrap_or(Phase::Test(reason));
    }

    fn obey(&mut self, effect: Effect) {
        match effect {
            Effect::Nothing => {}
            Effect::Judge(candidate) => self.manual.push_back(candidate),
            Effect::Make(parent, change, allocation) => {
                let candidate = self.propose(Some(parent), change, Origin::Manual, allocation);
                self.manual.push_back(candidate);
            }
            Effect::LeaveBranch => self.leave_branch(),
            Effect::TakeUp(top) => {
                self.resumed.push_back(top);
                // Where it does not join what is open, that opens again for it.
                let open = self.plan.current().filter(|_| self.is_open());
                if !open.is_some_and(|s| s.follows_a_line()) {
                    self.reopen(false);
                }
            }
            Effect::Repin(domains) => self.repin(domains),
            Effect::Rejudge => self.rejudge(),
            Effect::Finish(reason) => {
                let phase = std::mem::replace(&mut self.phase, Phase::Test(reason));
                self.before_stop = Some(phase);
            }
            Effect::Return => self.return_to_position(),
        }
    }

    /// Drops queued work in pruned branches.
    fn leave_branch(&mut self) {
        let tree = &self.tree;
        let alive = |id: &CandidateId| tree.get(*id).is_some_and(|c| !c.pruned);
        if let Some(strategy) = self.plan.current_mut() {
            strategy.pruned(&|id| alive(&id));
        }
        self.manual.retain(alive);
        self.first.retain(alive);
        self.resumed.retain(alive);
        self.undecided.retain(alive);
    }

    /// Judges a candidate that the user asked for; the gate has no say.
    pub(super) fn step_manual(&mut self, id: CandidateId) -> Step {
        if let Judged::Open(next) = self.judging(id, Trial::Exempt) {
            return next;
        }
        self.manual.retain(|c| *c != id);
        self.first.retain(|c| *c != id);
        if self.replaces_base(id) {
            let forget = self.eligible_base().is_none();
            self.accept(id);
            self.reopen(forget);
        }
        Step::Again
    }

    /// One step of what resumed branches brought, before the stage goes on; none when nothing is
    /// left of that.
    pub(super) fn step_resumed(&mut self) -> Option<Step> {
        if let Some(top) = self.resumed.pop_front() {
            self.take_up(top);
            return Some(Step::Again);
        }
        let next = self.undecided.front().copied();
        next.map(|id| self.step_undecided(id))
    }

    /// Judges an undecided candidate of a resumed branch; the gate decides as for any other.
    fn step_undecided(&mut self, id: CandidateId) -> Step {
        let base_bytes = self.tree.expanded().map_or(u64::MAX, |b| b.bytes);
        let candidate = self.tree.get(id);
        let takes_part = |c: &&Candidate| {
            !c.pruned && c.bytes < base_bytes && self.domains.allows(&c.allocation)
        };
        if candidate.filter(takes_part).is_none() {
            self.undecided.pop_front();
            return Step::Again;
        }
        match self.judging(id, Trial::Screened) {
            Judged::Open(next) => return next,
            Judged::Passed => {
                self.undecided.pop_front();
                self.accept(id);
                self.reopen(true);
            }
            Judged::Failed | Judged::Rejected => drop(self.undecided.pop_front()),
        }
        Step::Again
    }

    /// Lets a resumed branch take part: its smallest passed candidate is the base again if it is
    /// smaller; groups that were closed because of the pruning open again; its undecided candidates
    /// are judged in this round.
    fn take_up(&mut self, top: CandidateId) {
        let branch: Vec<Candidate> = self
            .tree
            .branch(top)
            .iter()
            .filter_map(|c| self.tree.get(*c))
            .cloned()
            .collect();
        let base = self.tree.expanded();
        let (base, base_bytes) = (base.map(|b| b.id), base.map_or(u64::MAX, |b| b.bytes));
        let passed = |c: &&Candidate| matches!(c.state(), State::Passed | State::Confirmed);
        let best = branch
            .iter()
            .filter(|c| !c.pruned && self.domains.allows(&c.allocation))
            .filter(passed);
        if let Some(best) = best
            .min_by_key(|c| (c.bytes, c.turn))
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
        self.undecided.extend(elsewhere.map(|c| c.id));
        if self.is_open() {
            self.with_strategy_open(|strategy, search| strategy.resumed(search));
        }
    }
}
