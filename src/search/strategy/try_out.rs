//! One allocation, made and judged: what strategies do that try proposals one after the other.

use super::{Context, Step};
use crate::quant::Allocation;
use crate::search::step::{Judged, Trial};
use crate::search::{CandidateId, Move, Origin};

/// What became of a proposal.
pub(super) enum Tried {
    /// This comes first, for a candidate that is under way by now.
    Open(Step, CandidateId),
    /// It meets the constraint, as far as the trial goes.
    Passed(CandidateId),
    /// It does not, or is not to be tried.
    Failed,
}

/// Makes an allocation, in a round of its own, and judges it.
pub(super) fn try_out(
    search: &mut Context<'_>,
    (origin, change): (Origin, Option<Move>),
    allocation: Allocation,
    trial: Trial,
) -> Tried {
    if search.closed(&allocation).is_some() {
        return Tried::Failed;
    }
    let Some(candidate) = search.duplicate(&allocation).map(|c| c.id) else {
        search.engine.open_round();
        let candidate = search.propose_as(origin, change, allocation);
        return Tried::Open(Step::Again, candidate);
    };
    match search.judge(candidate, trial) {
        Judged::Open(next) => Tried::Open(next, candidate),
        Judged::Passed => Tried::Passed(candidate),
        Judged::Failed | Judged::Rejected => Tried::Failed,
    }
}
