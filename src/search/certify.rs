//! The certificate of a result: fixed-sequence testing of a ladder of allocations on images that
//! neither calibration nor search has seen, at the end of a search and before its test.

use super::engine::Engine;
use super::ladder::{Point, rungs};
use super::step::{Ask, Step};
use super::{Candidate, CandidateId, Event, State};
use crate::evaluate::{CorrectBits, PairedDrop};

impl Engine {
    /// One step towards the certificate; none where it is decided, or not asked for.
    pub(super) fn step_certificate(&mut self) -> Option<Step> {
        let tree = &self.tree;
        let confidence = tree.constraint.confidence?;
        if tree.certification.outcome.is_some() || self.settings.certify_images == 0 {
            return None;
        }
        let incumbent = tree.incumbent?;
        let ladder = tree.certification.ladder();
        let Some(ladder) = ladder.filter(|ladder| self.still_holds(&ladder.rungs, ladder.limit))
        else {
            let limit = tree.max_drop();
            self.emit(Event::LadderFixed {
                rungs: rungs(self.ladder_points(), incumbent, limit),
                limit,
                error: tree.certification.next_error(1.0 - confidence),
                images: self.settings.certify_images,
            });
            return Some(Step::Again);
        };
        if tree.certification.float.is_empty() {
            return Some(Step::Ask(Ask::CertifyFloat));
        }
        if let Some(rung) = ladder.next() {
            return Some(Step::Ask(Ask::Certify(rung)));
        }
        let candidate = ladder.held().map(|(rung, _)| rung);
        self.emit(Event::Certified { candidate });
        Some(Step::Again)
    }

    /// Whether a ladder is still about the result: it may have been fixed before the search was
    /// steered on.
    fn still_holds(&self, rungs: &[CandidateId], limit: f64) -> bool {
        let within = |id: &CandidateId| self.tree.get(*id).is_some_and(|c| self.may_be_result(c));
        let ends = rungs.last().copied() == self.tree.incumbent;
        ends && limit == self.tree.max_drop() && rungs.iter().all(within)
    }

    fn may_be_result(&self, candidate: &Candidate) -> bool {
        self.domains.allows(&candidate.allocation) && self.tree.constraint.fits(candidate.bytes)
    }

    /// Everything that meets the constraint as far as it was measured, each allocation once.
    fn ladder_points(&self) -> Vec<Point> {
        let tree = &self.tree;
        let first = |c: &&Candidate| {
            let mut others = tree.with(&c.allocation);
            let ours = tree.incumbent == Some(c.id);
            ours || others.all(|o| o.turn >= c.turn && tree.incumbent != Some(o.id))
        };
        let met = |c: &&Candidate| {
            matches!(c.state(), State::Passed | State::Confirmed) && self.may_be_result(c)
        };
        let point = |c: &Candidate| Point {
            id: c.id,
            bytes: c.bytes,
            drop: tree.paired_drop(&c.bits),
        };
        let all = tree.active().filter(met).filter(first);
        all.map(point).collect()
    }

    /// Tells the test of a rung by its results.
    pub(super) fn commit_rung(&mut self, candidate: CandidateId, bits: CorrectBits, cached: bool) {
        let certification = &self.tree.certification;
        let Some(ladder) = certification.ladder() else {
            return;
        };
        let test = ladder.test(PairedDrop::of(&certification.float, &bits));
        self.emit(Event::RungTested {
            candidate,
            test,
            cached,
            bits,
        });
    }
}
