//! The recorders of one neuron site.
#![forbid(unsafe_code)]

use crate::evaluate::SitePotentials;
use crate::kernels::{Float, Level, Recorder, tile_positions};
use crate::network::{Dynamics, Neuron, Rate, Spiking};

/// The recorder of one site's [`ChannelSums`](super::ChannelSums).
pub(in crate::torch) struct ChannelRecorder<'a> {
    channels: usize,
    /// Inputs are clamped to 0 and this.
    clamp: Option<f64>,
    sums: &'a mut [f64],
    tile: Vec<f64>,
}

impl<'a> ChannelRecorder<'a> {
    pub(in crate::torch) fn new(channels: usize, neuron: Dynamics, sums: &'a mut [f64]) -> Self {
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
pub(in crate::torch) fn clamp(neuron: Dynamics) -> Option<f64> {
    match neuron {
        Neuron::Spiking(_) => None,
        Neuron::Integer { max, .. } => Some(max as f64),
    }
}

/// The sums of one site at one time step, over the batch and all units.
#[derive(Clone, Debug, Default, PartialEq)]
pub(in crate::torch) struct StepSums {
    /// Of the pre-reset potential; of integer neurons, of the input.
    pub sum: f64,
    /// Of its square.
    pub square: f64,
    /// Of the spikes or levels.
    pub spikes: i64,
}

/// The recorder of one site's [`StepSums`].
pub(in crate::torch) struct StepRecorder<'a> {
    pub steps: &'a mut [StepSums],
    pub neuron: Dynamics,
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
            Neuron::Spiking(spiking) => {
                let fires = fires::<F>(&spiking);
                potentials.iter().filter(|&v| fires(v)).count() as i64
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

/// Whether a potential fires.
#[inline(always)]
pub(super) fn fires<F: Float>(spiking: &Spiking<Rate>) -> impl Fn(&F) -> bool + use<F> {
    let (firing, threshold) = (spiking.firing, F::of(spiking.threshold));
    move |v| firing.fires(*v, threshold)
}

/// The recorder of a population whose state runs on from image to image: one long sequence of time
/// steps times images, which is taken apart again.
pub(in crate::torch) struct LeakRecorder<R> {
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

/// A recorder of only the first images of a batch.
pub(in crate::torch) struct Counted<R> {
    pub images: usize,
    pub inner: R,
}

impl<F, R: Recorder<F>> Recorder<F> for Counted<R> {
    #[inline(always)]
    fn tile(&mut self, image: usize, step: usize, potentials: &[F]) {
        if image < self.images {
            self.inner.tile(image, step, potentials);
        }
    }
    #[inline(always)]
    fn end_of_image(&mut self, image: usize) {
        if image < self.images {
            self.inner.end_of_image(image);
        }
    }
}

/// The recorder of one site's histogram.
pub(in crate::torch) struct HistogramRecorder<'a> {
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::network::Halves;

    const NEURON: Dynamics = Neuron::Integer {
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
        let neuron = Neuron::Spiking(Spiking::lif(2.0, 1.0));
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
