//! A node of the search tree, and where it stands.

use super::{CandidateId, GateDecision, GateReason, Judgement, Move, Origin};
use crate::evaluate::{CorrectBits, Proxies, Verdict};
use crate::quant::Allocation;

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
    /// What was made from it; also what an undo took out of the search since.
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
    /// True where an undo took it out of the search: it takes part in nothing until its allocation
    /// is proposed again. What was measured of it is shown, and answers questions.
    pub undone: bool,
    /// Its place among the candidates that take part, in the order in which they were proposed.
    pub(super) turn: usize,
}

impl Candidate {
    /// A candidate of which nothing is known.
    pub(super) fn new(id: CandidateId, allocation: Allocation, bytes: u64) -> Self {
        Candidate {
            id,
            parent: None,
            children: Vec::new(),
            change: None,
            origin: Origin::Start,
            allocation,
            bytes,
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
            pruned: false,
            cut: false,
            undone: false,
            turn: 0,
        }
    }

    /// Takes in correct images; of those that are known none is forgotten.
    pub(super) fn learn(&mut self, bits: &CorrectBits) {
        if bits.len() > self.bits.len() {
            self.bits.clone_from(bits);
        }
    }

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
