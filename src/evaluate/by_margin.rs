//! Images in the order of the float network's margin: verdicts on all of them after a part.
//!
//! Quantization changes the answers on images that the float network is least sure of. So the
//! search split is ordered: first the images that float classifies wrongly, then those that it
//! classifies correctly, each by rising margin (the largest logit less the second largest; for a
//! wrong answer, less that of the label). Once the first part is known nothing can be won any more,
//! and a candidate that loses too many has lost them after a small part of the rest: "not met" is
//! then certain, by counting. "Met" may be decided early by [`MarginTest`]. (Ours.)
//!
//! A part of such a split is no random sample. What it says of all images is [`extrapolated`].

use serde::{Deserialize, Serialize};

use super::{CorrectBits, LOOK, Verdict};

/// The order of the images of the search split.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ImageOrder {
    /// At random, every prefix with each class in its share.
    #[default]
    Stratified,
    /// By the float network's margin.
    Margin,
}

impl ImageOrder {
    /// True for the order that is written nowhere.
    pub fn is_stratified(&self) -> bool {
        *self == ImageOrder::Stratified
    }
}

/// Standard errors that the expected loss must be away from the limit.
const STANDARD_ERRORS: f64 = 2.5;
/// Rate at which losses become rarer over the images that float classifies correctly, from the
/// first to the last of them: their density falls as exp(−rate · share). It is the middle of what
/// was measured on the networks at hand.
const DECAY: f64 = 9.0;
/// Share by which the losses expected of the images not seen may be wrong beside chance.
const MISFIT: f64 = 0.3;

/// A test for "met" on images ordered by margin, looked at after every [`LOOK`] of those that float
/// classifies correctly.
///
/// Losses become rarer with the margin, so that the rate of the last [`LOOK`] images, with half a
/// loss more than were seen, bounds that of the rest. "Met" is decided where the losses seen and
/// those expected of the rest, with 2.5 standard errors of a Poisson variable whose rate is
/// estimated from that many images, are no more than allowed.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct MarginTest {
    /// Images of the split.
    pub images: usize,
    /// Most correct images that may be lost over all of them.
    pub allowed_loss: i64,
}

/// What [`MarginTest`] keeps of the images seen beside their number and their loss.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct MarginEvidence {
    /// Images seen that float classifies correctly.
    right: usize,
    /// Losses since the last look.
    recent: usize,
}

impl MarginEvidence {
    /// Adds the next image.
    pub(super) fn add(&mut self, float: bool, candidate: bool) {
        if self.right.is_multiple_of(LOOK) {
            self.recent = 0;
        }
        self.right += usize::from(float);
        self.recent += usize::from(float && !candidate);
    }

    /// "Met" after `seen` images of which `lost` net were lost, once that is likely enough; none
    /// between looks.
    pub(super) fn verdict(&self, test: &MarginTest, seen: usize, lost: i64) -> Option<Verdict> {
        if self.right == 0 || !self.right.is_multiple_of(LOOK) || seen >= test.images {
            return None;
        }
        let (left, look) = ((test.images - seen) as f64, LOOK as f64);
        let expected = left * (self.recent as f64 + 0.5) / look;
        let error = (expected * (1.0 + left / look)).sqrt();
        let most = lost as f64 + expected + STANDARD_ERRORS * error;
        (most <= test.allowed_loss as f64 + 0.5).then_some(Verdict::Met)
    }
}

/// Correct images lost over a whole split, estimated from its first ones.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Extrapolated {
    /// Lost net over all images.
    pub lost: f64,
    /// Its variance; 0 where all images were seen.
    pub variance: f64,
}

/// What the first images of a split ordered by margin, `known`, say of all of them: the losses seen
/// are a share F of all losses, F = (1 − exp(−9q)) / (1 − exp(−9)) where q is the share of the
/// images that float classifies correctly. Of the wrong ones what was won is in proportion.
pub fn extrapolated(float: &CorrectBits, known: &CorrectBits) -> Extrapolated {
    let (mut lost, mut won, mut right, mut wrong) = (0.0, 0.0, 0.0f64, 0.0f64);
    for (float, candidate) in float.iter().zip(known.iter()) {
        match float {
            true => {
                right += 1.0;
                lost += f64::from(u8::from(!candidate));
            }
            false => {
                wrong += 1.0;
                won += f64::from(u8::from(candidate));
            }
        }
    }
    let all_right = float.correct() as f64;
    let all_wrong = float.len() as f64 - all_right;
    let share = |part: f64, all: f64| if all > 0.0 { part / all } else { 1.0 };
    let seen = libm::expm1(-DECAY * share(right, all_right)) / libm::expm1(-DECAY);
    let (unseen, unseen_variance) = match seen {
        // Nothing is known of the images that can be lost: as many as there are, or none.
        s if s <= 0.0 => (0.0, all_right * all_right / 12.0),
        s => {
            let expected = lost * (1.0 - s) / s;
            let chance = (lost + 1.0) * (1.0 - s) / (s * s);
            let misfit = MISFIT * expected;
            (expected, chance + misfit * misfit)
        }
    };
    let known_wrong = share(wrong, all_wrong).max(1.0 / all_wrong.max(1.0));
    let won_later = won * (1.0 / known_wrong - 1.0);
    Extrapolated {
        lost: lost + unseen - won - won_later,
        variance: unseen_variance + won_later * (1.0 + won_later),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::evaluate::{ScreeningTest, Sequential, StopRule};

    /// SplitMix64: the same numbers everywhere.
    struct Random(u64);

    impl Random {
        fn unit(&mut self) -> f64 {
            self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
            let mut z = self.0;
            z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
            z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
            (z ^ (z >> 31)) as f64 / 2f64.powi(64)
        }
    }

    const IMAGES: usize = 1700;
    const WRONG: usize = 210;

    fn float() -> CorrectBits {
        (0..IMAGES).map(|i| i >= WRONG).collect()
    }

    /// A candidate that wins some of the wrong images and loses about `losses` of the others, at a
    /// density that falls as exp(−rate · share).
    fn candidate(random: &mut Random, losses: f64, rate: f64) -> CorrectBits {
        let right = (IMAGES - WRONG) as f64;
        let scale = losses * rate / (1.0 - (-rate).exp()) / right;
        let image = |i: usize| match i < WRONG {
            true => random.unit() < 0.15 * (-3.0 * i as f64 / WRONG as f64).exp(),
            false => random.unit() >= scale * (-rate * (i - WRONG) as f64 / right).exp(),
        };
        (0..IMAGES).map(image).collect()
    }

    fn lost(bits: &CorrectBits) -> i64 {
        (IMAGES - WRONG) as i64 - bits.correct() as i64
    }

    #[test]
    fn verdicts_by_hand() {
        let test = MarginTest {
            images: IMAGES,
            allowed_loss: 25,
        };
        let at = |right: usize, lost: i64, recent: usize| {
            MarginEvidence { right, recent }.verdict(&test, WRONG + right, lost)
        };
        // 740 are left: expected 740 * 0.5 / 250 = 1.48, error sqrt(1.48 * 3.96) = 2.42.
        assert_eq!(at(750, 17, 0), Some(Verdict::Met));
        assert_eq!(at(750, 18, 0), None);
        assert_eq!(at(750, 17, 1), None);
        assert_eq!(at(751, 0, 0), None, "between looks");
        assert_eq!(at(0, 0, 0), None);
    }

    #[test]
    fn few_early_verdicts_are_wrong_and_failing_candidates_are_told_early() {
        let (float, mut random) = (float(), Random(3));
        let (mut wrong, mut early, mut failing, mut looked) = (0, 0, 0, 0);
        for trial in 0..600 {
            let rate = [3.0, 5.0, 8.0][trial % 3];
            let known = candidate(&mut random, 15.0 + 4.0 * (trial % 16) as f64, rate);
            let rule = StopRule {
                lost_before: 0,
                allowed_loss: 25,
                float: float.clone(),
                stop_when_met: true,
                sequential: Some(Box::new(Sequential::new(ScreeningTest::Margin(
                    MarginTest {
                        images: IMAGES,
                        allowed_loss: 25,
                    },
                )))),
            };
            let decided = rule.decided(&known).expect("all images decide");
            let meets = lost(&known) <= 25;
            match decided.verdict {
                Verdict::NotMet => assert!(!meets && decided.certain),
                Verdict::Met => {
                    early += usize::from(!decided.certain);
                    wrong += usize::from(!meets);
                }
            }
            if !meets {
                failing += 1;
                looked += decided.images;
            }
        }
        assert!(early > 50, "{early} early verdicts");
        assert!(wrong * 25 < early, "{wrong} of {early} are wrong");
        let mean = looked / failing.max(1);
        assert!(failing > 100 && mean < IMAGES * 2 / 3, "{mean} images");
    }

    #[test]
    fn a_part_says_what_all_lose() {
        let (float, mut random) = (float(), Random(5));
        for losses in [20.0, 60.0, 200.0] {
            for part in [WRONG + 250, WRONG + 500, WRONG + 1000] {
                let (mut errors, mut variance) = (Vec::new(), 0.0);
                for _ in 0..200 {
                    let all = candidate(&mut random, losses, DECAY);
                    let of = extrapolated(&float, &all.slice(0, part));
                    errors.push(of.lost - lost(&all) as f64);
                    variance += of.variance / 200.0;
                }
                let bias = errors.iter().sum::<f64>() / 200.0;
                let spread = errors.iter().map(|e| e * e).sum::<f64>() / 200.0;
                assert!(bias.abs() < 1.0 + 0.05 * losses, "{losses}, {part}: {bias}");
                assert!(
                    spread < 2.0 * variance,
                    "{losses}, {part}: {spread} {variance}"
                );
            }
        }
    }

    proptest! {
        #[test]
        fn all_images_need_no_guess(
            images in prop::collection::vec((any::<bool>(), any::<bool>()), 1..80), part in 0.0f64..1.0,
        ) {
            let (float, candidate): (Vec<bool>, Vec<bool>) = images.into_iter().unzip();
            let (float, candidate): (CorrectBits, CorrectBits) =
                (float.into_iter().collect(), candidate.into_iter().collect());
            let all = extrapolated(&float, &candidate);
            prop_assert!((all.lost - (float.correct() as f64 - candidate.correct() as f64)).abs() < 1e-9);
            prop_assert!(all.variance.abs() < 1e-9);
            let some = candidate.slice(0, (part * candidate.len() as f64) as usize);
            let of = extrapolated(&float, &some);
            prop_assert!(of.lost.is_finite() && of.variance.is_finite() && of.variance >= 0.0);
        }
    }
}
