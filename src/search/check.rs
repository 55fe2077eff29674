//! Checking commands: what each one will do, or why it is refused. Nothing changes here.

use std::collections::BTreeMap;

use super::engine::Engine;
use super::phase::Phase;
use super::undo::Inverse;
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
    /// Go on as if it had not been stopped.
    GoOn,
    /// Judge a candidate that was asked for no more.
    Withdraw(CandidateId),
}

impl Engine {
    /// The effect of a command, with a note for the user; or why it is refused.
    pub(super) fn check(&self, command: &Command) -> Result<(String, Effect), String> {
        if self.is_finished() {
            return Err("the search has finished; start a new one with the changed profile".into());
        }
        let inverse = match command {
            Command::Undo => self.tree.undoable.last().map(|u| &u.inverse),
            _ => None,
        };
        self.check_ending(match inverse {
            Some(Inverse::Command(inverse)) => inverse,
            _ => command,
        })?;
        match command {
            Command::Undo => self.check_undo(),
            Command::Pause if self.tree.paused => Err("already paused".into()),
            Command::Pause => Ok(("paused".into(), Effect::Nothing)),
            Command::Resume if !self.tree.paused => Err("not paused".into()),
            Command::Resume => Ok(("resumed".into(), Effect::Nothing)),
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

    /// Refuses what comes too late for a search that is finishing before it is done.
    fn check_ending(&self, command: &Command) -> Result<(), String> {
        let Phase::Test(reason) = self.phase else {
            return Ok(());
        };
        match (reason, command) {
            (_, Command::Pause | Command::Resume) => Ok(()),
            (_, Command::TimeUp) => Err("the search is finishing already".into()),
            (StopReason::Stopped, Command::Undo) => Ok(()),
            (StopReason::Stopped, _) => Err("the search was stopped and is finishing".into()),
            (StopReason::MaxEvaluations | StopReason::MaxSeconds, Command::Constrain { .. }) => {
                Ok(())
            }
            (StopReason::MaxEvaluations | StopReason::MaxSeconds, _) => Err(
                "the search has spent what the constraint allows and is finishing: raise that to continue"
                    .into(),
            ),
            _ => Ok(()),
        }
    }

    fn check_undo(&self) -> Result<(String, Effect), String> {
        let Some(last) = self.tree.undoable.last() else {
            return Err("there is nothing to take back".into());
        };
        match &last.inverse {
            Inverse::Command(Command::Constrain { change }) => {
                let note = format!("back to: {}", self.tree.changed(change));
                Ok((note, Effect::Rejudge))
            }
            Inverse::Command(inverse) => self.check(inverse),
            Inverse::GoOn { .. } => Ok(("resumed: not stopped".into(), Effect::GoOn)),
            Inverse::Withdraw { candidate, made } => {
                let note = match made {
                    true => format!("took {candidate} back: it will not be expanded"),
                    false if self.manual.contains(candidate) => {
                        format!("{candidate} is not waiting any more")
                    }
                    false => format!("{candidate} was evaluated already: that stands"),
                };
                Ok((note, Effect::Withdraw(*candidate)))
            }
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
            Some(duplicate) if self.manual.contains(&duplicate.id) => {
                Err(format!("that is {}, already waiting", duplicate.id))
            }
            Some(duplicate) => self.check_duplicate(duplicate),
            None => {
                let note = format!(
                    "made #{} from {id}: evaluated at once",
                    self.tree.candidates.len()
                );
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
