//! Judging a candidate, the one way there is: drift, gate, screening and, where that is wanted,
//! the whole search split. A candidate is rejected by the gate in [`Engine::decide`].

use super::engine::Engine;
use super::step::{Ask, Judged, Step, Trial};
use super::{Candidate, CandidateId, Event, GateDecision};
use crate::evaluate::Verdict;

impl Engine {
    /// Opens a round: what the gate has learned counts from now on.
    pub(super) fn open_round(&mut self) {
        self.gate.open_round(&self.tree);
    }

    /// One step of judging a candidate. What has a judgement already is not gated.
    pub(super) fn judging(&mut self, id: CandidateId, trial: Trial) -> Judged {
        let Some(candidate) = self.tree.get(id) else {
            return Judged::Failed;
        };
        if self.seeks_accuracy() {
            return self.judging_accuracy(candidate);
        }
        let Some(drift) = candidate.drift else {
            return Judged::Open(Step::Ask(Ask::Drift(id)));
        };
        let unconfirmed = candidate.confirmation.is_none();
        if let Some(judgement) = candidate.judgement() {
            return match judgement.verdict {
                Verdict::Met if trial == Trial::Whole && unconfirmed => {
                    Judged::Open(Step::Ask(Ask::Confirm(id)))
                }
                Verdict::Met => Judged::Passed,
                Verdict::NotMet => Judged::Failed,
            };
        }
        match (candidate.gate.map(|gate| gate.decision), trial) {
            (Some(GateDecision::HeldBack), Trial::Screened | Trial::Whole) => Judged::Rejected,
            (None | Some(GateDecision::HeldBack), _)
            | (Some(GateDecision::Passed | GateDecision::Audited), Trial::Exempt) => {
                let candidate = candidate.clone();
                self.decide(&candidate, drift, trial);
                Judged::Open(Step::Again)
            }
            (Some(_), _) => Judged::Open(Step::Ask(Ask::Screen(id))),
        }
    }

    /// Lets the gate of the round decide and records it; of what the user asked for it only
    /// records what it knows.
    fn decide(&mut self, candidate: &Candidate, drift: f64, trial: Trial) {
        let forecast = self.gate.forecast(candidate, self.tree.max_drop());
        let allocation = &candidate.allocation;
        let reason = match trial {
            Trial::Exempt => self.gate.exempt(drift, allocation, forecast),
            Trial::Screened | Trial::Whole => self.gate.decide(drift, allocation, forecast),
        };
        self.emit(Event::Gated {
            candidate: candidate.id,
            reason,
        });
    }
}
