//! Steering: what each command does to the search, and candidates that do not come from the ranking.

use super::engine::{Ask, Engine, Next, Phase};
use super::level::{OpenLevel, nearest_allowed};
use super::{
    BaseReason, Candidate, CandidateId, CloseReason, Command, Event, GateDecision, Move, Origin,
    State, StopReason,
};
use crate::evaluate::Verdict;
use crate::profile::Pin;

/// What an accepted command still has to do once its acknowledgement is journalled.
enum Effect {
    Nothing,
    /// Judge this candidate before queued work.
    Judge(CandidateId),
    /// Make this child of a candidate and judge it.
    Make(CandidateId, Move, crate::quant::Allocation),
    LeaveBranch,
    TakeUp(CandidateId),
    Repin(Vec<Vec<crate::quant::BitWidth>>),
    Stop,
}

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

    fn check(&self, command: &Command) -> Result<(String, Effect), String> {
        if self.is_finished() {
            return Err("the search has finished; start a new one with the changed profile".into());
        }
        match command {
            Command::Pause if self.tree.paused => Err("already paused".into()),
            Command::Pause => Ok(("paused".into(), Effect::Nothing)),
            Command::Resume if !self.tree.paused => Err("not paused".into()),
            Command::Resume => Ok(("going on".into(), Effect::Nothing)),
            Command::Prune { candidate } => self.check_prune(*candidate),
            Command::ResumeBranch { candidate } => self.check_resume_branch(*candidate),
            Command::SetBits { candidate, change } => self.check_set_bits(*candidate, change),
            Command::Pin { pin } => self.check_pin(pin),
            Command::Unpin { pattern } => self.check_unpin(pattern),
            Command::Stop => Ok((
                "finishing with the smallest confirmed allocation".into(),
                Effect::Stop,
            )),
        }
    }

    fn known_candidate(&self, id: CandidateId) -> Result<&Candidate, String> {
        let last = self.tree.candidates.len();
        self.tree.get(id).ok_or_else(|| {
            format!("there is no candidate {id}: the tree has {last}, numbered from 0")
        })
    }

    fn check_prune(&self, id: CandidateId) -> Result<(String, Effect), String> {
        let candidate = self.known_candidate(id)?;
        if candidate.pruned {
            return Err(format!("{id} is already in a pruned branch"));
        }
        if candidate.parent.is_none() {
            return Err(format!(
                "{id} is where the search starts; to end the search, stop it"
            ));
        }
        let branch = self.tree.branch(id);
        if self.tree.base.is_some_and(|b| branch.contains(&b)) && self.fallback(id).is_none() {
            return Err(format!(
                "{id} holds the base and no ancestor could take its place"
            ));
        }
        let fresh = branch
            .iter()
            .filter_map(|c| self.tree.get(*c))
            .filter(|c| !c.pruned)
            .count();
        Ok((
            format!("pruned {id}: {fresh} candidate(s) will not be expanded"),
            Effect::LeaveBranch,
        ))
    }

    fn check_resume_branch(&self, id: CandidateId) -> Result<(String, Effect), String> {
        let candidate = self.known_candidate(id)?;
        if !candidate.pruned {
            return Err(format!("{id} is not pruned"));
        }
        if let Some(parent) = candidate
            .parent
            .and_then(|p| self.tree.get(p))
            .filter(|p| p.pruned)
        {
            return Err(format!(
                "{id} lies below the pruned {}: resume that one",
                parent.id
            ));
        }
        Ok((
            format!("resumed {id}: it takes part from the next round"),
            Effect::TakeUp(id),
        ))
    }

    fn check_set_bits(&self, id: CandidateId, change: &Move) -> Result<(String, Effect), String> {
        let parent = self.known_candidate(id)?;
        if parent.pruned {
            return Err(format!("{id} is in a pruned branch: resume it first"));
        }
        if self.tree.base.is_none() {
            return Err("the start is not judged yet: try again in a moment".into());
        }
        let members = self.settings.space.members(&change.group);
        if members.is_empty() {
            return Err(format!("the network has no {}", change.group));
        }
        if !self.settings.space.menu.contains(&change.bits) {
            let menu: Vec<String> = self
                .settings
                .space
                .menu
                .iter()
                .map(ToString::to_string)
                .collect();
            return Err(format!(
                "{} is not in the bit menu ({})",
                change.bits,
                menu.join(", ")
            ));
        }
        let mut allocation = parent.allocation.clone();
        for i in members {
            allocation.0[i] = nearest_allowed(&self.allowed[i], change.bits);
        }
        if let Some(held) = self
            .clamped(&allocation)
            .0
            .iter()
            .zip(&allocation.0)
            .position(|(a, b)| a != b)
        {
            let layer = &self.settings.space.layers[held].name;
            return Err(format!(
                "{id} itself breaks the pin of {layer}: choose a candidate that keeps to the pins"
            ));
        }
        if allocation == parent.allocation {
            return Err(format!(
                "{} is at {} already, or pinned",
                change.group, change.bits
            ));
        }
        let same = |c: &&Candidate| c.allocation == allocation;
        match self.tree.candidates.iter().find(same) {
            Some(twin) if twin.pruned => Err(format!(
                "that is {}, which is pruned: resume it first",
                twin.id
            )),
            Some(twin) if self.by_hand.contains(&twin.id) => {
                Err(format!("that is {}, already waiting", twin.id))
            }
            Some(twin) => match twin.state() {
                State::Proposed | State::Measured | State::HeldBack => Ok((
                    format!("that is {}: judged at once", twin.id),
                    Effect::Judge(twin.id),
                )),
                State::Failed | State::Refuted => Err(format!(
                    "that is {}, which does not meet the constraint",
                    twin.id
                )),
                State::Passed | State::Confirmed => {
                    Err(format!("that is {}, which passed already", twin.id))
                }
            },
            None => {
                let note = format!(
                    "made #{} from {id}: judged at once",
                    self.tree.candidates.len()
                );
                Ok((note, Effect::Make(id, change.clone(), allocation)))
            }
        }
    }

    fn check_pin(&self, pin: &Pin) -> Result<(String, Effect), String> {
        let mut pins = self.tree.pins.clone();
        pins.retain(|p| p.pattern != pin.pattern);
        pins.push(pin.clone());
        let allowed = self.settings.allowed(&pins).map_err(|e| e.to_string())?;
        let range = if pin.min == pin.max {
            pin.min.to_string()
        } else {
            format!("{} to {}", pin.min, pin.max)
        };
        Ok((
            format!("{} pinned to {range}", pin.pattern),
            Effect::Repin(allowed),
        ))
    }

    fn check_unpin(&self, pattern: &str) -> Result<(String, Effect), String> {
        let mut pins = self.tree.pins.clone();
        pins.retain(|p| p.pattern != pattern);
        if pins.len() == self.tree.pins.len() {
            return Err(format!("there is no pin {pattern:?}"));
        }
        let allowed = self.settings.allowed(&pins).map_err(|e| e.to_string())?;
        Ok((format!("{pattern} is free"), Effect::Repin(allowed)))
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
            Effect::TakeUp(top) => self.resumed.push_back(top),
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
