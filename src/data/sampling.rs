//! Stratified sampling of images by class, without replacement.
//!
//! Every image has a key, a hash of the seed and its index; a class is a queue of its images by
//! key, which is a seeded shuffle. A sample takes from the queues such that *every prefix* of it
//! mirrors the pool: after m images each class has come within one image of its share of m. So the
//! first images of a split, on which a screening decides, are a small copy of the whole. The order
//! is earliest deadline first: an image is eligible when taking it puts its class less than one
//! image ahead of its share, and due when leaving it would put the class a whole image behind
//! (Tijdeman's chairman assignment problem, solved as by Steiner and Yeomans).

use std::collections::{BTreeMap, BTreeSet};

/// A class's images that are not drawn yet, last one first.
struct Queue(Vec<(u64, u32)>);

/// The images that are not drawn yet.
pub(super) struct StratifiedPool {
    queues: Vec<Queue>,
}

impl StratifiedPool {
    /// The images `0..labels.len()` with their classes, but those left out. Who is left out changes
    /// nothing about the keys of the others.
    pub(super) fn without(labels: &[u32], seed: u64, left_out: &BTreeSet<u32>) -> StratifiedPool {
        let mut classes: BTreeMap<u32, Vec<(u64, u32)>> = BTreeMap::new();
        for (index, &label) in (0_u32..).zip(labels) {
            if left_out.contains(&index) {
                continue;
            }
            classes
                .entry(label)
                .or_default()
                .push((key(seed, index), index));
        }
        let queues = classes.into_values().map(|mut images| {
            images.sort_unstable_by(|a, b| b.cmp(a));
            Queue(images)
        });
        StratifiedPool {
            queues: queues.collect(),
        }
    }

    /// How many there are.
    pub(super) fn len(&self) -> usize {
        self.queues.iter().map(|queue| queue.0.len()).sum()
    }

    /// Takes `count` images, or all that are left when those are fewer.
    pub(super) fn sample(&mut self, count: usize) -> Vec<u32> {
        let sizes: Vec<u64> = self
            .queues
            .iter()
            .map(|queue| queue.0.len() as u64)
            .collect();
        let total: u64 = sizes.iter().sum();
        let mut drawn = Vec::new();
        for place in 1..=total.min(count as u64) {
            let next = self
                .queues
                .iter_mut()
                .zip(&sizes)
                .filter_map(|(queue, &size)| {
                    let &image = queue.0.last()?;
                    let taken = size - queue.0.len() as u64;
                    let eligible = place * size > taken * total;
                    let due = ((taken + 1) * total).div_ceil(size);
                    eligible.then_some((due, image, queue))
                });
            // Some class is behind its share as long as images are left, so there is one.
            let Some((_, (_, index), queue)) = next.min_by_key(|(due, image, _)| (*due, *image))
            else {
                break;
            };
            queue.0.pop();
            drawn.push(index);
        }
        drawn
    }
}

/// The shuffle key of an image: two rounds of SplitMix64 (Steele, Lea, Flood 2014), keyed by the
/// seed.
fn key(seed: u64, index: u32) -> u64 {
    let mix = |state: u64| {
        let z = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    };
    mix(mix(seed) ^ u64::from(index))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    impl StratifiedPool {
        fn new(labels: &[u32], seed: u64) -> StratifiedPool {
            StratifiedPool::without(labels, seed, &BTreeSet::new())
        }
    }

    /// Checks that every prefix of `drawn` has each class within one image of its share of `pool`.
    fn assert_stratified(drawn: &[u32], pool: &[u32], labels: &[u32]) {
        let classes = labels.iter().max().map_or(0, |m| *m as usize + 1);
        let mut sizes = vec![0_i64; classes];
        for &index in pool {
            sizes[labels[index as usize] as usize] += 1;
        }
        let mut taken = vec![0_i64; classes];
        for (place, &index) in (1_i64..).zip(drawn) {
            taken[labels[index as usize] as usize] += 1;
            for class in 0..classes {
                let ahead = taken[class] * pool.len() as i64 - place * sizes[class];
                assert!(
                    ahead.abs() < pool.len() as i64,
                    "class {class} after {place} images"
                );
            }
        }
    }

    fn labels() -> impl Strategy<Value = Vec<u32>> {
        // Uneven classes: squares pile up at the small numbers.
        prop::collection::vec((0..5_u32, 0..5_u32).prop_map(|(a, b)| a * b / 2), 1..200)
    }

    proptest! {
        #[test]
        fn draws_are_disjoint_complete_and_stratified(labels in labels(), seed: u64, first in 0..120_usize, second in 0..120_usize) {
            let mut pool = StratifiedPool::new(&labels, seed);
            let calibration = pool.sample(first);
            prop_assert_eq!(calibration.len(), first.min(labels.len()));
            let search = pool.sample(second);
            prop_assert_eq!(search.len(), second.min(labels.len() - calibration.len()));
            let rest = pool.sample(1000);

            let all: Vec<u32> = (0..labels.len() as u32).collect();
            assert_stratified(&calibration, &all, &labels);
            let left: Vec<u32> = all.iter().copied().filter(|i| !calibration.contains(i)).collect();
            assert_stratified(&search, &left, &labels);

            let mut together = [calibration, search, rest].concat();
            together.sort_unstable();
            prop_assert_eq!(together, all);
        }

        #[test]
        fn who_is_left_out_is_not_drawn_and_moves_nobody_of_another_class(labels in labels(), seed: u64, out: u32) {
            let out = out % labels.len() as u32;
            let order = |pool: &mut StratifiedPool, class: u32| -> Vec<u32> {
                let drawn = pool.sample(labels.len());
                drawn.into_iter().filter(|i| labels[*i as usize] == class && *i != out).collect()
            };
            for class in 0..11 {
                let mut left = StratifiedPool::without(&labels, seed, &BTreeSet::from([out]));
                let mut all = StratifiedPool::new(&labels, seed);
                prop_assert_eq!(order(&mut left, class), order(&mut all, class));
            }
            let mut left = StratifiedPool::without(&labels, seed, &BTreeSet::from([out]));
            prop_assert!(!left.sample(labels.len()).contains(&out));
        }

        #[test]
        fn the_seed_and_nothing_else_decides(labels in labels(), seed: u64) {
            let draw = |seed| StratifiedPool::new(&labels, seed).sample(labels.len());
            prop_assert_eq!(draw(seed), draw(seed));
        }
    }

    #[test]
    fn seeds_differ() {
        let labels: Vec<u32> = (0..100).map(|i| i % 4).collect();
        let draw = |seed| StratifiedPool::new(&labels, seed).sample(40);
        let draws: Vec<_> = (0..20).map(draw).collect();
        for (i, a) in draws.iter().enumerate() {
            assert!(draws.iter().skip(i + 1).all(|b| a != b));
        }
    }

    #[test]
    fn even_classes_come_round_by_round_in_changing_order() {
        let labels: Vec<u32> = (0..400).map(|i| i % 4).collect();
        let drawn = StratifiedPool::new(&labels, 0).sample(200);
        let rounds: Vec<Vec<u32>> = drawn
            .chunks(4)
            .map(|round| round.iter().map(|i| labels[*i as usize]).collect())
            .collect();
        for round in &rounds {
            let mut sorted = round.clone();
            sorted.sort_unstable();
            assert_eq!(sorted, [0, 1, 2, 3]);
        }
        assert!(rounds.iter().any(|round| round != &rounds[0]));
    }

    /// Every class is as likely as any other to have an image at a place, and every image to be
    /// drawn.
    #[test]
    fn the_draw_is_fair() {
        let labels: Vec<u32> = (0..50).map(|i| i % 5).collect();
        let mut drawn = [0_u32; 50];
        for seed in 0..2000 {
            for index in StratifiedPool::new(&labels, seed).sample(10) {
                drawn[index as usize] += 1;
            }
        }
        // 2000 draws of 10 of 50: 400 each, standard deviation 18.
        assert!(drawn.iter().all(|n| (310..490).contains(n)), "{drawn:?}");
    }
}
