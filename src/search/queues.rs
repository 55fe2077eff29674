//! Candidates that do not come from a strategy: what the user asked for, and what resumed branches
//! brought.

use std::collections::VecDeque;

use super::CandidateId;

/// Candidates that the user (or a pin) asked for, judged before queued work.
#[derive(Clone, Debug, Default)]
pub(super) struct ManualQueue(VecDeque<CandidateId>);

impl ManualQueue {
    /// The next one.
    pub fn next(&self) -> Option<CandidateId> {
        self.0.front().copied()
    }
    /// Adds one at the end.
    pub fn push(&mut self, candidate: CandidateId) {
        self.0.push_back(candidate);
    }
    /// Puts one before all others.
    pub fn put_first(&mut self, candidate: CandidateId) {
        self.remove(candidate);
        self.0.push_front(candidate);
    }
    /// Removes the next one: it is judged.
    pub fn judged(&mut self) {
        self.0.pop_front();
    }
    /// Removes one.
    pub fn remove(&mut self, candidate: CandidateId) {
        self.0.retain(|c| *c != candidate);
    }
    /// True for one that waits.
    pub fn contains(&self, candidate: CandidateId) -> bool {
        self.0.contains(&candidate)
    }
    /// Keeps some.
    pub fn retain(&mut self, keep: impl Fn(&CandidateId) -> bool) {
        self.0.retain(keep);
    }
}

/// What resumed branches brought.
#[derive(Clone, Debug, Default)]
pub(super) struct ResumedBranches {
    /// Their tops: the candidates join the next round.
    tops: VecDeque<CandidateId>,
    /// Their undecided candidates that hang elsewhere than on the base.
    undecided: VecDeque<CandidateId>,
}

impl ResumedBranches {
    /// Adds a branch.
    pub fn push(&mut self, top: CandidateId) {
        self.tops.push_back(top);
    }
    /// Takes the next branch.
    pub fn next_branch(&mut self) -> Option<CandidateId> {
        self.tops.pop_front()
    }
    /// Takes all branches.
    pub fn take_branches(&mut self) -> Vec<CandidateId> {
        std::mem::take(&mut self.tops).into()
    }
    /// Adds undecided candidates.
    pub fn add_undecided(&mut self, candidates: impl Iterator<Item = CandidateId>) {
        self.undecided.extend(candidates);
    }
    /// The next undecided candidate.
    pub fn next_undecided(&self) -> Option<CandidateId> {
        self.undecided.front().copied()
    }
    /// Removes it: it is judged, or takes no part any more.
    pub fn decided(&mut self) {
        self.undecided.pop_front();
    }
    /// Keeps some.
    pub fn retain(&mut self, keep: impl Fn(&CandidateId) -> bool) {
        self.tops.retain(&keep);
        self.undecided.retain(&keep);
    }
}
