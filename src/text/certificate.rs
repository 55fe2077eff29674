//! The certificate of a result as text.

use super::Marks;
use super::numbers::{bytes, count, points};
use crate::evaluate::Verdict;
use crate::search::{CandidateId, Certified, Ladder, RungTest, Tree};

/// A ladder that was fixed: `certificate: #0, #12 and #31 are tested on 2,700 images until one
/// fails; ...`.
pub fn ladder(rungs: &[CandidateId], limit: f64, error: f64, images: usize) -> String {
    let rungs: Vec<String> = rungs.iter().map(ToString::to_string).collect();
    format!(
        "certificate: {} are tested in this order on {} unseen images until one fails; drop at most {}, error probability {:.4}",
        rungs.join(", "),
        count(images as u64),
        points(limit),
        error
    )
}

/// The test of a rung with its numbers: `drop 0.63 on 2,700 images (170 lost, 153 won), bound 1.34
/// ≤ 1.50`.
pub fn rung(test: &RungTest, limit: f64, marks: Marks) -> String {
    let counted = test.counted;
    let compared = match test.verdict {
        Verdict::Met => marks.at_most,
        Verdict::NotMet => ">",
    };
    format!(
        "drop {} on {} images ({} lost, {} won), bound {} {compared} {}",
        points(counted.points()),
        count(counted.images as u64),
        count(counted.lost as u64),
        count(counted.won as u64),
        points(test.bound),
        points(limit)
    )
}

/// The test of a candidate by the ladder that counts, with its numbers.
pub fn of_candidate(tree: &Tree, candidate: CandidateId, marks: Marks) -> Option<String> {
    let ladder = tree.certification.ladder()?;
    let (_, test) = ladder.tested().find(|(id, _)| *id == candidate)?;
    Some(rung(test, ladder.limit, marks))
}

/// What the certificate came to, once it is decided: `certified 51.2 KiB, drop ≤ 1.34`.
pub fn outcome(tree: &Tree, marks: Marks) -> Option<String> {
    let ladder = tree.certification.ladder();
    let at_most = marks.at_most;
    match tree.certification.outcome? {
        Certified::Nothing => Some(match ladder.and_then(reached) {
            Some((_, test)) => {
                format!(
                    "nothing certified: drop {at_most} {} reached",
                    points(test.bound)
                )
            }
            None => String::from("nothing certified"),
        }),
        Certified::Allocation(id) => {
            let size = bytes(tree.get(id)?.bytes);
            let (_, test) = ladder?.held()?;
            Some(format!(
                "certified {size}, drop {at_most} {}",
                points(test.bound)
            ))
        }
    }
}

/// The test of least bound: what could be certified under a looser limit.
pub fn reached(ladder: &Ladder) -> Option<(CandidateId, &RungTest)> {
    ladder
        .tested()
        .min_by(|(_, a), (_, b)| a.bound.total_cmp(&b.bound))
}
