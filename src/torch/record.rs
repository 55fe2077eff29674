//! What is written down about the neurons while the network runs.
#![forbid(unsafe_code)]

use super::activity::Activity;
use super::loops::{Float, tile_positions};
use crate::network::Graph;

/// Sees the pre-reset potentials of a neuron population, tile by tile: images in order, for each the tiles of its
/// positions in order, for each the time steps in order. A tile is `[positions, channels]`.
pub(super) trait Recorder<F> {
    /// One tile at one time step.
    fn tile(&mut self, image: usize, step: usize, potentials: &[F]);
    /// All tiles of an image were seen.
    fn end_of_image(&mut self, image: usize);
}

/// Writes nothing down.
impl<F> Recorder<F> for () {
    #[inline(always)]
    fn tile(&mut self, _: usize, _: usize, _: &[F]) {}
    #[inline(always)]
    fn end_of_image(&mut self, _: usize) {}
}

/// Sums of the pre-reset potential per image and channel, over time steps and positions, for every site.
/// Kept per image so that a total does not depend on how images were batched.
#[derive(Debug)]
pub(super) struct ChannelSums {
    /// Images of the batch that count; those after them are padding.
    pub images: usize,
    /// Per site `[images, channels]`.
    pub sites: Vec<Vec<f64>>,
}

impl ChannelSums {
    pub(super) fn new(graph: &Graph, images: usize) -> Self {
        let sites = graph.sites.iter();
        ChannelSums {
            images,
            sites: sites
                .map(|s| vec![0.0; images * s.shape.channels])
                .collect(),
        }
    }
}

/// Records one site's [`ChannelSums`].
pub(super) struct ChannelRecorder<'a> {
    channels: usize,
    sums: &'a mut [f64],
    tile: Vec<f64>,
}

impl<'a> ChannelRecorder<'a> {
    pub(super) fn new(channels: usize, sums: &'a mut [f64]) -> Self {
        ChannelRecorder {
            channels,
            sums,
            tile: vec![0.0; tile_positions(channels) * channels],
        }
    }
    fn counts(&self, image: usize) -> bool {
        (image + 1) * self.channels <= self.sums.len()
    }
}

impl<F: Float> Recorder<F> for ChannelRecorder<'_> {
    #[inline(always)]
    fn tile(&mut self, image: usize, _: usize, potentials: &[F]) {
        if self.counts(image) {
            for (sum, &v) in self.tile.iter_mut().zip(potentials) {
                *sum += v.f64();
            }
        }
    }
    #[inline(always)]
    fn end_of_image(&mut self, image: usize) {
        if !self.counts(image) {
            return;
        }
        let sums = &mut self.sums[image * self.channels..][..self.channels];
        for position in self.tile.chunks_exact(self.channels) {
            for (sum, &x) in sums.iter_mut().zip(position) {
                *sum += x;
            }
        }
        self.tile.fill(0.0);
    }
}

/// Per time step: sums over the batch and all units of one site.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct StepSums {
    /// Of the pre-reset potential.
    pub sum: f64,
    /// Of its square.
    pub square: f64,
    /// Of the spikes.
    pub spikes: i64,
}

/// Records one site's [`StepSums`].
pub(super) struct StepRecorder<'a> {
    pub steps: &'a mut [StepSums],
    pub threshold: f64,
}

impl<F: Float> Recorder<F> for StepRecorder<'_> {
    #[inline(always)]
    fn tile(&mut self, _: usize, step: usize, potentials: &[F]) {
        let threshold = F::of(self.threshold);
        if let Some(sums) = self.steps.get_mut(step) {
            for &v in potentials {
                sums.sum += v.f64();
                sums.square += v.f64() * v.f64();
                sums.spikes += i64::from(v >= threshold);
            }
        }
    }
    #[inline(always)]
    fn end_of_image(&mut self, _: usize) {}
}

/// What a run of the network writes down.
#[derive(Debug)]
pub(super) enum Record {
    /// Nothing.
    Nothing,
    /// For the drift.
    Channels(ChannelSums),
    /// For a trace: per site, per time step.
    Steps(Vec<Vec<StepSums>>),
    /// For the statistics of an evaluation.
    Activity(Activity),
}

impl Record {
    /// An empty trace.
    pub(super) fn steps(graph: &Graph) -> Self {
        Record::Steps(vec![
            vec![StepSums::default(); graph.time_steps];
            graph.sites.len()
        ])
    }
}
