//! One forward pass over a given input, traced on demand.
#![forbid(unsafe_code)]

use std::sync::Arc;

use tch::Kind;

use super::compiled::Compiled;
use super::error::{Context, all_finite};
use super::record::{Record, StepSums};
use super::value::Value;
use super::{Device, Model, TorchError};
use crate::data::InputBatch;
use crate::network::{Block, BlockLayout, Graph, Shape};
use crate::quant::{Allocation, QuantizedLayer};

/// The number format of a prediction.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Precision {
    /// 32-bit, as the search evaluates.
    #[default]
    F32,
    /// 64-bit, to compare with a reference.
    F64,
}

/// What to run.
#[derive(Clone, Copy, Debug)]
pub struct PredictOptions {
    /// The number format.
    pub precision: Precision,
    /// Whether to trace blocks and neurons.
    pub trace: bool,
    /// Where to run.
    pub device: Device,
    /// Threads of libtorch's operations. Sums of real numbers may be rounded otherwise with another
    /// number of them.
    pub threads: usize,
}

/// The result of a forward pass.
#[derive(Clone, Debug, PartialEq)]
pub struct Prediction {
    /// Number of images.
    pub batch: usize,
    /// Number of classes.
    pub classes: usize,
    /// The format that the logits were computed in.
    pub precision: Precision,
    /// `[batch, classes]`; f32 logits are widened.
    pub logits: Vec<f64>,
    /// Blocks and neurons.
    pub trace: Option<Trace>,
}

/// The inside of a forward pass.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Trace {
    /// Every block's output, in execution order.
    pub blocks: Vec<BlockTrace>,
    /// Every neuron site, in execution order.
    pub sites: Vec<SiteTrace>,
}

/// A block's output.
#[derive(Clone, Debug, PartialEq)]
pub struct BlockTrace {
    /// The block's name.
    pub name: String,
    /// As the authors' code lays it out ([`BlockLayout`]).
    pub shape: Vec<usize>,
    /// The numbers, row-major.
    pub values: Vec<f32>,
}

/// A neuron site, per time step.
#[derive(Clone, Debug, PartialEq)]
pub struct SiteTrace {
    /// The site's name.
    pub name: String,
    /// Spikes (of integer neurons: levels) over batch and units.
    pub spikes: Vec<i64>,
    /// Mean over batch and units of the pre-reset membrane potential; of integer neurons, of the
    /// input.
    pub membrane_mean: Vec<f64>,
    /// Mean of its square.
    pub membrane_sq_mean: Vec<f64>,
}

/// Whether a graph takes such images (`frames` of them as one input).
///
/// # Errors
/// [`TorchError::Input`] says what there is and what the network takes.
pub(super) fn takes(graph: &Graph, frames: Option<usize>, shape: Shape) -> Result<(), TorchError> {
    let (found, expected) = ((frames, shape), (graph.frames(), graph.input));
    if found == expected {
        return Ok(());
    }
    let words = |(frames, shape): (Option<usize>, Shape)| match frames {
        None => format!("images of {shape:?}"),
        Some(n) => format!("{n} frames of {shape:?}"),
    };
    Err(TorchError::Input(format!(
        "{}, but the network takes {}",
        words(found),
        words(expected)
    )))
}

/// Runs all images as one batch. Float layers run unmerged (convolution, then batch norm), to be
/// comparable with the authors' code; quantized layers run as the search evaluates them.
///
/// # Errors
/// [`TorchError`]: images, weights or allocation that do not fit the graph, numbers that overflow
/// inside the network, a device that fails.
pub fn predict(
    model: &Model,
    allocation: &Allocation,
    images: &InputBatch,
    options: PredictOptions,
) -> Result<Prediction, TorchError> {
    predict_with(model, (allocation, &[]), images, options)
}

/// As [`predict`], with the quantized layers of the allocation, by layer.
///
/// # Errors
/// As [`predict`].
pub fn predict_with(
    model: &Model,
    (allocation, layers): (&Allocation, &[Option<Arc<QuantizedLayer>>]),
    images: &InputBatch,
    options: PredictOptions,
) -> Result<Prediction, TorchError> {
    let graph = &model.graph;
    takes(graph, images.frames, images.shape)?;
    let kind = match options.precision {
        Precision::F32 => Kind::Float,
        Precision::F64 => Kind::Double,
    };
    tch::set_num_threads(i32::try_from(options.threads.max(1)).unwrap_or(i32::MAX));
    let compiled = Compiled::new(model, kind, options.device)?;
    let executor = compiled.executor(allocation, layers)?;
    let mut blocks = Vec::new();
    let mut record = Record::steps(graph);
    let mut watch = |block: crate::network::BlockId, value: &Value| {
        if options.trace {
            let block = &graph.blocks[block.index()];
            blocks.push(block_trace(graph, block, value)?);
        }
        Ok(())
    };
    let mut logits = executor.run(&images.values, images.batch, &mut record, &mut watch)?;
    if let Record::Steps(sites) = &record {
        let is_finite = |steps: &Vec<StepSums>| steps.iter().all(|s| s.sum.is_finite());
        all_finite(graph, sites.iter().map(is_finite), &logits)?;
    }
    // Where firing rates decide, the last value is a sum, which stands for a mean by its scale.
    let scale = graph.nodes.last().map_or(1.0, |node| node.scale);
    if scale != 1.0 {
        logits.iter_mut().for_each(|logit| *logit *= scale);
    }
    let trace = match record {
        Record::Steps(sites) if options.trace => Some(Trace {
            blocks,
            sites: site_traces(graph, images.batch, sites),
        }),
        _ => None,
    };
    Ok(Prediction {
        batch: images.batch,
        classes: graph.classes,
        precision: options.precision,
        logits,
        trace,
    })
}

fn block_trace(graph: &Graph, block: &Block, value: &Value) -> Result<BlockTrace, TorchError> {
    let steps = value.steps.max(1) as i64;
    let copy = || -> Result<BlockTrace, tch::TchError> {
        let size = value.tensor().size();
        let [rows, height, width, channels] =
            [0, 1, 2, 3].map(|i| size.get(i).copied().unwrap_or(1));
        let batch = rows / steps;
        let map = value
            .tensor()
            .f_reshape([steps, batch, height, width, channels])?;
        // A value that is the same at every time step is written for each of them.
        let time = graph.time_steps as i64;
        let map = map.f_expand([time, batch, height, width, channels], false)?;
        let tensor = match block.layout {
            BlockLayout::Tokens => map,
            BlockLayout::Map | BlockLayout::ChannelTokens | BlockLayout::StillMap => {
                map.f_permute([0, 1, 4, 2, 3])?
            }
        };
        let values = tensor
            .f_to_device(tch::Device::Cpu)?
            .f_to_kind(Kind::Float)?
            .f_reshape([-1])?;
        let shape = Shape {
            channels: channels as usize,
            height: height as usize,
            width: width as usize,
        };
        Ok(BlockTrace {
            name: block.name.clone(),
            shape: block.layout.shape(graph.time_steps, batch as usize, shape),
            values: Vec::try_from(&values)?,
        })
    };
    copy().context(|| format!("copying the output of block {}", block.name))
}

fn site_traces(graph: &Graph, batch: usize, sites: Vec<Vec<StepSums>>) -> Vec<SiteTrace> {
    let sites = graph.sites.iter().zip(sites);
    sites
        .map(|(site, steps)| {
            let shape = site.shape;
            let units = (batch * shape.channels * shape.height * shape.width) as f64;
            SiteTrace {
                name: site.name.clone(),
                spikes: steps.iter().map(|s| s.spikes).collect(),
                membrane_mean: steps.iter().map(|s| s.sum / units).collect(),
                membrane_sq_mean: steps.iter().map(|s| s.square / units).collect(),
            }
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::super::testing::{all, model};
    use super::*;
    use crate::quant::BitWidth;

    #[test]
    fn libtorch_has_the_threads_asked_for() {
        let model = model(&all()[0], 1);
        let shape = model.graph.input;
        let images = InputBatch {
            batch: 1,
            frames: None,
            shape,
            values: vec![0.5; shape.channels * shape.height * shape.width],
        };
        let float = Allocation::uniform(model.graph.layers.len(), BitWidth::FLOAT);
        for threads in [3, 1] {
            let options = PredictOptions {
                precision: Precision::F32,
                trace: false,
                device: Device::CPU,
                threads,
            };
            predict(&model, &float, &images, options).unwrap();
            assert_eq!(tch::get_num_threads(), threads as i32);
        }
    }
}
