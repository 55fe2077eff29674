//! The allocation problem as an exact dynamic programme: one choice for every group, costs and
//! bytes both additive.

/// One way to choose for a group.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Choice {
    /// Memory in bytes.
    pub bytes: u64,
    /// What it costs; not negative.
    pub cost: f64,
}

/// A point that no other beats in both bytes and cost.
#[derive(Clone, Debug, PartialEq)]
pub struct Point {
    /// Memory of all groups in bytes.
    pub bytes: u64,
    /// Sum of costs.
    pub cost: f64,
    /// The choice of every group.
    pub choices: Vec<usize>,
}

#[derive(Clone, Copy, Debug)]
struct Partial {
    bytes: u64,
    cost: f64,
    from: usize,
    choice: usize,
}

/// Partial sums kept per group. Below this the front is exact; beyond it the cheapest of every byte
/// interval is kept.
const MOST: usize = 1 << 17;

/// All points that no other beats, most bytes first: the sums over groups are merged one group
/// after the other, and dominated ones dropped (Nemhauser and Ullmann's algorithm for the knapsack
/// problem). A group without a choice leaves no points.
pub fn front(groups: &[Vec<Choice>]) -> Vec<Point> {
    let start = Partial {
        bytes: 0,
        cost: 0.0,
        from: 0,
        choice: 0,
    };
    let mut stages: Vec<Vec<Partial>> = vec![vec![start]];
    for choices in groups {
        let last = stages.last().map(Vec::as_slice).unwrap_or_default();
        let extended = last.iter().enumerate().flat_map(|(from, partial)| {
            choices.iter().enumerate().map(move |(choice, c)| Partial {
                bytes: partial.bytes.saturating_add(c.bytes),
                cost: partial.cost + c.cost,
                from,
                choice,
            })
        });
        let next = thinned(undominated(extended.collect()));
        stages.push(next);
    }
    let Some(ends) = stages.last() else {
        return Vec::new();
    };
    let mut points: Vec<Point> = (0..ends.len())
        .map(|end| {
            let (bytes, cost) = (ends[end].bytes, ends[end].cost);
            let mut at = end;
            let mut choices: Vec<usize> = stages[1..]
                .iter()
                .rev()
                .map(|stage| {
                    let partial = stage[at];
                    at = partial.from;
                    partial.choice
                })
                .collect();
            choices.reverse();
            Point {
                bytes,
                cost,
                choices,
            }
        })
        .collect();
    points.reverse();
    points
}

/// The points of the lower convex hull of bytes and cost, most bytes first: from the cheapest
/// choice of every group on, one group goes to a smaller choice at a time, always the one that
/// costs least for the bytes it saves. Each is optimal for its bytes; between them the exact front
/// has more. A group without a choice leaves no points.
pub fn hull(groups: &[Vec<Choice>]) -> Vec<Point> {
    let edges: Vec<Vec<usize>> = groups.iter().map(|choices| hull_of(choices)).collect();
    let Some(start) = edges.iter().map(|edge| edge.first().copied()).collect() else {
        return Vec::new();
    };
    let mut steps: Vec<(f64, usize, usize)> = Vec::new();
    for (group, (edge, choices)) in edges.iter().zip(groups).enumerate() {
        for pair in edge.windows(2) {
            let (from, to) = (choices[pair[0]], choices[pair[1]]);
            let slope = (to.cost - from.cost) / from.bytes.saturating_sub(to.bytes).max(1) as f64;
            steps.push((slope, group, pair[1]));
        }
    }
    // Within a group slopes ascend already; a stable sort keeps that.
    steps.sort_by(|a, b| a.0.total_cmp(&b.0).then(a.1.cmp(&b.1)));
    let mut choices: Vec<usize> = start;
    let point = |choices: &[usize]| {
        let chosen = choices.iter().zip(groups).map(|(c, group)| group[*c]);
        let add =
            |(bytes, cost): (u64, f64), c: Choice| (bytes.saturating_add(c.bytes), cost + c.cost);
        let (bytes, cost) = chosen.fold((0, 0.0), add);
        Point {
            bytes,
            cost,
            choices: choices.to_vec(),
        }
    };
    let mut points = vec![point(&choices)];
    for (_, group, choice) in steps {
        choices[group] = choice;
        points.push(point(&choices));
    }
    points
}

/// Positions of a group's choices on the lower convex hull, from the cheapest one down to that of
/// fewest bytes.
fn hull_of(choices: &[Choice]) -> Vec<usize> {
    let alone = choices.iter().enumerate().map(|(choice, c)| Partial {
        bytes: c.bytes,
        cost: c.cost,
        from: 0,
        choice,
    });
    let slope = |from: usize, to: usize| {
        let (from, to) = (choices[from], choices[to]);
        (from.cost - to.cost) / to.bytes.saturating_sub(from.bytes).max(1) as f64
    };
    let mut edge: Vec<usize> = Vec::new();
    for Partial { choice: next, .. } in undominated(alone.collect()) {
        while let [.., before, last] = edge[..] {
            // Savings of cost for a byte shrink as bytes grow.
            if slope(before, last) > slope(last, next) {
                break;
            }
            edge.pop();
        }
        edge.push(next);
    }
    edge.reverse();
    edge
}

/// Fewest bytes first, each cheaper than all before it.
fn undominated(mut partials: Vec<Partial>) -> Vec<Partial> {
    partials.sort_by(|a, b| a.bytes.cmp(&b.bytes).then(a.cost.total_cmp(&b.cost)));
    let mut cheapest = f64::INFINITY;
    partials.retain(|p| {
        let better = p.cost < cheapest;
        cheapest = cheapest.min(p.cost);
        better
    });
    partials
}

/// At most [`MOST`] of ascending partial sums: the cheapest, which is the last, of every byte
/// interval, and the ends.
fn thinned(partials: Vec<Partial>) -> Vec<Partial> {
    let (Some(first), Some(last)) = (partials.first(), partials.last()) else {
        return partials;
    };
    if partials.len() <= MOST {
        return partials;
    }
    let (least, span) = (first.bytes, (last.bytes - first.bytes).max(1));
    let interval =
        |p: &Partial| (u128::from(p.bytes - least) * (MOST as u128 - 2)) / u128::from(span);
    let mut kept = vec![*first];
    for pair in partials[1..].windows(2) {
        if interval(&pair[0]) != interval(&pair[1]) {
            kept.push(pair[0]);
        }
    }
    kept.extend(partials.last());
    kept
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn brute_force(groups: &[Vec<Choice>]) -> Vec<(u64, f64)> {
        let mut sums = vec![(0u64, 0.0f64)];
        for choices in groups {
            let longer = |s: &(u64, f64)| {
                let s = *s;
                choices.iter().map(move |c| (s.0 + c.bytes, s.1 + c.cost))
            };
            sums = sums.iter().flat_map(longer).collect();
        }
        let beaten = |a: &(u64, f64)| {
            sums.iter()
                .any(|b| (b.0 <= a.0 && b.1 < a.1) || (b.0 < a.0 && b.1 <= a.1))
        };
        let mut front: Vec<(u64, f64)> = sums.iter().copied().filter(|s| !beaten(s)).collect();
        front.sort_by_key(|point| std::cmp::Reverse(point.0));
        front.dedup();
        front
    }

    proptest! {
        #[test]
        fn the_front_is_that_of_trying_everything(
            groups in prop::collection::vec(
                prop::collection::vec((0u64..30, 0u32..20), 1..5).prop_map(|choices| {
                    let choice = |(bytes, cost): (u64, u32)| Choice { bytes, cost: f64::from(cost) };
                    choices.into_iter().map(choice).collect::<Vec<_>>()
                }),
                1..6,
            ),
        ) {
            let points = front(&groups);
            // The hull's points are of the front, and no point of the front lies below a line
            // between two of them.
            let hull = hull(&groups);
            for point in &hull {
                prop_assert!(points.iter().any(|p| (p.bytes, p.cost) == (point.bytes, point.cost)));
            }
            for pair in hull.windows(2) {
                let (wide, narrow) = (&pair[0], &pair[1]);
                prop_assert!(wide.bytes > narrow.bytes && wide.cost < narrow.cost);
                for p in points.iter().filter(|p| p.bytes > narrow.bytes && p.bytes < wide.bytes) {
                    let share = (wide.bytes - p.bytes) as f64 / (wide.bytes - narrow.bytes) as f64;
                    let line = wide.cost + share * (narrow.cost - wide.cost);
                    prop_assert!(p.cost >= line - 1e-9);
                }
            }
            let ends = |points: &[Point]| points.first().zip(points.last()).map(|(a, b)| (a.bytes, b.bytes));
            prop_assert_eq!(ends(&hull), ends(&points));
            let found: Vec<(u64, f64)> = points.iter().map(|p| (p.bytes, p.cost)).collect();
            prop_assert_eq!(found, brute_force(&groups));
            for point in &points {
                let chosen = point.choices.iter().zip(&groups).map(|(c, g)| g[*c]);
                prop_assert_eq!(chosen.clone().map(|c| c.bytes).sum::<u64>(), point.bytes);
                prop_assert_eq!(chosen.map(|c| c.cost).sum::<f64>(), point.cost);
            }
        }
    }

    #[test]
    fn a_front_too_large_keeps_its_ends_and_its_order() {
        let groups: Vec<Vec<Choice>> = (0..24u32)
            .map(|i| {
                let weight = 3u64.pow(i % 20) + u64::from(i);
                let cost = f64::from(i + 1).sqrt() * weight as f64;
                vec![
                    Choice { bytes: 0, cost },
                    Choice {
                        bytes: weight,
                        cost: 0.0,
                    },
                ]
            })
            .collect();
        let points = front(&groups);
        assert!(points.len() <= MOST + 1);
        assert_eq!(points.last().map(|p| p.bytes), Some(0));
        assert_eq!(points.first().map(|p| p.cost), Some(0.0));
        assert!(
            points
                .windows(2)
                .all(|p| p[0].bytes > p[1].bytes && p[0].cost < p[1].cost)
        );
    }
}
