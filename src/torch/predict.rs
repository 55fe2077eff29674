//! One forward pass over a given input, with everything inside it written down on demand.
#![forbid(unsafe_code)]

use tch::{Kind, Tensor};

use super::error::Doing;
use super::model::Compiled;
use super::ops::Value;
use super::record::{Record, StepSums};
use super::{Device, Model, TorchError};
use crate::network::{Graph, Shape};
use crate::quant::Allocation;

/// The number format of a prediction.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Precision {
    /// 32-bit, as the search evaluates.
    #[default]
    F32,
    /// 64-bit, to compare with a reference.
    F64,
}

/// Images as the network sees them: normalised, `[batch, channels, height, width]` row-major.
#[derive(Clone, Debug, PartialEq)]
pub struct Images {
    /// Number of images.
    pub batch: usize,
    /// The shape of each.
    pub shape: Shape,
    /// The numbers.
    pub values: Vec<f32>,
}

/// What to run.
#[derive(Clone, Copy, Debug)]
pub struct PredictOptions {
    /// The number format.
    pub precision: Precision,
    /// Whether to write down blocks and neurons.
    pub trace: bool,
    /// Where to run.
    pub device: Device,
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
    /// `[T, batch, C, H, W]`, or `[T, batch, N, C]` where the authors' code keeps tokens.
    pub shape: Vec<usize>,
    /// The numbers, row-major.
    pub values: Vec<f32>,
}

/// A neuron site, per time step.
#[derive(Clone, Debug, PartialEq)]
pub struct SiteTrace {
    /// The site's name.
    pub name: String,
    /// Spikes over batch and units.
    pub spikes: Vec<i64>,
    /// Mean over batch and units of the pre-reset membrane potential.
    pub membrane_mean: Vec<f64>,
    /// Mean of its square.
    pub membrane_sq_mean: Vec<f64>,
}

/// Runs all images as one batch. Float layers run unmerged (convolution, then batch norm), to be comparable with the
/// authors' code; quantized layers run as the search evaluates them.
///
/// # Errors
/// [`TorchError`]: images, weights or allocation that do not fit the graph, a device that fails.
pub fn predict(
    model: &Model,
    allocation: &Allocation,
    images: &Images,
    options: PredictOptions,
) -> Result<Prediction, TorchError> {
    let graph = &model.graph;
    if images.shape != graph.input {
        return Err(TorchError::Input(format!(
            "images of {:?}, but the network takes {:?}",
            images.shape, graph.input
        )));
    }
    let kind = match options.precision {
        Precision::F32 => Kind::Float,
        Precision::F64 => Kind::Double,
    };
    // As in the evaluator: the number of threads changes the order of sums.
    tch::set_num_threads(1);
    let compiled = Compiled::new(model, kind, options.device)?;
    let executor = compiled.executor(allocation)?;
    let mut blocks = Vec::new();
    let mut record = if options.trace {
        Record::steps(graph)
    } else {
        Record::Nothing
    };
    let mut watch = |block: crate::network::BlockId, value: &Value| {
        if options.trace {
            let block = &graph.blocks[block.index()];
            blocks.push(block_trace(graph, &block.name, block.token_major, value)?);
        }
        Ok(())
    };
    let logits = executor.run(&images.values, images.batch, &mut record, &mut watch)?;
    let trace = match record {
        Record::Steps(sites) => Some(Trace {
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

fn block_trace(
    graph: &Graph,
    name: &str,
    token_major: bool,
    value: &Value,
) -> Result<BlockTrace, TorchError> {
    let layout = || -> Result<Tensor, tch::TchError> {
        let size = value.tensor().size();
        let (rows, inner) = size.split_at(1.min(size.len()));
        let steps = value.steps.max(1) as i64;
        let batch = rows.first().copied().unwrap_or(0) / steps;
        let [height, width, channels] = [0, 1, 2].map(|i| inner.get(i).copied().unwrap_or(1));
        let map = value
            .tensor()
            .f_reshape([steps, batch, height, width, channels])?;
        // A value that is the same at every time step is written for each of them.
        let steps = graph.time_steps as i64;
        let map = map.f_expand([steps, batch, height, width, channels], false)?;
        if token_major {
            map.f_reshape([steps, batch, height * width, channels])
        } else {
            map.f_permute([0, 1, 4, 2, 3])
        }
    };
    let copy = || -> Result<BlockTrace, tch::TchError> {
        let tensor = layout()?;
        let values = tensor
            .f_to_device(tch::Device::Cpu)?
            .f_to_kind(Kind::Float)?
            .f_reshape([-1])?;
        Ok(BlockTrace {
            name: name.to_owned(),
            shape: tensor.size().iter().map(|&n| n as usize).collect(),
            values: Vec::try_from(&values)?,
        })
    };
    copy().doing(|| format!("copying the output of block {name}"))
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
