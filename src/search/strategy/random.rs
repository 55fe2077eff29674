//! Random sampling: a baseline that uses nothing of what was measured. (Ours.)
//!
//! Each *draw* gives every group of the finest level one of the settings that the pins allow, all
//! equally likely, and is drawn again until the allocation is smaller than the base (where there
//! is one) and new: draws are uniform over all allocations that would improve the result. A draw
//! is judged like any other candidate, gate included, and must then hold on the whole search split
//! at once. It becomes the base, which the next draws must undercut. The search ends after
//! `search.draws` of them, with the limits of the constraint, or where hardly anything smaller is
//! left. Where the highest accuracy is looked for, all that is drawn fits in the memory.

use super::tries::Tries;
use super::{Context, Step, Strategy};
use crate::quant::Allocation;
use crate::search::step::{Judged, Trial};
use crate::search::{CandidateId, Origin};

/// Tries for one draw before the search counts as done: fewer than about one in so many
/// allocations are smaller.
const TRIES: u32 = 1 << 16;

/// The strategy for the smallest memory.
#[derive(Clone, Debug, Default)]
pub struct RandomSampling {
    /// The last draw, until it is judged.
    drawn: Option<CandidateId>,
}

impl Strategy for RandomSampling {
    fn open(&mut self, _: &mut Context<'_>) -> Step {
        self.drawn = None;
        Step::Again
    }

    fn step(&mut self, search: &mut Context<'_>) -> Step {
        let under_way = self.drawn.and_then(|c| search.tree().get(c));
        let Some(candidate) = under_way.filter(|c| !c.pruned).map(|c| c.id) else {
            return self.next_draw(search);
        };
        match search.judge(candidate, Trial::Whole) {
            Judged::Open(next) => return next,
            Judged::Passed => search.engine.accept(candidate),
            Judged::Failed | Judged::Rejected => {}
        }
        self.drawn = None;
        Step::Again
    }
    fn needs_base(&self) -> bool {
        false
    }
}

impl RandomSampling {
    fn next_draw(&mut self, search: &mut Context<'_>) -> Step {
        let drawn = search.tree().active();
        let drawn = drawn.filter(|c| c.origin == Origin::Drawn).count();
        let bound = search.base().map_or(u64::MAX, |base| base.bytes);
        let smaller = |a: &Allocation| search.space().bytes(a) < bound;
        let left = drawn < search.settings().search.draws;
        let Some(allocation) = left.then(|| draw(search, drawn, smaller)).flatten() else {
            return Step::Done;
        };
        search.engine.open_round();
        self.drawn = Some(search.propose_as(Origin::Drawn, None, allocation));
        Step::Again
    }
}

/// For the highest accuracy: all draws at once, within the memory.
pub(super) fn draws(search: &mut Context<'_>) -> Result<Tries, Step> {
    let draws = 0..search.settings().search.draws;
    let drawn = draws.filter_map(|n| draw(search, n, |a| search.fits(a)));
    Ok(Tries::all(drawn.collect()))
}

/// The n-th draw among what is wanted and new: a function of the seed, of n, of the pins and of
/// these.
fn draw(
    search: &Context<'_>,
    nth: usize,
    wanted: impl Fn(&Allocation) -> bool,
) -> Option<Allocation> {
    let choices = search.settings().choices(search.domains());
    let mut hasher = blake3::Hasher::new();
    hasher.update(b"draw");
    hasher.update(&search.settings().search.seed.to_le_bytes());
    hasher.update(&(nth as u64).to_le_bytes());
    let mut numbers = hasher.finalize_xof();
    let mut allocation = search.domains().lowest();
    for _ in 0..TRIES {
        for group in &choices {
            let mut eight = [0u8; 8];
            numbers.fill(&mut eight);
            let settings = group.widths.len().max(1) as u64;
            let drawn = (u64::from_le_bytes(eight) % settings) as usize;
            group.set(&mut allocation, drawn);
        }
        if wanted(&allocation) && search.duplicate(&allocation).is_none() {
            return Some(allocation);
        }
    }
    None
}
