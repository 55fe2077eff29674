//! Where a search stands.

use super::{CandidateId, StopReason};

/// What to do when the base is confirmed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum After {
    /// The base should be the smallest width everywhere: then the search is done, else the plan's
    /// first strategy opens.
    Lowest,
    /// Open the plan's next strategy, or finish behind the last.
    Strategy,
}

/// Where the tries of narrower widths stand.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Narrowing {
    /// The candidate under way, and whether it is a uniform width.
    pub under_way: Option<CandidateId>,
    pub uniform: bool,
    /// Groups that failed one after the other.
    pub failures: u32,
}

/// Where the search stands.
#[derive(Clone, Copy, Debug)]
pub(super) enum Phase {
    /// Asking for the float network's results.
    Baseline,
    /// Judging the allocation the search starts from.
    Start(CandidateId),
    /// Trying the smallest width everywhere.
    Lowest(CandidateId),
    /// A strategy of the plan is open.
    Plan,
    /// Confirming the base on the whole search split, walking back where it fails.
    Confirm(After),
    /// Trying what the plan left untried: narrower widths.
    Narrower(Narrowing),
    /// Testing the result.
    Test(StopReason),
    /// Done, for this reason of the test; a command may open the search again.
    Finished(StopReason),
}
