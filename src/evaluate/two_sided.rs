//! A two-sided test at fixed looks: a screening's verdict on the whole search split before all of
//! its images are seen.
//!
//! After every [`LOOK`] images the mean loss of those seen is compared with the largest mean loss
//! allowed over all N images. Where it is farther from that than 2.5 standard errors, with the
//! factor √(1 − n/N) for a sample without replacement (the verdict is about these same N images,
//! not about images to come), that is the verdict. Image i loses x_i = (float is right) −
//! (candidate is right), which is −1, 0 or 1; the standard error is that of the mean of the x_i
//! seen, with one more image that disagrees than were seen, so that a run of equal answers is no
//! certainty. (Ours; a group sequential test with constant bounds.)
//!
//! Nothing but sums, products and quotients, and one square root: the same verdict on every
//! machine.

use serde::{Deserialize, Serialize};

use super::Verdict;

/// Images between two looks.
pub const LOOK: usize = 250;
/// Standard errors that the mean loss must be away from the limit.
const STANDARD_ERRORS: f64 = 2.5;

/// The test: how many images it speaks of, and what may be lost among them.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct TwoSidedTest {
    /// Images of the split.
    pub images: usize,
    /// Most correct images that may be lost over all of them.
    pub allowed_loss: i64,
}

impl TwoSidedTest {
    /// The verdict after `seen` images of which `lost` net were lost, with answers other than
    /// float's on `changed`; none between looks, and while it is open.
    pub fn verdict(&self, seen: usize, lost: i64, changed: usize) -> Option<Verdict> {
        if seen == 0 || !seen.is_multiple_of(LOOK) || seen >= self.images {
            return None;
        }
        let (n, of) = (seen as f64, self.images as f64);
        let mean = lost as f64 / n;
        // Halfway between what is allowed and what no longer is.
        let limit = (self.allowed_loss as f64 + 0.5) / of;
        let variance = ((changed + 1) as f64 / n - mean * mean).max(0.0);
        let error = (variance / n * (1.0 - n / of)).sqrt();
        if mean - limit > STANDARD_ERRORS * error {
            Some(Verdict::NotMet)
        } else if limit - mean > STANDARD_ERRORS * error {
            Some(Verdict::Met)
        } else {
            None
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn verdicts_by_hand() {
        let test = TwoSidedTest {
            images: 2000,
            allowed_loss: 30,
        };
        // 250 images: limit 0.01525; 20 lost net, 24 changed: mean 0.08, variance 0.1 - 0.0064,
        // error sqrt(0.0936 / 250 * 0.875) = 0.0181, and 0.0648 > 2.5 * 0.0181.
        assert_eq!(test.verdict(250, 20, 24), Some(Verdict::NotMet));
        // 13 lost, 24 changed: 0.03675 < 2.5 * sqrt((0.1 - 0.0027) / 250 * 0.875) = 0.0461.
        assert_eq!(test.verdict(250, 13, 24), None);
        // 1500 images, none lost net, 50 changed: 0.01525 > 2.5 * sqrt(0.034 / 1500 / 4) = 0.00595.
        assert_eq!(test.verdict(1500, 0, 50), Some(Verdict::Met));
        assert_eq!(test.verdict(1501, 0, 50), None, "between looks");
        assert_eq!(test.verdict(2000, 0, 50), None, "all images are no test");
        assert_eq!(test.verdict(0, 0, 0), None);
    }

    proptest! {
        /// More losses never turn "not met" into "met".
        #[test]
        fn verdicts_are_monotone_in_losses(
            looks in 1usize..12, changed in 0usize..200, lost in -100i64..200, more in 0i64..60, allowed in 0i64..60,
        ) {
            let test = TwoSidedTest { images: 3000, allowed_loss: allowed };
            let changed = changed + usize::try_from(lost.abs() + more).unwrap_or_default();
            let verdict = |lost| test.verdict(looks * LOOK, lost, changed);
            if verdict(lost) == Some(Verdict::NotMet) {
                prop_assert_ne!(verdict(lost + more), Some(Verdict::Met));
            }
        }

        /// Where the order of the images is random the verdict is nearly always that of all images.
        #[test]
        fn few_verdicts_differ_from_those_of_all_images(seed in any::<u64>()) {
            const IMAGES: usize = 2000;
            let test = TwoSidedTest { images: IMAGES, allowed_loss: 30 };
            let mut state = seed;
            let mut random = || {
                state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
                (state >> 33) as usize
            };
            // A candidate that loses 40 images net, a third of a point too many.
            let mut losses: Vec<i64> = (0..IMAGES).map(|i| i64::from(i < 100) - i64::from((100..160).contains(&i))).collect();
            let mut wrong = 0;
            for _ in 0..40 {
                for i in (1..IMAGES).rev() {
                    losses.swap(i, random() % (i + 1));
                }
                let (mut lost, mut changed) = (0, 0);
                for (i, loss) in losses.iter().enumerate() {
                    lost += loss;
                    changed += usize::from(*loss != 0);
                    if let Some(verdict) = test.verdict(i + 1, lost, changed) {
                        wrong += usize::from(verdict == Verdict::Met);
                        break;
                    }
                }
            }
            prop_assert!(wrong <= 6, "{} of 40", wrong);
        }
    }
}
