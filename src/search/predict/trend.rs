//! The accuracy drop as a function of predicted cost: a weighted isotonic fit through what was
//! measured, with the spread of what it misses. (Ours.)

use super::Estimate;
use crate::search::isotonic::pools;

/// Fewer measurements give no interval.
const ENOUGH: usize = 10;
/// Share of measurements within the interval.
const WITHIN: f64 = 0.9;

/// The fit.
#[derive(Clone, Debug, Default)]
pub(super) struct Trend {
    steps: Steps,
    points: usize,
    /// How far measurements lie from the fit of all others, as a multiple of [`unit`].
    spread: Option<f64>,
}

/// The scale on which misses are compared: large drops are missed by more.
fn unit(drop: f64) -> f64 {
    1.0 + drop.max(0.0)
}

impl Trend {
    /// Fits (cost, drop, weight) triples; costs of zero stand for float, whose drop is zero by
    /// definition and counts with the weight `float`.
    pub fn fit(mut points: Vec<(f64, f64, f64)>, float: f64) -> Self {
        points.retain(|p| p.0.is_finite() && p.1.is_finite() && p.2 > 0.0);
        points.sort_by(|a, b| a.0.total_cmp(&b.0).then(a.1.total_cmp(&b.1)));
        let origin = (0.0, 0.0, float.max(1.0));
        let fit_without = |left_out: Option<usize>| {
            let others = points.iter().enumerate();
            let kept = others
                .filter(|(i, _)| Some(*i) != left_out)
                .map(|(_, p)| *p);
            Steps::fit(std::iter::once(origin).chain(kept))
        };
        let mut misses: Vec<f64> = points
            .iter()
            .enumerate()
            .map(|(i, (cost, drop, _))| {
                let others = fit_without(Some(i)).at(*cost);
                (drop - others).abs() / unit(others)
            })
            .collect();
        misses.sort_by(f64::total_cmp);
        // The quantile that a further measurement stays within with this chance (split conformal
        // prediction).
        let rank = (WITHIN * (misses.len() + 1) as f64).ceil() as usize;
        let spread = misses.get(rank.saturating_sub(1)).copied();
        Trend {
            steps: fit_without(None),
            points: points.len(),
            spread: spread.filter(|_| points.len() >= ENOUGH),
        }
    }

    /// How many measurements it rests on.
    pub fn len(&self) -> usize {
        self.points
    }

    /// The drop at a cost; none without measurements.
    pub fn at(&self, cost: f64) -> Option<Estimate> {
        if self.points == 0 {
            return None;
        }
        let drop = self.steps.at(cost);
        let half = self.spread.map(|s| s * unit(drop));
        Some(Estimate {
            drop,
            low: half.map(|h| drop - h),
            high: half.map(|h| drop + h),
        })
    }
}

/// A non-decreasing function through the middles of pools, with straight lines between them.
#[derive(Clone, Debug, Default)]
struct Steps(Vec<(f64, f64)>);

impl Steps {
    /// Pool adjacent violators; points ascend.
    fn fit(points: impl Iterator<Item = (f64, f64, f64)>) -> Self {
        // Each pool: sums of weighted cost, weighted drop, weight.
        let pools = pools(
            points.map(|(cost, drop, weight)| (cost * weight, drop * weight, weight)),
            |last, next| last.1 / last.2 < next.1 / next.2,
            |last, next| (last.0 + next.0, last.1 + next.1, last.2 + next.2),
        );
        Steps(pools.into_iter().map(|p| (p.0 / p.2, p.1 / p.2)).collect())
    }

    fn at(&self, cost: f64) -> f64 {
        let above = self.0.partition_point(|p| p.0 <= cost);
        let value = match (
            above.checked_sub(1).and_then(|i| self.0.get(i)),
            self.0.get(above),
        ) {
            (Some(low), Some(high)) => low.1 + (high.1 - low.1) * (cost - low.0) / (high.0 - low.0),
            (None, Some(first)) => first.1,
            // Beyond all measurements the drop grows in proportion to the cost.
            (Some(last), None) if last.0 > 0.0 => last.1.max(0.0) * cost / last.0 + last.1.min(0.0),
            (Some(last), None) => last.1,
            (None, None) => 0.0,
        };
        value.min(100.0)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_straight_line_is_found_and_continued() {
        let points = (1..=20).map(|i| (f64::from(i), 0.5 * f64::from(i), 100.0));
        let trend = Trend::fit(points.collect(), 100.0);
        for cost in [0.0, 0.5, 7.25, 20.0, 40.0] {
            let estimate = trend.at(cost).expect("measurements");
            assert!((estimate.drop - 0.5 * cost).abs() < 1e-9, "{estimate:?}");
        }
        let beyond = trend.at(4000.0).expect("measurements");
        assert_eq!(beyond.drop, 100.0);
    }

    #[test]
    fn few_measurements_have_no_interval_and_none_no_estimate() {
        assert_eq!(Trend::fit(Vec::new(), 10.0).at(1.0), None);
        let nine: Vec<_> = (1..10).map(|i| (f64::from(i), 1.0, 5.0)).collect();
        let estimate = Trend::fit(nine, 10.0).at(3.0).expect("measurements");
        assert!(estimate.low.is_none() && estimate.high.is_none());
    }

    proptest! {
        #[test]
        fn the_fit_rises_and_its_interval_holds_what_was_measured(
            points in prop::collection::vec((0.0..4.0, -2.0..2.0, 1.0..50.0), 10..40),
        ) {
            let points: Vec<(f64, f64, f64)> =
                points.into_iter().map(|(x, noise, w): (f64, f64, f64)| (x, 3.0 * x + noise, w)).collect();
            let trend = Trend::fit(points.clone(), 30.0);
            let at = |x: f64| trend.at(x).expect("measurements");
            let grid: Vec<f64> = (0..50).map(|i| 0.1 * f64::from(i)).collect();
            for pair in grid.windows(2) {
                prop_assert!(at(pair[0]).drop <= at(pair[1]).drop + 1e-9);
            }
            let inside = points.iter().filter(|(x, drop, _)| {
                let e = at(*x);
                e.low.is_some_and(|low| low <= *drop) && e.high.is_some_and(|high| *drop <= high)
            });
            prop_assert!(inside.count() * 10 >= points.len() * 7);
        }
    }
}
