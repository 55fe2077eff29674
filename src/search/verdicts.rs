//! What the constraint in force says of candidates, from the results of every image.

use super::measurements::judged;
use super::{Candidate, CandidateId, GateDecision, Judgement, Settings, Tree};
use crate::evaluate::{CorrectBits, ImageOrder, PairedDrop, extrapolated};
use crate::profile::{Constraint, ConstraintChange, Objective};

impl Tree {
    /// Correct images that a candidate loses against float over the whole search split; none where
    /// it is not known of every image.
    pub(super) fn loss(&self, candidate: &Candidate) -> Option<i64> {
        let whole = !self.float.is_empty() && candidate.bits.len() == self.float.len();
        whole.then(|| self.float.correct() as i64 - candidate.bits.correct() as i64)
    }

    pub(super) fn incumbent_loss(&self) -> Option<i64> {
        self.loss(self.best()?)
    }

    /// Where the highest accuracy is looked for: the largest loss with which so many bytes beat the
    /// incumbent.
    pub(super) fn to_beat(&self, bytes: u64) -> Option<i64> {
        let looked_for = self.constraint.objective() == Objective::HighestAccuracy;
        let incumbent = self.get(self.incumbent.filter(|_| looked_for)?)?;
        let loss = self.loss(incumbent)?;
        let smaller = bytes < incumbent.bytes;
        self.constraint
            .fits(bytes)
            .then_some(loss - i64::from(!smaller))
    }

    /// The constraint that a change makes of the one in force: never more memory than the target
    /// has.
    pub fn changed(&self, change: &ConstraintChange) -> Constraint {
        let target = self.settings.as_ref().and_then(|s| s.target.as_ref());
        change.of(self.constraint).on(target)
    }

    /// The largest accuracy drop that the constraint in force allows, in percentage points.
    pub fn max_drop(&self) -> f64 {
        let drop = self.constraint.max_accuracy_drop;
        drop.points(self.float.correct(), self.float.len())
    }

    /// The accuracy drop over the search split by the correct images among its first ones, and its
    /// sampling variance: percentage points, and their square. At least one image is known.
    pub(super) fn measured_drop(&self, bits: &CorrectBits) -> (f64, f64) {
        let order = self.settings.as_ref().map(|s| s.search_order);
        let of = self.float.len() as f64;
        if order == Some(ImageOrder::Margin) {
            let all = extrapolated(&self.float, bits);
            let points = 100.0 / of.max(1.0);
            return (points * all.lost, points * points * all.variance);
        }
        let counted = PairedDrop::of(&self.float, bits);
        let n = counted.images as f64;
        let mean = (counted.lost as f64 - counted.won as f64) / n;
        // One more that changed: a run of equal answers is no certainty.
        let changed = (counted.lost + counted.won + 1) as f64;
        let of_image = (changed / n - mean * mean).max(0.0);
        (100.0 * mean, 1e4 * of_image / n * (1.0 - n / of).max(0.0))
    }

    /// Images lost and won over the search split, by those known: where they are no random sample,
    /// as many as are to be expected of all.
    pub(super) fn paired_drop(&self, bits: &CorrectBits) -> PairedDrop {
        let known = PairedDrop::of(&self.float, bits);
        let order = self.settings.as_ref().map(|s| s.search_order);
        if order != Some(ImageOrder::Margin) || known.images >= self.float.len() {
            return known;
        }
        let lost = extrapolated(&self.float, bits).lost + known.won as f64;
        PairedDrop {
            images: self.float.len(),
            lost: lost.round().max(known.lost as f64) as usize,
            won: known.won,
        }
    }

    /// Decides again what was decided of some candidates under another constraint, from the results
    /// of every image; a verdict that these leave open is taken back, and so is what the gate held
    /// back.
    pub(super) fn rejudge(&mut self, of: impl Fn(&Candidate) -> bool) {
        let max_drop = self.max_drop();
        let criteria = |settings: &Settings| {
            let screening = settings.screening(max_drop);
            (screening, settings.confirmation(max_drop))
        };
        let Some((screening, confirmation)) = self.settings.as_deref().map(criteria) else {
            return;
        };
        let changing = self.candidates.iter().filter(|c| of(c)).map(|c| c.id);
        for id in changing.collect::<Vec<CandidateId>>() {
            self.note_standing(id);
        }
        for c in self.candidates.iter_mut().filter(|c| of(c)) {
            let again = |bar| judged(&c.bits, &self.float, bar).ok();
            let cached = |j: Judgement| Judgement { cached: true, ..j };
            c.screening = c.screening.and_then(|_| again(&screening));
            c.confirmation = c.confirmation.and_then(|_| again(&confirmation));
            c.screening = c.screening.map(cached);
            c.confirmation = c.confirmation.map(cached);
            if c.judgement().is_none()
                && c.gate.is_some_and(|g| g.decision == GateDecision::HeldBack)
            {
                c.gate = None;
            }
        }
    }
}
