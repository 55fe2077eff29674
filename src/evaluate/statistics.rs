//! What a network did on the images of a split, counted.

use serde::{Deserialize, Serialize};

use crate::network::Graph;

/// Images of one class.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ClassCount {
    /// How many there are.
    pub images: usize,
    /// How many of them are classified correctly.
    pub correct: usize,
}

/// Counts over all images of a split.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Statistics {
    /// Images.
    pub images: usize,
    /// By class.
    pub classes: Vec<ClassCount>,
    /// Images whose class is among the five largest logits.
    pub top5: usize,
    /// Spikes of each neuron site, in the graph's order, over images, time steps and neurons.
    pub spikes: Vec<u64>,
    /// For each node of the graph, the sum of its value over images, time steps and positions; 0
    /// for nodes whose value never exists by itself (they are computed together with what follows).
    pub sums: Vec<f64>,
}

impl Statistics {
    /// Nothing counted yet.
    pub fn new(graph: &Graph) -> Self {
        Statistics {
            images: 0,
            classes: vec![ClassCount::default(); graph.classes],
            top5: 0,
            spikes: vec![0; graph.sites.len()],
            sums: vec![0.0; graph.nodes.len()],
        }
    }

    /// Adds the counts of other images of the same network; false, and nothing added, where they
    /// are of another one.
    #[must_use]
    pub fn add(&mut self, other: &Statistics) -> bool {
        let sizes = |s: &Statistics| (s.classes.len(), s.spikes.len(), s.sums.len());
        if sizes(self) != sizes(other) {
            return false;
        }
        self.images += other.images;
        self.top5 += other.top5;
        for (class, more) in self.classes.iter_mut().zip(&other.classes) {
            class.images += more.images;
            class.correct += more.correct;
        }
        self.spikes
            .iter_mut()
            .zip(&other.spikes)
            .for_each(|(a, b)| *a += b);
        self.sums
            .iter_mut()
            .zip(&other.sums)
            .for_each(|(a, b)| *a += b);
        true
    }

    /// Images that are classified correctly.
    pub fn correct(&self) -> usize {
        self.classes.iter().map(|c| c.correct).sum()
    }

    /// Counts an image of class `label` by its logits: the class of the largest one is the answer,
    /// the first of equals.
    pub fn answer(&mut self, logits: &[f64], label: usize) {
        self.images += 1;
        let Some(class) = self.classes.get_mut(label) else {
            return;
        };
        class.images += 1;
        match place(logits, label) {
            Some(0) => {
                class.correct += 1;
                self.top5 += 1;
            }
            Some(1..5) => self.top5 += 1,
            _ => {}
        }
    }

    /// Mean spikes of each site per neuron and time step. Neurons that emit more than one spike at
    /// once may exceed 1.
    pub fn firing_rates(&self, graph: &Graph) -> Vec<f64> {
        let rate = |(site, spikes): (&crate::network::Site, &u64)| {
            let neurons = site.shape.channels * site.shape.height * site.shape.width;
            let chances = self.images * graph.time_steps * neurons;
            *spikes as f64 / chances.max(1) as f64
        };
        graph.sites.iter().zip(&self.spikes).map(rate).collect()
    }
}

/// How many logits are before that of `label`: larger ones, and equal ones of lower classes. None
/// where a logit is no number.
fn place(logits: &[f64], label: usize) -> Option<usize> {
    let own = *logits.get(label)?;
    if logits.iter().any(|x| x.is_nan()) {
        return None;
    }
    let before = |(class, x): &(usize, &f64)| **x > own || (**x == own && *class < label);
    Some(logits.iter().enumerate().filter(before).count())
}

/// The Wilson score interval of a share at 95 % (E. B. Wilson, 1927): the shares that `hits` of
/// `images` do not contradict. From 0 to 1 where there are no images.
pub fn wilson_95(hits: usize, images: usize) -> (f64, f64) {
    const Z: f64 = 1.959_963_984_540_054;
    if images == 0 {
        return (0.0, 1.0);
    }
    let (n, share) = (images as f64, hits as f64 / images as f64);
    let middle = share + Z * Z / (2.0 * n);
    let half = Z * (share * (1.0 - share) / n + Z * Z / (4.0 * n * n)).sqrt();
    let scale = 1.0 + Z * Z / n;
    // Where all or none hit, rounding must not leave the share outside.
    (
        ((middle - half) / scale).clamp(0.0, share),
        ((middle + half) / scale).clamp(share, 1.0),
    )
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn empty(classes: usize) -> Statistics {
        Statistics {
            classes: vec![ClassCount::default(); classes],
            ..Statistics::default()
        }
    }

    #[test]
    fn answers_are_counted_by_class() {
        let mut counted = empty(7);
        counted.answer(&[0.0, 1.0, 2.0, 3.0, 4.0, 5.0, 6.0], 6);
        counted.answer(&[0.0, 1.0, 2.0, 3.0, 4.0, 5.0, 6.0], 2);
        counted.answer(&[0.0, 1.0, 2.0, 3.0, 4.0, 5.0, 6.0], 1);
        // The first of equals is the answer.
        counted.answer(&[1.0; 7], 0);
        counted.answer(&[1.0; 7], 4);
        counted.answer(&[1.0; 7], 5);
        counted.answer(&[f64::NAN, 1.0, 0.0, 0.0, 0.0, 0.0, 0.0], 0);
        assert_eq!((counted.images, counted.correct(), counted.top5), (7, 2, 4));
        let class = |i: usize| (counted.classes[i].images, counted.classes[i].correct);
        assert_eq!([class(0), class(2), class(6)], [(2, 1), (1, 0), (1, 1)]);
    }

    /// Newcombe (Statistics in Medicine 17, 1998, table I, method 3): 81 of 263, 15 of 148, 0
    /// of 20.
    #[test]
    fn intervals_are_those_of_the_literature() {
        for (hits, images, low, high) in [
            (81, 263, 0.2553, 0.3662),
            (15, 148, 0.0624, 0.1605),
            (0, 20, 0.0, 0.1611),
        ] {
            let (a, b) = wilson_95(hits, images);
            assert!((a - low).abs() < 5e-5 && (b - high).abs() < 5e-5, "{a} {b}");
        }
        assert_eq!(wilson_95(0, 0), (0.0, 1.0));
    }

    proptest! {
        #[test]
        fn intervals_hold_the_share(images in 1..5000_usize, part in 0.0..=1.0) {
            let hits = (part * images as f64) as usize;
            let share = hits as f64 / images as f64;
            let (low, high) = wilson_95(hits, images);
            prop_assert!(0.0 <= low && low <= share && share <= high && high <= 1.0);
            let mirror = wilson_95(images - hits, images);
            prop_assert!((mirror.0 - (1.0 - high)).abs() < 1e-12);
        }
    }
}
