//! One image through a network as it is evaluated, with everything that happens inside: golden
//! data for whoever runs the network elsewhere.
#![forbid(unsafe_code)]

use std::sync::Arc;

use tch::Kind;

use super::compiled::Compiled;
use super::error::all_finite;
use super::evaluator::numerics;
use super::record::{GoldenRecord, Record};
use super::{Device, Model, TorchError};
use crate::network::{Graph, Op, Shape};
use crate::quant::fixed::FixedNetwork;
use crate::quant::{Allocation, QuantizedLayer};

/// A network under one allocation that runs single images on one thread.
pub struct GoldenNetwork<'a> {
    compiled: Compiled<&'a Model>,
    allocation: Allocation,
    layers: Vec<Option<Arc<QuantizedLayer>>>,
    device: Device,
}

impl std::fmt::Debug for GoldenNetwork<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("GoldenNetwork").finish_non_exhaustive()
    }
}

/// What a network does on one image. Values are `[S, C, H, W]`, S = 1 where they are the same at
/// every time step, else the time steps.
#[derive(Clone, Debug, PartialEq)]
pub struct GoldenTrace {
    /// By layer, the sums as they are computed: over integers; of a float layer over what its
    /// inputs count, with its bias.
    pub sums: Vec<Vec<f64>>,
    /// By site, the spikes or levels of every time step.
    pub spikes: Vec<Vec<u8>>,
    /// By site, the least and the largest potential before reset (of integer neurons: input).
    pub potentials: Vec<(f64, f64)>,
    /// By site, how near a potential comes to the threshold, relative to it (of integer neurons:
    /// how near an input comes to where the level changes).
    pub margins: Vec<f64>,
    /// By class.
    pub logits: Vec<f32>,
}

impl<'a> GoldenNetwork<'a> {
    /// A network under an allocation, with its quantized layers where they depend on calibration
    /// images.
    ///
    /// # Errors
    /// [`TorchError`]: weights or allocation that do not fit the graph.
    pub fn new(
        model: &'a Model,
        allocation: Allocation,
        layers: Vec<Option<Arc<QuantizedLayer>>>,
        device: Device,
    ) -> Result<Self, TorchError> {
        Ok(GoldenNetwork {
            compiled: Compiled::new(model, Kind::Float, device)?,
            allocation,
            layers,
            device,
        })
    }

    /// A name of everything that the numbers depend on: kernels, instruction set, device.
    pub fn numerics(&self) -> String {
        numerics(self.compiled.own_sums(), self.device, 1)
    }

    /// The margin of every site on an image, `[C, H, W]` (`[T, C, H, W]` for frames).
    ///
    /// # Errors
    /// [`TorchError`]: an image that does not fit, numbers that overflow.
    pub fn margins(&self, image: &[f32]) -> Result<Vec<f64>, TorchError> {
        let (record, _) = self.record(image, false)?;
        Ok(record.sites.iter().map(|site| site.margin).collect())
    }

    /// Runs an image, `[C, H, W]` (`[T, C, H, W]` for frames).
    ///
    /// # Errors
    /// [`TorchError`]: an image that does not fit, numbers that overflow.
    pub fn run(&self, image: &[f32]) -> Result<GoldenTrace, TorchError> {
        let (record, logits) = self.record(image, true)?;
        let graph = self.compiled.graph();
        let mut sums = record.sums.unwrap_or_default();
        if let Some(network) = self.compiled.fixed_network(&self.allocation)? {
            count(graph, network, &mut sums);
        }
        let sites = graph.sites.iter().zip(&record.sites);
        let spikes = sites.map(|(site, seen)| channels_first(&seen.spikes, site.shape));
        Ok(GoldenTrace {
            spikes: spikes.collect(),
            potentials: record.sites.iter().map(|s| s.range).collect(),
            margins: record.sites.iter().map(|s| s.margin).collect(),
            sums,
            logits: logits.iter().map(|&x| x as f32).collect(),
        })
    }

    fn record(&self, image: &[f32], all: bool) -> Result<(GoldenRecord, Vec<f64>), TorchError> {
        let graph: &Graph = self.compiled.graph();
        // As where batches run side by side: sums do not depend on the number of threads.
        tch::set_num_threads(1);
        let executor = self.compiled.executor(&self.allocation, &self.layers)?;
        let mut record = Record::Golden(GoldenRecord::new(graph, all));
        let logits = executor.run(image, 1, &mut record, &mut |_, _| Ok(()))?;
        match record {
            Record::Golden(record) => {
                let sites = record.sites.iter().map(|site| site.finite);
                all_finite(graph, sites, &logits)?;
                Ok((record, logits))
            }
            _ => Err(TorchError::Input("nothing was recorded".to_owned())),
        }
    }
}

/// Turns sums of numbers on grids into those of integers.
fn count(graph: &Graph, network: &FixedNetwork, sums: &mut [Vec<f64>]) {
    for node in &graph.nodes {
        if let (Op::Layer(layer), Some(&input)) = (&node.op, node.inputs.first())
            && let Some(sums) = sums.get_mut(layer.index())
        {
            let per_one = f64::from(network.form(input).fraction).exp2();
            sums.iter_mut().for_each(|sum| *sum *= per_one);
        }
    }
}

/// `[T, positions, C]` as `[T, C, positions]`.
fn channels_first(steps: &[Vec<u8>], shape: Shape) -> Vec<u8> {
    let (channels, positions) = (shape.channels, shape.height * shape.width);
    let mut all = Vec::with_capacity(steps.len() * channels * positions);
    for step in steps {
        for channel in 0..channels {
            all.extend(step.iter().skip(channel).step_by(channels.max(1)));
        }
    }
    all
}

#[cfg(test)]
mod tests {
    use super::super::testing::{Random, all, model};
    use super::*;
    use crate::data::InputBatch;
    use crate::network::ValueRange;
    use crate::quant::BitWidth;
    use crate::torch::{Precision, PredictOptions, predict};

    /// What is recorded is what a prediction does, and sums of integers are integers.
    #[test]
    fn golden_data_are_those_of_a_prediction() {
        for config in all() {
            let model = model(&config, 5);
            let graph = &model.graph;
            let four = BitWidth::new(4).unwrap();
            let allocation = Allocation::uniform(graph.layers.len(), four);
            let (shape, frames) = (graph.input, graph.frames());
            let numbers = frames.unwrap_or(1) * shape.channels * shape.height * shape.width;
            let values = Random(3).many(numbers, -2.0, 2.0);
            let network =
                GoldenNetwork::new(&model, allocation.clone(), Vec::new(), Device::CPU).unwrap();
            let golden = network.run(&values).unwrap();
            let images = InputBatch {
                batch: 1,
                frames,
                shape,
                values: values.clone(),
            };
            let options = PredictOptions {
                precision: Precision::F32,
                trace: true,
                device: Device::CPU,
                threads: 1,
            };
            let expected = predict(&model, &allocation, &images, options).unwrap();
            let logits: Vec<f64> = golden.logits.iter().map(|&x| f64::from(x)).collect();
            assert_eq!(logits, expected.logits);
            for (site, traced) in golden.spikes.iter().zip(expected.trace.unwrap().sites) {
                let step = site.len() / graph.time_steps;
                let steps = site
                    .chunks(step)
                    .map(|s| s.iter().map(|&x| i64::from(x)).sum());
                assert_eq!(
                    steps.collect::<Vec<i64>>(),
                    traced.spikes,
                    "{}",
                    traced.name
                );
            }
            for (layer, sums) in graph.layers.iter().zip(&golden.sums) {
                assert!(!sums.is_empty());
                if layer.exact_at(four) && layer.input != ValueRange::Real {
                    assert!(sums.iter().all(|x| x.fract() == 0.0), "{}", layer.name);
                }
            }
            assert_eq!(network.margins(&values).unwrap(), golden.margins);
        }
    }
}
