//! How far a screening or a confirmation is from a verdict.

use crate::evaluate::{Progress, StopRule};

/// Correct images lost so far in a screening or a confirmation, against what may be lost.
///
/// Images of small margin come first, the float network's wrong ones before all others, so that the
/// share of correct images so far says nothing of the whole split. The net loss does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Losses {
    /// Lost net: the float network's correct images less the candidate's, earlier evaluations of
    /// it included.
    pub net: i64,
    /// Most that may be lost over all images.
    pub allowed: i64,
    /// Images to come that the float network classifies wrongly: losses may be made good there.
    pub may_win: i64,
    /// Images to come that it classifies correctly.
    pub may_lose: i64,
}

impl Losses {
    /// What the first `done` images of a job say, of which `correct` are.
    pub fn of(rule: &StopRule, progress: &Progress) -> Self {
        let seen = rule.float.iter().take(progress.done);
        let float = seen.filter(|correct| *correct).count();
        let wrong = progress.done.min(rule.float.len()) - float;
        let all = rule.float.correct();
        Losses {
            net: rule.lost_before + float as i64 - progress.correct as i64,
            allowed: rule.allowed_loss,
            may_win: (rule.float.len() - all - wrong) as i64,
            may_lose: (all - float) as i64,
        }
    }

    /// How many more images lost make "not met" certain, were none won.
    pub fn to_fail(&self) -> i64 {
        (self.allowed + self.may_win - self.net + 1).max(0)
    }

    /// True where no image to come can exceed the limit.
    pub fn is_met(&self) -> bool {
        self.net + self.may_lose <= self.allowed
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::evaluate::{CorrectBits, Verdict};

    /// 4 images that the float network classifies wrongly, then 12 others.
    fn rule() -> StopRule {
        StopRule {
            lost_before: 0,
            allowed_loss: 2,
            float: (0..16).map(|image| image >= 4).collect(),
            stop_when_met: true,
            sequential: None,
        }
    }

    fn after(done: usize, correct: usize) -> Losses {
        let progress = Progress {
            done,
            total: 16,
            correct,
            preparing: false,
        };
        Losses::of(&rule(), &progress)
    }

    #[test]
    fn what_is_won_among_the_wrong_ones_may_be_lost_later() {
        let won = after(4, 1);
        assert_eq!((won.net, won.may_win, won.may_lose), (-1, 0, 12));
        assert_eq!(won.to_fail(), 4);
        assert!(!won.is_met());
        // Before them nothing is certain: 4 may be won yet.
        assert_eq!(after(0, 0).to_fail(), 7);
    }

    #[test]
    fn the_distance_is_that_to_the_verdict_of_the_rule() {
        for done in 4..16usize {
            for lost in 0..=2usize {
                let Some(correct) = (done - 4).checked_sub(lost) else {
                    continue;
                };
                let losses = after(done, correct);
                let more = losses.to_fail() as usize;
                // The images seen, of which the first right ones are lost, and then so many more.
                let bits = |more: usize| -> CorrectBits {
                    let wrong = |image: usize| image < 4 || image < 4 + lost;
                    (0..16)
                        .map(|image| !wrong(image) && !(done..done + more).contains(&image))
                        .collect()
                };
                let verdict = |more| rule().decided(&bits(more)).map(|d| d.verdict);
                if done + more <= 16 {
                    assert_eq!(verdict(more), Some(Verdict::NotMet), "{done} {lost}");
                    assert_eq!(verdict(more - 1), Some(Verdict::Met), "{done} {lost}");
                } else {
                    assert!(losses.is_met(), "{done} {lost}");
                }
            }
        }
    }
}
