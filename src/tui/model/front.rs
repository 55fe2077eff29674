//! Accuracy against memory: everything measured, and what nothing beats.

use super::scroll::Scroll;
use crate::evaluate::Verdict;
use crate::search::{Candidate, CandidateId, Tree};

/// A measured node.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Point {
    /// The node.
    pub id: CandidateId,
    /// The memory.
    pub bytes: u64,
    /// The accuracy drop in points, on the images it was judged by.
    pub drop: f64,
    /// True where it meets the constraint by all that is known of it.
    pub met: bool,
    /// True when it meets the constraint and no other such node is at once as small and as
    /// accurate.
    pub best: bool,
}

/// The measured nodes as shown, smallest first.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct FrontPane {
    /// The nodes.
    pub points: Vec<Point>,
    /// Cursor and window.
    pub scroll: Scroll,
    /// True when the nodes have to be collected anew.
    pub stale: bool,
    /// By what they are ordered.
    pub order: PointOrder,
    /// True where the axes hold everything; else the band around the limit.
    pub whole: bool,
}

/// By what the measured nodes are ordered.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum PointOrder {
    /// The smallest first.
    #[default]
    Memory,
    /// The most accurate first.
    Drop,
    /// The latest first.
    Latest,
}

impl PointOrder {
    /// The next one; after the last the first.
    pub fn next(self) -> Self {
        match self {
            PointOrder::Memory => PointOrder::Drop,
            PointOrder::Drop => PointOrder::Latest,
            PointOrder::Latest => PointOrder::Memory,
        }
    }
}

impl FrontPane {
    /// Collects the nodes anew where something was measured since.
    pub fn refresh(&mut self, tree: &Tree) {
        if std::mem::take(&mut self.stale) {
            self.points = points(tree);
            match self.order {
                PointOrder::Memory => {}
                PointOrder::Drop => self.points.sort_by(|a, b| a.drop.total_cmp(&b.drop)),
                PointOrder::Latest => self.points.sort_by_key(|p| std::cmp::Reverse(p.id)),
            }
        }
    }

    /// The row of a node.
    pub fn row(&self, id: CandidateId) -> Option<usize> {
        self.points.iter().position(|p| p.id == id)
    }
}

fn measured(candidate: &Candidate) -> Option<Point> {
    let judgement = candidate.judgement().filter(|j| j.images > 0)?;
    Some(Point {
        id: candidate.id,
        bytes: candidate.bytes,
        drop: judgement.drop(),
        met: judgement.verdict == Verdict::Met,
        best: false,
    })
}

/// The measured nodes of a search, smallest first.
pub fn points(tree: &Tree) -> Vec<Point> {
    let mut points: Vec<Point> = tree.candidates.iter().filter_map(measured).collect();
    let most = tree.constraint.max_memory.unwrap_or(u64::MAX);
    points.sort_by(|a, b| a.bytes.cmp(&b.bytes).then(a.drop.total_cmp(&b.drop)));
    let mut least = f64::INFINITY;
    for point in &mut points {
        point.met &= point.bytes <= most;
        point.best = point.met && point.drop < least;
        if point.met {
            least = least.min(point.drop);
        }
    }
    points
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::evaluate::CorrectBits;
    use crate::quant::Allocation;
    use crate::search::{Event, Judgement, Origin};

    #[test]
    fn the_front_is_what_nothing_beats() {
        let mut tree = Tree::default();
        let measured = [(100, 3), (100, 2), (200, 2), (300, 1), (400, 0), (50, 9)];
        let fails = |lost: usize| lost > 5;
        for (i, (bytes, lost)) in measured.into_iter().enumerate() {
            let candidate = CandidateId(i as u32);
            tree.apply(&Event::Proposed {
                candidate,
                parent: None,
                change: None,
                origin: Origin::Search,
                allocation: Allocation(Vec::new()),
                bytes,
            });
            tree.apply(&Event::Screened {
                candidate,
                judgement: Judgement {
                    sequential: false,
                    verdict: if fails(lost) {
                        Verdict::NotMet
                    } else {
                        Verdict::Met
                    },
                    images: 100,
                    of: 100,
                    correct: 90 - lost,
                    float_correct: 90,
                    allowed_loss: 5,
                    expected_loss: None,
                    cached: false,
                },
                bits: CorrectBits::new(),
            });
        }
        let mut pane = FrontPane {
            stale: true,
            ..FrontPane::default()
        };
        pane.refresh(&tree);
        let ids: Vec<(u32, bool)> = pane.points.iter().map(|p| (p.id.0, p.best)).collect();
        let expected = [
            (5, false),
            (1, true),
            (0, false),
            (2, false),
            (3, true),
            (4, true),
        ];
        assert_eq!(ids, expected);
        assert_eq!(pane.row(CandidateId(3)), Some(4));
    }
}
