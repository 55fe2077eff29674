//! Numbers of candidates, and verdicts on them.

use serde::{Deserialize, Serialize};

use crate::evaluate::Verdict;

/// A node of the search tree; numbered from 0 (the start) in order of proposal.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct CandidateId(pub u32);

impl CandidateId {
    /// Position in the tree's list.
    pub fn index(self) -> usize {
        self.0 as usize
    }
}

impl std::fmt::Display for CandidateId {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.pad(&format!("#{}", self.0))
    }
}

/// A verdict in numbers.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Judgement {
    /// Met or not.
    pub verdict: Verdict,
    /// Images looked at until the verdict was reached.
    pub images: usize,
    /// Images it speaks of.
    pub of: usize,
    /// Correct among those looked at.
    pub correct: usize,
    /// Correct by the float network among the same images.
    pub float_correct: usize,
    /// Most correct images that may be lost over all of `of`.
    pub allowed_loss: i64,
    /// True when no evaluation was needed: an earlier result answers it.
    pub cached: bool,
    /// The net loss of correct images to be expected over all of `of`, where those looked at are no
    /// random sample of them: the split is ordered by margin.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expected_loss: Option<f64>,
    /// True where a sequential test found the verdict likely enough; false where it is certain.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub sequential: bool,
}

impl Judgement {
    /// Accuracy on the images looked at, in percent.
    pub fn accuracy(&self) -> f64 {
        100.0 * self.correct as f64 / self.images.max(1) as f64
    }
    /// Accuracy drop against float on the same images, in percentage points; where they are no
    /// random sample, what is to be expected of all.
    pub fn drop(&self) -> f64 {
        if let Some(lost) = self.expected_loss {
            return 100.0 * lost / self.of.max(1) as f64;
        }
        100.0 * (self.float_correct as f64 - self.correct as f64) / self.images.max(1) as f64
    }
}
