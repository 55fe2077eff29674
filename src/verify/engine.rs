//! The engine: operations one after the other, values until their last reader.

use super::compare::Comparison;
use super::convolution::{Sums, integer_sums, real_sums};
use super::error::VerifyError;
use super::golden::{Golden, Stored};
use super::heads::{apply, channel_affine, concat, head_scale, scores, slice};
use super::operations::{
    attention, average_pool, channel_mask, head_erode, head_mask, head_sum, max_pool, neurons,
    token_mean, token_sum, token_time_sum,
};
use super::tokens::among;
use crate::export::manifest::MANIFEST;
use crate::export::manifest::operation::{Factor, Number, SiteFixed, SiteNeuron, Tokens};

/// Channels, rows, columns.
pub(super) type Shape = [usize; 3];

/// A checked network.
#[derive(Debug)]
pub(super) struct Network {
    pub steps: Vec<Step>,
    pub layers: Vec<LayerNumbers>,
    pub neurons: Vec<SiteNeuron>,
    /// By site, in packages of format 2.
    pub fixed: Vec<Option<SiteFixed>>,
    pub time_steps: usize,
}

/// A checked operation.
#[derive(Debug)]
pub(super) struct Step {
    pub kind: Kind,
    pub inputs: Vec<usize>,
    pub shape: Shape,
    /// Time steps of its value: 1 or all.
    pub times: usize,
    /// The largest number, where they are whole.
    pub most: Option<u64>,
    /// What they are made of.
    pub numbers: Number,
    /// By head, of a head scale; by channel, row and column, of an added constant.
    pub constants: Vec<f32>,
    /// Values without readers after it.
    pub release: Vec<usize>,
}

/// What an operation does; layers and sites by their place in the manifest.
#[derive(Clone, Copy, Debug)]
pub(super) enum Kind {
    Input,
    Layer(usize),
    Neuron(usize),
    MaxPool {
        kernel: usize,
        stride: usize,
        padding: usize,
    },
    Add,
    Average,
    Multiply,
    AveragePool {
        kernel: usize,
        stride: usize,
        padding: usize,
        count_include_pad: bool,
    },
    Attention {
        heads: usize,
        scale: f64,
        tokens: Tokens,
    },
    HeadSum {
        heads: usize,
    },
    HeadMask {
        heads: usize,
    },
    HeadErode {
        heads: usize,
    },
    Slice {
        heads: usize,
        start: usize,
        count: usize,
    },
    Concat {
        heads: usize,
    },
    Scores {
        heads: usize,
    },
    Apply {
        heads: usize,
    },
    /// Of the step's constants.
    AddConstant,
    /// By the step's constants.
    HeadScale,
    /// By the first half of the step's constants, plus the second.
    ChannelAffine,
    TokenSum,
    ChannelMask,
    TokenMean,
    TokenTimeSum,
}

/// A layer's numbers.
#[derive(Debug)]
pub(super) struct LayerNumbers {
    /// `[out, in / groups, rows, columns]`.
    pub shape: [usize; 4],
    /// Of rows and of columns.
    pub stride: [usize; 2],
    /// Of rows and of columns.
    pub padding: [usize; 2],
    pub groups: usize,
    /// Whether all positions make one row.
    pub over_tokens: bool,
    pub weights: Weights,
    pub factor: Vec<f32>,
    pub summand: Vec<f32>,
    pub exact: bool,
    /// Whether its input is whole numbers.
    pub whole_input: bool,
    /// The affine in integers, in packages of format 2.
    pub fixed: Option<FixedAffine>,
}

/// Multipliers with their shifts, offsets and their guard bits.
#[derive(Debug)]
pub(super) struct FixedAffine {
    pub factors: Vec<Factor>,
    pub offsets: Vec<i64>,
    pub guard: i32,
}

/// A layer's weights.
#[derive(Debug)]
pub(super) enum Weights {
    Integers(Vec<i16>),
    Floats(Vec<f32>),
}

/// A value: `[times, channels, rows, columns]`.
#[derive(Debug)]
pub(super) struct Value<N> {
    pub times: usize,
    pub shape: Shape,
    pub numbers: Vec<N>,
}

impl<N> Value<N> {
    /// The numbers at a time step.
    pub(super) fn at(&self, time: usize) -> &[N] {
        let one = self.numbers.len() / self.times.max(1);
        let from = if self.times == 1 { 0 } else { time * one };
        self.numbers.get(from..from + one).unwrap_or(&[])
    }
}

/// Runs one golden image and compares it.
pub(super) fn run(
    network: &Network,
    golden: &Golden,
    comparison: &mut Comparison,
    cancelled: &dyn Fn() -> bool,
) -> Result<(), VerifyError> {
    let logits = last_value(network, cancelled, |i, step, inputs| {
        let numbers = compute(network, step, inputs, golden, comparison);
        in_range(i, step, &numbers)?;
        Ok(numbers)
    })?;
    comparison.logits(golden, &logits);
    Ok(())
}

/// Computes all operations in order, each from the values that it reads, and forgets values behind
/// their last reader. What is left is the last one.
pub(super) fn last_value<N>(
    network: &Network,
    cancelled: &dyn Fn() -> bool,
    mut compute: impl FnMut(usize, &Step, &[&Value<N>]) -> Result<Vec<N>, VerifyError>,
) -> Result<Vec<N>, VerifyError> {
    let mut values: Vec<Option<Value<N>>> = Vec::new();
    values.resize_with(network.steps.len(), || None);
    for (i, step) in network.steps.iter().enumerate() {
        if cancelled() {
            return Err(VerifyError::Cancelled);
        }
        let numbers = {
            let inputs = step.inputs.iter();
            let inputs = inputs.map(|&n| values.get(n).and_then(Option::as_ref));
            let inputs: Option<Vec<&Value<N>>> = inputs.collect();
            let inputs = inputs.ok_or_else(|| wrong(i, "it reads a value that is gone"))?;
            compute(i, step, &inputs)?
        };
        if let Some(place) = values.get_mut(i) {
            *place = Some(Value {
                times: step.times,
                shape: step.shape,
                numbers,
            });
        }
        for &unread in &step.release {
            values.get_mut(unread).map(Option::take);
        }
    }
    let last = values.pop().flatten();
    Ok(last.map_or(Vec::new(), |value| value.numbers))
}

pub(super) fn wrong(operation: usize, why: impl Into<String>) -> VerifyError {
    VerifyError::wrong(MANIFEST, format!("operations[{operation}]"), why)
}

/// Whole numbers that are said to be in a range are.
fn in_range(i: usize, step: &Step, numbers: &[f32]) -> Result<(), VerifyError> {
    let Some(most) = step.most else {
        let finite = numbers.iter().all(|x| x.is_finite());
        return match finite {
            true => Ok(()),
            false => Err(wrong(i, "its value is not finite on a golden image")),
        };
    };
    let fits = |x: &f32| *x >= 0.0 && x.fract() == 0.0 && f64::from(*x) <= most as f64;
    match numbers.iter().find(|x| !fits(x)) {
        None => Ok(()),
        Some(x) => Err(wrong(
            i,
            format!("numbers: {x} is no integer from 0 to {most}"),
        )),
    }
}

/// The numbers of an operation's value.
fn compute(
    network: &Network,
    step: &Step,
    inputs: &[&Value<f32>],
    golden: &Golden,
    comparison: &mut Comparison,
) -> Vec<f32> {
    let pair = |f: fn(f32, f32) -> f32| each_pair(step, inputs, |a, b, _| two(a, b, f));
    let shape = step.shape;
    match (step.kind, inputs) {
        (Kind::Input, _) => golden.input.clone(),
        (Kind::Layer(layer), [x]) => layer_value(network, layer, (step, x), golden, comparison),
        (Kind::Neuron(site), [x]) => {
            let mut range = (f64::INFINITY, f64::NEG_INFINITY);
            let neuron = network.neurons.get(site).copied();
            let spikes = neuron.map(|n| neurons(n, x, network.time_steps, &mut range));
            let spikes = spikes.unwrap_or_default();
            comparison.spikes(site, golden, &spikes, range);
            spikes
        }
        (
            Kind::MaxPool {
                kernel,
                stride,
                padding,
            },
            [x],
        ) => each(step, x, |x, from| {
            max_pool(x, from, shape, (kernel, stride, padding))
        }),
        (Kind::Add, _) => pair(|a, b| a + b),
        (Kind::Average, _) => pair(|a, b| (a + b) * 0.5),
        (Kind::Multiply, _) => pair(|a, b| a * b),
        (
            Kind::AveragePool {
                kernel,
                stride,
                padding,
                count_include_pad,
            },
            [x],
        ) => each(step, x, |x, from| {
            average_pool(x, from, shape, (kernel, stride, padding), count_include_pad)
        }),
        (
            Kind::Attention {
                heads,
                scale,
                tokens,
            },
            &[q, k, v],
        ) => among(tokens, step.times, [q, k, v], |qkv, shapes| {
            attention(qkv, shapes, heads, scale)
        }),
        (Kind::HeadSum { heads }, [x]) => each(step, x, |x, from| head_sum(x, from, heads)),
        (Kind::HeadMask { heads }, _) => each_pair(step, inputs, |mask, x, from| {
            head_mask(mask, x, from, heads)
        }),
        (Kind::HeadErode { heads }, [x]) => each(step, x, |x, from| head_erode(x, from, heads)),
        (
            Kind::Slice {
                heads,
                start,
                count,
            },
            [x],
        ) => each(step, x, |x, from| slice(x, from, heads, (start, count))),
        (Kind::Concat { heads }, values) => concat(step, values, heads),
        (Kind::Scores { heads }, [keys, x]) => at_all(step, |t| {
            scores((keys.at(t), keys.shape), (x.at(t), x.shape), heads)
        }),
        (Kind::Apply { heads }, [values, map]) => at_all(step, |t| {
            apply((values.at(t), values.shape), (map.at(t), map.shape), heads)
        }),
        (Kind::HeadScale, [x]) => each(step, x, |x, _| head_scale(x, &step.constants)),
        (Kind::ChannelAffine, [x]) => each(step, x, |x, _| channel_affine(x, &step.constants)),
        (Kind::AddConstant, [x]) => each(step, x, |x, _| two(x, &step.constants, |a, b| a + b)),
        (Kind::TokenSum, [x]) => each(step, x, token_sum),
        (Kind::ChannelMask, _) => each_pair(step, inputs, channel_mask),
        (Kind::TokenMean, [x]) => each(step, x, token_mean),
        (Kind::TokenTimeSum, [x]) => token_time_sum(x),
        // The number of inputs was checked.
        _ => Vec::new(),
    }
}

/// An operation at every time step.
pub(super) fn each<N>(step: &Step, x: &Value<N>, f: impl Fn(&[N], Shape) -> Vec<N>) -> Vec<N> {
    (0..step.times).flat_map(|t| f(x.at(t), x.shape)).collect()
}

/// What an operation makes at every time step.
pub(super) fn at_all<N>(step: &Step, f: impl Fn(usize) -> Vec<N>) -> Vec<N> {
    (0..step.times).flat_map(f).collect()
}

/// An operation on two values at every time step; the shape is the second one's.
pub(super) fn each_pair<N>(
    step: &Step,
    inputs: &[&Value<N>],
    f: impl Fn(&[N], &[N], Shape) -> Vec<N>,
) -> Vec<N> {
    let [a, b] = inputs else {
        return Vec::new();
    };
    let at = |t| f(a.at(t), b.at(t), b.shape);
    (0..step.times).flat_map(at).collect()
}

fn two(a: &[f32], b: &[f32], f: fn(f32, f32) -> f32) -> Vec<f32> {
    a.iter().zip(b).map(|(&a, &b)| f(a, b)).collect()
}

/// The value of a layer: its sums, compared, then its affine.
fn layer_value(
    network: &Network,
    index: usize,
    (step, x): (&Step, &Value<f32>),
    golden: &Golden,
    comparison: &mut Comparison,
) -> Vec<f32> {
    let Some(layer) = network.layers.get(index) else {
        return Vec::new();
    };
    let sums = match (&layer.weights, layer.whole_input) {
        (Weights::Integers(codes), true) => {
            Sums::Integers(integer_sums(layer, codes, x, step.shape))
        }
        (Weights::Integers(codes), false) => {
            let weights: Vec<f64> = codes.iter().map(|&q| f64::from(q)).collect();
            real_sums(layer, &weights, x, step.shape)
        }
        (Weights::Floats(weights), _) => {
            let weights: Vec<f64> = weights.iter().map(|&w| f64::from(w)).collect();
            real_sums(layer, &weights, x, step.shape)
        }
    };
    comparison.sums(index, golden, &sums);
    let positions = (step.shape[1] * step.shape[2]).max(1);
    let stored = golden
        .sums
        .get(index)
        .filter(|_| golden.from_stored && !layer.exact);
    let rounded: Vec<f32> = match (stored, sums) {
        (Some(Stored::Reals(stored)), _) => stored.iter().map(|&x| x as f32).collect(),
        (_, Sums::Integers(own)) => own.iter().map(|&x| x as f32).collect(),
        (_, Sums::Reals { sums, .. }) => sums.iter().map(|&x| x as f32).collect(),
    };
    let channels = layer.factor.iter().zip(&layer.summand).cycle();
    let channels = channels.zip(rounded.chunks(positions));
    channels
        .flat_map(|((&a, &b), plane)| plane.iter().map(move |&acc| a * acc + b))
        .collect()
}
