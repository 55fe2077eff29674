//! What is written down about the neurons while the network runs.
#![forbid(unsafe_code)]

use super::activity::Activity;
use super::loops::{Float, Level, tile_positions};
use super::spikes::Spikes;
use crate::evaluate::{Potentials, SitePotentials};
use crate::network::{Graph, Neuron};

/// Sees the pre-reset potentials of a neuron population (of integer neurons: their inputs), tile by tile: images in order, for each the tiles of its
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

/// Two recorders see the same.
impl<F, A: Recorder<F>, B: Recorder<F>> Recorder<F> for (A, B) {
    #[inline(always)]
    fn tile(&mut self, image: usize, step: usize, potentials: &[F]) {
        self.0.tile(image, step, potentials);
        self.1.tile(image, step, potentials);
    }
    #[inline(always)]
    fn end_of_image(&mut self, image: usize) {
        self.0.end_of_image(image);
        self.1.end_of_image(image);
    }
}

/// Sums of the pre-reset potential (of integer neurons: of the input clamped to what they emit) per image and channel,
/// over time steps and positions, for every site.
/// Kept per image so that a total does not depend on how images were batched.
#[derive(Debug)]
pub(super) struct ChannelSums {
    /// Images of the batch that count; those after them are padding.
    pub images: usize,
    /// Per site `[images, channels]`.
    pub sites: Vec<Vec<f64>>,
    /// What becomes of the spikes meanwhile.
    pub spikes: Spikes,
}

impl ChannelSums {
    pub(super) fn new(graph: &Graph, images: usize) -> Self {
        let sites = graph.sites.iter();
        ChannelSums {
            images,
            sites: sites
                .map(|s| vec![0.0; images * s.shape.channels])
                .collect(),
            spikes: Spikes::Ignored,
        }
    }
    /// The same, and something becomes of the spikes.
    pub(super) fn with(self, spikes: Spikes) -> Self {
        ChannelSums { spikes, ..self }
    }
}

/// Records one site's [`ChannelSums`].
pub(super) struct ChannelRecorder<'a> {
    channels: usize,
    /// Inputs are clamped to 0 and this.
    clamp: Option<f64>,
    sums: &'a mut [f64],
    tile: Vec<f64>,
}

impl<'a> ChannelRecorder<'a> {
    pub(super) fn new(channels: usize, neuron: Neuron, sums: &'a mut [f64]) -> Self {
        ChannelRecorder {
            channels,
            clamp: clamp(neuron),
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
        if !self.counts(image) {
            return;
        }
        let sums = self.tile.iter_mut().zip(potentials);
        match self.clamp {
            None => sums.for_each(|(sum, &v)| *sum += v.f64()),
            Some(max) => sums.for_each(|(sum, &x)| *sum += x.f64().clamp(0.0, max)),
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

/// The bound that a drift's inputs are clamped to; none where potentials count as they are.
pub(super) fn clamp(neuron: Neuron) -> Option<f64> {
    match neuron {
        Neuron::Lif { .. } => None,
        Neuron::Integer { max, .. } => Some(max as f64),
    }
}

/// Per time step: sums over the batch and all units of one site.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct StepSums {
    /// Of the pre-reset potential; of integer neurons, of the input.
    pub sum: f64,
    /// Of its square.
    pub square: f64,
    /// Of the spikes or levels.
    pub spikes: i64,
}

/// Records one site's [`StepSums`].
pub(super) struct StepRecorder<'a> {
    pub steps: &'a mut [StepSums],
    pub neuron: Neuron,
}

impl<F: Float> Recorder<F> for StepRecorder<'_> {
    #[inline(always)]
    fn tile(&mut self, _: usize, step: usize, potentials: &[F]) {
        let Some(sums) = self.steps.get_mut(step) else {
            return;
        };
        for &v in potentials {
            sums.sum += v.f64();
            sums.square += v.f64() * v.f64();
        }
        sums.spikes += match self.neuron {
            Neuron::Lif { threshold, .. } => {
                let threshold = F::of(threshold);
                potentials.iter().filter(|v| **v >= threshold).count() as i64
            }
            Neuron::Integer { max, halves, .. } => {
                let max = F::of(max as f64);
                let level = Level { max, halves };
                let levels = potentials.iter().map(|&x| level.of(x).f64() as i64);
                levels.sum()
            }
        };
    }
    #[inline(always)]
    fn end_of_image(&mut self, _: usize) {}
}

/// Records a population whose state runs on from image to image: one long sequence of time steps times images, which is
/// taken apart again.
pub(super) struct LeakRecorder<R> {
    pub images: usize,
    pub inner: R,
}

impl<F, R: Recorder<F>> Recorder<F> for LeakRecorder<R> {
    #[inline(always)]
    fn tile(&mut self, _: usize, step: usize, potentials: &[F]) {
        let (step, image) = (step / self.images.max(1), step % self.images.max(1));
        self.inner.tile(image, step, potentials);
        self.inner.end_of_image(image);
    }
    #[inline(always)]
    fn end_of_image(&mut self, _: usize) {}
}

/// Histograms of one batch: per site, the bins and what [`StepSums`] counts.
#[derive(Debug)]
pub(super) struct Histograms {
    /// Images of the batch that count; those after them are padding.
    pub images: usize,
    /// Ranges and bins.
    pub seen: Potentials,
    /// Per site, per time step.
    pub steps: Vec<Vec<StepSums>>,
}

impl Histograms {
    pub(super) fn new(graph: &Graph, images: usize) -> Self {
        Histograms {
            images,
            seen: Potentials::new(graph),
            steps: vec![vec![StepSums::default(); graph.time_steps]; graph.sites.len()],
        }
    }
}

/// Records one site's histogram.
pub(super) struct HistogramRecorder<'a> {
    pub site: Option<&'a mut SitePotentials>,
    pub threshold: f64,
    pub steps: StepRecorder<'a>,
}

impl<F: Float> Recorder<F> for HistogramRecorder<'_> {
    #[inline(always)]
    fn tile(&mut self, image: usize, step: usize, potentials: &[F]) {
        if let Some(site) = &mut self.site {
            for v in potentials {
                let bin = site.bin(v.f64() / self.threshold);
                site.bins[bin] += 1;
            }
        }
        self.steps.tile(image, step, potentials);
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
    /// For a person to look at.
    Histograms(Histograms),
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::network::Halves;

    const NEURON: Neuron = Neuron::Integer {
        max: 4,
        norm: 4,
        halves: Halves::ToEven,
    };

    #[test]
    fn levels_of_integer_neurons() {
        let level = |halves| {
            let level = Level {
                max: 4.0f32,
                halves,
            };
            let inputs = [-1.0, 0.0, 0.5, 1.5, 2.5, 3.49, 3.5, 9.0];
            inputs.map(|x| level.of(x))
        };
        assert_eq!(
            level(Halves::ToEven),
            [0.0, 0.0, 0.0, 2.0, 2.0, 3.0, 4.0, 4.0]
        );
        assert_eq!(level(Halves::Up), [0.0, 0.0, 1.0, 2.0, 3.0, 3.0, 4.0, 4.0]);
    }

    /// Drift sees the inputs of integer neurons clamped to what they can emit, a trace as they are.
    #[test]
    fn inputs_of_integer_neurons() {
        let inputs = [-3.0f32, 1.5, 7.0, 2.5];
        let mut sums = vec![0.0; 2];
        let mut recorder = ChannelRecorder::new(2, NEURON, &mut sums);
        recorder.tile(0, 0, &inputs);
        Recorder::<f32>::end_of_image(&mut recorder, 0);
        assert_eq!(sums, [0.0 + 4.0, 1.5 + 2.5]);

        let mut steps = vec![StepSums::default()];
        let mut recorder = StepRecorder {
            steps: &mut steps,
            neuron: NEURON,
        };
        recorder.tile(0, 0, &inputs);
        assert_eq!((steps[0].sum, steps[0].spikes), (8.0, 2 + 4 + 2));
        assert_eq!(steps[0].square, 9.0 + 2.25 + 49.0 + 6.25);
    }

    #[test]
    fn a_leaking_sequence_is_taken_apart() {
        let neuron = Neuron::Lif {
            tau: 2.0,
            threshold: 1.0,
        };
        let mut sums = vec![0.0; 2];
        let mut recorder = LeakRecorder {
            images: 2,
            inner: ChannelRecorder::new(1, neuron, &mut sums),
        };
        // Two steps of two images: steps outside, images inside.
        for (i, v) in [1.0f64, 10.0, 100.0, 1000.0].into_iter().enumerate() {
            recorder.tile(0, i, &[v]);
        }
        assert_eq!(sums, [101.0, 1010.0]);
        let mut steps = vec![StepSums::default(); 2];
        let inner = StepRecorder {
            steps: &mut steps,
            neuron,
        };
        let mut recorder = LeakRecorder { images: 2, inner };
        for (i, v) in [1.0f64, 0.0, 2.0, 3.0].into_iter().enumerate() {
            recorder.tile(0, i, &[v]);
        }
        assert_eq!(steps.iter().map(|s| s.spikes).collect::<Vec<_>>(), [1, 2]);
    }
}
