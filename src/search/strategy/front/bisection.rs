//! The smallest point of a front that passes, found by bisection in bytes.

use std::sync::Arc;

use crate::quant::Allocation;

/// A front is bisected until what passes and what fails are this near in bytes: single steps come
/// nearer for less.
const NEAR: f64 = 0.06;

/// Everything on the front before `low` is larger than what passes, everything from `high` on
/// fails.
#[derive(Clone, Debug)]
pub(super) struct Bisection {
    front: Arc<[(u64, Allocation)]>,
    low: usize,
    high: usize,
    /// Bytes of the smallest that passes.
    passes: u64,
    /// True until a point was tried, where the largest one decides whether the front is of any use.
    first: bool,
}

impl Bisection {
    /// The part of a front, most bytes first, that is smaller than what passes. `doubtful`: it is
    /// only bisected where its largest point passes.
    pub fn new(front: Vec<(u64, Allocation)>, passes: u64, doubtful: bool) -> Self {
        Bisection {
            low: 0,
            high: front.len(),
            front: front.into(),
            passes,
            first: doubtful,
        }
    }

    /// True until a doubtful front's largest point was tried.
    pub fn is_first(&self) -> bool {
        self.first
    }

    /// The largest point that fails, else the smallest.
    pub fn beyond(&self) -> Option<&Allocation> {
        let beyond = self.front.get(self.high).or(self.front.last())?;
        Some(&beyond.1)
    }

    /// The point to be tried; none where nothing is left to be found.
    pub fn point(&self) -> Option<&Allocation> {
        let open = self.front.get(self.low..self.high)?;
        let (smallest, fails) = (open.last()?.0, self.front.get(self.high).map(|f| f.0));
        let nearest = fails.unwrap_or(smallest) as f64;
        if self.passes as f64 <= nearest * (1.0 + NEAR) {
            return None;
        }
        Some(&open.get(self.middle(open))?.1)
    }

    /// The point whose bytes are nearest to the geometric mean of the bounds.
    fn middle(&self, open: &[(u64, Allocation)]) -> usize {
        if self.first {
            return 0;
        }
        let least = self.front.get(self.high).or(open.last()).map_or(1, |f| f.0);
        let mean = (u128::from(self.passes) * u128::from(least)).isqrt();
        let away = |at: &usize| mean.abs_diff(u128::from(open[*at].0));
        let nearest = (0..open.len()).min_by_key(away);
        nearest.unwrap_or(0)
    }

    /// The point tried passed.
    pub fn passed(&mut self) {
        if let Some((at, bytes)) = self.tried() {
            self.low = at + 1;
            self.passes = self.passes.min(bytes);
        }
        self.first = false;
    }

    /// It failed.
    pub fn failed(&mut self) {
        if let Some((at, _)) = self.tried() {
            self.high = at;
        }
        self.first = false;
    }

    fn tried(&self) -> Option<(usize, u64)> {
        let open = self.front.get(self.low..self.high)?;
        let at = self.low + self.middle(open);
        Some((at, self.front.get(at)?.0))
    }
}
