//! Checking commands: what each one will do, or why it is refused. Nothing changes here.

use std::collections::BTreeMap;

use super::engine::Engine;
use super::phase::Phase;
use super::{Candidate, CandidateId, Command, Move, State, StopReason};
use crate::quant::{Allocation, BitWidth, Domains};

/// What an accepted command still has to do once its acknowledgement is journalled.
pub(super) enum Effect {
    /// Nothing more.
    Nothing,
    /// Judge this candidate before queued work.
    Judge(CandidateId),
    /// Make this child of a candidate and judge it.
    Make(CandidateId, Option<Move>, Allocation),
    /// Drop queued work in pruned branches and move the base out of them.
    LeaveBranch,
    /// Let a resumed branch take part.
    TakeUp(CandidateId),
    /// Bring everything within these widths.
    Repin(Domains),
    /// Decide again under the constraint now in force.
    Rejudge,
    /// Finish with the incumbent.
    Finish(StopReason),
    /// Go back to where the search stood before the last command.
    Return,
}

impl Engine {
    /// The effect of a command, with a note for the user; or why it is refused.
    pub(super) fn check(&self, command: &Command) -> Result<(String, Effect), String> {
        self.check_moment(command)?;
        match command {
            Command::Undo => self.check_undo(),
            Command::Redo => self.check_redo(),
            Command::Pause if self.tree.paused => Err("already paused".into()),
            Command::Pause => Ok(("paused".into(), Effect::Nothing)),
            Command::Resume if !self.tree.paused && !self.tree.stepping => Err("not paused".into()),
            Command::Resume => Ok(("resumed".into(), Effect::Nothing)),
            Command::Step => Ok((
                "stepping until the next candidate is evaluated".into(),
                Effect::Nothing,
            )),
            Command::Prune { candidate } => self.check_prune(*candidate),
            Command::ResumeBranch { candidate } => self.check_resume_branch(*candidate),
            Command::SetBits { candidate, change } => self.check_set_bits(*candidate, change),
            Command::SetLayers { candidate, bits } => self.check_set_layers(*candidate, bits),
            Command::Pin { pin } => {
                let domains = self.settings.pinned(&self.tree.pins, pin)?;
                let note = format!("{} pinned to {}", pin.pattern, pin.describe());
                Ok((note, Effect::Repin(domains)))
            }
            Command::Unpin { pattern } => {
                let domains = self.settings.unpinned(&self.tree.pins, pattern)?;
                Ok((format!("{pattern} is free"), Effect::Repin(domains)))
            }
            Command::Constrain { change } => {
                let constraint = self.tree.constrained(change)?;
                Ok((format!("from now on: {constraint}"), Effect::Rejudge))
            }
            Command::Stop => Ok((
                "finishing with the best confirmed allocation".into(),
                Effect::Finish(StopReason::Stopped),
            )),
            Command::TimeUp => Ok((
                "the time limit is reached: finishing with the best confirmed allocation".into(),
                Effect::Finish(StopReason::MaxSeconds),
            )),
        }
    }

    /// Refuses what comes too late for a search that is finishing before it is done, or has
    /// finished. One that has finished is opened again by what changes what it looks for.
    fn check_moment(&self, command: &Command) -> Result<(), String> {
        let finished = matches!(self.phase, Phase::Finished(_));
        let (Phase::Test(reason) | Phase::Finished(reason)) = self.phase else {
            return Ok(());
        };
        let waits = matches!(command, Command::Pause | Command::Resume | Command::Step);
        let ends = matches!(command, Command::Stop | Command::TimeUp);
        if finished && (waits || ends) {
            return Err(
                "the search has finished: change the limits, set bits or resume a branch to continue it"
                    .into(),
            );
        }
        let of_limits = match command {
            Command::Undo => self.tree.undoable.last().map(|u| &u.command),
            Command::Redo => self.tree.redoable.last(),
            command => Some(command),
        };
        let of_limits = matches!(of_limits, Some(Command::Constrain { .. }));
        match reason {
            _ if *command == Command::TimeUp => Err("the search is finishing already".into()),
            _ if waits => Ok(()),
            StopReason::Complete | StopReason::LowestPasses | StopReason::NothingMet => Ok(()),
            StopReason::Stopped if finished || *command == Command::Undo => Ok(()),
            StopReason::Stopped => Err("the search was stopped and is finishing".into()),
            StopReason::MaxEvaluations | StopReason::MaxSeconds if of_limits => Ok(()),
            StopReason::MaxEvaluations | StopReason::MaxSeconds => {
                let now = if finished {
                    "has finished"
                } else {
                    "is finishing"
                };
                Err(format!(
                    "the search has spent what the constraint allows and {now}: raise that to continue"
                ))
            }
        }
    }

    fn check_undo(&self) -> Result<(String, Effect), String> {
        let Some(last) = self.tree.undoable.last() else {
            return Err("there is nothing to undo".into());
        };
        let note = match &last.command {
            Command::Constrain { .. } => format!("undone: {}", last.constraint_before()),
            command => format!("undone: {}", command.title()),
        };
        Ok((note, Effect::Return))
    }

    fn check_redo(&self) -> Result<(String, Effect), String> {
        let Some(again) = self.tree.redoable.last() else {
            return Err("there is nothing to redo".into());
        };
        let (note, effect) = self.check(again)?;
        Ok((format!("redone: {note}"), effect))
    }

    fn known_candidate(&self, id: CandidateId) -> Result<&Candidate, String> {
        let last = self.tree.candidates.len();
        match self.tree.get(id) {
            Some(candidate) if candidate.undone => Err(format!(
                "{id} was taken out of the search by an undo: redo that, or choose another"
            )),
            Some(candidate) => Ok(candidate),
            None => Err(format!(
                "there is no candidate {id}: the tree has {last}, numbered from 0"
            )),
        }
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
        if self.tree.base.is_none() {
            return Err("the start is not evaluated yet: try again in a moment".into());
        }
        let branch = self.tree.branch(id);
        let fresh = branch
            .iter()
            .filter_map(|c| self.tree.get(*c))
            .filter(|c| !c.pruned)
            .count();
        let note = match fresh {
            1 => format!("pruned {id}: it will not be expanded"),
            n => format!("pruned {id} and {} below it: none will be expanded", n - 1),
        };
        Ok((note, Effect::LeaveBranch))
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
        let parent = self.check_parent(id)?;
        let members = self.settings.space.members(&change.group);
        if members.is_empty() {
            return Err(format!("the network has no {}", change.group));
        }
        self.check_width(change.bits)?;
        let allocation = self.domains.with(&parent.allocation, &members, change.bits);
        if allocation == parent.allocation {
            return Err(format!(
                "{} is at {} already, or pinned",
                change.group, change.bits
            ));
        }
        self.check_child(parent, Some(change.clone()), allocation)
    }

    fn check_set_layers(
        &self,
        id: CandidateId,
        bits: &BTreeMap<String, BitWidth>,
    ) -> Result<(String, Effect), String> {
        let parent = self.check_parent(id)?;
        let mut allocation = parent.allocation.clone();
        let space = &self.settings.space;
        let mut of_ties: BTreeMap<&str, (&String, BitWidth)> = BTreeMap::new();
        for (name, width) in bits {
            let Some(i) = space.layers.iter().position(|layer| &layer.name == name) else {
                return Err(format!("the network has no layer {name}"));
            };
            self.check_width(*width)?;
            if let Some(tie) = space.tie(name) {
                let (other, before) = *of_ties.entry(&tie.name).or_insert((name, *width));
                if before != *width {
                    return Err(format!(
                        "{other} and {name} are tied ({}): give them the same bit-width",
                        tie.name
                    ));
                }
            }
            allocation = self.domains.with(&allocation, &space.tied(i), *width);
        }
        if allocation == parent.allocation {
            return Err(format!("that is {id} itself: choose other bit-widths"));
        }
        self.check_child(parent, None, allocation)
    }

    /// A candidate that a child may be made of by hand.
    fn check_parent(&self, id: CandidateId) -> Result<&Candidate, String> {
        let parent = self.known_candidate(id)?;
        if parent.pruned {
            return Err(format!("{id} is in a pruned branch: resume it first"));
        }
        if self.tree.base.is_none() {
            return Err("the start is not evaluated yet: try again in a moment".into());
        }
        Ok(parent)
    }

    fn check_width(&self, bits: BitWidth) -> Result<(), String> {
        let menu = &self.settings.space.menu;
        if menu.contains(&bits) {
            return Ok(());
        }
        let menu: Vec<String> = menu.iter().map(ToString::to_string).collect();
        Err(format!(
            "{bits} is not in the bit menu ({})",
            menu.join(", ")
        ))
    }

    /// What becomes of a child made by hand: it may exist already.
    fn check_child(
        &self,
        parent: &Candidate,
        change: Option<Move>,
        allocation: Allocation,
    ) -> Result<(String, Effect), String> {
        let id = parent.id;
        if let Some(held) = self
            .clamped(&allocation)
            .0
            .iter()
            .zip(&allocation.0)
            .position(|(a, b)| a != b)
        {
            let layer = &self.settings.space.layers[held].name;
            return Err(format!(
                "{id} itself breaks the pin of {layer}: choose a candidate that satisfies the pins"
            ));
        }
        match self.duplicate(&allocation) {
            Some(duplicate) if duplicate.pruned => Err(format!(
                "that is {}, which is pruned: resume it first",
                duplicate.id
            )),
            Some(duplicate)
                if self.manual.contains(&duplicate.id) || self.first.contains(&duplicate.id) =>
            {
                Err(format!("that is {}, already waiting", duplicate.id))
            }
            Some(duplicate) => self.check_duplicate(duplicate),
            None => {
                let made = self.tree.number(&allocation);
                let note = format!("made {made} from {id}: evaluated at once");
                Ok((note, Effect::Make(id, change, allocation)))
            }
        }
    }

    fn check_duplicate(&self, duplicate: &Candidate) -> Result<(String, Effect), String> {
        let id = duplicate.id;
        match (duplicate.state(), self.eligible_base()) {
            (State::Proposed | State::Measured | State::HeldBack, _) => Ok((
                format!("that is {id}: evaluated at once"),
                Effect::Judge(id),
            )),
            (State::Failed | State::Refuted, _) => {
                Err(format!("that is {id}, which does not meet the constraint"))
            }
            (State::Passed | State::Confirmed, Some(base)) if base.id == id => {
                Err(format!("that is {id}, the base itself"))
            }
            (State::Passed | State::Confirmed, Some(base)) if base.bytes <= duplicate.bytes => {
                Err(format!(
                    "that is {id}, which passed already and is no smaller than the base {}: prune what was made of it to go back",
                    base.id
                ))
            }
            (State::Passed | State::Confirmed, _) => Ok((
                format!("that is {id}, which passed already: the search continues from there"),
                Effect::Judge(id),
            )),
        }
    }
}
