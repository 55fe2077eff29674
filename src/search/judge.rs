//! Judging a candidate, the one way there is: drift, gate, screening and, where that is wanted, the whole search split.

use super::engine::{Ask, Engine, Next};
use super::{CandidateId, GateDecision};
use crate::evaluate::Verdict;

/// How a candidate is judged.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Trial {
    /// The gate has its say, then the screening.
    Screened,
    /// Likewise; what passes the screening must hold on the whole search split, too.
    Whole,
    /// A person asked for it: the gate has no say.
    Exempt,
}

/// Where the judging of a candidate stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Judged {
    /// Something comes first.
    Open(Next),
    /// It meets the constraint, as far as the trial goes.
    Passed,
    /// It does not.
    Failed,
    /// The gate sees no chance.
    HeldBack,
}

impl Engine {
    /// One step of judging a candidate. What has a judgement already is not gated.
    pub(super) fn judging(&mut self, id: CandidateId, trial: Trial) -> Judged {
        let Some(candidate) = self.tree.get(id) else {
            return Judged::Failed;
        };
        let Some(drift) = candidate.drift else {
            return Judged::Open(Next::Ask(Ask::Drift(id)));
        };
        let unconfirmed = candidate.confirmation.is_none();
        if let Some(judgement) = candidate.judgement() {
            return match judgement.verdict {
                Verdict::Met if trial == Trial::Whole && unconfirmed => {
                    Judged::Open(Next::Ask(Ask::Confirm(id)))
                }
                Verdict::Met => Judged::Passed,
                Verdict::NotMet => Judged::Failed,
            };
        }
        match (candidate.gate.map(|gate| gate.decision), trial) {
            (Some(GateDecision::HeldBack), Trial::Screened | Trial::Whole) => Judged::HeldBack,
            (None | Some(GateDecision::HeldBack), _)
            | (Some(GateDecision::Passed | GateDecision::Audited), Trial::Exempt) => {
                let candidate = candidate.clone();
                self.decide(&candidate, drift, trial);
                Judged::Open(Next::Again)
            }
            (Some(_), _) => Judged::Open(Next::Ask(Ask::Screen(id))),
        }
    }
}
