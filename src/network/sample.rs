//! Random small networks of every operation and every kind of neuron, for tests: what runs, counts
//! or checks a graph can be compared with plain loops on operations that no family has.

use super::builder::{AverageWindow, Conv, Form, GraphBuilder};
use super::{
    Charge, ConstantLayout, Firing, Graph, Halves, ModelError, Neuron, NodeId, Reset, Shape,
    Spiking, TimeConstant, Tokens,
};

/// Classes of the networks.
const CLASSES: usize = 3;
/// Blocks of the networks.
const BLOCKS: u64 = 5;

/// How a network begins.
#[derive(Clone, Copy, PartialEq)]
enum Beginning {
    /// A layer, its batch norm and neurons.
    Usual,
    /// Neurons of the image itself.
    Neurons,
    /// A batch norm of the image itself.
    Norm,
    /// A layer that ends a block, before its batch norm.
    Apart,
}

/// A random network; the same for the same seed.
///
/// # Errors
/// Those of the graph's sizes, which do not occur.
pub fn graph(seed: u64) -> Result<Graph, ModelError> {
    beginning(seed, Beginning::Usual)
}

/// The same network with another beginning: neurons or a batch norm on the image itself, or a block
/// that ends between a layer and its batch norm.
///
/// # Errors
/// As [`graph`].
pub fn unusual_graph(seed: u64) -> Result<Graph, ModelError> {
    let beginnings = [Beginning::Neurons, Beginning::Norm, Beginning::Apart];
    beginning(seed, beginnings[(seed % 3) as usize])
}

fn beginning(seed: u64, begin: Beginning) -> Result<Graph, ModelError> {
    let mut random = Random(seed);
    let size = random.pick(&[4, 8]);
    let input = Shape {
        channels: random.pick(&[1, 2, 3]),
        height: size,
        width: size,
    };
    let (time_steps, frames) = (random.pick(&[1, 2, 4]), random.pick(&[true, false]));
    let mut b = GraphBuilder::new(input, time_steps, CLASSES);
    b.stage("body");
    b.block("stem");
    let image = b.input(frames);
    let mut sampler = Sampler {
        random,
        builder: b,
        names: 0,
        time_steps,
    };
    let read = match begin {
        Beginning::Neurons => sampler.neurons(image),
        Beginning::Norm => sampler.norm(image),
        Beginning::Usual | Beginning::Apart => image,
    };
    let name = sampler.name("conv");
    let mut x = sampler.builder.conv(read, &name, Conv::three(8));
    if begin == Beginning::Apart {
        sampler.builder.block_output(x, super::BlockLayout::Map);
        sampler.builder.block("norm");
    }
    x = sampler.norm(x);
    x = sampler.neurons(x);
    sampler.builder.block_output(x, super::BlockLayout::Map);
    for i in 0..BLOCKS {
        sampler.builder.block(&format!("block.{i}"));
        x = sampler.block(x);
        sampler.builder.block_output(x, super::BlockLayout::Map);
    }
    let mut b = sampler.builder;
    b.stage("head");
    b.block("head");
    let x = b.token_time_sum(x);
    b.linear(x, "head", CLASSES);
    b.finish()
}

/// Pseudo-random numbers (splitmix64).
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let z = (self.0 ^ self.0 >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let z = (z ^ z >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ z >> 31
    }

    /// One of some values; the first of none is never asked for.
    fn pick<T: Copy>(&mut self, among: &[T]) -> T {
        let at = self.next() as usize % among.len();
        among[at]
    }
}

struct Sampler {
    random: Random,
    builder: GraphBuilder,
    /// Names given.
    names: usize,
    time_steps: usize,
}

impl Sampler {
    fn name(&mut self, what: &str) -> String {
        self.names += 1;
        format!("{what}{}", self.names)
    }

    /// A layer, its batch norm and neurons.
    fn unit(&mut self, x: NodeId, conv: Conv) -> NodeId {
        let x = self.layer(x, conv);
        self.neurons(x)
    }

    fn layer(&mut self, x: NodeId, conv: Conv) -> NodeId {
        let name = self.name("conv");
        let x = self.builder.conv(x, &name, conv);
        self.norm(x)
    }

    fn norm(&mut self, x: NodeId) -> NodeId {
        let name = self.name("bn");
        self.builder.batch_norm(x, &name)
    }

    fn neurons(&mut self, x: NodeId) -> NodeId {
        let name = self.name("neurons");
        let neuron = self.spiking(&name);
        self.builder.neuron(x, &name, neuron)
    }

    /// Neurons of any kind with a state.
    fn spiking(&mut self, name: &str) -> Neuron {
        let constants = [
            TimeConstant::Tau(self.random.pick(&[1.5, 2.0, 3.0])),
            TimeConstant::Beta(self.random.pick(&[0.5, 0.9])),
            TimeConstant::Learned(format!("{name}.w")),
        ];
        let constant = constants[self.random.pick(&[0, 1, 2])].clone();
        let charge = match self.random.pick(&[0, 1, 2, 3]) {
            0 => Charge::Integrate,
            1 => Charge::DecayInput(constant),
            2 => Charge::Leak(constant),
            _ => Charge::Retain(constant),
        };
        Neuron::Spiking(Spiking {
            charge,
            threshold: self.random.pick(&[0.5, 1.0]),
            firing: self.random.pick(&[Firing::AtLeast, Firing::Above]),
            reset: self.random.pick(&[
                Reset::Hard(0.0),
                Reset::Hard(-0.25),
                Reset::Soft,
                Reset::SoftNext,
            ]),
        })
    }

    /// A block that reads and makes spikes.
    fn block(&mut self, x: NodeId) -> NodeId {
        let width = self.random.pick(&[8, 12]);
        match self.random.pick(&[0, 1, 2, 3, 4, 5, 6, 7]) {
            0 => {
                let kernel = self.random.pick(&[1, 3]);
                let leaks = self.random.pick(&[false, true]);
                let x = self.unit(x, Conv::square(width, kernel));
                if leaks {
                    self.builder.leak();
                }
                x
            }
            1 => {
                let name = self.name("tokens");
                // A window without padding needs tokens to fill it.
                let windows = [(3, 1, 1), (3, 2, 1), (5, 1, 2), (2, 1, 0)];
                let fits = if self.builder.is_even(x) { 4 } else { 3 };
                let (kernel, stride, padding) = self.random.pick(&windows[..fits]);
                let every = if self.builder.width(x) == width {
                    width
                } else {
                    1
                };
                let groups = self.random.pick(&[1, 2, every]);
                let window = (kernel, stride, padding, groups);
                let bias = self.random.pick(&[true, false]);
                let x = self.builder.conv1d(x, &name, (width, bias), window);
                let x = self.norm(x);
                self.neurons(x)
            }
            2 => {
                let window = self.average();
                let x = self.builder.average_pool(x, window);
                self.unit(x, Conv::one(width, Form::Map))
            }
            3 => {
                // Real numbers are pooled, and levels of integer neurons, which have a unit.
                let window = self.average();
                let x = self.layer(x, Conv::one(width, Form::Map));
                let x = self.builder.average_pool(x, window);
                let name = self.name("levels");
                let levels = Neuron::Integer {
                    max: 4,
                    norm: 4,
                    halves: Halves::ToEven,
                };
                let x = self.builder.neuron(x, &name, levels);
                let window = self.average();
                let x = self.builder.average_pool(x, window);
                self.unit(x, Conv::one(8, Form::Matrix))
            }
            4 => {
                let x = self.layer(x, Conv::one(width, Form::Map));
                let layout = self.random.pick(&[
                    ConstantLayout::Map,
                    ConstantLayout::Tokens,
                    ConstantLayout::ChannelTokens,
                    ConstantLayout::Channels,
                ]);
                let (key, ones) = (self.name("position"), self.random.pick(&[0, 1]));
                let x = self.builder.add_constant(x, &key, (layout, ones));
                self.neurons(x)
            }
            5 => {
                let y = self.layer(x, Conv::depthwise(self.builder.width(x), 3));
                let y = self.neurons(y);
                self.builder.add(x, y)
            }
            6 => self.mapped_attention(x),
            _ => self.attention(x),
        }
    }

    /// Attention with neurons on its map, of keys and values that are real and scaled by firing
    /// rates, or spikes.
    fn mapped_attention(&mut self, x: NodeId) -> NodeId {
        let width = self.builder.width(x);
        let heads = self.random.pick(&[1, 2, 4]);
        let d = width / heads;
        let is_real = self.random.pick(&[true, false, false]);
        let patch = if self.builder.is_even(x) { 2 } else { 1 };
        let patches = Conv::square(2 * width, patch).stride(patch);
        let patches = patches.padding(0).groups(2);
        let y = self.layer(x, patches);
        let y = if is_real { y } else { self.neurons(y) };
        let name = self.name("rates");
        let scaled = |sampler: &mut Self, x, part: &str, terms| {
            if !is_real {
                return x;
            }
            let key = format!("{name}.firing_rate_{part}");
            sampler.builder.buffer(key.clone(), &[1, 1, heads, 1, 1]);
            sampler.builder.head_scale(x, heads, &key, terms)
        };
        let keys = self.builder.slice(y, heads, 0, d);
        let scores = self.builder.scores(keys, x, heads);
        let scores = scaled(self, scores, "x", d);
        let map = self.neurons(scores);
        let values = self.builder.slice(y, heads, d, d);
        let out = self.builder.apply(values, map, heads);
        let out = scaled(self, out, "attn", 4);
        let out = self.neurons(out);
        let joined = self.builder.concat(&[x, out], heads);
        self.unit(joined, Conv::one(8, Form::Map))
    }

    fn average(&mut self) -> AverageWindow {
        let (kernel, stride, padding) = self.random.pick(&[(3, 1, 1), (1, 1, 0), (3, 2, 1)]);
        AverageWindow {
            kernel,
            stride,
            padding,
            count_include_pad: self.random.pick(&[true, false]),
        }
    }

    fn attention(&mut self, x: NodeId) -> NodeId {
        let heads = self.random.pick(&[1, 2, 4]);
        let qkv = [8, 8, 8].map(|width| self.unit(x, Conv::one(width, Form::Sequence)));
        let even = self.builder.is_even(x);
        let tokens = match (self.random.pick(&[0, 1, 2]), even) {
            (0, true) => Tokens::Grid(2),
            (1, _) if self.time_steps > 1 => Tokens::Steps(2),
            _ => Tokens::All,
        };
        let x = self.builder.attention_among(tokens, qkv, heads, 0.125);
        self.neurons(x)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::network::Op;

    /// Where a block ends between a layer and its batch norm, the layer's sums are needed.
    #[test]
    fn layers_absorb_what_nothing_else_reads() {
        for seed in 0..12 {
            let (usual, other) = (graph(seed).unwrap(), unusual_graph(seed).unwrap());
            assert_eq!(usual.layers[0].absorbed.len(), 1, "{seed}");
            let expected = usize::from(seed % 3 != 2);
            assert_eq!(other.layers[0].absorbed.len(), expected, "{seed}");
        }
    }

    /// All that a family does not have is in some of the first networks.
    #[test]
    fn every_operation_is_there() {
        let graphs: Vec<Graph> = (0..40).map(|seed| graph(seed).unwrap()).collect();
        let any = |is: fn(&Op) -> bool| graphs.iter().flat_map(|g| &g.nodes).any(|n| is(&n.op));
        assert!(any(|op| matches!(op, Op::AveragePool { .. })));
        assert!(any(|op| matches!(op, Op::AddConstant { .. })));
        let grid = |op: &Op| {
            matches!(
                op,
                Op::Attention {
                    tokens: Tokens::Grid(_),
                    ..
                }
            )
        };
        assert!(any(grid));
        let steps = |op: &Op| {
            matches!(
                op,
                Op::Attention {
                    tokens: Tokens::Steps(_),
                    ..
                }
            )
        };
        assert!(any(steps));
        assert!(any(|op| matches!(op, Op::Slice { .. })));
        assert!(any(|op| matches!(op, Op::Concat { .. })));
        assert!(any(|op| matches!(op, Op::Scores { .. })));
        assert!(any(|op| matches!(op, Op::Apply { .. })));
        assert!(any(|op| matches!(op, Op::HeadScale { .. })));
        let layers = || graphs.iter().flat_map(|g| &g.layers);
        assert!(layers().any(|l| l.kind.is_1d()));
        let sites = || graphs.iter().flat_map(|g| &g.sites);
        assert!(sites().any(|s| s.neuron.key().is_some()) && sites().any(|s| s.batch_leak));
        assert!(sites().all(|s| s.neuron.check().is_ok()));
        assert_eq!(graph(7).unwrap(), graphs[7]);
    }
}
