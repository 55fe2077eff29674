//! Where a front nears the limit, by evidence alone.

use std::sync::Arc;

use crate::quant::Allocation;

/// The search ends where its bounds are this near in bytes.
const NEAR: f64 = 0.15;

/// A bisection of a front by cheap evidence: everything before `low` is below a level, everything
/// from `high` on above it.
#[derive(Clone, Debug)]
pub(super) struct Scan {
    front: Arc<[(u64, Allocation)]>,
    low: usize,
    high: usize,
}

impl Scan {
    /// A front, most bytes first.
    pub fn new(front: Vec<(u64, Allocation)>) -> Self {
        Scan {
            low: 0,
            high: front.len(),
            front: front.into(),
        }
    }

    /// The point whose evidence is asked for; none where the bounds are near enough.
    pub fn point(&self) -> Option<&Allocation> {
        let open = self.front.get(self.low..self.high)?;
        let (most, least) = (open.first()?.0, open.last()?.0);
        if most as f64 <= least as f64 * (1.0 + NEAR) {
            return None;
        }
        Some(&self.front.get(self.middle())?.1)
    }

    /// The evidence of that point is above the level.
    pub fn is_above(&mut self, above: bool) {
        match above {
            true => self.high = self.middle(),
            false => self.low = self.middle() + 1,
        }
    }

    /// The largest point that is above the level, else the smallest one.
    pub fn beyond(&self) -> Option<&Allocation> {
        let beyond = self.front.get(self.high).or(self.front.last())?;
        Some(&beyond.1)
    }

    fn middle(&self) -> usize {
        let open = self.front.get(self.low..self.high).unwrap_or_default();
        let (Some((most, _)), Some((least, _))) = (open.first(), open.last()) else {
            return self.low;
        };
        let mean = (u128::from(*most) * u128::from(*least)).isqrt();
        let away = |at: &usize| mean.abs_diff(u128::from(open[*at].0));
        self.low + (0..open.len()).min_by_key(away).unwrap_or(0)
    }
}
