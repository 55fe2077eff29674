//! The certificate of a result: ladders that were fixed, and what became of their rungs.

use serde::{Deserialize, Serialize};

use super::CandidateId;
use crate::evaluate::{CorrectBits, PairedDrop, Verdict};

/// The share of the error probability that is left which a ladder may spend.
const SPENT: f64 = 0.9;

/// A test of one rung on the certify split.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct RungTest {
    /// What was counted.
    #[serde(flatten)]
    pub counted: PairedDrop,
    /// The upper confidence bound of the drop on unseen images, in points.
    pub bound: f64,
    /// Met where the bound is within the limit.
    pub verdict: Verdict,
}

/// Allocations to be tested in order until the first one fails, fixed before anything of them was
/// seen on the certify split.
#[derive(Clone, Debug, PartialEq)]
pub struct Ladder {
    /// The allocations, safest first; the incumbent is the last one.
    pub rungs: Vec<CandidateId>,
    /// The largest drop, in points.
    pub limit: f64,
    /// The probability with which the ladder may certify an allocation wrongly.
    pub error: f64,
    /// The tests of the first rungs, in order.
    pub tests: Vec<RungTest>,
}

impl Ladder {
    /// The test of a measured drop.
    pub fn test(&self, counted: PairedDrop) -> RungTest {
        let bound = counted.upper_bound(self.error);
        let verdict = match bound <= self.limit {
            true => Verdict::Met,
            false => Verdict::NotMet,
        };
        RungTest {
            counted,
            bound,
            verdict,
        }
    }

    /// The rungs that were tested, with their tests.
    pub fn tested(&self) -> impl DoubleEndedIterator<Item = (CandidateId, &RungTest)> {
        self.rungs.iter().copied().zip(&self.tests)
    }

    /// The rung to be tested next; none where one has failed, and behind the last one.
    pub fn next(&self) -> Option<CandidateId> {
        match self.has_failed() {
            true => None,
            false => self.rungs.get(self.tests.len()).copied(),
        }
    }

    /// The smallest allocation that held, in sequence, with its test.
    pub fn held(&self) -> Option<(CandidateId, &RungTest)> {
        let held = |(_, test): &(CandidateId, &RungTest)| test.verdict == Verdict::Met;
        self.tested().take_while(held).last()
    }

    fn has_failed(&self) -> bool {
        self.tests
            .iter()
            .any(|test| test.verdict == Verdict::NotMet)
    }
}

/// The certification of a run's result, folded from its events.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Certification {
    /// The float network's results on the certify split.
    pub float: CorrectBits,
    /// The ladders that were fixed, in order.
    pub ladders: Vec<Ladder>,
    /// The one that counts: the last one, unless an undo went back to an earlier one.
    pub(super) current: Option<usize>,
    /// What that ladder came to, once it is decided and until the search goes on.
    pub outcome: Option<Certified>,
}

/// What a ladder came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Certified {
    /// Not even its first rung held.
    Nothing,
    /// This is the smallest that held.
    Allocation(CandidateId),
}

impl Certification {
    /// The ladder that counts.
    pub fn ladder(&self) -> Option<&Ladder> {
        self.ladders.get(self.current?)
    }

    /// Fixes the next ladder: it counts from now on.
    pub(super) fn fix(&mut self, ladder: Ladder) {
        self.current = Some(self.ladders.len());
        self.ladders.push(ladder);
    }

    /// Adds the test of the next rung.
    pub(super) fn add(&mut self, test: RungTest) {
        let current = self.current.and_then(|at| self.ladders.get_mut(at));
        if let Some(ladder) = current {
            ladder.tests.push(test);
        }
    }

    /// The error probability of the next ladder, of `error` for the whole run: most of what earlier
    /// ones have left. A ladder that was given up before a rung failed has spent nothing.
    pub fn next_error(&self, error: f64) -> f64 {
        let failed = self.ladders.iter().filter(|ladder| ladder.has_failed());
        let spent: f64 = failed.map(|ladder| ladder.error).sum();
        SPENT * (error - spent).max(0.0)
    }
}
