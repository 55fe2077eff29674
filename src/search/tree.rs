//! The search tree, folded from events: what the engine decides on, the interface draws and a
//! report reads.

use std::collections::{BTreeMap, HashMap};

use super::certificate::{Certification, Certified, Ladder};
use super::undo::Undoable;
use super::{
    BaseReason, Candidate, CandidateId, Command, Event, GateDecision, Settings, StopReason,
};
use crate::evaluate::CorrectBits;
use crate::profile::{Constraint, Level, Objective, Pin};
use crate::quant::{Allocation, BitWidth};

/// The state of a search, folded from its events.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Tree {
    /// What the search depends on; none before it started.
    pub settings: Option<Box<Settings>>,
    /// The float network's results on the search split.
    pub float: CorrectBits,
    /// The errors of the layers' outputs, by width.
    pub layer_errors: BTreeMap<BitWidth, Vec<f64>>,
    /// Predicted fronts that were opened.
    pub fronts: usize,
    /// All candidates; a [`CandidateId`] is an index. Those that an undo took out are among them:
    /// [`Tree::active`] has the others.
    pub candidates: Vec<Candidate>,
    /// The allocation being expanded.
    pub base: Option<CandidateId>,
    /// The bases that accepted moves led through to the present one, oldest first.
    pub accepted: Vec<CandidateId>,
    /// Beam: what is expanded at the open level, greedy's first; empty for greedy and between
    /// levels.
    pub beam: Vec<CandidateId>,
    /// The best confirmed allocation within the memory limit: the smallest, or where the highest
    /// accuracy is looked for the one of least loss.
    pub incumbent: Option<CandidateId>,
    /// The level that is open.
    pub level: Option<Level>,
    /// Rounds opened so far.
    pub round: u32,
    /// Bounds on bit-widths now in force.
    pub pins: Vec<Pin>,
    /// What a result must meet now.
    pub constraint: Constraint,
    /// Accepted commands that may be taken back, the last one first to be.
    pub undoable: Vec<Undoable>,
    /// Commands that were taken back and may be given again, the last one first.
    pub redoable: Vec<Command>,
    /// True between an accepted pause and resume, and once a step was done.
    pub paused: bool,
    /// True from an accepted step until a candidate has been evaluated.
    pub stepping: bool,
    /// The certification of the result.
    pub certification: Certification,
    /// Test split: images and how many the float network gets right.
    pub tested_float: Option<(usize, usize)>,
    /// Why the search ended; none while it goes on, also where it was opened again.
    pub finished: Option<StopReason>,
    /// True where the search was steered on after a result on the test split was known: that split
    /// is no longer unseen.
    pub test_seen: bool,
    /// The candidates that take part, in the order in which they were proposed.
    pub(super) active: Vec<CandidateId>,
    /// The candidates with each allocation.
    duplicates: HashMap<Allocation, Vec<CandidateId>>,
}

impl Tree {
    /// The candidates that take part in the search, in the order in which they were proposed: all
    /// but those that an undo took out.
    pub fn active(&self) -> impl DoubleEndedIterator<Item = &Candidate> {
        self.active.iter().filter_map(|id| self.get(*id))
    }

    /// The candidates with an allocation that take part.
    pub fn with(&self, allocation: &Allocation) -> impl Iterator<Item = &Candidate> {
        let ids = self.duplicates.get(allocation).into_iter().flatten();
        ids.filter_map(|id| self.get(*id)).filter(|c| !c.undone)
    }

    /// The number that a candidate with an allocation gets when it is proposed: that of one that an
    /// undo took out, else the next one.
    pub(super) fn number(&self, allocation: &Allocation) -> CandidateId {
        let ids = self.duplicates.get(allocation).into_iter().flatten();
        let mut undone = ids.filter(|id| self.get(**id).is_some_and(|c| c.undone));
        let next = CandidateId(self.candidates.len() as u32);
        undone.next().copied().unwrap_or(next)
    }

    /// A candidate, if there.
    pub fn get(&self, id: CandidateId) -> Option<&Candidate> {
        self.candidates.get(id.index())
    }

    /// The drift of the candidate that another was made from, where it is known.
    pub(super) fn parent_drift(&self, candidate: CandidateId) -> Option<f64> {
        self.get(self.get(candidate)?.parent?)?.drift
    }

    /// The base as a candidate.
    pub fn expanded(&self) -> Option<&Candidate> {
        self.get(self.base?)
    }

    /// The incumbent as a candidate.
    pub fn best(&self) -> Option<&Candidate> {
        self.get(self.incumbent?)
    }

    /// The result: the incumbent, or what was certified in its place.
    pub fn result(&self) -> Option<&Candidate> {
        match self.certification.outcome {
            None => self.best(),
            Some(Certified::Nothing) => None,
            Some(Certified::Allocation(id)) => self.get(id),
        }
    }

    /// The result on the test split: images, correct by float, correct by the result; none until
    /// both are known.
    pub fn tested(&self) -> Option<(usize, usize, usize)> {
        let (images, float) = self.tested_float?;
        let (_, correct) = self.result()?.tested?;
        Some((images, float, correct))
    }

    /// A candidate and everything below it that takes part, parents first.
    pub fn branch(&self, top: CandidateId) -> Vec<CandidateId> {
        let mut branch = vec![top];
        let mut next = 0;
        while let Some(id) = branch.get(next).copied() {
            let children = self.get(id).map(|c| c.children.as_slice());
            let takes_part = |c: &&CandidateId| self.get(**c).is_some_and(|c| !c.undone);
            branch.extend(children.unwrap_or_default().iter().filter(takes_part));
            next += 1;
        }
        branch
    }

    /// Folds one event in. Events that name unknown candidates change nothing.
    pub fn apply(&mut self, event: &Event) {
        match event {
            Event::Started { settings } => {
                self.pins = settings.pins.clone();
                self.constraint = settings.constraint;
                self.settings = Some(settings.clone());
            }
            Event::Baseline { correct } => self.float = correct.clone(),
            Event::LevelOpened { level, .. } => self.level = Some(*level),
            Event::LevelClosed { .. } => {
                self.level = None;
                self.beam.clear();
            }
            Event::Proposed {
                candidate,
                parent,
                change,
                origin,
                allocation,
                bytes,
            } => {
                let candidate = Candidate {
                    parent: *parent,
                    change: change.clone(),
                    origin: *origin,
                    ..Candidate::new(*candidate, allocation.clone(), *bytes)
                };
                self.propose(candidate);
            }
            Event::RoundOpened { round, .. } => self.round = *round,
            Event::BeamKept { states } => self.beam.clone_from(states),
            Event::Measured {
                candidate,
                drift,
                added,
                sites,
                proxies,
                ..
            } => self.edit(*candidate, |c| {
                c.drift = Some(*drift);
                c.added_drift = Some(*added);
                c.site_drift.clone_from(sites);
                c.proxies = *proxies;
            }),
            Event::Gated { candidate, reason } => self.edit(*candidate, |c| {
                c.gate = Some(*reason);
                c.held_back |= reason.decision == GateDecision::HeldBack;
            }),
            Event::Screened {
                candidate,
                judgement,
                bits,
            } => {
                self.edit(*candidate, |c| {
                    c.screening = Some(*judgement);
                    c.learn(bits);
                });
                self.stepped(judgement.cached);
            }
            Event::Confirmed {
                candidate,
                judgement,
                bits,
            } => {
                self.edit(*candidate, |c| {
                    c.confirmation = Some(*judgement);
                    c.learn(bits);
                });
                self.stepped(judgement.cached);
            }
            Event::BaseChanged { candidate, reason } => self.set_base(*candidate, *reason),
            Event::IncumbentChanged { candidate } if *candidate == self.incumbent => {}
            Event::IncumbentChanged { candidate } => {
                self.certification.outcome = None;
                let before = self.incumbent_loss();
                self.incumbent = *candidate;
                // What did not beat the old one may beat the new one.
                let is_worse = match (before, self.incumbent_loss()) {
                    (Some(before), Some(now)) => before < now,
                    (before, None) => before.is_some(),
                    (None, _) => false,
                };
                if is_worse && self.constraint.objective() == Objective::HighestAccuracy {
                    self.rejudge(|_| true);
                }
            }
            Event::LayerErrors { bits, errors } => {
                self.layer_errors.insert(*bits, errors.clone());
            }
            Event::FrontOpened { .. } => self.fronts += 1,
            Event::GroupClosed { .. } | Event::NotTried { .. } | Event::CommandRefused { .. } => {}
            Event::CommandAccepted {
                command, candidate, ..
            } => self.accept(command, *candidate),
            Event::LadderFixed {
                rungs,
                limit,
                error,
                ..
            } => self.certification.fix(Ladder {
                rungs: rungs.clone(),
                limit: *limit,
                error: *error,
                tests: Vec::new(),
            }),
            Event::CertifyBaseline { correct } => self.certification.float.clone_from(correct),
            Event::RungTested {
                candidate,
                test,
                bits,
                cached,
            } => {
                self.certification.add(*test);
                if let Some(candidate) = self.candidates.get_mut(candidate.index()) {
                    candidate.certify = Some(bits.clone());
                }
                self.stepped(*cached);
            }
            Event::Certified { candidate } => {
                let allocation = candidate.map(Certified::Allocation);
                self.certification.outcome = Some(allocation.unwrap_or(Certified::Nothing));
            }
            Event::Tested {
                candidate: None,
                images,
                correct,
                ..
            } => {
                self.tested_float = Some((*images, *correct));
            }
            Event::Tested {
                candidate: Some(candidate),
                images,
                correct,
                ..
            } => {
                if let Some(candidate) = self.candidates.get_mut(candidate.index()) {
                    candidate.tested = Some((*images, *correct));
                }
                self.stepped(false);
            }
            Event::Finished { reason, .. } => {
                self.finished = Some(*reason);
                self.stepping = false;
            }
        }
    }

    /// Adds a candidate, or lets one take part again that an undo took out.
    fn propose(&mut self, candidate: Candidate) {
        let id = candidate.id;
        let known = self.candidates.get(id.index());
        let again = known.is_some_and(|c| c.undone && c.allocation == candidate.allocation);
        if !again && id.index() != self.candidates.len() {
            return;
        }
        if let Some(from) = known.and_then(|c| c.parent)
            && let Some(from) = self.candidates.get_mut(from.index())
        {
            from.children.retain(|child| *child != id);
        }
        // Only what takes part has children, so that no journal makes a circle of ancestors.
        let parent = candidate.parent.and_then(|parent| self.get(parent));
        let parent = parent.filter(|parent| !parent.undone);
        let (parent, pruned) = (parent.map(|p| p.id), parent.is_some_and(|p| p.pruned));
        if let Some(parent) = parent.and_then(|p| self.candidates.get_mut(p.index())) {
            parent.children.push(id);
        }
        let turn = self.active.len();
        self.active.push(id);
        match self.candidates.get_mut(id.index()) {
            Some(known) => {
                *known = Candidate {
                    parent,
                    children: std::mem::take(&mut known.children),
                    certify: known.certify.take(),
                    tested: known.tested,
                    pruned,
                    turn,
                    ..candidate
                }
            }
            None => {
                let duplicates = self.duplicates.entry(candidate.allocation.clone());
                duplicates.or_default().push(id);
                self.candidates.push(Candidate {
                    parent,
                    pruned,
                    turn,
                    ..candidate
                });
            }
        }
    }

    /// A candidate was evaluated: a step is done, unless an earlier result answered it.
    fn stepped(&mut self, cached: bool) {
        if self.stepping && !cached {
            self.stepping = false;
            self.paused = true;
        }
    }

    pub(super) fn apply_command(&mut self, command: &Command) {
        match command {
            Command::Pause | Command::Resume | Command::Step | Command::Stop | Command::TimeUp => {
                self.paused = *command == Command::Pause;
                self.stepping = *command == Command::Step;
            }
            Command::Prune { candidate } => self.cut(*candidate, true),
            Command::ResumeBranch { candidate } => self.cut(*candidate, false),
            Command::Pin { pin } => {
                self.pins.retain(|p| p.pattern != pin.pattern);
                self.pins.push(pin.clone());
            }
            Command::Unpin { pattern } => self.pins.retain(|p| &p.pattern != pattern),
            Command::Constrain { change } => {
                self.constraint = self.changed(change);
                self.rejudge(|_| true);
            }
            Command::SetBits { .. } | Command::SetLayers { .. } | Command::Undo | Command::Redo => {
            }
        }
    }

    fn set_base(&mut self, candidate: CandidateId, reason: BaseReason) {
        match reason {
            BaseReason::Start | BaseReason::Accepted | BaseReason::Resumed => {
                self.accepted.extend(self.base);
            }
            // The whole way was restored with it.
            BaseReason::Undone => {}
            BaseReason::WalkedBack
            | BaseReason::Pruned
            | BaseReason::Pinned
            | BaseReason::Constrained => {
                let back = self.accepted.iter().position(|c| *c == candidate);
                self.accepted.truncate(back.unwrap_or(self.accepted.len()));
            }
        }
        self.base = Some(candidate);
    }

    /// Cuts a branch off, or takes that back: what was cut off below it stays so.
    fn cut(&mut self, top: CandidateId, cut: bool) {
        self.edit(top, |c| c.cut = cut);
        // Parents come before their children.
        for id in self.branch(top) {
            let parent = self.get(id).and_then(|c| c.parent);
            let above = parent.and_then(|p| self.get(p)).is_some_and(|p| p.pruned);
            self.edit(id, |c| c.pruned = above || c.cut);
        }
    }

    fn edit(&mut self, id: CandidateId, change: impl FnOnce(&mut Candidate)) {
        self.note_standing(id);
        if let Some(candidate) = self.candidates.get_mut(id.index()) {
            change(candidate);
        }
    }
}
