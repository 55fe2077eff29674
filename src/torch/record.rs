//! The observations of a run of the network.
#![forbid(unsafe_code)]

mod activity;
mod golden;
mod recorders;
pub(super) mod spikes;
mod times;

use super::TorchError;
use super::calibration::{InputRecord, NearnessRecord};
use super::error::Context;
use super::value::Value;
use crate::evaluate::Potentials;
use crate::network::{Graph, LayerId, NodeId};
pub(super) use activity::Activity;
pub(super) use golden::GoldenRecord;
pub(super) use recorders::{
    ChannelRecorder, Counted, HistogramRecorder, LeakRecorder, StepRecorder, StepSums, clamp,
};
pub(super) use spikes::Spikes;
pub use times::{Products, StepTime};
pub(super) use times::{Times, step_times};

/// Sums of the pre-reset potential (of integer neurons: of the input clamped to what they emit) per
/// image and channel, over time steps and positions, for every site. They are per image so that a
/// total does not depend on how images were batched.
#[derive(Debug)]
pub(super) struct ChannelSums {
    /// Images of the batch whose potentials are summed, the first ones.
    pub images: usize,
    /// Per site `[images, channels]`.
    pub sites: Vec<Vec<f64>>,
    /// The use of the spikes.
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
    /// The same with a use of the spikes.
    pub(super) fn with(self, spikes: Spikes) -> Self {
        ChannelSums { spikes, ..self }
    }
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

/// The observations that a run of the network makes.
#[derive(Debug)]
pub(super) enum Record {
    /// Nothing.
    Nothing,
    /// For the drift.
    Channels(ChannelSums),
    /// For a trace: per site, per time step.
    Steps(Vec<Vec<StepSums>>),
    /// For a view of the potentials.
    Histograms(Histograms),
    /// For the statistics of an evaluation.
    Activity(Activity),
    /// For the calibration of the quantizer.
    Inputs(InputRecord),
    /// For the weights of its samples.
    Nearness(NearnessRecord),
    /// For golden data: everything, of one image.
    Golden(GoldenRecord),
    /// How long each step takes.
    Times(Times),
}

impl Record {
    /// An empty trace.
    pub(super) fn steps(graph: &Graph) -> Self {
        Record::Steps(vec![
            vec![StepSums::default(); graph.time_steps];
            graph.sites.len()
        ])
    }

    /// A step begins.
    pub(super) fn begin(&mut self) {
        if let Record::Times(times) = self {
            times.begin();
        }
    }

    /// The step that began has ended: by its number in the plan.
    pub(super) fn end(&mut self, step: usize) {
        if let Record::Times(times) = self {
            times.end(step);
        }
    }

    /// Records a layer's input, of a batch of `batch` images.
    pub(super) fn input(
        &mut self,
        layer: LayerId,
        x: &Value,
        batch: usize,
    ) -> Result<(), TorchError> {
        match self {
            Record::Inputs(inputs) => inputs.add(layer, x, batch),
            _ => Ok(()),
        }
    }

    /// Whether the sums of layers are wanted before what follows them.
    pub(super) fn wants_sums(&self) -> bool {
        matches!(self, Record::Golden(golden) if golden.wants_sums())
    }

    /// Records a layer's sums.
    pub(super) fn sums(&mut self, layer: LayerId, sums: &Value) -> Result<(), TorchError> {
        match self {
            Record::Golden(golden) => golden.add_sums(layer, sums),
            _ => Ok(()),
        }
    }

    /// Records a node's value, of a batch of `batch` images.
    pub(super) fn value(
        &mut self,
        node: NodeId,
        value: &Value,
        batch: usize,
    ) -> Result<(), TorchError> {
        let Record::Activity(activity) = self else {
            return Ok(());
        };
        let added = activity.add(node, value.tensor(), (value.steps, batch));
        added.context(|| format!("summing the value of node {}", node.index()))
    }
}
