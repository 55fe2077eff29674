//! Histograms of membrane potentials, for display only: no decision reads them.

use serde::{Deserialize, Serialize};

use super::{Cancel, EvaluateError};
use crate::network::{Graph, Neuron};
use crate::quant::Allocation;

/// Bins of a histogram.
pub const BINS: usize = 96;

/// Potentials before the reset (of integer neurons: inputs) of one neuron site, over images,
/// neurons and time steps.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct SitePotentials {
    /// Where the first bin begins, in thresholds. What lies below is counted in it.
    pub from: f64,
    /// Where the last bin ends, in thresholds. What lies above is counted in it.
    pub to: f64,
    /// Potentials in each bin; [`BINS`] of equal width.
    pub bins: Vec<u64>,
    /// Per time step: the mean potential, in thresholds.
    pub means: Vec<f64>,
    /// Per time step: spikes (of integer neurons: levels) per neuron.
    pub rates: Vec<f64>,
}

impl SitePotentials {
    /// The range of the histogram of a neuron, in thresholds: both sides of the threshold for
    /// spikes, all levels for integers.
    pub fn range(neuron: &Neuron) -> (f64, f64) {
        match *neuron {
            Neuron::Spiking(_) => (-3.0, 3.0),
            Neuron::Integer { max, .. } => (-2.0, max as f64 + 2.0),
        }
    }

    /// The bin of a potential, in thresholds.
    pub fn bin(&self, value: f64) -> usize {
        let share = (value - self.from) / (self.to - self.from);
        // What is no number is counted below everything.
        ((share * BINS as f64).max(0.0) as usize).min(BINS - 1)
    }
}

/// Potentials of every neuron site under one allocation, over the calibration images.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Potentials {
    /// Per site, in the graph's order.
    pub sites: Vec<SitePotentials>,
}

impl Potentials {
    /// Nothing seen yet.
    pub fn new(graph: &Graph) -> Self {
        let site = |site: &crate::network::Site| {
            let (from, to) = SitePotentials::range(&site.neuron);
            SitePotentials {
                from,
                to,
                bins: vec![0; BINS],
                means: vec![0.0; graph.time_steps],
                rates: vec![0.0; graph.time_steps],
            }
        };
        Potentials {
            sites: graph.sites.iter().map(site).collect(),
        }
    }
}

/// A view into the network for display. Its results are never journalled, counted or learned from.
pub trait Prober: Send {
    /// The potentials under an allocation.
    ///
    /// # Errors
    /// [`EvaluateError`].
    fn potentials(
        &mut self,
        allocation: &Allocation,
        cancel: &Cancel,
    ) -> Result<Potentials, EvaluateError>;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_potential_has_a_bin() {
        let site = SitePotentials {
            from: -3.0,
            to: 3.0,
            ..SitePotentials::default()
        };
        let bins = [
            -1e9,
            -3.0,
            0.0,
            0.999,
            1.0,
            2.9999,
            3.0,
            f64::INFINITY,
            f64::NAN,
        ];
        let bins = bins.map(|v| site.bin(v));
        assert_eq!(bins, [0, 0, 48, 63, 64, 95, 95, 95, 0]);
    }
}
