//! Everything of one image: sums of layers, spikes, potentials.
#![forbid(unsafe_code)]

use tch::Kind;

use super::recorders::fires;
use crate::kernels::{Float, Level, Recorder};
use crate::network::{Dynamics, Graph, LayerId, Neuron};
use crate::torch::TorchError;
use crate::torch::error::Context;
use crate::torch::value::Value;

/// What is recorded of one image.
#[derive(Debug)]
pub(in crate::torch) struct GoldenRecord {
    /// By layer the sums `[S, C, H, W]`; none where only the sites are wanted.
    pub sums: Option<Vec<Vec<f64>>>,
    /// By site.
    pub sites: Vec<SiteRecord>,
}

/// What is recorded of one site.
#[derive(Debug)]
pub(in crate::torch) struct SiteRecord {
    /// By time step the spikes or levels, positions outside and channels inside; empty where they
    /// are not wanted.
    pub spikes: Vec<Vec<u8>>,
    /// The least and the largest potential before reset (of integer neurons: input).
    pub range: (f64, f64),
    /// How near a potential comes to the threshold, relative to it.
    pub margin: f64,
    /// Whether all its potentials are finite.
    pub finite: bool,
}

impl GoldenRecord {
    /// An empty record. Without `all` only ranges and margins of sites are recorded.
    pub(in crate::torch) fn new(graph: &Graph, all: bool) -> Self {
        let steps = if all { graph.time_steps } else { 0 };
        let site = || SiteRecord {
            spikes: vec![Vec::new(); steps],
            range: (f64::INFINITY, f64::NEG_INFINITY),
            margin: f64::INFINITY,
            finite: true,
        };
        GoldenRecord {
            sums: all.then(|| vec![Vec::new(); graph.layers.len()]),
            sites: graph.sites.iter().map(|_| site()).collect(),
        }
    }

    pub(super) fn wants_sums(&self) -> bool {
        self.sums.is_some()
    }

    /// Records the sums of a layer, of one image.
    pub(super) fn add_sums(&mut self, layer: LayerId, sums: &Value) -> Result<(), TorchError> {
        let place = self.sums.as_mut().and_then(|s| s.get_mut(layer.index()));
        let Some(place) = place else {
            return Ok(());
        };
        let numbers = sums
            .tensor()
            .f_to_device(tch::Device::Cpu)
            .and_then(|x| x.f_to_kind(Kind::Double))
            .and_then(|x| x.f_permute([0, 3, 1, 2]))
            .and_then(|x| x.f_contiguous())
            .and_then(|x| x.f_reshape([-1]))
            .and_then(|x| Vec::try_from(&x));
        *place = numbers.context(|| "reading the sums of a layer".to_owned())?;
        Ok(())
    }

    /// The recorder of a site.
    pub(in crate::torch) fn recorder(&mut self, site: usize, neuron: Dynamics) -> SiteRecorder<'_> {
        SiteRecorder {
            neuron,
            site: self.sites.get_mut(site),
        }
    }
}

/// The recorder of one site.
pub(in crate::torch) struct SiteRecorder<'a> {
    neuron: Dynamics,
    site: Option<&'a mut SiteRecord>,
}

impl SiteRecorder<'_> {
    /// Records the next potentials of a time step.
    #[inline(always)]
    pub(in crate::torch) fn note<F: Float>(&mut self, step: usize, potentials: &[F]) {
        let Some(site) = &mut self.site else {
            return;
        };
        for &v in potentials {
            let v = v.f64();
            site.range = (site.range.0.min(v), site.range.1.max(v));
            site.margin = site.margin.min(margin(self.neuron, v));
            site.finite &= v.is_finite();
        }
        let Some(spikes) = site.spikes.get_mut(step) else {
            return;
        };
        match self.neuron {
            Neuron::Spiking(spiking) => {
                let fires = fires(&spiking);
                spikes.extend(potentials.iter().map(|v| u8::from(fires(v))));
            }
            Neuron::Integer { max, halves, .. } => {
                let max = F::of(max as f64);
                let level = Level { max, halves };
                spikes.extend(potentials.iter().map(|&x| level.of(x).f64() as u8));
            }
        }
    }
}

impl<F: Float> Recorder<F> for SiteRecorder<'_> {
    #[inline(always)]
    fn tile(&mut self, image: usize, step: usize, potentials: &[F]) {
        if image == 0 {
            self.note(step, potentials);
        }
    }
    #[inline(always)]
    fn end_of_image(&mut self, _: usize) {}
}

/// How near a potential is to the threshold, relative to it; of integer neurons, how near an input
/// is to where the level changes.
fn margin(neuron: Dynamics, v: f64) -> f64 {
    match neuron {
        Neuron::Spiking(spiking) => (v - spiking.threshold).abs() / spiking.threshold.abs(),
        Neuron::Integer { max, .. } => {
            let last = max.saturating_sub(1) as f64;
            (v - (v.floor().clamp(0.0, last) + 0.5)).abs()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::network::{Halves, Spiking};

    #[test]
    fn margins_by_hand() {
        let lif = Neuron::Spiking(Spiking::lif(2.0, 0.5));
        assert_eq!(margin(lif, 0.25), 0.5);
        assert_eq!(margin(lif, 0.5), 0.0);
        let integer = Neuron::Integer {
            max: 4,
            norm: 4,
            halves: Halves::ToEven,
        };
        let at = [-2.0, 0.25, 0.75, 1.5, 3.75, 9.0].map(|x| margin(integer, x));
        assert_eq!(at, [2.5, 0.25, 0.25, 0.0, 0.25, 5.5]);
    }
}
