//! `predict` against plain loops over the graph's definition: random networks of other sizes than
//! the fixtures.

use aq4svit::checkpoint::{StateDict, TensorData};
use aq4svit::data::{self, DataConfig, InputBatch, Splits};
use aq4svit::evaluate::{Cancel, Evaluator, Job, Outcome, Proxies, Question};
use aq4svit::network::{
    Architecture, BlockLayout, Charge, ConstantLayout, Dynamics, Firing, Graph, Halves, Layer,
    LayerKind, Layout, MaxFormer, ModelConfig, MsQkFormer, Neuron, Op, QkFormer, Rate, RepConv,
    Reset, ResformerLayout, ResformerSizes, SdtV1, SdtV2, SdtV3, Shape, Site, Spikformer,
    SpikingResformer, Spikingformer, Tokens, WeightSource,
};
use aq4svit::quant::{Allocation, BitWidth, Scheme, quantize};
use aq4svit::torch::{
    Device, Model, Precision, PredictOptions, TorchEvaluator, TorchOptions, predict,
};
use proptest::prelude::*;
use safetensors::tensor::{Dtype, TensorView};

/// A value at one time step for one image, `[channels, height, width]`.
pub(super) type Map = Vec<f64>;

/// Every node's value as `[node][step][image]`, and every site's pre-reset potentials alike.
pub(super) struct Naive<'a> {
    pub model: &'a Model,
    pub allocation: &'a Allocation,
    pub values: Vec<Vec<Vec<Map>>>,
    pub potentials: Vec<Vec<Vec<Map>>>,
}

impl Naive<'_> {
    /// `images` are `[image][frame]`; of a network without frames the one frame is every step's.
    pub(super) fn run(&mut self, images: &[Vec<Map>]) {
        let graph = &self.model.graph;
        for node in &graph.nodes {
            let value = match node.op {
                Op::Neuron(site) => {
                    let site = graph.site(site);
                    let dynamics = self.model.weights.dynamics(&site.neuron).unwrap();
                    let x = self.value(node.inputs[0].index());
                    let (spikes, potentials) = neuron(site, dynamics, x);
                    self.potentials.push(potentials);
                    spikes
                }
                Op::Attention {
                    heads,
                    scale,
                    tokens,
                } => {
                    let qkv = [0, 1, 2].map(|i| self.value(node.inputs[i].index()));
                    let shape = graph.node(node.inputs[0]).shape;
                    attention(qkv, (shape, node.shape), (heads, scale), tokens)
                }
                Op::TokenTimeSum => {
                    let summed = graph.node(node.inputs[0]);
                    assert!(!summed.time_invariant || graph.time_steps == 1);
                    let x = self.value(node.inputs[0].index());
                    let positions = x[0][0].len() / node.shape.channels;
                    let sum = |image: usize| -> Map {
                        let channel = |c: usize| -> f64 {
                            let of = |step: &Vec<Map>| -> f64 {
                                step[image][c * positions..][..positions].iter().sum()
                            };
                            x.iter().map(of).sum()
                        };
                        (0..node.shape.channels).map(channel).collect()
                    };
                    let sums: Vec<Map> = (0..images.len()).map(sum).collect();
                    vec![sums; graph.time_steps]
                }
                ref op => (0..graph.time_steps)
                    .map(|t| {
                        let one = |image: usize| {
                            let input = |i: usize| &self.value(node.inputs[i].index())[t][image];
                            let from = node.inputs.first().map(|i| graph.node(*i).shape);
                            let unit = |i: usize| graph.node(node.inputs[i]).scale;
                            match op {
                                Op::Input => images[image][t % images[image].len()].clone(),
                                Op::Layer(id) => {
                                    let mut x = input(0).clone();
                                    x.iter_mut().for_each(|x| *x *= unit(0));
                                    self.layer(id.index(), from.unwrap(), node.shape, &x)
                                }
                                op => {
                                    let shapes = (from.unwrap(), node.shape);
                                    self.stateless(op, node.inputs.len(), shapes, &input)
                                }
                            }
                        };
                        (0..images.len()).map(one).collect()
                    })
                    .collect(),
            };
            self.values.push(value);
        }
    }

    fn value(&self, node: usize) -> &Vec<Vec<Map>> {
        &self.values[node]
    }

    fn numbers(&self, key: String) -> Vec<f64> {
        let values = &self.model.weights.get(&key).unwrap().values;
        values.iter().map(|&x| f64::from(x)).collect()
    }

    fn batch_norm(&self, name: &str, x: &[f64], positions: usize) -> Map {
        let part = |part: &str| self.numbers(format!("{name}.{part}"));
        let (gamma, beta) = (part("weight"), part("bias"));
        let (mean, var) = (part("running_mean"), part("running_var"));
        let x = x.iter().enumerate();
        x.map(|(i, x)| {
            let c = i / positions;
            (x - mean[c]) / (var[c] + 1e-5).sqrt() * gamma[c] + beta[c]
        })
        .collect()
    }

    fn stateless<'a>(
        &self,
        op: &Op,
        inputs: usize,
        (from, to): (Shape, Shape),
        input: &dyn Fn(usize) -> &'a Map,
    ) -> Map {
        let positions = from.height * from.width;
        match op {
            Op::ChannelScale(key) => {
                let scale = self.numbers(key.clone());
                let x = input(0).iter().enumerate();
                x.map(|(i, x)| x * scale[i / positions]).collect()
            }
            Op::BatchNorm(key) => self.batch_norm(key, input(0), positions),
            &Op::MaxPool {
                kernel,
                stride,
                padding,
            } => {
                let x = input(0);
                let mut out = Map::new();
                for c in 0..to.channels {
                    for (oy, ox) in grid(to) {
                        let mut best = f64::NEG_INFINITY;
                        for (ky, kx) in square(kernel) {
                            let at = (oy * stride + ky, ox * stride + kx);
                            if let Some(p) = inside(at, padding, from) {
                                best = best.max(x[c * positions + p]);
                            }
                        }
                        out.push(best);
                    }
                }
                out
            }
            Op::Add => input(0).iter().zip(input(1)).map(|(a, b)| a + b).collect(),
            Op::Average => {
                let pairs = input(0).iter().zip(input(1));
                pairs.map(|(a, b)| (a + b) / 2.0).collect()
            }
            Op::Multiply => input(0).iter().zip(input(1)).map(|(a, b)| a * b).collect(),
            Op::ChannelMask => {
                let x = input(1).iter().enumerate();
                let positions = to.height * to.width;
                x.map(|(i, x)| x * input(0)[i / positions]).collect()
            }
            Op::TokenSum => input(0).chunks(positions).map(|x| x.iter().sum()).collect(),
            Op::TokenMean => {
                let mean = |x: &[f64]| x.iter().sum::<f64>() / positions as f64;
                input(0).chunks(positions).map(mean).collect()
            }
            &Op::HeadErode { heads } => {
                let d = from.channels / heads;
                let x = input(0);
                let mut out = Map::new();
                for c in 0..from.channels {
                    for n in 0..positions {
                        let mut best = f64::NEG_INFINITY;
                        for (dn, dc) in square(3) {
                            let (m, e) = (n + dn, c % d + dc);
                            if (1..=positions).contains(&m) && (1..=d).contains(&e) {
                                best = best.max(x[(c / d * d + e - 1) * positions + m - 1]);
                            }
                        }
                        out.push(best);
                    }
                }
                out
            }
            &Op::AveragePool {
                kernel,
                stride,
                padding,
                count_include_pad,
            } => {
                let x = input(0);
                let mut out = Map::new();
                for c in 0..to.channels {
                    for (oy, ox) in grid(to) {
                        let (mut sum, mut count) = (0.0, 0);
                        for (ky, kx) in square(kernel) {
                            let at = (oy * stride + ky, ox * stride + kx);
                            if let Some(p) = inside(at, padding, from) {
                                sum += x[c * positions + p];
                                count += 1;
                            }
                        }
                        let all = if count_include_pad {
                            kernel * kernel
                        } else {
                            count
                        };
                        out.push(sum / all as f64);
                    }
                }
                out
            }
            Op::AddConstant { key, layout } => {
                let constant = self.numbers(key.clone());
                let channels = from.channels;
                let x = input(0).iter().enumerate();
                x.map(|(i, x)| {
                    let (c, n) = (i / positions, i % positions);
                    x + match layout {
                        ConstantLayout::Tokens => constant[n * channels + c],
                        ConstantLayout::Map | ConstantLayout::ChannelTokens => constant[i],
                        ConstantLayout::Channels => constant[c],
                    }
                })
                .collect()
            }
            &Op::HeadSum { heads } => {
                let d = from.channels / heads;
                let sum = |i: usize| -> f64 {
                    let (h, n) = (i / positions, i % positions);
                    (0..d).map(|j| input(0)[(h * d + j) * positions + n]).sum()
                };
                (0..heads * positions).map(sum).collect()
            }
            &Op::HeadMask { heads } => {
                let d = to.channels / heads;
                let masked = |(i, x): (usize, &f64)| {
                    let (c, n) = (i / positions, i % positions);
                    x * input(0)[c / d * positions + n]
                };
                input(1).iter().enumerate().map(masked).collect()
            }
            &Op::Slice {
                heads,
                start,
                count,
            } => {
                let d = from.channels / heads;
                let channels =
                    (0..heads).flat_map(|h| (start..start + count).map(move |j| h * d + j));
                let lines = channels.flat_map(|c| &input(0)[c * positions..][..positions]);
                lines.copied().collect()
            }
            &Op::HeadScale {
                heads,
                ref key,
                terms,
            } => {
                let rates = self.numbers(key.clone());
                let one = from.channels / heads * positions;
                let x = input(0).iter().enumerate();
                x.map(|(i, x)| x / (rates[i / one] * terms as f64).sqrt())
                    .collect()
            }
            &Op::Scores { heads } => {
                let (keys, x) = (input(0), input(1));
                let (d, n) = (from.channels / heads, to.height * to.width);
                let mut out = Map::new();
                for c in 0..heads * positions {
                    let (h, p) = (c / positions, c % positions);
                    for at in 0..n {
                        let term = |j: usize| {
                            let c = h * d + j;
                            keys[c * positions + p] * x[c * n + at]
                        };
                        out.push((0..d).map(term).sum());
                    }
                }
                out
            }
            &Op::Apply { heads } => {
                let (values, map) = (input(0), input(1));
                let (d, n) = (from.channels / heads, to.height * to.width);
                let mut out = Map::new();
                for c in 0..from.channels {
                    for at in 0..n {
                        let term = |p: usize| {
                            let place = c / d * positions + p;
                            values[c * positions + p] * map[place * n + at]
                        };
                        out.push((0..positions).map(term).sum());
                    }
                }
                out
            }
            &Op::Concat { heads } => {
                let of_head = |i: usize, h: usize| {
                    let one = input(i).len() / heads;
                    input(i)[h * one..(h + 1) * one].to_vec()
                };
                let parts = (0..heads).flat_map(|h| (0..inputs).map(move |i| (i, h)));
                parts.flat_map(|(i, h)| of_head(i, h)).collect()
            }
            Op::Input | Op::Layer(_) | Op::Neuron(_) | Op::Attention { .. } | Op::TokenTimeSum => {
                unreachable!("not here")
            }
        }
    }

    fn layer(&self, index: usize, from: Shape, to: Shape, x: &Map) -> Map {
        let graph = &self.model.graph;
        let layer = &graph.layers[index];
        let (weight, bias) = self.weight_and_bias(layer);
        let width = self.allocation.0[index];
        let weight: Vec<f64> = if width.is_float() {
            weight
        } else {
            let scheme = &self.model.scheme;
            let weight: Vec<f32> = weight.iter().map(|&w| w as f32).collect();
            quantize(&weight, layer.channels(), width, scheme, &layer.name)
                .unwrap()
                .dequantized_f64()
        };
        let (kernel, stride, padding, groups) = match layer.kind {
            LayerKind::Conv {
                kernel,
                stride,
                padding,
                groups,
            } => (kernel, stride, padding, groups),
            LayerKind::Conv1d {
                kernel,
                stride,
                padding,
                groups,
            } => {
                let tokens = from.height * from.width;
                return conv1d(&weight, &bias, x, tokens, (kernel, stride, padding, groups));
            }
            LayerKind::Linear => (1, 1, 0, 1),
        };
        let inputs = from.channels / groups;
        let positions = from.height * from.width;
        let mut out = Map::new();
        for (c, bias) in bias.iter().enumerate() {
            for (oy, ox) in grid(to) {
                let mut sum = *bias;
                let first = c / (layer.channels() / groups) * inputs;
                for i in 0..inputs {
                    for (ky, kx) in square(kernel) {
                        let at = (oy * stride + ky, ox * stride + kx);
                        if let Some(p) = inside(at, padding, from) {
                            let w = ((c * inputs + i) * kernel + ky) * kernel + kx;
                            sum += weight[w] * x[(first + i) * positions + p];
                        }
                    }
                }
                out.push(sum);
            }
        }
        out
    }
}

impl Naive<'_> {
    pub(super) fn weight_and_bias(&self, layer: &Layer) -> (Vec<f64>, Vec<f64>) {
        if layer.source == WeightSource::MergedRepConv {
            return self.merged(layer);
        }
        let bias = match layer.bias {
            true => self.numbers(format!("{}.bias", layer.name)),
            false => vec![0.0; layer.channels()],
        };
        (self.numbers(format!("{}.weight", layer.name)), bias)
    }

    /// The dense kernel of a RepConv chain: what it answers to one input of 1 at one place, less
    /// what it answers to nothing.
    fn merged(&self, layer: &Layer) -> (Vec<f64>, Vec<f64>) {
        let c = layer.channels();
        let chain = RepConv::of(&layer.name);
        let weight = |name: &str| self.numbers(format!("{name}.weight"));
        let (first, depthwise, second) = (
            weight(&chain.first),
            weight(&chain.depthwise),
            weight(&chain.second),
        );
        let norm = |name: &str, x: Vec<f64>| self.batch_norm(name, &x, 1);
        let answer = |input: Option<(usize, usize)>| -> Vec<f64> {
            let mut middle = vec![0.0; c];
            for tap in 0..9 {
                let seen = |m: usize| match input {
                    Some((i, at)) if at == tap => first[m * c + i],
                    _ => 0.0,
                };
                let inner = norm(&chain.first_norm, (0..c).map(seen).collect());
                for m in 0..c {
                    middle[m] += depthwise[m * 9 + tap] * inner[m];
                }
            }
            let out = |o: usize| (0..c).map(|m| second[o * c + m] * middle[m]).sum();
            let out = norm(&chain.second_norm, (0..c).map(out).collect());
            norm(&chain.third_norm, out)
        };
        let bias = answer(None);
        let mut kernel = vec![0.0; c * c * 9];
        for i in 0..c {
            for tap in 0..9 {
                for (o, y) in answer(Some((i, tap))).into_iter().enumerate() {
                    kernel[(o * c + i) * 9 + tap] = y - bias[o];
                }
            }
        }
        (kernel, bias)
    }
}

/// `scale * (q k^T) v` of the tokens that see each other, token by token.
fn attention(
    [q, k, v]: [&Vec<Vec<Map>>; 3],
    (from, to): (Shape, Shape),
    (heads, scale): (usize, f64),
    tokens: Tokens,
) -> Vec<Vec<Map>> {
    let (d, e) = (from.channels / heads, to.channels / heads);
    let positions = from.height * from.width;
    let all: Vec<(usize, usize)> = (0..q.len())
        .flat_map(|t| (0..positions).map(move |n| (t, n)))
        .collect();
    let sees = |(t, n): (usize, usize), (u, m): (usize, usize)| {
        let at = |n: usize, by: usize| (n / from.width % by, n % from.width % by);
        match tokens {
            Tokens::All => t == u,
            Tokens::Grid(stride) => t == u && at(n, stride) == at(m, stride),
            Tokens::Steps(chunk) => t / chunk == u / chunk,
        }
    };
    let mut out: Vec<Vec<Map>> = v.clone();
    for image in 0..q[0].len() {
        for &(t, n) in &all {
            for h in 0..heads {
                let at = |j: usize, n: usize| (h * d + j) * positions + n;
                let mut sums = vec![0.0; e];
                for &(u, m) in all.iter().filter(|&&other| sees((t, n), other)) {
                    let pairs = (0..d).map(|j| q[t][image][at(j, n)] * k[u][image][at(j, m)]);
                    let score: f64 = pairs.sum();
                    for (j, sum) in sums.iter_mut().enumerate() {
                        *sum += score * v[u][image][(h * e + j) * positions + m];
                    }
                }
                // The sums are of whole numbers; one rounding, so that ties stay ties.
                for (j, sum) in sums.iter().enumerate() {
                    out[t][image][(h * e + j) * positions + n] = sum * scale;
                }
            }
        }
    }
    out
}

/// A convolution over tokens, term by term.
fn conv1d(
    weight: &[f64],
    bias: &[f64],
    x: &Map,
    tokens: usize,
    (kernel, stride, padding, groups): (usize, usize, usize, usize),
) -> Map {
    let (inputs, channels) = (x.len() / tokens / groups, bias.len());
    let left = (tokens + 2 * padding - kernel) / stride + 1;
    let mut out = Map::new();
    for (c, bias) in bias.iter().enumerate() {
        for o in 0..left {
            let mut sum = *bias;
            let first = c / (channels / groups) * inputs;
            for i in 0..inputs {
                for tap in 0..kernel {
                    let at = (o * stride + tap).checked_sub(padding);
                    if let Some(at) = at.filter(|at| *at < tokens) {
                        let x = x[(first + i) * tokens + at];
                        sum += weight[(c * inputs + i) * kernel + tap] * x;
                    }
                }
            }
            out.push(sum);
        }
    }
    out
}

fn square(n: usize) -> impl Iterator<Item = (usize, usize)> {
    (0..n * n).map(move |i| (i / n, i % n))
}

fn grid(shape: Shape) -> impl Iterator<Item = (usize, usize)> {
    let width = shape.width;
    (0..shape.height * width).map(move |i| (i / width, i % width))
}

/// The position of a padded coordinate, unless it is padding.
fn inside((y, x): (usize, usize), padding: usize, shape: Shape) -> Option<usize> {
    let (y, x) = (y.checked_sub(padding)?, x.checked_sub(padding)?);
    (y < shape.height && x < shape.width).then_some(y * shape.width + x)
}

/// Outputs and pre-reset potentials, both `[step][image]`.
fn neuron(site: &Site, dynamics: Dynamics, x: &[Vec<Map>]) -> (Vec<Vec<Map>>, Vec<Vec<Map>>) {
    let spiking = match dynamics {
        Neuron::Spiking(spiking) => spiking,
        Neuron::Integer { max, halves, .. } => {
            let level = |&x: &f64| -> f64 {
                let x = x.max(0.0).min(max as f64);
                let below = x.floor();
                let up = match halves {
                    Halves::Up => x - below >= 0.5,
                    Halves::ToEven => x - below > 0.5 || (x - below == 0.5 && below % 2.0 == 1.0),
                };
                below + f64::from(u8::from(up))
            };
            let emit = |m: &Map| m.iter().map(level).collect();
            let levels = x.iter().map(|step| step.iter().map(emit).collect());
            return (levels.collect(), x.to_vec());
        }
    };
    // One state for each image, or one for all of them in turn.
    let threshold = spiking.threshold;
    let rest = match spiking.reset {
        Reset::Hard(rest) => rest,
        Reset::Soft | Reset::SoftNext => 0.0,
    };
    let fires = |v: f64| match spiking.firing {
        Firing::AtLeast => v >= threshold,
        Firing::Above => v > threshold,
    };
    let part = |x: f64, rate: Rate| match rate {
        Rate::OverTau(tau) => x / tau,
        Rate::Beta(beta) => x * (1.0 - beta),
        Rate::Times(rate) => x * rate,
    };
    let charged = |v: f64, x: f64| match spiking.charge {
        Charge::Integrate => v + x,
        Charge::DecayInput(rate) => v + part(x - (v - rest), rate),
        Charge::Leak(rate) => v - part(v - rest, rate) + x,
        Charge::Retain(Rate::OverTau(tau)) => v * (1.0 - 1.0 / tau) + x,
        Charge::Retain(Rate::Beta(beta)) => v * beta + x,
        Charge::Retain(Rate::Times(rate)) => v * (1.0 - rate) + x,
    };
    let mut v: Vec<Map> = x[0].iter().map(|m| vec![rest; m.len()]).collect();
    let (mut spikes, mut potentials) = (Vec::new(), Vec::new());
    for x in x {
        let (mut s, mut p) = (Vec::new(), Vec::new());
        for (image, x) in x.iter().enumerate() {
            let v = &mut v[if site.batch_leak { 0 } else { image }];
            for (v, x) in v.iter_mut().zip(x) {
                let late = spiking.reset == Reset::SoftNext && fires(*v);
                *v = charged(*v, *x) - if late { threshold } else { 0.0 };
            }
            p.push(v.clone());
            let fire = |v: &mut f64| {
                let s = f64::from(u8::from(fires(*v)));
                *v = match spiking.reset {
                    Reset::Hard(rest) => (1.0 - s) * *v + s * rest,
                    Reset::Soft => *v - s * threshold,
                    Reset::SoftNext => *v,
                };
                s
            };
            s.push(v.iter_mut().map(fire).collect());
        }
        spikes.push(s);
        potentials.push(p);
    }
    (spikes, potentials)
}

/// Pseudo-random numbers (splitmix64) between two others.
pub(super) struct Random(pub u64);

impl Random {
    pub(super) fn many(&mut self, count: usize, low: f32, high: f32) -> Vec<f32> {
        let mut next = || {
            self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
            let z = (self.0 ^ self.0 >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
            let z = (z ^ z >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
            low + (high - low) * ((z ^ z >> 31) >> 40) as f32 / (1 << 24) as f32
        };
        (0..count).map(|_| next()).collect()
    }
}

pub(super) fn weights(graph: &Graph, random: &mut Random) -> StateDict {
    let mut state = StateDict::new("random");
    let is_norm = |name: &str| {
        let mean = format!("{name}.running_mean");
        graph.tensors.iter().any(|t| t.key == mean)
    };
    for spec in &graph.tensors {
        let (name, part) = spec.key.rsplit_once('.').unwrap_or((&spec.key, ""));
        let (low, high) = match part {
            "running_var" => (0.5, 1.5),
            "firing_rate_x" | "firing_rate_attn" => (0.1, 0.5),
            "running_mean" => (-0.2, 0.2),
            // Some negative: max-pooling must see the sign.
            "weight" if is_norm(name) => (-1.5, 2.5),
            "bias" if is_norm(name) => (0.0, 1.5),
            _ => (-0.3, 0.3),
        };
        let values = random.many(spec.shape.iter().product(), low, high);
        let shape = spec.shape.clone();
        state.insert(spec.key.clone(), TensorData { shape, values });
    }
    state
}

/// Small sizes of every family and layout.
fn configs() -> impl Strategy<Value = ModelConfig> {
    (
        0..10usize,
        0..3usize,
        (1..=2usize, 0..3u32, 1..=3usize, 1..=2usize, 1..=4usize),
        1..=3usize,
        prop::array::uniform4(any::<bool>()),
        prop::array::uniform5(1..=2usize),
    )
        .prop_map(|(family, layout, sizes, depths, flags, strides)| {
            let (size, heads, channels, ratio, steps) = sizes;
            let layout = match layout {
                0 => Layout::Cifar,
                1 => Layout::Imagenet,
                _ => Layout::Dvs {
                    tau: if flags[0] { 2.0 } else { 1.5 },
                },
            };
            let embed_dims = 16 * (1 + size % 2);
            let widths = [4 * size, 6, 8 * size, 12];
            let max_spike = if flags[1] { 4 } else { 3 };
            let (architecture, image_size) = match family {
                0 => (
                    Architecture::Spikformer(Spikformer {
                        layout,
                        embed_dims,
                        depths,
                    }),
                    16 * size,
                ),
                1 => (
                    Architecture::Spikingformer(Spikingformer {
                        layout,
                        embed_dims,
                        depths,
                    }),
                    16 * size,
                ),
                2 => (
                    Architecture::QkFormer(QkFormer {
                        layout,
                        embed_dims,
                        depths: 4,
                        batch_leak: flags[2],
                    }),
                    16 * size,
                ),
                3 => (
                    Architecture::SdtV1(SdtV1 {
                        embed_dims,
                        depths,
                        pooling: [flags[0], flags[1], flags[2], true],
                        dvs: flags[3].then_some(2.0),
                    }),
                    16,
                ),
                4 => (
                    Architecture::SdtV2(SdtV2 {
                        embed_dims: widths,
                        strides,
                        kd: flags[0],
                        merge_repconv: flags[1],
                    }),
                    5 + size,
                ),
                5 => (
                    Architecture::SdtV3(SdtV3::Base {
                        embed_dims: widths,
                        strides,
                        max_spike,
                    }),
                    5 + size,
                ),
                7 => (
                    Architecture::MaxFormer(MaxFormer {
                        layout,
                        embed_dims,
                        depths: 4,
                    }),
                    16 * size,
                ),
                9 => (
                    Architecture::SpikingResformer(SpikingResformer {
                        layout: match layout {
                            Layout::Cifar => ResformerLayout::Cifar,
                            Layout::Imagenet => ResformerLayout::Imagenet,
                            Layout::Dvs { tau } => ResformerLayout::Dvs {
                                tau: flags[1].then_some(tau),
                            },
                        },
                        sizes: ResformerSizes {
                            embed_dims: [8, 12, 16],
                            num_heads: [1, 3, 1 << heads],
                            patch_sizes: [4, 2, 1],
                            group_size: 4,
                            depths: [1, depths, 1],
                        },
                    }),
                    16 * size,
                ),
                8 => (
                    Architecture::MsQkFormer(MsQkFormer {
                        layout,
                        embed_dims,
                        depths: 4,
                    }),
                    16 * size,
                ),
                _ => (
                    Architecture::SdtV3(SdtV3::Large {
                        embed_dims: [widths[0], widths[1], widths[2]],
                        strides: [strides[0], strides[1], strides[2], strides[3]],
                        depths,
                        kd: flags[0],
                        max_spike,
                    }),
                    5 + size,
                ),
            };
            ModelConfig {
                architecture,
                image_size,
                in_channels: channels,
                num_classes: 3,
                num_heads: 1 << heads,
                mlp_ratio: ratio,
                time_steps: if matches!(family, 5 | 6) { 1 } else { steps },
            }
        })
}

fn close(a: f64, b: f64) -> bool {
    (a - b).abs() <= 1e-9 * (1.0 + b.abs())
}

/// Compares `predict` of random images in f64 with plain loops: logits, spikes, potentials, blocks.
pub(super) fn agrees(
    model: &Model,
    random: &mut Random,
    batch: usize,
    widths: &[u8],
) -> Result<(), TestCaseError> {
    let graph = &model.graph;
    let widths = widths.iter().cycle().take(graph.layers.len());
    let allocation = Allocation(widths.map(|&b| BitWidth::new(b).unwrap()).collect());
    let size = graph.input.channels * graph.input.height * graph.input.width;
    let frames = graph.frames();
    let values = random.many(batch * frames.unwrap_or(1) * size, -2.0, 2.0);
    let wide = |m: &[f32]| -> Map { m.iter().map(|&x| f64::from(x)).collect() };
    let maps: Vec<Vec<Map>> = values
        .chunks(size * frames.unwrap_or(1))
        .map(|image| image.chunks(size).map(wide).collect())
        .collect();
    let mut naive = Naive {
        model,
        allocation: &allocation,
        values: Vec::new(),
        potentials: Vec::new(),
    };
    naive.run(&maps);

    let images = InputBatch {
        batch,
        frames,
        shape: graph.input,
        values,
    };
    let options = PredictOptions {
        precision: Precision::F64,
        trace: true,
        device: Device::CPU,
        threads: 1,
    };
    let found = predict(model, &allocation, &images, options).unwrap();
    let logits = naive.values.last().unwrap()[0].iter().flatten();
    prop_assert_eq!(found.logits.len(), batch * graph.classes);
    for (a, b) in found.logits.iter().zip(logits) {
        prop_assert!(close(*a, *b), "logits {} {}", a, b);
    }
    let trace = found.trace.unwrap();
    let mut neurons = graph
        .nodes
        .iter()
        .zip(&naive.values)
        .filter(|(n, _)| matches!(n.op, Op::Neuron(_)));
    for (site, potentials) in trace.sites.iter().zip(&naive.potentials) {
        let (_, spikes) = neurons.next().unwrap();
        for t in 0..graph.time_steps {
            let count: f64 = spikes[t].iter().flatten().sum();
            prop_assert_eq!(site.spikes[t], count as i64, "{} step {}", &site.name, t);
            let v: Vec<f64> = potentials[t].iter().flatten().copied().collect();
            let mean = v.iter().sum::<f64>() / v.len() as f64;
            let square = v.iter().map(|v| v * v).sum::<f64>() / v.len() as f64;
            prop_assert!(close(site.membrane_mean[t], mean), "{}", &site.name);
            prop_assert!(close(site.membrane_sq_mean[t], square), "{}", &site.name);
        }
    }
    let blocks = graph.blocks.iter().filter_map(|b| Some((b, b.output?)));
    for (trace, (block, node)) in trace.blocks.iter().zip(blocks) {
        let shape = graph.node(node).shape;
        let (positions, channels) = (shape.height * shape.width, shape.channels);
        let maps = naive.values[node.index()].iter().flatten();
        let expected: Vec<f32> = maps
            .flat_map(|map| -> Vec<f32> {
                let at = |i: usize| match block.layout {
                    BlockLayout::Tokens => map[i % channels * positions + i / channels] as f32,
                    _ => map[i] as f32,
                };
                (0..map.len()).map(at).collect()
            })
            .collect();
        prop_assert_eq!(trace.shape.iter().product::<usize>(), expected.len());
        let pairs = trace.values.iter().zip(&expected);
        let far = pairs
            .filter(|(a, b)| (*a - *b).abs() > 1e-6 * (1.0 + b.abs()))
            .count();
        prop_assert_eq!(far, 0, "block {}", &block.name);
    }
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 40, ..ProptestConfig::default() })]

    #[test]
    fn predict_is_what_the_graph_says(
        config in configs(),
        seed: u64,
        batch in 1..=3usize,
        widths in prop::collection::vec(prop::sample::select(vec![1u8, 2, 3, 4, 5, 6, 7, 8, 16, 32]), 1..8),
    ) {
        let graph = config.graph().unwrap();
        let mut random = Random(seed);
        let model = Model { weights: weights(&graph, &mut random), graph: graph.into(), scheme: Scheme::default() };
        agrees(&model, &mut random, batch, &widths)?;
    }
}

/// Images of random numbers as a data set, of which five are for calibration.
pub(super) fn splits(config: &ModelConfig, shape: Shape, random: &mut Random) -> Splits {
    let folder = tempfile::tempdir().unwrap();
    let count = 8;
    let numbers = random.many(
        count * shape.channels * shape.height * shape.width,
        -2.0,
        2.0,
    );
    let bytes = |x: &[f32]| -> Vec<u8> { x.iter().flat_map(|x| x.to_le_bytes()).collect() };
    let images = bytes(&numbers);
    let labels: Vec<u8> = (0..count as i64)
        .flat_map(|i| (i % 3).to_le_bytes())
        .collect();
    let size = vec![count, shape.channels, shape.height, shape.width];
    let views = [
        (
            "images",
            TensorView::new(Dtype::F32, size, &images).unwrap(),
        ),
        (
            "labels",
            TensorView::new(Dtype::I64, vec![count], &labels).unwrap(),
        ),
    ];
    let file = folder.path().join("images.safetensors");
    std::fs::write(file, safetensors::serialize(views, None).unwrap()).unwrap();
    let text = "kind = 'safetensors'\nfile = 'images.safetensors'\ncalibration = 5\nsearch = 3";
    let data: DataConfig = toml_edit::de::from_str(text).unwrap();
    data::load(&data, folder.path(), config).unwrap()
}

/// Flips of spikes and levels, output divergence and weight error, counted one by one on the first
/// three of five images. (Plain loops compute in f64, so that a potential next to its threshold may
/// fall on the other side.)
#[test]
fn proxies_are_those_of_plain_loops() {
    const PROXIES: usize = 3;
    let embed_dims = 16;
    let networks = [
        Architecture::Spikformer(Spikformer {
            layout: Layout::Cifar,
            embed_dims,
            depths: 1,
        }),
        Architecture::QkFormer(QkFormer {
            layout: Layout::Cifar,
            embed_dims,
            depths: 4,
            batch_leak: true,
        }),
        Architecture::SdtV3(SdtV3::Base {
            embed_dims: [4, 6, 8, 12],
            strides: [2, 1, 2, 1, 1],
            max_spike: 4,
        }),
    ];
    for (seed, architecture) in networks.into_iter().enumerate() {
        let time_steps = match architecture {
            Architecture::SdtV3(SdtV3::Base { .. }) => 1,
            _ => 3,
        };
        let config = ModelConfig {
            architecture,
            image_size: 16,
            in_channels: 2,
            num_classes: 3,
            num_heads: 2,
            mlp_ratio: 2,
            time_steps,
        };
        let graph = config.graph().unwrap();
        let mut random = Random(seed as u64 + 11);
        let model = Model {
            weights: weights(&graph, &mut random),
            graph: graph.into(),
            scheme: Scheme::default(),
        };
        let graph = &model.graph;
        let splits = splits(&config, graph.input, &mut random);
        let maps: Vec<Vec<Map>> = (0..5)
            .map(|i| {
                let mut pixels = vec![0.0; splits.calibration.numbers()];
                splits.calibration.fill(i, &mut pixels).unwrap();
                vec![pixels.iter().map(|&x| f64::from(x)).collect()]
            })
            .collect();
        let widths = [3, 32, 4, 2, 6, 8].into_iter().cycle();
        let mixed = widths
            .take(graph.layers.len())
            .map(|b| BitWidth::new(b).unwrap());
        let allocation = Allocation(mixed.collect());
        let float = Allocation::uniform(graph.layers.len(), BitWidth::FLOAT);
        let run = |allocation: &Allocation| -> Vec<Vec<Vec<Map>>> {
            let mut naive = Naive {
                model: &model,
                allocation,
                values: Vec::new(),
                potentials: Vec::new(),
            };
            naive.run(&maps);
            naive.values
        };
        let (there, here) = (run(&float), run(&allocation));
        let mut rates = Vec::new();
        for (i, node) in graph.nodes.iter().enumerate() {
            if !matches!(node.op, Op::Neuron(_)) {
                continue;
            }
            let (mut flips, mut all) = (0, 0);
            for (a, b) in here[i].iter().zip(&there[i]) {
                for image in 0..PROXIES {
                    let pairs = a[image].iter().zip(&b[image]);
                    flips += pairs.clone().filter(|(a, b)| a != b).count();
                    all += pairs.len();
                }
            }
            rates.push(flips as f64 / all as f64);
        }
        let flips = rates.iter().sum::<f64>() / rates.len() as f64;
        let softmax = |x: &Map| -> Map {
            let sum: f64 = x.iter().map(|x| x.exp()).sum();
            x.iter().map(|x| x.exp() / sum).collect()
        };
        let last = here.len() - 1;
        let of_image = |image: usize| -> f64 {
            let (p, q) = (
                softmax(&there[last][0][image]),
                softmax(&here[last][0][image]),
            );
            p.iter().zip(&q).map(|(p, q)| p * (p / q).ln()).sum()
        };
        let divergence = (0..PROXIES).map(of_image).sum::<f64>() / PROXIES as f64;
        let (mut changed, mut whole) = (0.0, 0.0);
        for (layer, width) in graph.layers.iter().zip(&allocation.0) {
            let weight = &model
                .weights
                .get(&format!("{}.weight", layer.name))
                .unwrap()
                .values;
            let scheme = &model.scheme;
            let known = match width.is_float() {
                true => weight.iter().map(|&w| f64::from(w)).collect(),
                false => quantize(weight, layer.channels(), *width, scheme, &layer.name)
                    .unwrap()
                    .dequantized_f64(),
            };
            for (w, q) in weight.iter().zip(known) {
                changed += (f64::from(*w) - q).powi(2);
                whole += f64::from(*w).powi(2);
            }
        }
        let options = TorchOptions {
            threads: Some(2),
            proxy_images: Some(PROXIES),
            ..TorchOptions::default()
        };
        let mut evaluator = TorchEvaluator::new(model.clone(), splits.into(), options).unwrap();
        let mut ask = |allocation: &Allocation| -> (Vec<f64>, Proxies) {
            let job = Job {
                allocation: allocation.clone(),
                question: Question::Drift { images: None },
            };
            let answer = evaluator.evaluate(&job, &Cancel::default(), &mut |_| ());
            match answer.unwrap().0 {
                Outcome::Drift { sites, proxies, .. } => (sites, proxies.unwrap()),
                Outcome::Accuracy { .. } | Outcome::LayerErrors { .. } | Outcome::Statistics(_) => {
                    panic!("not a drift")
                }
            }
        };
        let (sites, found) = ask(&allocation);
        let near = |a: f64, b: f64, share: f64| (a - b).abs() <= share * b;
        let text = format!("{config:?}: {found:?}, {flips} {divergence}");
        assert!(
            flips > 0.01 && near(found.spike_flips.unwrap(), flips, 0.01),
            "{text}"
        );
        assert!(
            divergence > 0.0 && near(found.divergence.unwrap(), divergence, 0.01),
            "{text}"
        );
        let error = f64::sqrt(changed / whole);
        assert!(near(found.weight_error, error, 1e-12), "{text} {error}");
        let largest = sites.iter().copied().fold(0.0, f64::max);
        assert_eq!(found.max_drift, largest);
        let nothing = Proxies {
            max_drift: 0.0,
            weight_error: 0.0,
            divergence: Some(0.0),
            spike_flips: Some(0.0),
            image_drift: None,
            wide_divergence: None,
            output_error: None,
            loss_increase: None,
            disagreement: None,
        };
        assert_eq!(ask(&float).1, nothing);
    }
}
