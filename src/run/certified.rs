//! The certificate in the result of a run, and the incumbent that stands beside it.

use std::fmt;
use std::path::{Path, PathBuf};

use serde::Serialize;

use super::files::INCUMBENT;
use crate::evaluate::{PairedDrop, Verdict};
use crate::search::{Candidate, CandidateId, Certified, RungTest, Tree};

/// What was certified.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Certificate {
    /// Memory of the certified allocation.
    pub memory_bytes: u64,
    /// Its accuracy drop on the certify split, in percentage points.
    pub accuracy_drop: f64,
    /// The drop on unseen images is at most that, with the confidence that was asked for.
    pub bound: f64,
    /// Images of the certify split.
    pub images: usize,
    /// Rungs of the ladder that were tested.
    pub rungs: usize,
}

/// A rung of the ladder as it was tested.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct RungLine {
    /// The candidate.
    pub candidate: CandidateId,
    /// Its memory.
    pub memory_bytes: u64,
    /// Its accuracy drop on the certify split.
    pub accuracy_drop: f64,
    /// The upper confidence bound of the drop on unseen images.
    pub bound: f64,
    /// True where the bound is within the limit.
    pub held: bool,
}

/// The incumbent that is not certified.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Uncertified {
    /// Its memory.
    pub memory_bytes: u64,
    /// Its accuracy drop on the search split, which chose it.
    pub accuracy_drop: f64,
    /// The confidence interval of that drop, as if the split had not chosen it.
    pub interval: [f64; 2],
    /// The profile that holds it.
    pub profile: PathBuf,
}

/// Everything that a run's result says of its certificate.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct CertificateSummary {
    /// What was certified; none where nothing was, and where no certificate was asked for.
    pub certified: Option<Certificate>,
    /// The rungs that were tested, in order.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub ladder: Vec<RungLine>,
    /// The incumbent, where it is not what was certified.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub incumbent: Option<Uncertified>,
}

impl CertificateSummary {
    /// Of a search that has ended.
    pub fn of(tree: &Tree, folder: &Path) -> Self {
        let Some((outcome, ladder)) = tree.certification.outcome.zip(tree.certification.ladder())
        else {
            return CertificateSummary::default();
        };
        let line = |(id, test): (CandidateId, &RungTest)| RungLine {
            candidate: id,
            memory_bytes: tree.get(id).map_or(0, |c| c.bytes),
            accuracy_drop: test.counted.points(),
            bound: test.bound,
            held: test.verdict == Verdict::Met,
        };
        let certified = match outcome {
            Certified::Nothing => None,
            Certified::Allocation(id) => tree.get(id).zip(ladder.held()),
        };
        let is_other = |c: &&Candidate| outcome != Certified::Allocation(c.id);
        CertificateSummary {
            certified: certified.map(|(candidate, (_, test))| Certificate {
                memory_bytes: candidate.bytes,
                accuracy_drop: test.counted.points(),
                bound: test.bound,
                images: test.counted.images,
                rungs: ladder.tests.len(),
            }),
            ladder: ladder.tested().map(line).collect(),
            incumbent: tree.best().filter(is_other).map(|best| {
                let drop = PairedDrop::of(&tree.float, &best.bits);
                let error = (1.0 - tree.constraint.confidence.unwrap_or(0.95)) / 2.0;
                let path = folder.join(INCUMBENT);
                Uncertified {
                    memory_bytes: best.bytes,
                    accuracy_drop: drop.points(),
                    interval: [drop.lower_bound(error), drop.upper_bound(error)],
                    profile: std::path::absolute(&path).unwrap_or(path),
                }
            }),
        }
    }
}

impl fmt::Display for CertificateSummary {
    /// The certificate in a few lines, as in the result of a search.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.certified {
            Some(c) => write!(
                f,
                "  certified drop at most {:.2} points on unseen images ({:.2} on {} of them; {} allocations tested)",
                c.bound, c.accuracy_drop, c.images, c.rungs
            )?,
            None => {
                write!(f, "nothing could be certified; tested, in this order:")?;
                for rung in &self.ladder {
                    write!(
                        f,
                        "\n  {}  {} bytes: drop {:.2} points, at most {:.2} on unseen images",
                        rung.candidate, rung.memory_bytes, rung.accuracy_drop, rung.bound
                    )?;
                }
                write!(
                    f,
                    "\n  raise max_accuracy_drop to what was reached, or data.certify"
                )?;
            }
        }
        match &self.incumbent {
            Some(i) => write!(
                f,
                "\n  beside it {} bytes that are not certified: drop {:.2} points on the search split ({:.2} to {:.2})\n            {}",
                i.memory_bytes,
                i.accuracy_drop,
                i.interval[0],
                i.interval[1],
                i.profile.display()
            ),
            None => Ok(()),
        }
    }
}
