//! The search tree, folded from events: what the engine decides on, the interface draws and a
//! report reads.

use std::collections::{BTreeMap, HashMap};

use super::certificate::{Certification, Certified, Ladder};
use super::measurements::judged;
use super::undo::{Inverse, Undoable};
use super::{
    BaseReason, CandidateId, Command, Event, GateDecision, GateReason, Judgement, Move, Origin,
    Settings, StopReason,
};
use crate::evaluate::{CorrectBits, ImageOrder, PairedDrop, Proxies, Verdict, extrapolated};
use crate::profile::{Constraint, ConstraintChange, Level, Objective, Pin};
use crate::quant::{Allocation, BitWidth};

/// Where a candidate stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum State {
    /// Made, nothing known yet.
    Proposed,
    /// Drift known, no accuracy.
    Measured,
    /// The gate saw no chance.
    HeldBack,
    /// Failed screening.
    Failed,
    /// Passed screening.
    Passed,
    /// Passed screening, failed on the whole search split.
    Refuted,
    /// Meets the constraint on the whole search split.
    Confirmed,
}

/// A node of the search tree.
#[derive(Clone, Debug, PartialEq)]
pub struct Candidate {
    /// Its number.
    pub id: CandidateId,
    /// What it was made from.
    pub parent: Option<CandidateId>,
    /// What was made from it.
    pub children: Vec<CandidateId>,
    /// What was changed.
    pub change: Option<Move>,
    /// Why it was made.
    pub origin: Origin,
    /// All bit-widths.
    pub allocation: Allocation,
    /// Memory in bytes.
    pub bytes: u64,
    /// Mean drift in thresholds.
    pub drift: Option<f64>,
    /// Drift beyond the parent's.
    pub added_drift: Option<f64>,
    /// Drift per site, logits last; empty while unknown.
    pub site_drift: Vec<f64>,
    /// What was measured beside the drift.
    pub proxies: Option<Proxies>,
    /// The gate's last decision; [`GateDecision::Exempt`] once the user asked for the candidate.
    pub gate: Option<GateReason>,
    /// True once the gate held it back, also where the user asked for it later.
    pub held_back: bool,
    /// The screening.
    pub screening: Option<Judgement>,
    /// The confirmation.
    pub confirmation: Option<Judgement>,
    /// Correct images known, from the search split's first image on.
    pub bits: CorrectBits,
    /// Its results on the certify split.
    pub certify: Option<CorrectBits>,
    /// Test split: images, and how many are correct.
    pub tested: Option<(usize, usize)>,
    /// Pruned, itself or with an ancestor.
    pub pruned: bool,
    /// True for the top of a branch that was pruned.
    pub cut: bool,
}

impl Candidate {
    /// Where it stands.
    pub fn state(&self) -> State {
        match (self.confirmation, self.screening) {
            (Some(j), _) if j.verdict == Verdict::Met => State::Confirmed,
            (Some(_), _) => State::Refuted,
            (None, Some(j)) if j.verdict == Verdict::Met => State::Passed,
            (None, Some(_)) => State::Failed,
            (None, None)
                if self
                    .gate
                    .is_some_and(|g| g.decision == GateDecision::HeldBack) =>
            {
                State::HeldBack
            }
            (None, None) if self.drift.is_some() => State::Measured,
            (None, None) => State::Proposed,
        }
    }
    /// The best judgement there is: the confirmation, else the screening.
    pub fn judgement(&self) -> Option<&Judgement> {
        self.confirmation.as_ref().or(self.screening.as_ref())
    }
}

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
    /// All candidates; a [`CandidateId`] is an index.
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
    /// True between an accepted pause and resume.
    pub paused: bool,
    /// The certification of the result.
    pub certification: Certification,
    /// Test split: images and how many the float network gets right.
    pub tested_float: Option<(usize, usize)>,
    /// Why the search ended.
    pub finished: Option<StopReason>,
    /// The candidates with each allocation.
    duplicates: HashMap<Allocation, Vec<CandidateId>>,
}

impl Tree {
    /// The candidates with an allocation, in the order they were proposed.
    pub fn with(&self, allocation: &Allocation) -> impl Iterator<Item = &Candidate> {
        let ids = self.duplicates.get(allocation).into_iter().flatten();
        ids.filter_map(|id| self.get(*id))
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

    /// A candidate and everything below it, parents first.
    pub fn branch(&self, top: CandidateId) -> Vec<CandidateId> {
        let mut branch = vec![top];
        let mut next = 0;
        while let Some(id) = branch.get(next).copied() {
            branch.extend(
                self.get(id)
                    .map(|c| c.children.as_slice())
                    .unwrap_or_default(),
            );
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
                if candidate.index() != self.candidates.len() {
                    return;
                }
                let pruned = parent.and_then(|p| self.get(p)).is_some_and(|p| p.pruned);
                if let Some(parent) = parent.and_then(|p| self.candidates.get_mut(p.index())) {
                    parent.children.push(*candidate);
                }
                let duplicates = self.duplicates.entry(allocation.clone()).or_default();
                duplicates.push(*candidate);
                self.candidates.push(Candidate {
                    id: *candidate,
                    parent: *parent,
                    children: Vec::new(),
                    change: change.clone(),
                    origin: *origin,
                    allocation: allocation.clone(),
                    bytes: *bytes,
                    drift: None,
                    added_drift: None,
                    site_drift: Vec::new(),
                    proxies: None,
                    gate: None,
                    held_back: false,
                    screening: None,
                    confirmation: None,
                    bits: CorrectBits::new(),
                    certify: None,
                    tested: None,
                    pruned,
                    cut: false,
                });
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
            } => self.edit(*candidate, |c| {
                c.screening = Some(*judgement);
                c.bits.clone_from(bits);
            }),
            Event::Confirmed {
                candidate,
                judgement,
                bits,
            } => self.edit(*candidate, |c| {
                c.confirmation = Some(*judgement);
                c.bits.clone_from(bits);
            }),
            Event::BaseChanged { candidate, reason } => self.set_base(*candidate, *reason),
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
                    self.rejudge();
                }
            }
            Event::LayerErrors { bits, errors } => {
                self.layer_errors.insert(*bits, errors.clone());
            }
            Event::FrontOpened { .. } => self.fronts += 1,
            Event::GroupClosed { .. } | Event::NotTried { .. } | Event::CommandRefused { .. } => {}
            Event::CommandAccepted {
                command, candidate, ..
            } => {
                // Where the search goes on, the result may become another one.
                if !matches!(command, Command::Pause | Command::Resume) {
                    self.certification.outcome = None;
                }
                self.accept(command, *candidate);
            }
            Event::LadderFixed {
                rungs,
                limit,
                error,
                ..
            } => self.certification.ladders.push(Ladder {
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
                ..
            } => {
                if let Some(ladder) = self.certification.ladders.last_mut() {
                    ladder.tests.push(*test);
                }
                self.edit(*candidate, |c| c.certify = Some(bits.clone()));
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
            } => self.edit(*candidate, |c| c.tested = Some((*images, *correct))),
            Event::Finished { reason, .. } => self.finished = Some(*reason),
        }
    }

    fn accept(&mut self, command: &Command, candidate: Option<CandidateId>) {
        if *command == Command::Undo {
            return match self.undoable.pop().map(|u| u.inverse) {
                Some(Inverse::Command(inverse)) => self.apply_command(&inverse),
                Some(Inverse::GoOn { paused }) => self.paused = paused,
                Some(Inverse::Withdraw {
                    candidate,
                    made: true,
                }) => self.cut(candidate, true),
                Some(Inverse::Withdraw { made: false, .. }) | None => {}
            };
        }
        if let Some(inverse) = self.inverse(command, candidate) {
            let command = command.clone();
            self.undoable.push(Undoable { command, inverse });
        }
        self.apply_command(command);
    }

    fn apply_command(&mut self, command: &Command) {
        match command {
            Command::Pause => self.paused = true,
            Command::Resume => self.paused = false,
            Command::Prune { candidate } => self.cut(*candidate, true),
            Command::ResumeBranch { candidate } => self.cut(*candidate, false),
            Command::Pin { pin } => {
                self.pins.retain(|p| p.pattern != pin.pattern);
                self.pins.push(pin.clone());
            }
            Command::Unpin { pattern } => self.pins.retain(|p| &p.pattern != pattern),
            Command::Constrain { change } => {
                self.constraint = self.changed(change);
                self.rejudge();
            }
            Command::Stop | Command::TimeUp => self.paused = false,
            Command::SetBits { .. } | Command::SetLayers { .. } | Command::Undo => {}
        }
    }

    /// Correct images that a candidate loses against float over the whole search split; none where
    /// it is not known of every image.
    pub(super) fn loss(&self, candidate: &Candidate) -> Option<i64> {
        let whole = !self.float.is_empty() && candidate.bits.len() == self.float.len();
        whole.then(|| self.float.correct() as i64 - candidate.bits.correct() as i64)
    }

    fn incumbent_loss(&self) -> Option<i64> {
        self.loss(self.best()?)
    }

    /// Where the highest accuracy is looked for: the largest loss with which so many bytes beat the
    /// incumbent.
    pub(super) fn to_beat(&self, bytes: u64) -> Option<i64> {
        let looked_for = self.constraint.objective() == Objective::HighestAccuracy;
        let incumbent = self.get(self.incumbent.filter(|_| looked_for)?)?;
        let loss = self.loss(incumbent)?;
        let smaller = bytes < incumbent.bytes;
        self.constraint
            .fits(bytes)
            .then_some(loss - i64::from(!smaller))
    }

    /// The constraint that a change makes of the one in force: never more memory than the target
    /// has.
    pub fn changed(&self, change: &ConstraintChange) -> Constraint {
        let target = self.settings.as_ref().and_then(|s| s.target.as_ref());
        change.of(self.constraint).on(target)
    }

    /// The largest accuracy drop that the constraint in force allows, in percentage points.
    pub fn max_drop(&self) -> f64 {
        let drop = self.constraint.max_accuracy_drop;
        drop.points(self.float.correct(), self.float.len())
    }

    /// The accuracy drop over the search split by the correct images among its first ones, and its
    /// sampling variance: percentage points, and their square. At least one image is known.
    pub(super) fn measured_drop(&self, bits: &CorrectBits) -> (f64, f64) {
        let order = self.settings.as_ref().map(|s| s.search_order);
        let of = self.float.len() as f64;
        if order == Some(ImageOrder::Margin) {
            let all = extrapolated(&self.float, bits);
            let points = 100.0 / of.max(1.0);
            return (points * all.lost, points * points * all.variance);
        }
        let counted = PairedDrop::of(&self.float, bits);
        let n = counted.images as f64;
        let mean = (counted.lost as f64 - counted.won as f64) / n;
        // One more that changed: a run of equal answers is no certainty.
        let changed = (counted.lost + counted.won + 1) as f64;
        let of_image = (changed / n - mean * mean).max(0.0);
        (100.0 * mean, 1e4 * of_image / n * (1.0 - n / of).max(0.0))
    }

    /// Decides again what was decided under another constraint, from the results of every image; a
    /// verdict that these leave open is taken back, and so is what the gate held back.
    fn rejudge(&mut self) {
        let Some(settings) = &self.settings else {
            return;
        };
        let max_drop = self.max_drop();
        let (screening, confirmation) = (
            settings.screening(max_drop),
            settings.confirmation(max_drop),
        );
        for c in &mut self.candidates {
            let again = |bar| judged(&c.bits, &self.float, bar).ok();
            let cached = |j: Judgement| Judgement { cached: true, ..j };
            c.screening = c.screening.and_then(|_| again(&screening));
            c.confirmation = c.confirmation.and_then(|_| again(&confirmation));
            c.screening = c.screening.map(cached);
            c.confirmation = c.confirmation.map(cached);
            if c.judgement().is_none()
                && c.gate.is_some_and(|g| g.decision == GateDecision::HeldBack)
            {
                c.gate = None;
            }
        }
    }

    fn set_base(&mut self, candidate: CandidateId, reason: BaseReason) {
        match reason {
            BaseReason::Start | BaseReason::Accepted | BaseReason::Resumed => {
                self.accepted.extend(self.base);
            }
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
        if let Some(candidate) = self.candidates.get_mut(id.index()) {
            change(candidate);
        }
    }
}

impl BaseReason {
    /// A few words.
    pub fn text(self) -> &'static str {
        match self {
            BaseReason::Start => "the search starts here",
            BaseReason::Accepted => "passed screening",
            BaseReason::WalkedBack => "a later base failed its confirmation",
            BaseReason::Pruned => "the old base was pruned",
            BaseReason::Pinned => "the old base breaks a pin",
            BaseReason::Resumed => "back in a resumed branch",
            BaseReason::Constrained => "the smallest that meets the changed constraint",
        }
    }
}
