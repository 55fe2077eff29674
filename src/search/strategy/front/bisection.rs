//! The smallest point of a front that passes, found by bisection in bytes.

use std::sync::Arc;

use crate::quant::Allocation;

/// A front is bisected until what passes and what fails are this near in bytes: single steps come
/// nearer for less.
const NEAR: f64 = 0.08;
/// Share of the bytes by which the second point differs from the first one.
const REACH: f64 = 0.12;

/// Everything on the front before `low` is larger than what passes, everything from `high` on
/// fails.
#[derive(Clone, Debug)]
pub(super) struct Bisection {
    front: Arc<[(u64, Allocation)]>,
    low: usize,
    high: usize,
    /// Bytes of the smallest that passes.
    passes: u64,
    /// The first point, where one is given.
    first: Option<usize>,
    /// One point decides whether the front is of any use.
    doubtful: bool,
    /// The share of bytes to the next point, while only one bound is known of the front itself.
    reach: Option<f64>,
}

impl Bisection {
    /// The part of a front, most bytes first, that is smaller than what passes, `passes`. It is
    /// tried at `first`, then around there; without it, in the middle. A doubtful front is only
    /// bisected where its first point passes.
    pub fn new(
        front: Vec<(u64, Allocation)>,
        passes: u64,
        first: Option<usize>,
        doubtful: bool,
    ) -> Self {
        Bisection {
            low: 0,
            high: front.len(),
            front: front.into(),
            passes,
            reach: first.map(|_| REACH),
            first,
            doubtful,
        }
    }

    /// True until a doubtful front's first point was tried.
    pub fn is_doubtful(&self) -> bool {
        self.doubtful
    }

    /// The point to be tried; none where nothing is left to be found.
    pub fn point(&self) -> Option<&Allocation> {
        let open = self.front.get(self.low..self.high)?;
        let (smallest, fails) = (open.last()?.0, self.front.get(self.high).map(|f| f.0));
        let nearest = fails.unwrap_or(smallest) as f64;
        if self.passes as f64 <= nearest * (1.0 + NEAR) {
            return None;
        }
        Some(&open.get(self.next(open))?.1)
    }

    /// The first point; while all points passed, or all failed, one whose bytes are a share below
    /// or above; between what passes and what fails the one nearest to their geometric mean.
    fn next(&self, open: &[(u64, Allocation)]) -> usize {
        if let Some(first) = self.first {
            return first.min(open.len().saturating_sub(1));
        }
        let fails = self.front.get(self.high).map(|f| f.0);
        let least = fails.or(open.last().map(|l| l.0)).unwrap_or(1);
        let mean = (u128::from(self.passes) * u128::from(least)).isqrt() as u64;
        let wanted = match (self.reach, fails) {
            (Some(reach), None) => mean.max((self.passes as f64 * (1.0 - reach)) as u64),
            (Some(reach), Some(fails)) => mean.min((fails as f64 * (1.0 + reach)) as u64),
            (None, _) => mean,
        };
        let away = |at: &usize| wanted.abs_diff(open[*at].0);
        let nearest = (0..open.len()).min_by_key(away);
        nearest.unwrap_or(0)
    }

    /// The point tried passed.
    pub fn passed(&mut self) {
        if let Some((at, bytes)) = self.tried() {
            self.low = at + 1;
            self.passes = self.passes.min(bytes);
            self.go_on(self.high < self.front.len());
        }
    }

    /// It failed.
    pub fn failed(&mut self) {
        if let Some((at, _)) = self.tried() {
            self.high = at;
            self.go_on(self.low > 0);
        }
    }

    /// `bounded`: a point that passes and one that fails are known.
    fn go_on(&mut self, bounded: bool) {
        self.reach = match bounded {
            true => None,
            // What was reached from the first point is doubled from the second one on.
            false if self.first.is_some() => self.reach,
            false => self.reach.map(|reach| 2.0 * reach),
        };
        self.first = None;
        self.doubtful = false;
    }

    fn tried(&self) -> Option<(usize, u64)> {
        let open = self.front.get(self.low..self.high)?;
        let at = self.low + self.next(open);
        Some((at, self.front.get(at)?.0))
    }
}
