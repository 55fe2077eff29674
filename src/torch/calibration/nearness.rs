//! Weights of a layer's samples: how near the neurons behind it are to their threshold.
//!
//! `w = mean over channels of 1 / (1 + (pi (u - 1))^2)`, u the float network's membrane potential
//! before the reset, in thresholds (this project's own). Layers that no firing neurons follow
//! directly have no weights, nor have those before integer neurons.

use std::f64::consts::PI;

use crate::kernels::{Float, Recorder};
use crate::network::{Dynamics, Graph, Neuron, Shape};
use crate::torch::plan::{Plan, Source};

/// The nearness of every site's neurons for one batch.
#[derive(Debug)]
pub(in crate::torch) struct NearnessRecord {
    /// Images of the batch.
    batch: usize,
    /// By site, `[steps * batch, positions]`; empty for integer neurons.
    pub sites: Vec<Vec<f64>>,
}

/// The weights of layers' samples, by layer.
pub(super) type LayerNearness = Vec<Option<Nearness>>;

/// The weights of one layer's output positions.
#[derive(Debug)]
pub(super) struct Nearness {
    /// `[steps * batch, positions]` of the site.
    values: Vec<f64>,
    /// Of the site, which may be pooled.
    site: Shape,
    /// Of the layer.
    layer: Shape,
    steps: usize,
}

impl NearnessRecord {
    pub(super) fn new(graph: &Graph, batch: usize) -> Self {
        let sites = graph.sites.iter().map(|site| match site.neuron {
            Neuron::Spiking(_) => {
                let positions = site.shape.height * site.shape.width;
                vec![0.0; graph.time_steps * batch * positions]
            }
            Neuron::Integer { .. } => Vec::new(),
        });
        NearnessRecord {
            batch,
            sites: sites.collect(),
        }
    }

    /// The weights of the layers that these sites follow.
    pub(super) fn of_layers(mut self, graph: &Graph, plan: &Plan) -> LayerNearness {
        let mut layers: LayerNearness = graph.layers.iter().map(|_| None).collect();
        for step in &plan.steps {
            let (Source::Layer { layer, .. }, Some(site)) = (&step.source, step.neuron) else {
                continue;
            };
            let values = self.sites.get_mut(site.index()).map(std::mem::take);
            let values = values.filter(|values| !values.is_empty());
            if let (Some(values), Some(place)) = (values, layers.get_mut(layer.index())) {
                *place = Some(Nearness {
                    values,
                    site: graph.site(site).shape,
                    layer: step.shape,
                    steps: graph.time_steps,
                });
            }
        }
        layers
    }

    /// The recorder of one site.
    pub(in crate::torch) fn recorder(
        &mut self,
        site: usize,
        channels: usize,
        neuron: Dynamics,
        (steps, leaks): (usize, bool),
    ) -> NearnessRecorder<'_> {
        let batch = self.batch;
        let values = self.sites.get_mut(site).map_or(&mut [][..], Vec::as_mut);
        NearnessRecorder {
            positions: values.len() / (steps * batch).max(1),
            values,
            batch,
            channels: channels.max(1),
            threshold: neuron.threshold(),
            steps,
            leaks,
            start: 0,
        }
    }
}

impl Nearness {
    /// The weights of a layer's samples: rows of the first `counted` images of `batch` at each of
    /// `steps` time steps, and their positions. Where the layer has one step and its neurons more,
    /// the mean over theirs.
    pub(super) fn of_samples(&self, steps: usize, batch: usize, counted: usize) -> Vec<f64> {
        let positions = self.site.height * self.site.width;
        let value = |step: usize, image: usize, at: usize| {
            let row = step * batch + image;
            self.values
                .get(row * positions + at)
                .copied()
                .unwrap_or(0.0)
        };
        let mut weights = Vec::new();
        for step in 0..steps {
            for image in 0..counted.min(batch) {
                for y in 0..self.layer.height {
                    for x in 0..self.layer.width {
                        let y = y * self.site.height / self.layer.height.max(1);
                        let x = x * self.site.width / self.layer.width.max(1);
                        let at = y * self.site.width + x;
                        weights.push(match steps {
                            1 => {
                                let all = (0..self.steps).map(|step| value(step, image, at));
                                all.sum::<f64>() / self.steps.max(1) as f64
                            }
                            _ => value(step, image, at),
                        });
                    }
                }
            }
        }
        weights
    }
}

/// The recorder of one site's nearness.
pub(in crate::torch) struct NearnessRecorder<'a> {
    values: &'a mut [f64],
    batch: usize,
    positions: usize,
    channels: usize,
    threshold: f64,
    steps: usize,
    /// Whether a tile runs over all images before the next one begins.
    leaks: bool,
    /// The first position of the tile at hand.
    start: usize,
}

impl<F: Float> Recorder<F> for NearnessRecorder<'_> {
    #[inline(always)]
    fn tile(&mut self, image: usize, step: usize, potentials: &[F]) {
        let row = (step * self.batch + image) * self.positions + self.start;
        let tile = potentials.chunks_exact(self.channels);
        let positions = tile.len();
        let to = self
            .values
            .get_mut(row..row + positions)
            .unwrap_or_default();
        for (to, potentials) in to.iter_mut().zip(tile) {
            let near = |u: &F| 1.0 / (1.0 + (PI * (u.f64() / self.threshold - 1.0)).powi(2));
            *to = potentials.iter().map(near).sum::<f64>() / self.channels as f64;
        }
        if step + 1 == self.steps && (!self.leaks || image + 1 == self.batch) {
            self.start += positions;
        }
    }
    #[inline(always)]
    fn end_of_image(&mut self, _: usize) {
        self.start = 0;
    }
}
