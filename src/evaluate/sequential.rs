//! A sequential paired test: a verdict before it is certain, wrong with a bounded probability.
//! (Ours.)
//!
//! Of the n images of a screening, in random order, image i loses x_i = (float is right) −
//! (candidate is right), which is −1, 0 or 1; T is the sum over all n, and S the sum of those seen
//! so far. Two bets run at the same time:
//!
//! - against "T ≤ good": after t images the rest would lose on average μ = (good − S) / (n − t) at
//!   most, so that a stake of 1, multiplied by 1 + λ(x − μ) at every image, never grows on average
//!   (0 ≤ λ < 1 / (1 + μ), chosen before x is seen);
//! - against "T ≥ bad": likewise with 1 − λ(x − ν), ν = (bad − S) / (n − t).
//!
//! By Ville's inequality a stake that does not grow on average ever reaches 1/α with probability α
//! at most, whenever one looks and whatever the rate at which the two networks disagree: that rate
//! needs no estimate. The stake is divided over several λ, because the best one depends on that
//! rate. (Betting on means drawn without replacement: Waudby-Smith and Ramdas, Journal of the Royal
//! Statistical Society B 86, 2024.) The images' order is random but stratified by class, as every
//! prefix of the search split; the bound is proven for an order without strata, and tested for one
//! with them.
//!
//! Nothing but sums, products and quotients: the same verdict on every machine.

use serde::{Deserialize, Serialize};

use super::{CorrectBits, MarginEvidence, MarginTest, TwoSidedTest, Verdict};

/// Shares of the bet: the largest λ of each.
const BETS: [f64; 4] = [0.125, 0.25, 0.5, 1.0];
/// The most of what can be lost at one image that is staked on it.
const AT_STAKE: f64 = 0.9;

/// What a sequential test tells apart, and how often it may be wrong.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct PairedTest {
    /// Largest probability of "not met" where no more than `good` images are lost.
    pub alpha: f64,
    /// Largest probability of "met" where `bad` images are lost or more.
    pub beta: f64,
    /// Images of the screening.
    pub images: usize,
    /// Most images lost that clearly meet the constraint.
    pub good: i64,
    /// Fewest that clearly do not.
    pub bad: i64,
}

impl PairedTest {
    /// A test whose bounds hold for candidates that lose at least `indifferent` images less, or
    /// more, than is allowed. Nearer to the limit it may go either way.
    pub fn new(alpha: f64, beta: f64, images: usize, allowed_loss: i64, indifferent: i64) -> Self {
        PairedTest {
            alpha,
            beta,
            images,
            good: allowed_loss.saturating_sub(indifferent),
            bad: allowed_loss.saturating_add(1).saturating_add(indifferent),
        }
    }
}

/// A test that may decide a screening before its verdict is certain.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ScreeningTest {
    /// By bets, looked at after every image.
    Paired(PairedTest),
    /// By standard errors, at fixed looks.
    TwoSided(TwoSidedTest),
    /// On images ordered by margin, at fixed looks.
    Margin(MarginTest),
}

/// What the images seen so far say.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Evidence {
    seen: usize,
    lost: i64,
    /// Images that the candidate answers otherwise than float, right or wrong.
    changed: usize,
    /// On images ordered by margin.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    by_margin: Option<MarginEvidence>,
    /// Factors by which the shares of the stakes have grown, less one.
    against_good: [f64; BETS.len()],
    against_bad: [f64; BETS.len()],
}

impl Evidence {
    /// Adds the next image.
    pub fn add(&mut self, test: &ScreeningTest, float: bool, candidate: bool) {
        let lost = i64::from(float) - i64::from(candidate);
        match test {
            ScreeningTest::Paired(test) => self.bet(test, lost),
            ScreeningTest::TwoSided(_) => {}
            ScreeningTest::Margin(_) => {
                let by_margin = self.by_margin.get_or_insert_default();
                by_margin.add(float, candidate);
            }
        }
        self.seen += 1;
        self.lost += lost;
        self.changed += usize::from(lost != 0);
    }

    fn bet(&mut self, test: &PairedTest, lost: i64) {
        let left = test.images.saturating_sub(self.seen).max(1) as f64;
        let share = |total: i64| total.saturating_sub(self.lost) as f64 / left;
        let (good, bad) = (share(test.good), share(test.bad));
        // Outside of these bounds the verdict is certain: there is nothing to bet on.
        if good > -1.0 {
            bet(&mut self.against_good, lost as f64 - good, 1.0 + good);
        }
        if bad < 1.0 {
            bet(&mut self.against_bad, bad - lost as f64, 1.0 - bad);
        }
    }

    /// Adds the images that both speak of.
    pub fn extend(&mut self, test: &ScreeningTest, float: &CorrectBits, candidate: &CorrectBits) {
        for (float, candidate) in float.iter().zip(candidate.iter()) {
            self.add(test, float, candidate);
        }
    }

    /// The verdict, once it is likely enough.
    pub fn verdict(&self, test: &ScreeningTest) -> Option<Verdict> {
        let test = match test {
            ScreeningTest::Paired(test) => test,
            ScreeningTest::TwoSided(test) => {
                return test.verdict(self.seen, self.lost, self.changed);
            }
            ScreeningTest::Margin(test) => {
                return self.by_margin?.verdict(test, self.seen, self.lost);
            }
        };
        let stake = |grown: &[f64]| 1.0 + grown.iter().sum::<f64>() / grown.len() as f64;
        if stake(&self.against_good) * test.alpha >= 1.0 {
            Some(Verdict::NotMet)
        } else if stake(&self.against_bad) * test.beta >= 1.0 {
            Some(Verdict::Met)
        } else {
            None
        }
    }
}

/// Multiplies every share by 1 + λ · `won`, where `won` is −`worst` at worst.
fn bet(shares: &mut [f64; BETS.len()], won: f64, worst: f64) {
    for (grown, largest) in shares.iter_mut().zip(BETS) {
        let factor = 1.0 + largest.min(AT_STAKE / worst) * won;
        *grown = (1.0 + *grown) * factor - 1.0;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const IMAGES: usize = 500;
    const CLASSES: usize = 10;

    /// SplitMix64: the same numbers everywhere.
    struct Random(u64);

    impl Random {
        fn below(&mut self, n: usize) -> usize {
            self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
            let mut z = self.0;
            z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
            z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
            ((z ^ (z >> 31)) % n as u64) as usize
        }
        fn shuffle<T>(&mut self, items: &mut [T]) {
            for i in (1..items.len()).rev() {
                items.swap(i, self.below(i + 1));
            }
        }
    }

    /// What every image loses, `lost` and `won` of them, in random order; with `strata` all of it
    /// in as few classes as possible, and every class once in every ten images.
    fn losses(random: &mut Random, lost: usize, won: usize, strata: bool) -> Vec<i64> {
        let value = |i: usize| i64::from(i < lost) - i64::from((lost..lost + won).contains(&i));
        let mut all: Vec<i64> = (0..IMAGES).map(value).collect();
        if !strata {
            random.shuffle(&mut all);
            return all;
        }
        let mut classes: Vec<Vec<i64>> =
            all.chunks(IMAGES / CLASSES).map(<[i64]>::to_vec).collect();
        classes.iter_mut().for_each(|class| random.shuffle(class));
        let mut order = Vec::new();
        while order.len() < IMAGES {
            let mut row: Vec<i64> = classes.iter_mut().filter_map(Vec::pop).collect();
            random.shuffle(&mut row);
            order.extend(row);
        }
        order
    }

    /// The verdict, and after how many images; none where all images do not suffice.
    fn run(test: &PairedTest, losses: &[i64]) -> Option<(usize, Verdict)> {
        let mut evidence = Evidence::default();
        let test = &ScreeningTest::Paired(*test);
        losses.iter().enumerate().find_map(|(i, lost)| {
            evidence.add(test, *lost == 1, *lost == -1);
            evidence.verdict(test).map(|verdict| (i + 1, verdict))
        })
    }

    /// Share of wrong verdicts among many orders of the images of a candidate at the edge of what
    /// the bounds speak of.
    #[test]
    fn wrong_verdicts_are_no_more_frequent_than_allowed() {
        const TRIALS: usize = 3000;
        let mut random = Random(1);
        let mut most = 0.0f64;
        for (alpha, allowed, indifferent) in [(0.05, 7, 0), (0.05, 7, 2), (0.2, 15, 0)] {
            let test = PairedTest::new(alpha, alpha, IMAGES, allowed, indifferent);
            for won in [0, 2, 20, 120] {
                for strata in [false, true] {
                    for (total, wrong) in [(test.good, Verdict::NotMet), (test.bad, Verdict::Met)] {
                        let lost = usize::try_from(total).expect("some") + won;
                        let is_wrong = |_: &usize| {
                            let losses = losses(&mut random, lost, won, strata);
                            run(&test, &losses).is_some_and(|(_, verdict)| verdict == wrong)
                        };
                        let errors = (0..TRIALS).filter(is_wrong).count();
                        let rate = errors as f64 / TRIALS as f64;
                        most = most.max(rate / alpha);
                        // Three standard errors of that number of trials.
                        let bound = alpha + 3.0 * (alpha * (1.0 - alpha) / TRIALS as f64).sqrt();
                        assert!(rate <= bound, "{test:?}, {won} won, {wrong:?}: {rate}");
                    }
                }
            }
        }
        assert!(most > 0.3, "the bounds are of no use: {most}");
    }

    #[test]
    fn clear_cases_are_decided_early() {
        let mut random = Random(2);
        let test = PairedTest::new(0.05, 0.05, IMAGES, 7, 2);
        for (lost, won, right, at_most) in [
            (60, 10, Verdict::NotMet, 200),
            (150, 5, Verdict::NotMet, 60),
            (0, 0, Verdict::Met, 300),
            (5, 5, Verdict::Met, 400),
        ] {
            let (mut images, mut rights) = (0, 0);
            for _ in 0..200 {
                let (at, verdict) =
                    run(&test, &losses(&mut random, lost, won, true)).unwrap_or((IMAGES, right));
                images += at;
                rights += usize::from(verdict == right);
            }
            assert!(images / 200 <= at_most, "{lost} {won}: {}", images / 200);
            assert!(rights >= 190, "{lost} {won}: {rights}");
        }
    }
}
