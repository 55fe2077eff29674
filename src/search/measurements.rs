//! What has been measured, by allocation, and how verdicts follow from it.

use std::collections::HashMap;

use super::Judgement;
use crate::evaluate::{
    CorrectBits, ImageOrder, Proxies, ScreeningTest, Sequential, StopRule, extrapolated,
};
use crate::quant::Allocation;

/// A drift, its sites, and what was measured beside it.
pub type Drift = (f64, Vec<f64>, Option<Proxies>);

/// Measurements of one allocation.
#[derive(Clone, Debug, Default)]
struct Measured {
    drift: Option<Drift>,
    bits: CorrectBits,
}

/// All measurements of a run: the same question is never asked twice.
#[derive(Clone, Debug, Default)]
pub struct Measurements {
    by_allocation: HashMap<Allocation, Measured>,
    float: CorrectBits,
}

/// What is still needed for a verdict.
#[derive(Clone, Debug, PartialEq)]
pub struct Needed {
    /// First image that is not known yet.
    pub from: usize,
    /// One past the last image.
    pub to: usize,
    /// When the rest may stop.
    pub stop: StopRule,
}

impl Measurements {
    /// Records the float network's results on the search split.
    pub fn set_float(&mut self, float: CorrectBits) {
        self.float = float;
    }
    /// Records a drift.
    pub fn set_drift(&mut self, allocation: &Allocation, drift: Drift) {
        self.by_allocation
            .entry(allocation.clone())
            .or_default()
            .drift = Some(drift);
    }
    /// A drift.
    pub fn drift(&self, allocation: &Allocation) -> Option<Drift> {
        self.by_allocation.get(allocation)?.drift.clone()
    }
    /// Adds correct-image bits that begin where the known ones end.
    pub fn extend(&mut self, allocation: &Allocation, bits: &CorrectBits) {
        self.by_allocation
            .entry(allocation.clone())
            .or_default()
            .bits
            .extend(bits);
    }

    /// The verdict on an allocation with the bits it rests on, or what is needed for it.
    pub fn judge(
        &self,
        allocation: &Allocation,
        bar: &AcceptanceCriterion,
    ) -> Result<(Judgement, CorrectBits), Needed> {
        let none = CorrectBits::new();
        let known = self
            .by_allocation
            .get(allocation)
            .map_or(&none, |m| &m.bits);
        let judgement = judged(known, &self.float, bar)?;
        Ok((judgement, known.slice(0, judgement.images)))
    }
}

/// The acceptance criterion of a verdict.
#[derive(Clone, Debug, PartialEq)]
pub struct AcceptanceCriterion {
    /// The first `n` images of the search split.
    pub of: usize,
    /// Most correct images that may be lost among them.
    pub allowed_loss: i64,
    /// All images are looked at where the constraint is met, so that the accuracy is of all of
    /// them.
    pub whole: bool,
    /// The order of the images.
    pub order: ImageOrder,
    /// A test that may decide before the verdict is certain.
    pub test: Option<ScreeningTest>,
}

/// The verdict that the known bits of an allocation give, or what is needed for it.
pub fn judged(
    known: &CorrectBits,
    float: &CorrectBits,
    bar: &AcceptanceCriterion,
) -> Result<Judgement, Needed> {
    let &AcceptanceCriterion {
        of, allowed_loss, ..
    } = bar;
    let all = StopRule {
        lost_before: 0,
        allowed_loss,
        float: float.slice(0, of),
        stop_when_met: !bar.whole,
        sequential: bar.test.map(|test| Box::new(Sequential::new(test))),
    };
    if let Some(decided) = all.decided(&known.slice(0, of)) {
        let seen = known.slice(0, decided.images);
        return Ok(Judgement {
            verdict: decided.verdict,
            images: decided.images,
            expected_loss: expected_loss(&seen, &all.float, bar.order),
            of,
            correct: known.correct_in(0, decided.images),
            float_correct: float.correct_in(0, decided.images),
            allowed_loss,
            cached: false,
            sequential: !decided.certain,
        });
    }
    let from = known.len().min(of);
    Err(Needed {
        from,
        to: of,
        stop: all.after(&known.slice(0, from)),
    })
}

/// The net loss of correct images to be expected over all of them, where those seen are no random
/// sample; none where they are, or all were seen.
fn expected_loss(seen: &CorrectBits, float: &CorrectBits, order: ImageOrder) -> Option<f64> {
    match order {
        ImageOrder::Margin if seen.len() < float.len() => Some(extrapolated(float, seen).lost),
        ImageOrder::Stratified | ImageOrder::Margin => None,
    }
}

/// Most correct images that may be lost: `floor(max_drop · images / 100)`, where an exact product
/// is not lost to binary rounding of the percentage.
pub fn allowed_loss(max_drop: f64, images: usize) -> i64 {
    (max_drop * images as f64 / 100.0 + 1e-9).floor() as i64
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::evaluate::{PairedTest, TwoSidedTest, Verdict};
    use crate::quant::BitWidth;

    fn bits(text: &str) -> CorrectBits {
        text.chars().map(|c| c == '1').collect()
    }

    fn screening(of: usize, allowed_loss: i64) -> AcceptanceCriterion {
        AcceptanceCriterion {
            of,
            allowed_loss,
            whole: false,
            order: ImageOrder::Stratified,
            test: None,
        }
    }

    proptest! {
        /// A job goes on where known images end, by a sequential test, too: the verdict is that of
        /// going from the first.
        #[test]
        fn a_verdict_does_not_depend_on_where_a_job_began(
            images in prop::collection::vec((prop::bool::weighted(0.8), prop::bool::weighted(0.1)), 1..900),
            allowed in 0i64..12,
            cut in 0.0f64..1.0,
            sequential: bool,
            tested: bool,
        ) {
            let float: CorrectBits = images.iter().map(|(float, _)| *float).collect();
            let candidate: CorrectBits = images.iter().map(|(float, flip)| float != flip).collect();
            let of = images.len();
            let test = match sequential {
                true => ScreeningTest::Paired(PairedTest::new(0.05, 0.05, of, allowed, 1)),
                false => ScreeningTest::TwoSided(TwoSidedTest { images: of, allowed_loss: allowed }),
            };
            let bar = AcceptanceCriterion { test: tested.then_some(test), ..screening(of, allowed) };
            let judgement = judged(&candidate, &float, &bar).expect("all images decide");
            let mut known = candidate.slice(0, (cut * judgement.images as f64) as usize);
            if let Err(needed) = judged(&known, &float, &bar) {
                let rest = candidate.slice(needed.from, needed.to);
                let decided = needed.stop.decided(&rest).expect("all images decide");
                known.extend(&rest.slice(0, decided.images));
            }
            prop_assert_eq!(known.len(), judgement.images);
            prop_assert_eq!(judged(&known, &float, &bar).ok(), Some(judgement));
        }
    }

    #[test]
    fn percentages_that_are_exact_in_decimal_are_exact_here() {
        assert_eq!(allowed_loss(1.5, 500), 7);
        assert_eq!(allowed_loss(1.5, 2000), 30);
        assert_eq!(allowed_loss(0.7, 1000), 7);
        assert_eq!(allowed_loss(1.1, 1000), 11);
        assert_eq!(allowed_loss(0.0, 1000), 0);
    }

    #[test]
    fn a_confirmation_goes_on_where_the_screening_stopped() {
        let allocation = Allocation::uniform(2, BitWidth::new(4).expect("a width"));
        let whole = AcceptanceCriterion {
            whole: true,
            ..screening(10, 2)
        };
        let mut known = Measurements::default();
        known.set_float(bits("1111111111"));
        let needed = known
            .judge(&allocation, &screening(5, 1))
            .expect_err("nothing known");
        assert_eq!(
            (needed.from, needed.to, needed.stop.allowed_loss),
            (0, 5, 1)
        );
        // Certain after four: the last image can cost at most one.
        known.extend(&allocation, &bits("1111"));
        let (judgement, _) = known.judge(&allocation, &screening(5, 1)).expect("known");
        assert_eq!((judgement.verdict, judgement.images), (Verdict::Met, 4));
        let needed = known
            .judge(&allocation, &whole)
            .expect_err("six are missing");
        assert_eq!(
            (
                needed.from,
                needed.to,
                needed.stop.lost_before,
                needed.stop.allowed_loss
            ),
            (4, 10, 0, 2)
        );
        known.extend(&allocation, &bits("010"));
        assert!(known.judge(&allocation, &whole).is_err());
        known.extend(&allocation, &bits("0"));
        let (judgement, bits) = known.judge(&allocation, &whole).expect("certain");
        assert_eq!(
            (judgement.verdict, judgement.images, bits.len()),
            (Verdict::NotMet, 8, 8)
        );
    }
}
