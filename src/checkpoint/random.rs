//! Random weights, for networks that nobody has trained yet.

use std::collections::HashSet;

use super::{StateDict, TensorData};
use crate::network::Graph;

/// A sequence of pseudo-random numbers (SplitMix64) that is the same everywhere.
#[derive(Clone, Debug)]
pub struct RandomNumbers(u64);

impl RandomNumbers {
    /// The sequence of a seed.
    pub fn new(seed: u64) -> Self {
        RandomNumbers(seed)
    }

    /// So many numbers from `low` to `high`.
    pub fn between(&mut self, count: usize, low: f32, high: f32) -> Vec<f32> {
        let one = |_| low + (high - low) * self.unit();
        (0..count).map(one).collect()
    }

    /// A number from 0 to below 1.
    fn unit(&mut self) -> f32 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut x = self.0;
        x = (x ^ (x >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        x = (x ^ (x >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        // 24 bits are exact in f32.
        ((x ^ (x >> 31)) >> 40) as f32 / (1u64 << 24) as f32
    }
}

/// Weights of a seed under which neurons of a network fire: sums of about unit variance, batch
/// norms that shift them up a little.
pub fn random_weights(graph: &Graph, seed: u64) -> StateDict {
    let mut random = RandomNumbers::new(seed);
    let mut state = StateDict::new(&format!("random weights of seed {seed}"));
    let keys: HashSet<&str> = graph.tensors.iter().map(|t| t.key.as_str()).collect();
    for spec in graph.tensors.iter().filter(|t| !t.dead) {
        let (owner, part) = spec.key.rsplit_once('.').unwrap_or(("", &spec.key));
        let of_norm = keys.contains(format!("{owner}.running_mean").as_str());
        let fan_in: usize = spec.shape.iter().skip(1).product();
        let (low, high) = match part {
            "running_var" => (0.5, 1.5),
            "running_mean" => (-0.2, 0.2),
            "num_batches_tracked" => continue,
            "weight" if of_norm => (0.5, 2.0),
            "bias" if of_norm => (0.0, 1.0),
            "weight" => {
                let bound = (3.0 / fan_in.max(1) as f32).sqrt();
                (-bound, bound)
            }
            _ => (-0.3, 0.3),
        };
        let values = random.between(spec.shape.iter().product(), low, high);
        let shape = spec.shape.clone();
        state.insert(spec.key.clone(), TensorData { shape, values });
    }
    state
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_those_of_the_seed_and_fill_their_range() {
        let numbers = RandomNumbers::new(7).between(10_000, -1.0, 3.0);
        assert_eq!(numbers, RandomNumbers::new(7).between(10_000, -1.0, 3.0));
        assert_ne!(numbers, RandomNumbers::new(8).between(10_000, -1.0, 3.0));
        assert!(numbers.iter().all(|x| (-1.0..3.0).contains(x)));
        let mean = numbers.iter().sum::<f32>() / 10_000.0;
        assert!((mean - 1.0).abs() < 0.05, "{mean}");
    }
}
