//! What came nearest to the constraint where nothing met it.

use serde::Serialize;

use super::{Candidate, CandidateId, Judgement, Tree};
use crate::evaluate::Verdict;

/// How much is known of an accuracy.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Basis {
    /// The whole search split, or as much of it as its verdict needed.
    Confirmed,
    /// The screening only.
    Screened,
}

/// An allocation that nearly met the constraint.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct ClosestInfeasible {
    /// The candidate.
    pub candidate: CandidateId,
    /// Its memory.
    pub memory_bytes: u64,
    /// Its accuracy drop on the images looked at, in percentage points.
    pub accuracy_drop: f64,
    /// Images looked at.
    pub images: usize,
    /// What these are of.
    pub basis: Basis,
    /// Bytes above the memory limit.
    pub over_bytes: u64,
    /// Points above the largest drop.
    pub over_drop: f64,
}

impl std::fmt::Display for ClosestInfeasible {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let basis = match self.basis {
            Basis::Confirmed => "",
            Basis::Screened => ", screened only",
        };
        write!(
            f,
            "{}: {} bytes, drop {:.2} points on {} images{basis}",
            self.candidate, self.memory_bytes, self.accuracy_drop, self.images
        )?;
        if self.over_bytes > 0 {
            write!(f, "; {} bytes too many", self.over_bytes)?;
        }
        if self.over_drop > 0.0 {
            write!(f, "; {:.2} points too many", self.over_drop)?;
        }
        Ok(())
    }
}

impl Tree {
    /// The closest infeasible candidates under the pins in force: of what fits in the memory the
    /// one of smallest drop, and of what keeps the accuracy the one with the fewest bytes too many;
    /// where there is neither, the smallest drop of all. Empty before anything was judged.
    pub fn closest_infeasible(&self) -> Vec<ClosestInfeasible> {
        let domains = self
            .settings
            .as_ref()
            .and_then(|s| s.domains(&self.pins).ok());
        let conforms = |c: &&Candidate| {
            let domains = domains.as_ref();
            domains.is_none_or(|domains| domains.allows(&c.allocation))
        };
        let judged = self.active().filter(conforms);
        let judged: Vec<(ClosestInfeasible, Verdict)> = judged
            .filter_map(|c| {
                let judgement = c.judgement().filter(|j| j.images > 0)?;
                Some((self.miss(c, judgement), judgement.verdict))
            })
            .collect();
        let by_drop = |a: &ClosestInfeasible, b: &ClosestInfeasible| {
            (a.accuracy_drop.total_cmp(&b.accuracy_drop)).then(a.memory_bytes.cmp(&b.memory_bytes))
        };
        let misses = || judged.iter().map(|(miss, _)| *miss);
        let keeps = |verdict: &Verdict| *verdict == Verdict::Met;
        let too_large = judged.iter().filter(|(m, v)| m.over_bytes > 0 && keeps(v));
        let fewest = too_large.map(|(m, _)| *m).min_by_key(|m| m.over_bytes);
        let fitting = misses().filter(|m| m.over_bytes == 0).min_by(by_drop);
        let nearest: Vec<ClosestInfeasible> = fitting.into_iter().chain(fewest).collect();
        match nearest.is_empty() {
            true => misses().min_by(by_drop).into_iter().collect(),
            false => nearest,
        }
    }

    fn miss(&self, candidate: &Candidate, judgement: &Judgement) -> ClosestInfeasible {
        let limit = self.constraint.max_memory.unwrap_or(u64::MAX);
        let over_drop = match judgement.verdict {
            Verdict::Met => 0.0,
            Verdict::NotMet => (judgement.drop() - self.max_drop()).max(0.0),
        };
        ClosestInfeasible {
            candidate: candidate.id,
            memory_bytes: candidate.bytes,
            accuracy_drop: judgement.drop(),
            images: judgement.images,
            basis: match candidate.confirmation {
                Some(_) => Basis::Confirmed,
                None => Basis::Screened,
            },
            over_bytes: candidate.bytes.saturating_sub(limit),
            over_drop,
        }
    }
}
