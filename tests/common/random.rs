//! Numbers that look random, the same on every run.

/// A generator with its state: the constants of Knuth's MMIX.
pub struct Random(pub u64);

impl Random {
    /// A number below `most`; 0 where that is 0.
    pub fn below(&mut self, most: usize) -> usize {
        self.0 = self
            .0
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) as usize % most.max(1)
    }
}
