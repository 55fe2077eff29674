//! The gate's decisions and how well they hold.

use std::collections::VecDeque;

use super::Scroll;
use crate::evaluate::Verdict;
use crate::search::{Candidate, CandidateId, GateDecision, Tree};

/// The gate as shown.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct GatePane {
    /// The candidates decided on, oldest first; the numbers are in the tree.
    pub decisions: VecDeque<CandidateId>,
    /// Cursor and window.
    pub scroll: Scroll,
    /// How well the decisions hold.
    pub stats: GateStats,
    /// True when the numbers have to be counted anew.
    pub stale: bool,
}

impl GatePane {
    const MOST: usize = 5_000;

    /// Adds a decision; the oldest ones go. A cursor on the last one stays there.
    pub fn push(&mut self, id: CandidateId) {
        let at_end = self.scroll.cursor + 1 >= self.decisions.len();
        if self.decisions.len() == Self::MOST {
            self.decisions.pop_front();
            self.scroll.cursor = self.scroll.cursor.saturating_sub(1);
            self.scroll.offset = self.scroll.offset.saturating_sub(1);
        }
        self.decisions.push_back(id);
        if at_end {
            self.scroll.cursor = self.decisions.len() - 1;
        }
        self.stale = true;
    }
}

/// How well the gate's decisions hold.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct GateStats {
    /// Let through.
    pub passed: usize,
    /// Held back and not audited.
    pub held_back: usize,
    /// Held back but evaluated.
    pub audited: usize,
    /// Audited ones with a verdict.
    pub audits_judged: usize,
    /// Audited ones that met the constraint after all.
    pub wrong: usize,
    /// Of all that meet the constraint, the estimated share that the gate holds back; none below
    /// [`GateStats::ENOUGH_AUDITS`] audits.
    pub false_rejection: Option<f64>,
    /// Spearman's rank correlation of drift with measured accuracy drop, over all that were evaluated.
    pub correlation: Option<f64>,
    /// Number of those.
    pub evaluated: usize,
}

impl GateStats {
    /// With fewer audits a share would be a guess.
    pub const ENOUGH_AUDITS: usize = 20;

    /// Counts over a tree.
    pub fn of(tree: &Tree) -> Self {
        let mut stats = GateStats::default();
        let mut met_passed = 0usize;
        let mut pairs = Vec::new();
        for candidate in &tree.candidates {
            let met = met(candidate);
            stats.held_back += usize::from(candidate.held_back);
            match candidate.gate.map(|g| g.decision) {
                Some(GateDecision::Passed) => {
                    stats.passed += 1;
                    met_passed += usize::from(met == Some(true));
                }
                Some(GateDecision::Audited) => {
                    stats.audited += 1;
                    stats.audits_judged += usize::from(met.is_some());
                    stats.wrong += usize::from(met == Some(true));
                }
                Some(GateDecision::HeldBack | GateDecision::Exempt) | None => {}
            }
            let judged = candidate.judgement().filter(|j| j.images > 0);
            if let (Some(drift), Some(judged)) = (candidate.drift, judged) {
                pairs.push((drift, judged.drop()));
            }
        }
        stats.evaluated = pairs.len();
        stats.correlation = spearman(&pairs);
        let share = tree.settings.as_ref().map_or(0.0, |s| s.gate.audit);
        if stats.audits_judged >= Self::ENOUGH_AUDITS && share > 0.0 {
            let missed = stats.wrong as f64 / share;
            let all = missed + met_passed as f64;
            stats.false_rejection = Some(if all > 0.0 { missed / all } else { 0.0 });
        }
        stats
    }
}

fn met(candidate: &Candidate) -> Option<bool> {
    candidate.screening.map(|j| j.verdict == Verdict::Met)
}

/// Spearman's rank correlation, equal values sharing their mean rank; none for fewer than three pairs or where one
/// side does not vary.
fn spearman(pairs: &[(f64, f64)]) -> Option<f64> {
    if pairs.len() < 3 {
        return None;
    }
    let a = ranks(pairs.iter().map(|p| p.0).collect());
    let b = ranks(pairs.iter().map(|p| p.1).collect());
    let mean = (pairs.len() as f64 + 1.0) / 2.0;
    let (mut ab, mut aa, mut bb) = (0.0, 0.0, 0.0);
    for (a, b) in a.iter().zip(&b) {
        ab += (a - mean) * (b - mean);
        aa += (a - mean).powi(2);
        bb += (b - mean).powi(2);
    }
    let both = (aa * bb).sqrt();
    (both > 0.0).then(|| ab / both)
}

fn ranks(values: Vec<f64>) -> Vec<f64> {
    let mut order: Vec<usize> = (0..values.len()).collect();
    order.sort_by(|a, b| values[*a].total_cmp(&values[*b]));
    let mut ranks = vec![0.0; values.len()];
    let mut from = 0;
    while from < order.len() {
        let equal = |i: &&usize| values[**i] == values[order[from]];
        let to = from + order[from..].iter().take_while(equal).count().max(1);
        for i in &order[from..to] {
            ranks[*i] = (from + to + 1) as f64 / 2.0;
        }
        from = to;
    }
    ranks
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rank_correlation_as_in_the_textbook() {
        assert_eq!(
            spearman(&[(1.0, 10.0), (2.0, 20.0), (3.0, 300.0)]),
            Some(1.0)
        );
        assert_eq!(spearman(&[(1.0, 3.0), (2.0, 2.0), (3.0, 1.0)]), Some(-1.0));
        // Ranks 1 2.5 2.5 4 and 1 2 3 4.
        let rho = spearman(&[(1.0, 1.0), (2.0, 2.0), (2.0, 3.0), (9.0, 4.0)]).unwrap();
        assert!((rho - 0.9486832980505138).abs() < 1e-12);
        assert_eq!(spearman(&[(1.0, 1.0), (1.0, 2.0), (1.0, 3.0)]), None);
        assert_eq!(spearman(&[(1.0, 1.0), (2.0, 2.0)]), None);
        assert!(spearman(&[(f64::NAN, 1.0), (2.0, 2.0), (3.0, 1.0)]).is_some());
    }
}
