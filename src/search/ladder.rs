//! The ladder of a certificate: which allocations are tested, safest first.

use std::cmp::Reverse;

use super::CandidateId;
use super::isotonic::pools;
use crate::evaluate::PairedDrop;

/// The share of the largest drop below which a cautious estimate counts as safe.
const SAFE: f64 = 0.2;
/// The standard errors that an estimate is above the drop that is expected.
const CAUTION: f64 = 1.5;
/// The share of the largest drop by which an estimate is clearly above that of a smaller point.
const ABOVE: f64 = 0.2;
/// The share of a rung's memory that the next one has at most.
const SMALLER: f64 = 0.95;

/// A measured allocation that may become a rung.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Point {
    /// The candidate.
    pub id: CandidateId,
    /// Its memory.
    pub bytes: u64,
    /// Its drop on the images of the search split that are known of it.
    pub drop: PairedDrop,
}

/// Neighbouring points, and the sum of what was counted of them.
#[derive(Clone, Copy)]
struct Pool {
    points: usize,
    drop: PairedDrop,
}

/// A point with the cautious estimate of its drop, in percentage points.
#[derive(Clone, Copy)]
struct Estimated {
    point: Point,
    drop: f64,
}

/// The rungs towards the last one, in the order in which they are tested: fewer bytes each. What is
/// not larger than the last one is passed over, and what clearly seems worse than a smaller one.
///
/// The first rung is the largest point, which hardly ever fails; the next one is the smallest whose
/// estimate is safe. None of this bears on the error of a certificate, only on what becomes of it.
pub fn rungs(mut points: Vec<Point>, last: CandidateId, limit: f64) -> Vec<CandidateId> {
    let Some(end) = points.iter().find(|p| p.id == last).copied() else {
        return Vec::new();
    };
    points.retain(|p| p.bytes > end.bytes || p.id == last);
    points.sort_by_key(|p| Reverse(p.bytes));
    let estimated = estimated(&points);
    // The largest point may seem worse than it is: what follows is not compared with that.
    let largest = estimated.first().map(|largest| Estimated {
        drop: f64::NEG_INFINITY,
        ..*largest
    });
    let mut rungs: Vec<Estimated> = largest.into_iter().collect();
    let front = not_clearly_worse(estimated, ABOVE * limit);
    let is_safe = |e: &Estimated| e.drop <= SAFE * limit;
    let first = front.iter().rposition(is_safe).unwrap_or(0);
    for next in front.into_iter().skip(first) {
        let Some(before) = rungs.last().filter(|r| r.point.id != next.point.id) else {
            continue;
        };
        let far = next.point.bytes as f64 <= SMALLER * before.point.bytes as f64;
        // Of two rungs too near to each other stays the one that seems better; the end of the
        // ladder does in any case.
        let is_better = next.point.id == last || next.drop < before.drop;
        if !far && is_better && rungs.len() > 1 {
            rungs.pop();
        }
        if far || is_better {
            rungs.push(next);
        }
    }
    rungs.into_iter().map(|rung| rung.point.id).collect()
}

/// Cautious estimates of the drops of points in falling order of bytes: the measured drop and some
/// standard errors. Fewer bytes seldom lose less: where the isotonic regression of the drops on
/// bytes is above a measured one, their mean takes its place. What was screened on few images is
/// less certain than what was confirmed.
fn estimated(points: &[Point]) -> Vec<Estimated> {
    let alone = points.iter().map(|point| Pool {
        points: 1,
        drop: point.drop,
    });
    let join = |a: Pool, b: Pool| Pool {
        points: a.points + b.points,
        drop: PairedDrop {
            images: a.drop.images + b.drop.images,
            lost: a.drop.lost + b.drop.lost,
            won: a.drop.won + b.drop.won,
        },
    };
    let in_order = |a: &Pool, b: &Pool| a.drop.points() < b.drop.points();
    let fitted = pools(alone, in_order, join);
    let fitted = fitted
        .into_iter()
        .flat_map(|pool| std::iter::repeat_n(pool.drop.points(), pool.points));
    let estimate = |(point, fitted): (&Point, f64)| {
        let measured = point.drop.points();
        let expected = measured.max((measured + fitted) / 2.0);
        Estimated {
            point: *point,
            drop: expected + CAUTION * point.drop.standard_error(),
        }
    };
    points.iter().zip(fitted).map(estimate).collect()
}

/// The points that none with fewer bytes has a smaller estimate than, by more than so much.
fn not_clearly_worse(points: Vec<Estimated>, by: f64) -> Vec<Estimated> {
    let mut front: Vec<Estimated> = Vec::new();
    let mut least = f64::INFINITY;
    for point in points.into_iter().rev() {
        if point.drop <= least + by {
            front.push(point);
        }
        least = least.min(point.drop);
    }
    front.reverse();
    front
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn point(id: u32, bytes: u64, lost: usize, won: usize, images: usize) -> Point {
        Point {
            id: CandidateId(id),
            bytes,
            drop: PairedDrop { images, lost, won },
        }
    }

    #[test]
    fn rungs_lead_from_the_safest_to_the_last() {
        let points = vec![
            point(0, 100, 4, 3, 2000),
            point(1, 90, 6, 4, 2000),
            // Seems best of all, but of few images.
            point(2, 80, 3, 6, 200),
            point(3, 70, 50, 38, 2000),
            // Larger and worse than the next one.
            point(4, 60, 70, 45, 2000),
            point(5, 58, 66, 46, 2000),
            point(6, 50, 75, 47, 2000),
            // Too near to the last one.
            point(8, 41, 85, 56, 2000),
            point(7, 40, 85, 55, 2000),
            // Smaller than the last one.
            point(9, 30, 90, 70, 1000),
        ];
        let rungs = rungs(points, CandidateId(7), 1.5);
        assert_eq!(rungs, [0, 1, 3, 5, 6, 7].map(CandidateId));
    }

    #[test]
    fn a_result_without_others_is_its_own_ladder() {
        let alone = vec![point(3, 10, 5, 5, 100), point(1, 5, 0, 0, 100)];
        assert_eq!(rungs(alone.clone(), CandidateId(3), 1.5), [CandidateId(3)]);
        assert!(rungs(alone, CandidateId(9), 1.5).is_empty());
    }

    proptest! {
        #[test]
        fn every_rung_is_smaller_and_the_last_one_is_reached(
            made in prop::collection::vec((1u64..500, 0usize..40, 0usize..40, 80usize..2000), 1..40),
            last in 0usize..40,
            limit in 0.0..100.0f64,
        ) {
            let points: Vec<Point> = made
                .iter()
                .enumerate()
                .map(|(id, (bytes, lost, won, images))| point(id as u32, *bytes, *lost, *won, *images))
                .collect();
            let last = points[last % points.len()];
            let rungs = rungs(points.clone(), last.id, limit);
            prop_assert_eq!(rungs.last().copied(), Some(last.id));
            let bytes: Vec<u64> = rungs.iter().map(|id| points[id.index()].bytes).collect();
            prop_assert!(bytes.is_sorted_by(|a, b| a > b));
        }
    }
}
