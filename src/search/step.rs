//! What a step of a search comes to: questions, and where the judging of a candidate stands.

use super::CandidateId;
use crate::quant::BitWidth;

/// A question of the engine.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ask {
    /// The float network on the search split.
    Baseline,
    /// A candidate's drift.
    Drift(CandidateId),
    /// The error of every layer's output at a width.
    LayerErrors(BitWidth),
    /// A candidate on the images of a screening.
    Screen(CandidateId),
    /// A candidate on the whole search split.
    Confirm(CandidateId),
    /// The float network on the certify split.
    CertifyFloat,
    /// A rung of the ladder on the certify split.
    Certify(CandidateId),
    /// The float network on the test split.
    TestFloat,
    /// The result on the test split.
    Test(CandidateId),
}

/// What one step of a strategy came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// A question: the strategy is stepped again once its answer is folded into the tree.
    Ask(Ask),
    /// Something changed: step again.
    Again,
    /// Nothing to do until a command comes.
    Wait,
    /// Nothing is left to try.
    Done,
}

/// How a candidate is judged.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Trial {
    /// By the gate, then by a screening.
    Screened,
    /// By the gate and a screening; what passes must hold on the whole search split, too.
    Whole,
    /// By a screening alone: the gate has no say, because the user asked for it or nothing may be
    /// missed.
    Exempt,
}

/// Where the judging of a candidate stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Judged {
    /// Something comes first: return this step.
    Open(Step),
    /// It meets the constraint, as far as the trial goes.
    Passed,
    /// It does not.
    Failed,
    /// The gate rejected it.
    Rejected,
}
