//! One bit-width for all layers, beside what the search found.

use super::Model;
use crate::evaluate::Verdict;
use crate::quant::BitWidth;
use crate::search::{Candidate, Prediction};

impl Model {
    /// The smallest allocation with one width for all layers that met the constraint.
    pub fn best_uniform(&self) -> Option<(BitWidth, &Candidate)> {
        let width = |c: &Candidate| {
            let widths = &c.allocation.0;
            let first = *widths.first()?;
            widths.iter().all(|w| *w == first).then_some(first)
        };
        let met = |c: &&Candidate| c.judgement().is_some_and(|j| j.verdict == Verdict::Met);
        let all = self.tree.candidates.iter().filter(met);
        let uniform = all.filter_map(|c| Some((width(c)?, c)));
        uniform.min_by_key(|(_, c)| c.bytes)
    }

    /// The narrowest width for all layers that was not evaluated whole and is predicted to meet the
    /// constraint, or whose interval does not rule it out; none where a narrower one is known to
    /// meet it, or nothing was predicted.
    pub fn uniform_left(&self) -> Option<(BitWidth, Prediction)> {
        let known = self.best_uniform().map(|(width, _)| width);
        let limit = self.tree.max_drop();
        let narrower = |width: &BitWidth| known.is_none_or(|known| *width < known);
        let open = |p: &Prediction| {
            let unmeasured = p.measured.is_none_or(|m| !m.whole && m.drop <= limit);
            unmeasured && self.tree.constraint.fits(p.memory_bytes)
        };
        let mut may = self.uniform.iter().filter(|(width, prediction)| {
            narrower(width)
                && open(prediction)
                && prediction.predicted.is_some_and(|p| p.drop <= limit)
        });
        may.next().copied()
    }
}
