//! Reasons that events give.

use serde::{Deserialize, Serialize};

/// Why the base changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum BaseReason {
    /// The search starts here.
    Start,
    /// Passed screening.
    Accepted,
    /// A later base failed its confirmation.
    WalkedBack,
    /// The old base was pruned.
    Pruned,
    /// The old base breaks a pin, and so does all that could be made of it.
    Pinned,
    /// Back in an unpruned branch.
    Resumed,
    /// The smallest that meets a changed constraint.
    Constrained,
    /// The base before a command that was undone.
    Undone,
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
            BaseReason::Undone => "the base before what was undone",
        }
    }
}

/// Why a group is proposed no further at this level.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CloseReason {
    /// At its smallest allowed width.
    Lowest,
    /// Failed screening.
    Failed,
    /// Held back by the gate.
    HeldBack,
    /// The candidate lies in a pruned branch.
    Pruned,
    /// Already judged as not meeting the constraint.
    AlreadyFailed,
    /// Beam: something at least as wide in every layer failed at this level.
    WiderFailed,
    /// Nothing that the allocation can still become is smaller than the incumbent, or than what a
    /// beam's level has come to already.
    CannotBeat,
}

/// Why the search ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum StopReason {
    /// All levels are done.
    Complete,
    /// The smallest width everywhere passes.
    LowestPasses,
    /// Nothing met the constraint.
    NothingMet,
    /// The user asked.
    Stopped,
    /// As many evaluations as the constraint allows.
    MaxEvaluations,
    /// The time that the constraint allows is over.
    MaxSeconds,
}

impl StopReason {
    /// True where the search ends before it is done.
    pub fn is_early(self) -> bool {
        match self {
            StopReason::Stopped | StopReason::MaxEvaluations | StopReason::MaxSeconds => true,
            StopReason::Complete | StopReason::LowestPasses | StopReason::NothingMet => false,
        }
    }
}
