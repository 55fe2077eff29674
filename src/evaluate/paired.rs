//! The accuracy drop of one network against another on the same images, with exact confidence
//! bounds (the formula is in `docs/method.md`).
//!
//! Only sums, products, quotients and square roots are used: so a bound is the same number on
//! every machine, and a journal that holds one can be replayed anywhere.

use std::cell::RefCell;
use std::collections::HashMap;

use serde::{Deserialize, Serialize};

use super::CorrectBits;

/// The images that two networks were compared on.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct PairedDrop {
    /// Images.
    pub images: usize,
    /// Images that float classifies correctly and the other network does not.
    pub lost: usize,
    /// Images that the other network classifies correctly and float does not.
    pub won: usize,
}

/// The most bounds that are kept.
const MOST_KNOWN: usize = 1024;

thread_local! {
    /// Bounds by what was measured and the bits of the error: who looks ahead asks for the same
    /// ones again and again, and each takes milliseconds.
    static KNOWN: RefCell<HashMap<(PairedDrop, u64), f64>> = RefCell::default();
}

/// Halvings of an interval: the rest is below one ten-millionth of a point.
const HALVINGS: u32 = 50;
/// The share of the largest probability below which others are left out.
const NEGLIGIBLE: f64 = 1e-18;

impl PairedDrop {
    /// Compares the images that both know.
    pub fn of(float: &CorrectBits, other: &CorrectBits) -> Self {
        let mut drop = PairedDrop::default();
        for (float, other) in float.iter().zip(other.iter()) {
            drop.images += 1;
            drop.lost += usize::from(float && !other);
            drop.won += usize::from(other && !float);
        }
        drop
    }

    /// The measured drop in percentage points.
    pub fn points(self) -> f64 {
        100.0 * (self.lost as f64 - self.won as f64) / self.images.max(1) as f64
    }

    /// The standard error of the measured drop in percentage points, with half an image more on
    /// either side: where nothing differs it is not certain that nothing ever will.
    pub fn standard_error(self) -> f64 {
        let n = self.images.max(1) as f64;
        let (lost, won) = (self.lost as f64 + 0.5, self.won as f64 + 0.5);
        let mean = (lost - won) / n;
        100.0 * (((lost + won) / n - mean * mean).max(0.0) / n).sqrt()
    }

    /// The upper confidence bound of the drop on unseen images, in percentage points: the true one
    /// is larger with a probability of at most about `error`. 100 where there are no images.
    ///
    /// It is the largest drop under which so small a measured one has a probability of `error`:
    /// lost and won images are trinomial, and how many differ at all is as likely as it can be for
    /// the drop (its constrained maximum likelihood).
    pub fn upper_bound(self, error: f64) -> f64 {
        let asked = (self, error.to_bits());
        if let Some(known) = KNOWN.with_borrow(|known| known.get(&asked).copied()) {
            return known;
        }
        let bound = self.computed_upper_bound(error);
        KNOWN.with_borrow_mut(|known| {
            if known.len() >= MOST_KNOWN {
                known.clear();
            }
            known.insert(asked, bound);
        });
        bound
    }

    fn computed_upper_bound(self, error: f64) -> f64 {
        let (mut low, mut high) = (self.points() / 100.0, 1.0);
        for _ in 0..HALVINGS {
            let middle = (low + high) / 2.0;
            match self.at_most(middle) > error {
                true => low = middle,
                false => high = middle,
            }
        }
        100.0 * high
    }

    /// The lower confidence bound, likewise.
    pub fn lower_bound(self, error: f64) -> f64 {
        let mirrored = PairedDrop {
            lost: self.won,
            won: self.lost,
            ..self
        };
        -mirrored.upper_bound(error)
    }

    /// The probability of no more `lost - won` than measured where the true drop is `drop` (0..1).
    fn at_most(self, drop: f64) -> f64 {
        let won = self.share_won(drop);
        let differ = (2.0 * won + drop).clamp(0.0, 1.0);
        let lost_of_these = match differ > 0.0 {
            true => ((won + drop) / differ).clamp(0.0, 1.0),
            false => 0.0,
        };
        let measured = self.lost as i64 - self.won as i64;
        let of_differing = Binomial::new(self.images, differ);
        let tail = |(n, probability): (usize, f64)| {
            // `lost - (n - lost)` is at most what was measured.
            let most = (n as i64 + measured).div_euclid(2);
            probability * Binomial::new(n, lost_of_these).at_most(most)
        };
        of_differing.iter().map(tail).sum()
    }

    /// The share of images that are won, of greatest likelihood where the drop is `drop` (Tango,
    /// Statistics in Medicine 17, 1998).
    fn share_won(self, drop: f64) -> f64 {
        let (n, lost, won) = (self.images as f64, self.lost as f64, self.won as f64);
        let (a, c) = (2.0 * n, won * drop * (1.0 - drop));
        let b = (2.0 * n - lost + won) * drop - lost - won;
        let root = (b * b + 4.0 * a * c).max(0.0).sqrt();
        let share = (root - b) / (2.0 * a).max(1.0);
        share.clamp((-drop).max(0.0), (1.0 - drop) / 2.0)
    }
}

/// A binomial distribution around its mode.
struct Binomial {
    /// The first number whose probability is not negligible.
    first: usize,
    probabilities: Vec<f64>,
}

impl Binomial {
    fn new(n: usize, share: f64) -> Self {
        let mode = (((n + 1) as f64 * share) as usize).min(n);
        if share <= 0.0 || share >= 1.0 {
            let first = if share <= 0.0 { 0 } else { n };
            return Binomial {
                first,
                probabilities: vec![1.0],
            };
        }
        let odds = share / (1.0 - share);
        let mut below = Vec::new();
        let mut probability = 1.0;
        for k in (1..=mode).rev() {
            probability *= k as f64 / ((n - k + 1) as f64 * odds);
            if probability < NEGLIGIBLE {
                break;
            }
            below.push(probability);
        }
        let first = mode - below.len();
        let mut probabilities: Vec<f64> = below.into_iter().rev().collect();
        probabilities.push(1.0);
        probability = 1.0;
        for k in mode..n {
            probability *= (n - k) as f64 * odds / (k + 1) as f64;
            if probability < NEGLIGIBLE {
                break;
            }
            probabilities.push(probability);
        }
        let sum: f64 = probabilities.iter().sum();
        probabilities.iter_mut().for_each(|p| *p /= sum);
        Binomial {
            first,
            probabilities,
        }
    }

    fn iter(&self) -> impl Iterator<Item = (usize, f64)> + '_ {
        (self.first..).zip(self.probabilities.iter().copied())
    }

    /// The probability of at most `k`.
    fn at_most(&self, k: i64) -> f64 {
        let within = self.iter().take_while(|(n, _)| *n as i64 <= k);
        within.map(|(_, probability)| probability).sum()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn drop(images: usize, lost: usize, won: usize) -> PairedDrop {
        PairedDrop { images, lost, won }
    }

    /// The logarithm of `n!`, summed up.
    fn ln_factorial(n: usize) -> f64 {
        (2..=n).map(|k| (k as f64).ln()).sum()
    }

    /// The tail of the trinomial, every outcome by its own formula.
    fn naive_tail(drop: PairedDrop, lost: f64, won: f64) -> f64 {
        let n = drop.images;
        let measured = drop.lost as i64 - drop.won as i64;
        let power = |share: f64, k: usize| match k {
            0 => 0.0,
            k => k as f64 * share.ln(),
        };
        let mut sum = 0.0;
        for l in 0..=n {
            for w in 0..=n - l {
                if l as i64 - w as i64 <= measured {
                    let rest = n - l - w;
                    let ways =
                        ln_factorial(n) - ln_factorial(l) - ln_factorial(w) - ln_factorial(rest);
                    let likely = power(lost, l) + power(won, w) + power(1.0 - lost - won, rest);
                    sum += (ways + likely).exp();
                }
            }
        }
        sum
    }

    #[test]
    fn a_bound_is_where_the_naive_tail_is_the_error() {
        for (images, lost, won) in [(40, 3, 1), (60, 5, 5), (50, 1, 6), (30, 0, 0), (45, 4, 0)] {
            for error in [0.05, 0.01] {
                let drop = drop(images, lost, won);
                let bound = drop.upper_bound(error) / 100.0;
                // The likeliest share of won images, found on a grid.
                let likelihood = |won: f64| {
                    let shares = [won + bound, won, 1.0 - 2.0 * won - bound];
                    let counts = [drop.lost, drop.won, images - drop.lost - drop.won];
                    let of = |(share, count): (&f64, &usize)| match count {
                        0 => 0.0,
                        n => *n as f64 * share.ln(),
                    };
                    shares.iter().zip(&counts).map(of).sum::<f64>()
                };
                let grid = (0..20_000).map(|i| i as f64 / 20_000.0 * (1.0 - bound) / 2.0);
                let best = grid.max_by(|a, b| likelihood(*a).total_cmp(&likelihood(*b)));
                let won = best.expect("a grid");
                let tail = naive_tail(drop, won + bound, won);
                assert!((tail - error).abs() < 2e-4, "{drop:?}: {tail} for {error}");
            }
        }
    }

    /// Of images of which none differ, the bound is Clopper and Pearson's of no hits.
    #[test]
    fn where_nothing_differs_the_bound_is_that_of_a_share() {
        for images in [1, 20, 2700] {
            let expected = 100.0 * (1.0 - 0.05f64.powf(1.0 / images as f64));
            assert!((drop(images, 0, 0).upper_bound(0.05) - expected).abs() < 1e-9);
        }
        assert_eq!(drop(0, 0, 0).upper_bound(0.05), 100.0);
    }

    /// Of many images it is near Wald's.
    #[test]
    fn of_many_images_the_bound_is_near_the_normal_one() {
        for (lost, won) in [(110, 75), (95, 90), (60, 100)] {
            let drop = drop(2700, lost, won);
            let n = drop.images as f64;
            let mean = drop.points() / 100.0;
            let wald = mean + 1.644_854 * (((lost + won) as f64 / n - mean * mean) / n).sqrt();
            let bound = drop.upper_bound(0.05);
            assert!((bound - 100.0 * wald).abs() < 0.03, "{bound} {wald}");
        }
    }

    /// The share of samples whose bound lies below the true drop, over all outcomes.
    fn error_rate(images: usize, lost: f64, won: f64, error: f64) -> f64 {
        let mut rate = 0.0;
        for (differ, likely) in Binomial::new(images, lost + won).iter() {
            if likely < 1e-9 {
                continue;
            }
            for (l, of_these) in Binomial::new(differ, lost / (lost + won)).iter() {
                let both = likely * of_these;
                if both > 1e-9 {
                    let bound = drop(images, l, differ - l).upper_bound(error);
                    rate += both * f64::from(u8::from(bound < 100.0 * (lost - won)));
                }
            }
        }
        rate
    }

    #[test]
    fn the_error_is_kept_whether_images_are_won_or_only_lost() {
        for (images, lost, won) in [
            (150, 0.02, 0.001),
            (150, 0.02, 0.0001),
            (200, 0.04, 0.025),
            (100, 0.1, 0.02),
        ] {
            let rate = error_rate(images, lost, won, 0.05);
            assert!(rate < 0.055, "{images} {lost} {won}: {rate}");
            // Of few lost images every count takes a large part of the error.
            let enough = lost * images as f64 > 5.0;
            assert!(
                !enough || rate > 0.035,
                "{images} {lost} {won}: {rate} is too careful"
            );
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]

        #[test]
        fn bounds_hold_the_measured_drop_and_grow_with_care(
            images in 1usize..3000, lost in 0.0..0.3f64, won in 0.0..0.3f64,
        ) {
            let of = |share: f64| (share * images as f64) as usize;
            let drop = drop(images, of(lost), of(won));
            let (careful, usual) = (drop.upper_bound(0.01), drop.upper_bound(0.05));
            prop_assert!(drop.points() <= usual && usual <= careful && careful <= 100.0);
            let lower = drop.lower_bound(0.05);
            prop_assert!(lower <= drop.points() && lower >= -100.0);
        }
    }
}
