//! Drift: how far quantization moves the membrane potentials, in thresholds. The formula is ours.
//!
//! For neuron site s with threshold theta, `m[c]` is the mean pre-reset potential of channel c over
//! all images of the drift, time steps and positions, and `m*[c]` the same in the float network:
//! `drift_s = sqrt(mean_c (m[c] - m*[c])^2) / theta`. The logits count as a last site: the root
//! mean square over classes of the shift of the mean logit, divided by the population standard
//! deviation of all float logits (over images and classes together; a network whose float logits
//! are all equal is not scaled). Drift is the mean over sites.
#![forbid(unsafe_code)]

use std::sync::Arc;

use super::proxies::{cross_entropy, disagreement, divergence, flip_rate};
use super::record::ChannelSums;
use super::record::spikes::{Packed, Spikes};
use crate::network::{Graph, Site};

/// Sums over images, which are added in order. Drift is of the first of them, the evidence beside
/// it of all.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Means {
    /// Images of the drift.
    drift_images: usize,
    /// Per site and channel: the sum of the pre-reset potential over the images of the drift.
    sites: Vec<Vec<f64>>,
    /// Per class: the sum of the logit over the images of the drift.
    logits: Vec<f64>,
    /// The logits of all images, one after the other.
    all_logits: Vec<f64>,
    /// Per site: the sums of every image of the drift, `[images, channels]`.
    by_image: Vec<Vec<f64>>,
    /// Per site: spikes of the proxy images that are others than in the float network.
    flips: Vec<u64>,
    /// Of the float network: the spikes of the proxy images, batch by batch.
    spikes: Vec<Arc<Packed>>,
}

impl Means {
    pub(super) fn new(graph: &Graph) -> Self {
        let sites = graph.sites.iter();
        Means {
            drift_images: 0,
            sites: sites.map(|s| vec![0.0; s.shape.channels]).collect(),
            logits: vec![0.0; graph.classes],
            all_logits: Vec::new(),
            by_image: vec![Vec::new(); graph.sites.len()],
            flips: vec![0; graph.sites.len()],
            spikes: Vec::new(),
        }
    }

    /// Adds a batch: its sums per image, and the logits of all its images. Those of the drift come
    /// before any other.
    pub(super) fn add(&mut self, batch: ChannelSums, logits: &[f64]) {
        let classes = self.logits.len();
        let of_drift = logits.chunks_exact(classes.max(1)).take(batch.images);
        of_drift.for_each(|row| add_rows(&mut self.logits, row));
        self.drift_images += batch.images;
        for (total, sums) in self.sites.iter_mut().zip(&batch.sites) {
            add_rows(total, sums);
        }
        for (all, sums) in self.by_image.iter_mut().zip(&batch.sites) {
            all.extend_from_slice(sums);
        }
        self.all_logits.extend_from_slice(logits);
        for (site, total) in self.flips.iter_mut().enumerate() {
            *total += batch.spikes.flips(site);
        }
        if let Spikes::Packed(packed) = batch.spikes {
            self.spikes.push(Arc::new(packed));
        }
    }

    /// The spikes of a batch's proxy images.
    pub(super) fn spikes(&self, batch: usize) -> Option<&Arc<Packed>> {
        self.spikes.get(batch)
    }

    /// Output divergence and spike-flip rate against the float network, on `images` proxy images.
    pub(super) fn proxies(
        &self,
        float: &Means,
        graph: &Graph,
        images: usize,
    ) -> (Option<f64>, Option<f64>) {
        (
            divergence(
                float.logits_of(images),
                self.logits_of(images),
                graph.classes,
            ),
            flip_rate(&self.flips, graph, images),
        )
    }

    /// Output divergence from the float network on all images.
    pub(super) fn divergence(&self, float: &Means, graph: &Graph) -> Option<f64> {
        let float = float.logits_of(self.images());
        divergence(float, &self.all_logits, graph.classes)
    }

    /// How much more the mean cross-entropy of the labels is than the float network's on the same
    /// images, in nats; none without images, and where the numbers are too large for it.
    pub(super) fn loss_increase(
        &self,
        float: &Means,
        graph: &Graph,
        label: impl Fn(usize) -> u32,
    ) -> Option<f64> {
        let loss = |logits| cross_entropy(logits, graph.classes, &label);
        Some(loss(&self.all_logits)? - loss(float.logits_of(self.images()))?)
    }

    /// The share of all images that get another class than by the float network.
    pub(super) fn disagreement(&self, float: &Means, graph: &Graph) -> Option<f64> {
        let float = float.logits_of(self.images());
        disagreement(float, &self.all_logits, graph.classes)
    }

    /// The drift of every image by itself: the mean over sites, the logits among them, of the root
    /// mean square over images and channels of the shift of an image's mean, in thresholds.
    pub(super) fn image_drift(&self, float: &Means, graph: &Graph) -> f64 {
        let site = |(site, (here, there)): (&Site, (&Vec<f64>, &Vec<f64>))| {
            let positions = site.shape.height * site.shape.width * graph.time_steps;
            root_mean_square_shift(here, there) / positions as f64 / site.neuron.threshold()
        };
        let pairs = self.by_image.iter().zip(&float.by_image);
        let sites: f64 = graph.sites.iter().zip(pairs).map(site).sum();
        let [here, there] = [self, float].map(|means| means.logits_of(self.drift_images));
        let logits = root_mean_square_shift(here, there);
        (sites + logits / spread_of(there)) / (graph.sites.len() + 1) as f64
    }

    fn images(&self) -> usize {
        self.all_logits.len() / self.logits.len().max(1)
    }

    /// The logits of the first so many images.
    fn logits_of(&self, images: usize) -> &[f64] {
        let numbers = images * self.logits.len();
        self.all_logits.get(..numbers).unwrap_or(&self.all_logits)
    }

    /// The drift of every site against the float network's means, then of the logits.
    pub(super) fn drift(&self, float: &Means, graph: &Graph) -> Vec<f64> {
        let images = self.drift_images.max(1) as f64;
        let mut drifts: Vec<f64> = graph
            .sites
            .iter()
            .zip(self.sites.iter().zip(&float.sites))
            .map(|(site, (here, there))| {
                let positions = site.shape.height * site.shape.width * graph.time_steps;
                let samples = images * positions as f64;
                root_mean_square_shift(here, there) / samples / site.neuron.threshold()
            })
            .collect();
        let spread = spread_of(float.logits_of(self.drift_images));
        drifts.push(root_mean_square_shift(&self.logits, &float.logits) / images / spread);
        drifts
    }
}

/// The standard deviation of logits; 1 where they are all equal.
fn spread_of(logits: &[f64]) -> f64 {
    match standard_deviation(logits) {
        s if s > 0.0 => s,
        _ => 1.0,
    }
}

fn add_rows(total: &mut [f64], rows: &[f64]) {
    for row in rows.chunks_exact(total.len().max(1)) {
        for (total, x) in total.iter_mut().zip(row) {
            *total += x;
        }
    }
}

fn root_mean_square_shift(a: &[f64], b: &[f64]) -> f64 {
    let squares: f64 = a.iter().zip(b).map(|(a, b)| (a - b) * (a - b)).sum();
    (squares / a.len().max(1) as f64).sqrt()
}

fn standard_deviation(values: &[f64]) -> f64 {
    let n = values.len().max(1) as f64;
    let mean = values.iter().sum::<f64>() / n;
    let squares: f64 = values.iter().map(|x| (x - mean) * (x - mean)).sum();
    (squares / n).sqrt()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::network::{Architecture, Layout, ModelConfig, Spikformer};

    /// A graph with one channel per class and as many sites as we like, cut from a real one.
    fn graph() -> Graph {
        let config = ModelConfig {
            architecture: Architecture::Spikformer(Spikformer {
                layout: Layout::Cifar,
                embed_dims: 8,
                depths: 1,
            }),
            image_size: 4,
            in_channels: 1,
            num_classes: 2,
            num_heads: 1,
            mlp_ratio: 1,
            time_steps: 2,
        };
        let mut graph = config.graph().unwrap();
        graph.sites.truncate(1); // one channel of 4x4 units
        graph
    }

    #[test]
    fn by_hand() {
        let graph = graph();
        let shape = graph.sites[0].shape;
        assert_eq!((shape.channels, shape.height, shape.width), (1, 4, 4));
        let means = |sums: [f64; 2], logits: [f64; 4]| {
            let mut means = Means::new(&graph);
            for (sum, logits) in sums.iter().zip(logits.chunks(2)) {
                let mut batch = ChannelSums::new(&graph, 1);
                batch.sites[0][0] = *sum;
                means.add(batch, logits);
            }
            means
        };
        let float = means([32.0, 0.0], [1.0, -1.0, 1.0, -1.0]);
        let other = means([32.0, 16.0], [1.0, -1.0, 4.0, 3.0]);
        let drift = other.drift(&float, &graph);
        // 16 more over 2 images, 2 steps, 16 units; mean logits move by 1.5 and 2, float logits
        // have deviation 1.
        let logits = ((1.5f64 * 1.5 + 2.0 * 2.0) / 2.0).sqrt();
        assert_eq!(drift, [0.25, logits]);
        assert_eq!(float.drift(&float, &graph), [0.0, 0.0]);
    }
}
