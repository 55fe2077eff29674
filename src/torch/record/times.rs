//! The time that each step of a run takes.
#![forbid(unsafe_code)]

use std::time::{Duration, Instant};

use crate::network::Graph;
use crate::torch::plan::{Plan, Source};
use crate::torch::weights::{Accumulation, Parameters};

/// Seconds by step of the plan, over all runs that were observed.
#[derive(Clone, Debug, Default)]
pub(in crate::torch) struct Times {
    pub steps: Vec<Duration>,
    began: Option<Instant>,
}

impl Times {
    pub(in crate::torch) fn new(plan: &Plan) -> Self {
        Times {
            steps: vec![Duration::ZERO; plan.steps.len()],
            began: None,
        }
    }
    pub(super) fn begin(&mut self) {
        self.began = Some(Instant::now());
    }
    pub(super) fn end(&mut self, step: usize) {
        let took = self.began.take().map(|began| began.elapsed());
        if let Some((total, took)) = self.steps.get_mut(step).zip(took) {
            *total += took;
        }
    }
}

/// How the products of a layer are summed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Products {
    /// Of bytes, by the native kernels: whole numbers come in, and the weights are integers.
    Bytes,
    /// Of f32 numbers, by the native kernels.
    Floats,
    /// Of f32 or f64 numbers, by libtorch.
    Libtorch,
}

impl From<&Accumulation> for Products {
    fn from(accumulation: &Accumulation) -> Self {
        match accumulation {
            Accumulation::Libtorch(_) => Products::Libtorch,
            Accumulation::Bytes(..) => Products::Bytes,
            Accumulation::Floats(..) => Products::Floats,
        }
    }
}

/// What a step of the network took.
#[derive(Clone, Debug, PartialEq)]
pub struct StepTime {
    /// Its layer or site, for messages.
    pub name: String,
    /// The kind of operation that it begins with; neurons and pooling that are computed together
    /// with a layer count as the layer.
    pub kind: String,
    /// How its layer's products are summed; none without a layer.
    pub products: Option<Products>,
    /// Seconds for one image, one thread.
    pub seconds: f64,
    /// Multiply-accumulates of its layer for one image; 0 without a layer.
    pub macs: u64,
    /// Bytes that it reads and writes for one image: values at four bytes a number, or one where
    /// they are spikes or small counts.
    pub bytes: u64,
}

/// The steps of a plan with what they took by these parameters; `images` were run.
pub(in crate::torch) fn step_times(
    graph: &Graph,
    (plan, parameters): (&Plan, &[Parameters]),
    times: &Times,
    images: usize,
) -> Vec<StepTime> {
    let bytes = |id: &crate::network::NodeId| {
        let node = graph.node(*id);
        let steps = if node.time_invariant {
            1
        } else {
            graph.time_steps
        };
        let numbers = steps * node.shape.channels * node.shape.height * node.shape.width;
        let size = match node.range {
            crate::network::ValueRange::Integer(..=255) => 1,
            _ => 4,
        };
        (numbers * size) as u64
    };
    let steps = plan.steps.iter().zip(parameters).zip(&times.steps);
    let each = steps.map(|((step, parameters), took)| {
        let read = step.inputs.iter().chain(&step.residual).map(bytes);
        StepTime {
            name: step.name.clone(),
            kind: kind(graph, step),
            products: parameters.accumulation.as_ref().map(Products::from),
            seconds: took.as_secs_f64() / images.max(1) as f64,
            macs: match step.source {
                Source::Layer { layer, .. } => graph.layer(layer).macs,
                _ => 0,
            },
            bytes: read.sum::<u64>() + bytes(&step.node),
        }
    });
    each.collect()
}

fn kind(graph: &Graph, step: &crate::torch::plan::Step) -> String {
    match &step.source {
        Source::Layer { layer, .. } => {
            let layer = graph.layer(*layer);
            let (kernel, _, _, groups) = layer.kind.window();
            let of = match groups {
                0 | 1 => "convolution",
                groups if groups == layer.channels() => "depthwise",
                _ => "grouped",
            };
            let rows = if layer.kind.is_1d() { 1 } else { kernel };
            format!("{of} {rows}x{kernel}")
        }
        Source::Image => "image".to_owned(),
        Source::Value if step.pool.is_some() => "pooling".to_owned(),
        Source::Value if step.neuron.is_some() => "neurons".to_owned(),
        Source::Value => "element-wise".to_owned(),
        Source::Pair(_) => "sum or product of two".to_owned(),
        Source::Attention { .. } | Source::Scores { .. } | Source::Apply { .. } => {
            "attention".to_owned()
        }
        Source::AveragePool(_) => "pooling".to_owned(),
        Source::Constant { .. } => "element-wise".to_owned(),
        Source::Slice { .. } | Source::Concat { .. } => "slices".to_owned(),
        Source::HeadSum { .. } | Source::HeadMask { .. } | Source::HeadErode { .. } => {
            "token attention".to_owned()
        }
        Source::TokenSum | Source::TokenMean | Source::TokenTimeSum => "sum of tokens".to_owned(),
    }
}
