//! Rank correlation with ties, and how far it is to be trusted.
//!
//! Intervals are at 95 %, by Fisher's transformation `z = atanh(r)`, whose variance is about
//! `(1 + r^2/2) / (n - 3)` for Spearman's rho (D. G. Bonett and T. A. Wright, Psychometrika
//! 65, 2000) and `0.437 / (n - 4)` for Kendall's tau (E. C. Fieller, H. O. Hartley and E. S.
//! Pearson, Biometrika 44, 1957). Both are approximations for independent pairs; what a search
//! looks at is a choice, so an interval says how much is due to the number of pairs, not how the
//! proxy does elsewhere. A perfect correlation has no interval by this method.

use std::cmp::Ordering;

use serde::Serialize;

/// The point of the normal distribution that 2.5 % lie beyond.
const Z: f64 = 1.959_963_984_540_054;

/// A number with its 95 % interval.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Bounded {
    /// The estimate.
    pub value: f64,
    /// The interval's lower end; none where there is too little for one.
    pub low: Option<f64>,
    /// The interval's upper end.
    pub high: Option<f64>,
}

impl Bounded {
    /// By Fisher's transformation with this variance of `z`; none: no interval.
    fn fisher(value: f64, variance: Option<f64>) -> Self {
        let value = value.clamp(-1.0, 1.0);
        let variance = variance.filter(|v| v.is_finite() && *v > 0.0 && value.abs() < 1.0);
        let half = variance.map(|v| Z * v.sqrt());
        Bounded {
            value,
            low: half.map(|h| (value.atanh() - h).tanh()),
            high: half.map(|h| (value.atanh() + h).tanh()),
        }
    }
}

/// Spearman's rank correlation: Pearson's correlation of the ranks, equal numbers sharing their
/// mean rank. None for fewer than three pairs and where one side does not vary. Pairs with a NaN
/// are left out.
pub fn spearman(pairs: &[(f64, f64)]) -> Option<Bounded> {
    let pairs = known(pairs);
    if pairs.len() < 3 {
        return None;
    }
    let a = ranks(pairs.iter().map(|p| p.0).collect());
    let b = ranks(pairs.iter().map(|p| p.1).collect());
    let n = pairs.len() as f64;
    let mean = (n + 1.0) / 2.0;
    let (mut ab, mut aa, mut bb) = (0.0, 0.0, 0.0);
    for (a, b) in a.iter().zip(&b) {
        ab += (a - mean) * (b - mean);
        aa += (a - mean).powi(2);
        bb += (b - mean).powi(2);
    }
    let both = (aa * bb).sqrt();
    (both > 0.0).then(|| {
        let rho = ab / both;
        let variance = (n > 3.0).then(|| (1.0 + rho * rho / 2.0) / (n - 3.0));
        Bounded::fisher(rho, variance)
    })
}

/// Kendall's tau-b: concordant less discordant pairs of pairs, over the geometric mean of those
/// that are not tied on either side. None for fewer than three pairs and where one side does not
/// vary. Pairs with a NaN are left out. (In O(n log n): W. R. Knight, Journal of the American
/// Statistical Association 61, 1966.)
pub fn kendall(pairs: &[(f64, f64)]) -> Option<Bounded> {
    let mut pairs = known(pairs);
    if pairs.len() < 3 {
        return None;
    }
    pairs.sort_by(|p, q| order(p.0, q.0).then(order(p.1, q.1)));
    let two = |n: usize| (n as u64) * (n as u64 - 1) / 2;
    let runs = |equal: fn(&(f64, f64), &(f64, f64)) -> bool, of: &[(f64, f64)]| -> u64 {
        of.chunk_by(equal).map(|run| two(run.len())).sum()
    };
    let all = two(pairs.len());
    let tied_a = runs(|p, q| p.0 == q.0, &pairs);
    let tied_both = runs(|p, q| p == q, &pairs);
    let mut second: Vec<f64> = pairs.iter().map(|p| p.1).collect();
    let discordant = sort_counting(&mut second);
    let tied_b: u64 = second
        .chunk_by(|a, b| a == b)
        .map(|run| two(run.len()))
        .sum();
    let concordant = all + tied_both - tied_a - tied_b - discordant;
    let both = ((all - tied_a) as f64 * (all - tied_b) as f64).sqrt();
    (both > 0.0).then(|| {
        let n = pairs.len() as f64;
        let tau = (concordant as f64 - discordant as f64) / both;
        Bounded::fisher(tau, (n > 4.0).then(|| 0.437 / (n - 4.0)))
    })
}

/// Pairs without NaN; minus zero is zero.
fn known(pairs: &[(f64, f64)]) -> Vec<(f64, f64)> {
    let is_known = |p: &&(f64, f64)| !p.0.is_nan() && !p.1.is_nan();
    let pairs = pairs.iter().filter(is_known);
    pairs.map(|p| (p.0 + 0.0, p.1 + 0.0)).collect()
}

fn order(a: f64, b: f64) -> Ordering {
    a.total_cmp(&b)
}

fn ranks(values: Vec<f64>) -> Vec<f64> {
    let mut order: Vec<usize> = (0..values.len()).collect();
    order.sort_by(|a, b| values[*a].total_cmp(&values[*b]));
    let mut ranks = vec![0.0; values.len()];
    let mut before = 0;
    for run in order.chunk_by(|a, b| values[*a] == values[*b]) {
        let shared = before as f64 + (run.len() as f64 + 1.0) / 2.0;
        run.iter().for_each(|i| ranks[*i] = shared);
        before += run.len();
    }
    ranks
}

/// Sorts by merging; returns how many pairs stood in the wrong order.
fn sort_counting(values: &mut [f64]) -> u64 {
    if values.len() < 2 {
        return 0;
    }
    let (a, b) = values.split_at_mut(values.len() / 2);
    let mut wrong = sort_counting(a) + sort_counting(b);
    let mut merged = Vec::with_capacity(a.len() + b.len());
    let (mut i, mut j) = (0, 0);
    while i < a.len() && j < b.len() {
        if b[j] < a[i] {
            wrong += (a.len() - i) as u64;
            merged.push(b[j]);
            j += 1;
        } else {
            merged.push(a[i]);
            i += 1;
        }
    }
    merged.extend_from_slice(&a[i..]);
    merged.extend_from_slice(&b[j..]);
    values.copy_from_slice(&merged);
    wrong
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn value(found: Option<Bounded>) -> f64 {
        found.expect("enough pairs").value
    }

    #[test]
    fn as_in_the_textbook() {
        let up = [(1.0, 10.0), (2.0, 20.0), (3.0, 300.0)];
        let down = [(1.0, 3.0), (2.0, 2.0), (3.0, 1.0)];
        for of in [spearman, kendall] {
            assert_eq!((value(of(&up)), value(of(&down))), (1.0, -1.0));
            assert_eq!(of(&up).and_then(|r| r.low), None, "perfect: no interval");
            assert_eq!(of(&[(1.0, 1.0), (1.0, 2.0), (1.0, 3.0)]), None);
            assert_eq!(of(&up[..2]), None);
            assert_eq!(of(&[up[0], up[1], (f64::NAN, 5.0)]), None);
            assert_eq!(value(of(&[(-0.0, 1.0), (0.0, 1.0), (1.0, 2.0)])), 1.0);
        }
        // Ranks 1 2.5 2.5 4 and 1 2 3 4; five pairs of pairs agree and one is tied.
        let tied = [(1.0, 1.0), (2.0, 2.0), (2.0, 3.0), (9.0, 4.0)];
        assert!((value(spearman(&tied)) - 0.948_683_298_050_513_8).abs() < 1e-12);
        assert!((value(kendall(&tied)) - 5.0 / 30f64.sqrt()).abs() < 1e-12);
    }

    /// Worked by hand from the formulas: n = 23.
    #[test]
    fn intervals_by_hand() {
        let rho = Bounded::fisher(0.5, Some((1.0 + 0.125) / 20.0));
        // z = 0.549306, its deviation 0.237171.
        let (low, high) = (rho.low.expect("n > 3"), rho.high.expect("n > 3"));
        assert!(
            (low - (0.549_306f64 - 0.464_846).tanh()).abs() < 1e-5,
            "{low}"
        );
        assert!(
            (high - (0.549_306f64 + 0.464_846).tanh()).abs() < 1e-5,
            "{high}"
        );
    }

    /// Pearson's correlation of naive ranks.
    fn naive_spearman(pairs: &[(f64, f64)]) -> Option<f64> {
        let ranks = |side: fn(&(f64, f64)) -> f64| -> Vec<f64> {
            let of = |x: f64| {
                let less = pairs.iter().filter(|p| side(p) < x).count() as f64;
                let same = pairs.iter().filter(|p| side(p) == x).count() as f64;
                less + (same + 1.0) / 2.0
            };
            pairs.iter().map(|p| of(side(p))).collect()
        };
        let (a, b) = (ranks(|p| p.0), ranks(|p| p.1));
        let n = pairs.len() as f64;
        let mean = |x: &[f64]| x.iter().sum::<f64>() / n;
        let (ma, mb) = (mean(&a), mean(&b));
        let of = |x: &[f64], y: &[f64], mx: f64, my: f64| -> f64 {
            x.iter().zip(y).map(|(x, y)| (x - mx) * (y - my)).sum()
        };
        let both = (of(&a, &a, ma, ma) * of(&b, &b, mb, mb)).sqrt();
        (both > 0.0).then(|| of(&a, &b, ma, mb) / both)
    }

    /// Every pair of pairs.
    fn naive_kendall(pairs: &[(f64, f64)]) -> Option<f64> {
        let (mut sum, mut a, mut b) = (0.0, 0.0, 0.0);
        let sign = |x: f64| if x == 0.0 { 0.0 } else { x.signum() };
        for (i, p) in pairs.iter().enumerate() {
            for q in &pairs[..i] {
                let (da, db) = (sign(p.0 - q.0), sign(p.1 - q.1));
                sum += da * db;
                a += da * da;
                b += db * db;
            }
        }
        let both = f64::sqrt(a * b);
        (both > 0.0).then(|| sum / both)
    }

    proptest! {
        /// With many ties, with few, and with none.
        #[test]
        fn fast_is_naive(points in prop::collection::vec((-9i32..9, -9i32..9), 3..60), spread in 1i32..4) {
            let pair = |(i, (a, b)): (usize, &(i32, i32))| {
                let fine = if spread == 3 { i as f64 / 1e4 } else { 0.0 };
                (f64::from(a / spread) + fine, f64::from(b / spread) - fine)
            };
            let pairs: Vec<(f64, f64)> = points.iter().enumerate().map(pair).collect();
            for (fast, naive) in [
                (spearman(&pairs), naive_spearman(&pairs)),
                (kendall(&pairs), naive_kendall(&pairs)),
            ] {
                prop_assert_eq!(fast.is_some(), naive.is_some());
                let (Some(fast), Some(naive)) = (fast, naive) else { continue };
                prop_assert!((fast.value - naive).abs() < 1e-9, "{} {}", fast.value, naive);
                if let (Some(low), Some(high)) = (fast.low, fast.high) {
                    prop_assert!(-1.0 <= low && low <= fast.value && fast.value <= high && high <= 1.0);
                }
            }
        }

        /// Only the order counts, the order of the pairs does not; one side turned round turns the
        /// sign.
        #[test]
        fn only_ranks_count(points in prop::collection::vec((-9i32..9, -9i32..9), 5..40)) {
            let pairs: Vec<(f64, f64)> = points.iter().map(|p| (f64::from(p.0), f64::from(p.1))).collect();
            let mut other: Vec<(f64, f64)> = pairs.iter().map(|p| (p.0.exp(), -p.1.powi(3))).collect();
            other.reverse();
            for of in [spearman, kendall] {
                let (a, b) = (of(&pairs), of(&other));
                prop_assert_eq!(a.is_some(), b.is_some());
                let (Some(a), Some(b)) = (a, b) else { continue };
                prop_assert!((a.value + b.value).abs() < 1e-12);
                if let (Some(low), Some(high)) = (a.low, b.high) {
                    prop_assert!((low + high).abs() < 1e-9);
                }
            }
        }
    }
}
