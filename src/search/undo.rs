//! Undo and redo: what the tree was before a command, and how it becomes that again.
//!
//! An undo puts the search back to where it was before the command: base, incumbent, verdicts,
//! limits, pins, pruned branches, and (in the engine) the strategy with its closed bit-widths and
//! the gate. Candidates that were proposed since take part no more. What was measured since is
//! kept: it answers the search's questions as if it had just been asked, so that the search takes
//! the same way as one that never had the command. Whatever is a fact and no decision stays as it
//! is: results of the float network, errors of layers' outputs, results on the certify and test
//! splits, ladders of certificates (a failed one has spent its error probability) and counters.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::certificate::Certified;
use super::{Candidate, CandidateId, Command, GateReason, Judgement, StopReason, Tree};
use crate::profile::{Constraint, Level, Pin};

/// Commands that can be taken back one after the other.
pub(super) const DEPTH: usize = 100;

/// An accepted command that may be taken back.
#[derive(Clone, Debug, PartialEq)]
pub struct Undoable {
    /// The command.
    pub command: Command,
    /// The candidate that it made, or had judged.
    pub candidate: Option<CandidateId>,
    /// What the tree was before it.
    pub(super) before: Arc<Checkpoint>,
}

/// What of a tree an undo restores.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Checkpoint {
    base: Option<CandidateId>,
    accepted: Vec<CandidateId>,
    beam: Vec<CandidateId>,
    incumbent: Option<CandidateId>,
    level: Option<Level>,
    round: u32,
    fronts: usize,
    pins: Vec<Pin>,
    constraint: Constraint,
    /// The ladder that counted, and what it had come to.
    ladder: Option<usize>,
    certified: Option<Certified>,
    paused: bool,
    finished: Option<StopReason>,
    test_seen: bool,
    /// How many candidates took part.
    active: usize,
    /// Those of them that have changed since, as they were.
    standings: BTreeMap<CandidateId, Standing>,
}

/// What is decided of a candidate, and how much of it was measured.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Standing {
    measured: bool,
    gate: Option<GateReason>,
    held_back: bool,
    screening: Option<Judgement>,
    confirmation: Option<Judgement>,
    /// Correct images that were known: known ones never change.
    images: usize,
    pruned: bool,
    cut: bool,
}

impl Undoable {
    /// The constraint that an undo puts in force again.
    pub(super) fn constraint_before(&self) -> Constraint {
        self.before.constraint
    }
}

impl Standing {
    fn of(candidate: &Candidate) -> Self {
        Standing {
            measured: candidate.drift.is_some(),
            gate: candidate.gate,
            held_back: candidate.held_back,
            screening: candidate.screening,
            confirmation: candidate.confirmation,
            images: candidate.bits.len(),
            pruned: candidate.pruned,
            cut: candidate.cut,
        }
    }

    fn restore(self, candidate: &mut Candidate) {
        if !self.measured {
            candidate.drift = None;
            candidate.added_drift = None;
            candidate.site_drift.clear();
            candidate.proxies = None;
        }
        candidate.gate = self.gate;
        candidate.held_back = self.held_back;
        candidate.screening = self.screening;
        candidate.confirmation = self.confirmation;
        candidate.bits.truncate(self.images);
        candidate.pruned = self.pruned;
        candidate.cut = self.cut;
    }
}

impl Command {
    /// True for what changes what the search does, and can be taken back. A pause is not among
    /// that: who undoes a change does not mean to start or halt the search.
    pub fn is_undoable(&self) -> bool {
        match self {
            Command::Prune { .. }
            | Command::ResumeBranch { .. }
            | Command::SetBits { .. }
            | Command::SetLayers { .. }
            | Command::Pin { .. }
            | Command::Unpin { .. }
            | Command::Constrain { .. }
            | Command::Stop => true,
            Command::Pause
            | Command::Resume
            | Command::Step
            | Command::Undo
            | Command::Redo
            | Command::TimeUp => false,
        }
    }

    /// The command in a few words.
    pub(super) fn title(&self) -> String {
        match self {
            Command::Prune { candidate } => format!("prune {candidate}"),
            Command::ResumeBranch { candidate } => format!("resume branch {candidate}"),
            Command::SetBits { candidate, change } => {
                format!("set {} to {} on {candidate}", change.group, change.bits)
            }
            Command::SetLayers { candidate, bits } => match bits.len() {
                1 => format!("set 1 layer on {candidate}"),
                n => format!("set {n} layers on {candidate}"),
            },
            Command::Pin { pin } => format!("pin {}", pin.pattern),
            Command::Unpin { pattern } => format!("unpin {pattern}"),
            Command::Constrain { .. } => "change of the limits".into(),
            Command::Stop => "stop".into(),
            Command::Pause => "pause".into(),
            Command::Resume => "resume".into(),
            Command::Step => "step".into(),
            Command::Undo => "undo".into(),
            Command::Redo => "redo".into(),
            Command::TimeUp => "time limit".into(),
        }
    }
}

impl Tree {
    /// Takes in an accepted command: on the stacks of undo and redo, and what it changes.
    pub(super) fn accept(&mut self, command: &Command, candidate: Option<CandidateId>) {
        match command {
            Command::Undo => self.undo(),
            Command::Redo => {
                if let Some(again) = self.redoable.pop() {
                    self.steer(&again, candidate);
                }
            }
            command if command.is_undoable() => {
                self.redoable.clear();
                self.steer(command, candidate);
            }
            command => {
                if *command == Command::TimeUp {
                    self.certification.outcome = None;
                }
                self.apply_command(command);
            }
        }
    }

    fn steer(&mut self, command: &Command, candidate: Option<CandidateId>) {
        if self.undoable.len() == DEPTH {
            self.undoable.remove(0);
        }
        let before = Arc::new(self.checkpoint());
        self.undoable.push(Undoable {
            command: command.clone(),
            candidate,
            before,
        });
        // Where the search goes on, the result may become another one.
        self.certification.outcome = None;
        if *command != Command::Stop {
            self.test_seen = self.is_tested();
            self.finished = None;
        }
        self.apply_command(command);
    }

    /// True once a result on the test split is known.
    fn is_tested(&self) -> bool {
        self.candidates.iter().any(|c| c.tested.is_some())
    }

    fn checkpoint(&self) -> Checkpoint {
        Checkpoint {
            base: self.base,
            accepted: self.accepted.clone(),
            beam: self.beam.clone(),
            incumbent: self.incumbent,
            level: self.level,
            round: self.round,
            fronts: self.fronts,
            pins: self.pins.clone(),
            constraint: self.constraint,
            ladder: self.certification.current,
            certified: self.certification.outcome,
            paused: self.paused,
            finished: self.finished,
            test_seen: self.test_seen,
            active: self.active.len(),
            standings: BTreeMap::new(),
        }
    }

    /// Notes how a candidate stands, before that changes, where an undo would have to restore it.
    pub(super) fn note_standing(&mut self, id: CandidateId) {
        let Some(candidate) = self.candidates.get(id.index()).filter(|c| !c.undone) else {
            return;
        };
        let last = self.undoable.last_mut().map(|u| &mut u.before);
        if let Some(before) = last.filter(|before| candidate.turn < before.active)
            && !before.standings.contains_key(&id)
        {
            let standing = Standing::of(candidate);
            Arc::make_mut(before).standings.insert(id, standing);
        }
    }

    fn undo(&mut self) {
        let Some(Undoable {
            command, before, ..
        }) = self.undoable.pop()
        else {
            return;
        };
        for id in self.active.drain(before.active.min(self.active.len())..) {
            if let Some(candidate) = self.candidates.get_mut(id.index()) {
                candidate.undone = true;
            }
        }
        for (id, standing) in &before.standings {
            if let Some(candidate) = self.candidates.get_mut(id.index()) {
                standing.restore(candidate);
            }
        }
        // Later ladders are kept: what those have spent that failed stays spent.
        self.certification.current = before.ladder;
        self.certification.outcome = before.certified;
        self.base = before.base;
        self.accepted.clone_from(&before.accepted);
        self.beam.clone_from(&before.beam);
        self.incumbent = before.incumbent;
        self.level = before.level;
        self.round = before.round;
        self.fronts = before.fronts;
        self.pins.clone_from(&before.pins);
        self.constraint = before.constraint;
        self.finished = before.finished;
        // Of a search that had ended then, nothing is chosen any more.
        self.test_seen = match before.finished {
            Some(_) => before.test_seen,
            None => self.is_tested(),
        };
        if command == Command::Stop {
            self.paused = before.paused;
        }
        self.rejudge(|c| c.undone);
        self.redoable.push(command);
    }
}
