//! Random: a baseline that uses nothing of what was measured. (Ours.)
//!
//! Each *draw* gives every group of the finest level one of the settings that the pins allow, all equally likely, and is
//! drawn again until the allocation is smaller than the base (where there is one) and new: draws are uniform over all allocations that
//! would improve the result. A draw is judged like any other candidate, gate included, and must then hold on the whole
//! search split at once. It becomes the base, which the next draws must undercut. The search ends after `search.draws` of
//! them, with the limits of the constraint, or where hardly anything smaller is left.

use super::engine::{Engine, Next};
use super::judge::{Judged, Trial};
use super::phases::{After, Phase};
use super::{BaseReason, Candidate, CandidateId, Event, Origin, StopReason};
use crate::quant::Allocation;

/// Tries for one draw before the search counts as done: fewer than about one in so many allocations are smaller.
const TRIES: u32 = 1 << 16;

/// Where the stage stands.
#[derive(Clone, Debug)]
pub(super) struct Drawing {
    /// What was drawn last, until it is judged.
    drawn: Option<CandidateId>,
}

impl Engine {
    pub(super) fn open_draw(&mut self) {
        self.phase = Phase::Draw(Drawing { drawn: None });
    }

    pub(super) fn step_draw(&mut self, stage: Drawing) -> Next {
        if let Some(next) = self.step_resumed() {
            return next;
        }
        let under_way = stage.drawn.and_then(|c| self.tree.get(c));
        let Some(candidate) = under_way.filter(|c| !c.pruned).map(|c| c.id) else {
            return self.next_draw();
        };
        match self.judging(candidate, Trial::Whole) {
            Judged::Open(next) => return next,
            Judged::Passed => self.emit(Event::BaseChanged {
                candidate,
                reason: BaseReason::Accepted,
            }),
            Judged::Failed | Judged::HeldBack => {}
        }
        self.open_draw();
        Next::Again
    }

    fn next_draw(&mut self) -> Next {
        let is_drawn = |c: &&Candidate| c.origin == Origin::Drawn;
        let drawn = self.tree.candidates.iter().filter(is_drawn).count();
        let left = drawn < self.settings.search.draws;
        self.phase = match left.then(|| self.next_smaller(drawn)).flatten() {
            None if self.eligible_base().is_none() => Phase::Test(StopReason::Complete),
            None => Phase::Confirm(After::Stage),
            Some(allocation) => {
                self.frozen = self.gate.freeze();
                let parent = self.tree.base.unwrap_or(CandidateId(0));
                let drawn = self.propose(Some(parent), None, Origin::Drawn, allocation);
                Phase::Draw(Drawing { drawn: Some(drawn) })
            }
        };
        Next::Again
    }

    fn next_smaller(&self, nth: usize) -> Option<Allocation> {
        let bound = self.eligible_base().map_or(u64::MAX, |base| base.bytes);
        self.draw(nth, |a| self.settings.space.bytes(a) < bound)
    }

    /// The n-th draw among what is wanted and new: a function of the seed, of n, of the pins and of these.
    pub(super) fn draw(
        &self,
        nth: usize,
        wanted: impl Fn(&Allocation) -> bool,
    ) -> Option<Allocation> {
        let choices = self.settings.choices(&self.domains);
        let mut hasher = blake3::Hasher::new();
        hasher.update(b"draw");
        hasher.update(&self.settings.search.seed.to_le_bytes());
        hasher.update(&(nth as u64).to_le_bytes());
        let mut numbers = hasher.finalize_xof();
        let mut allocation = self.lowest();
        for _ in 0..TRIES {
            for group in &choices {
                let mut eight = [0u8; 8];
                numbers.fill(&mut eight);
                let settings = group.widths.len().max(1) as u64;
                group.set(
                    &mut allocation,
                    (u64::from_le_bytes(eight) % settings) as usize,
                );
            }
            if wanted(&allocation) && self.twin(&allocation).is_none() {
                return Some(allocation);
            }
        }
        None
    }
}
