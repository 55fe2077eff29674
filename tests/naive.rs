//! `predict` against plain loops over the graph's definition: random networks of other sizes than the fixtures.
#![cfg(feature = "torch")]

use aq4svit::checkpoint::{StateDict, TensorData};
use aq4svit::network::{Family, Graph, LayerKind, Layout, ModelConfig, Neuron, Op, Shape};
use aq4svit::quant::{Allocation, BitWidth, Scheme, quantize};
use aq4svit::torch::{Device, Images, Model, Precision, PredictOptions, predict};
use proptest::prelude::*;

/// A value at one time step for one image, `[channels, height, width]`.
type Map = Vec<f64>;

/// Every node's value as `[node][step][image]`, and every site's pre-reset potentials alike.
struct Naive<'a> {
    model: &'a Model,
    allocation: &'a Allocation,
    values: Vec<Vec<Vec<Map>>>,
    potentials: Vec<Vec<Vec<Map>>>,
}

impl Naive<'_> {
    fn run(&mut self, images: &[Map]) {
        let graph = &self.model.graph;
        for node in &graph.nodes {
            let value = match node.op {
                Op::Neuron(site) => {
                    let (spikes, potentials) =
                        neuron(graph.site(site).neuron, self.value(node.inputs[0].index()));
                    self.potentials.push(potentials);
                    spikes
                }
                Op::TokenTimeSum => {
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
                            match op {
                                Op::Input => images[image].clone(),
                                op => self.stateless(op, from.unwrap(), node.shape, &input),
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

    fn stateless<'a>(
        &self,
        op: &Op,
        from: Shape,
        to: Shape,
        input: &dyn Fn(usize) -> &'a Map,
    ) -> Map {
        let positions = from.height * from.width;
        match op {
            Op::Layer(id) => self.layer(id.index(), from, to, input(0)),
            Op::BatchNorm(key) => {
                let part = |part: &str| self.numbers(format!("{key}.{part}"));
                let (gamma, beta) = (part("weight"), part("bias"));
                let (mean, var) = (part("running_mean"), part("running_var"));
                let x = input(0).iter().enumerate();
                x.map(|(i, x)| {
                    let c = i / positions;
                    (x - mean[c]) / (var[c] + 1e-5).sqrt() * gamma[c] + beta[c]
                })
                .collect()
            }
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
            &Op::Attention { heads, scale } => {
                let (q, k, v) = (input(0), input(1), input(2));
                let d = to.channels / heads;
                let mut out = vec![0.0; v.len()];
                for h in 0..heads {
                    let at = |j: usize, n: usize| (h * d + j) * positions + n;
                    for n in 0..positions {
                        for m in 0..positions {
                            let score: f64 = (0..d).map(|j| q[at(j, n)] * k[at(j, m)]).sum();
                            for j in 0..d {
                                out[at(j, n)] += scale * score * v[at(j, m)];
                            }
                        }
                    }
                }
                out
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
            Op::Input | Op::Neuron(_) | Op::TokenTimeSum => unreachable!("not stateless"),
        }
    }

    fn layer(&self, index: usize, from: Shape, to: Shape, x: &Map) -> Map {
        let graph = &self.model.graph;
        let layer = &graph.layers[index];
        let weight = &self
            .model
            .weights
            .get(&format!("{}.weight", layer.name))
            .unwrap()
            .values;
        let width = self.allocation.0[index];
        let weight: Vec<f64> = if width.is_float() {
            weight.iter().map(|&w| f64::from(w)).collect()
        } else {
            let scheme = &self.model.scheme;
            quantize(weight, layer.channels(), width, scheme, &layer.name)
                .unwrap()
                .dequantized_f64()
        };
        let bias = if layer.bias {
            self.numbers(format!("{}.bias", layer.name))
        } else {
            vec![0.0; layer.channels()]
        };
        // The head reads the mean over tokens and time of the last block's output.
        let (kernel, stride, padding, mean) = match layer.kind {
            LayerKind::Conv {
                kernel,
                stride,
                padding,
                ..
            } => (kernel, stride, padding, 1.0),
            LayerKind::Linear => {
                let last = graph.blocks.iter().rev().find_map(|b| b.output).unwrap();
                let shape = graph.node(last).shape;
                let terms = graph.time_steps * shape.height * shape.width;
                (1, 1, 0, 1.0 / terms as f64)
            }
        };
        let positions = from.height * from.width;
        let mut out = Map::new();
        for (c, bias) in bias.iter().enumerate() {
            for (oy, ox) in grid(to) {
                let mut sum = *bias;
                for i in 0..from.channels {
                    for (ky, kx) in square(kernel) {
                        let at = (oy * stride + ky, ox * stride + kx);
                        if let Some(p) = inside(at, padding, from) {
                            let w = ((c * from.channels + i) * kernel + ky) * kernel + kx;
                            sum += weight[w] * x[i * positions + p] * mean;
                        }
                    }
                }
                out.push(sum);
            }
        }
        out
    }
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

fn neuron(neuron: Neuron, x: &[Vec<Map>]) -> (Vec<Vec<Map>>, Vec<Vec<Map>>) {
    let Neuron::Lif { tau, threshold } = neuron;
    let mut v: Vec<Map> = x[0].iter().map(|m| vec![0.0; m.len()]).collect();
    let (mut spikes, mut potentials) = (Vec::new(), Vec::new());
    for x in x {
        for (v, x) in v.iter_mut().flatten().zip(x.iter().flatten()) {
            *v += (x - *v) / tau;
        }
        potentials.push(v.clone());
        let fire = |v: &mut f64| {
            let s = f64::from(u8::from(*v >= threshold));
            *v *= 1.0 - s;
            s
        };
        spikes.push(
            v.iter_mut()
                .map(|m| m.iter_mut().map(fire).collect())
                .collect(),
        );
    }
    (spikes, potentials)
}

/// Pseudo-random numbers (splitmix64) between two others.
struct Random(u64);

impl Random {
    fn many(&mut self, count: usize, low: f32, high: f32) -> Vec<f32> {
        let mut next = || {
            self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
            let z = (self.0 ^ self.0 >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
            let z = (z ^ z >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
            low + (high - low) * ((z ^ z >> 31) >> 40) as f32 / (1 << 24) as f32
        };
        (0..count).map(|_| next()).collect()
    }
}

fn weights(graph: &Graph, random: &mut Random) -> StateDict {
    let mut state = StateDict::new("random");
    for spec in &graph.tensors {
        let norm = spec.key.contains("bn");
        let (low, high) = match spec.key.rsplit('.').next().unwrap() {
            "running_var" => (0.5, 1.5),
            "running_mean" => (-0.2, 0.2),
            // Some negative: max-pooling must see the sign.
            "weight" if norm => (-1.5, 2.5),
            "bias" if norm => (0.0, 1.5),
            _ => (-0.3, 0.3),
        };
        let values = random.many(spec.shape.iter().product(), low, high);
        let shape = spec.shape.clone();
        state.insert(spec.key.clone(), TensorData { shape, values });
    }
    state
}

fn configs() -> impl Strategy<Value = ModelConfig> {
    (
        any::<bool>(),
        any::<bool>(),
        1..=2usize,
        1..=3usize,
        1..=3usize,
        1..=2usize,
        1..=4usize,
        2..=4usize,
    )
        .prop_map(|(qk, small, size, heads, channels, ratio, steps, depths)| {
            let heads = [1, 2, 4][heads - 1];
            ModelConfig {
                family: if qk {
                    Family::QkFormer
                } else {
                    Family::Spikformer
                },
                layout: if small {
                    Layout::Cifar
                } else {
                    Layout::Imagenet
                },
                image_size: if small { 8 * size } else { 16 * size },
                in_channels: channels,
                num_classes: 3,
                embed_dims: 16 * (1 + size % 2),
                num_heads: heads,
                mlp_ratio: ratio,
                depths: if qk { 4 } else { depths - 1 },
                time_steps: steps,
            }
        })
}

fn close(a: f64, b: f64) -> bool {
    (a - b).abs() <= 1e-9 * (1.0 + b.abs())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, ..ProptestConfig::default() })]

    #[test]
    fn predict_is_what_the_graph_says(
        config in configs(),
        seed: u64,
        batch in 1..=3usize,
        widths in prop::collection::vec(prop::sample::select(vec![1u8, 2, 3, 4, 5, 6, 7, 8, 16, 32]), 1..8),
    ) {
        let graph = config.graph().unwrap();
        let mut random = Random(seed);
        let model = Model { weights: weights(&graph, &mut random), graph, scheme: Scheme::default() };
        let graph = &model.graph;
        let widths = widths.iter().cycle().take(graph.layers.len());
        let allocation = Allocation(widths.map(|&b| BitWidth::new(b).unwrap()).collect());
        let size = graph.input.channels * graph.input.height * graph.input.width;
        let values = random.many(batch * size, -2.0, 2.0);
        let maps: Vec<Map> =
            values.chunks(size).map(|m| m.iter().map(|&x| f64::from(x)).collect()).collect();
        let mut naive = Naive {
            model: &model,
            allocation: &allocation,
            values: Vec::new(),
            potentials: Vec::new(),
        };
        naive.run(&maps);

        let images = Images { batch, shape: graph.input, values };
        let options =
            PredictOptions { precision: Precision::F64, trace: true, device: Device::CPU };
        let found = predict(&model, &allocation, &images, options).unwrap();
        let logits = naive.values.last().unwrap()[0].iter().flatten();
        prop_assert_eq!(found.logits.len(), batch * graph.classes);
        for (a, b) in found.logits.iter().zip(logits) {
            prop_assert!(close(*a, *b), "logits {} {}", a, b);
        }
        let trace = found.trace.unwrap();
        let mut neurons = graph.nodes.iter().zip(&naive.values)
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
            let expected: Vec<f32> = maps.flat_map(|map| -> Vec<f32> {
                let at = |i: usize| match block.token_major {
                    true => map[i % channels * positions + i / channels] as f32,
                    false => map[i] as f32,
                };
                (0..map.len()).map(at).collect()
            }).collect();
            prop_assert_eq!(&trace.values, &expected, "block {}", &block.name);
            prop_assert_eq!(trace.shape.iter().product::<usize>(), expected.len());
        }
    }
}
