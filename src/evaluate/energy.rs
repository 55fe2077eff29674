//! Synaptic operations and the energy estimate that the field quotes.
//!
//! The usual estimate (Spikformer, Spike-driven Transformer and others) is
//! `E = 4.6 pJ * MACs + 0.9 pJ * SOPs`: a multiply-accumulate for every product with a real number,
//! an accumulate for every synaptic operation, which is
//! `firing rate of the input * MACs of the layer`. The figures are of a 32-bit floating-point
//! multiply-add (3.7 + 0.9 pJ) and an add (0.9 pJ) in 45 nm at 0.9 V, from M. Horowitz,
//! "Computing's energy problem (and what we can do about it)", ISSCC 2014. They know nothing of
//! memory accesses and of bit-widths: an allocation changes them only by the spikes.
//!
//! What counts as what is ours: the rate is the measured mean of the layer's very input (sums of
//! spikes count as many times as they have spikes); layers that read real numbers or the mean over
//! tokens and time (the first convolution, a head without neurons before it) count
//! multiply-accumulates; attention counts the accumulates of `q (k^T v)` as this program does it,
//! one row of a head's channels for every spike of k and of q; of scores and of what a map of
//! spikes selects, one row of the head's result for every spike; and of attention by masks one for
//! every spike that is summed over a head's channels or over tokens. What a mask lets through is a
//! gate and no operation.

use super::Statistics;
use crate::network::{Graph, LayerId, Node, Op, ValueRange};

/// Joules of a multiply-accumulate.
pub const MAC_JOULES: f64 = 4.6e-12;
/// Joules of an accumulate.
pub const AC_JOULES: f64 = 0.9e-12;

/// What a layer does per image.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct LayerWork {
    /// The layer.
    pub layer: LayerId,
    /// Mean of its input; of spikes, their rate.
    pub input_mean: f64,
    /// Multiply-accumulates.
    pub macs: f64,
    /// Synaptic operations: accumulates.
    pub synaptic_operations: f64,
}

impl LayerWork {
    /// The estimate.
    pub fn joules(&self) -> f64 {
        MAC_JOULES * self.macs + AC_JOULES * self.synaptic_operations
    }
}

/// What a network does per image.
#[derive(Clone, Debug, PartialEq)]
pub struct EnergyEstimate {
    /// Its layers in execution order.
    pub layers: Vec<LayerWork>,
    /// Synaptic operations between values without weights: attention.
    pub attention: f64,
}

impl EnergyEstimate {
    /// From counts on some images.
    pub fn new(graph: &Graph, counted: &Statistics) -> Self {
        let images = counted.images.max(1) as f64;
        let sum = |node: &Node, input: usize| {
            let at = node.inputs.get(input).map(|id| id.index());
            at.and_then(|at| counted.sums.get(at))
                .copied()
                .unwrap_or(0.0)
                / images
        };
        let mut estimate = EnergyEstimate {
            layers: Vec::new(),
            attention: 0.0,
        };
        for node in &graph.nodes {
            match node.op {
                Op::Layer(layer) => {
                    let input = node.inputs.first().map(|id| graph.node(*id));
                    let numbers = input.map_or(1, |input| numbers(graph, input));
                    let mean = sum(node, 0) / numbers as f64;
                    let macs = graph.layer(layer).macs as f64;
                    let spikes = input.is_some_and(|input| {
                        matches!(input.range, ValueRange::Integer(_))
                            && input.op != Op::TokenTimeSum
                    });
                    estimate.layers.push(LayerWork {
                        layer,
                        input_mean: mean,
                        macs: if spikes { 0.0 } else { macs },
                        synaptic_operations: if spikes { macs * mean } else { 0.0 },
                    });
                }
                Op::Attention { heads, .. } => {
                    let width = node.shape.channels / heads.max(1);
                    estimate.attention += width as f64 * (sum(node, 0) + sum(node, 1));
                }
                Op::Scores { heads } | Op::Apply { heads } => {
                    let width = node.shape.channels / heads.max(1);
                    estimate.attention += width as f64 * sum(node, 1);
                }
                Op::HeadSum { .. } | Op::TokenSum => estimate.attention += sum(node, 0),
                _ => {}
            }
        }
        estimate
    }

    /// Multiply-accumulates.
    pub fn macs(&self) -> f64 {
        self.layers.iter().map(|l| l.macs).sum()
    }

    /// Synaptic operations, attention included.
    pub fn synaptic_operations(&self) -> f64 {
        let layers: f64 = self.layers.iter().map(|l| l.synaptic_operations).sum();
        layers + self.attention
    }

    /// The estimate.
    pub fn joules(&self) -> f64 {
        MAC_JOULES * self.macs() + AC_JOULES * self.synaptic_operations()
    }
}

/// Numbers of a value for one image, over its time steps.
fn numbers(graph: &Graph, node: &Node) -> usize {
    let steps = if node.time_invariant {
        1
    } else {
        graph.time_steps
    };
    (steps * node.shape.channels * node.shape.height * node.shape.width).max(1)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::network::ModelConfig;

    fn demo() -> Graph {
        let config: ModelConfig = toml::from_str(
            "family = 'qkformer'\nlayout = 'cifar'\nimage_size = 28\nin_channels = 1\nnum_classes = 10\n\
             embed_dims = 64\nnum_heads = 8\nmlp_ratio = 4\ndepths = 4\ntime_steps = 4",
        )
        .unwrap();
        config.graph().unwrap()
    }

    /// Every value a quarter: all layers but the first and the head accumulate a quarter of their
    /// products.
    #[test]
    fn a_quarter_of_spikes_is_a_quarter_of_the_work() {
        let graph = demo();
        let mut counted = Statistics::new(&graph);
        counted.images = 3;
        for (sum, node) in counted.sums.iter_mut().zip(&graph.nodes) {
            *sum = 3.0 * 0.25 * numbers(&graph, node) as f64;
        }
        let estimate = EnergyEstimate::new(&graph, &counted);
        let last = graph.layers.len() - 1;
        let ends = graph.layers[0].macs + graph.layers[last].macs;
        assert_eq!(estimate.macs(), ends as f64);
        let rest = graph.macs() - ends;
        let layers: f64 = estimate.layers.iter().map(|l| l.synaptic_operations).sum();
        assert!((layers - 0.25 * rest as f64).abs() < 1.0, "{layers}");
        assert!(
            estimate
                .layers
                .iter()
                .all(|l| (l.input_mean - 0.25).abs() < 1e-12)
        );
        // Two blocks of attention with 49 tokens of 64 channels in 8 heads, q and k each 1/4 over 4
        // steps; and the head sums of the query in two blocks.
        let attention = 2.0 * 8.0 * 2.0 * 0.25 * (4 * 49 * 64) as f64;
        let sums = 0.25 * (4 * 784 * 16 + 4 * 196 * 32) as f64;
        assert_eq!(estimate.attention, attention + sums);
        let joules = 4.6e-12 * estimate.macs() + 0.9e-12 * estimate.synaptic_operations();
        assert!((estimate.joules() - joules).abs() < 1e-18);
        let parts: f64 = estimate.layers.iter().map(LayerWork::joules).sum();
        assert!((parts + 0.9e-12 * estimate.attention - joules).abs() < 1e-18);
    }

    /// Attention by masks: what is summed over tokens counts, what a mask lets through does not.
    #[test]
    fn masks_are_no_operations() {
        let config: ModelConfig = toml::from_str(
            "family = 'sdt-v1'\npooling = '0011'\nimage_size = 32\nin_channels = 3\nnum_classes = 10\n\
             embed_dims = 48\nnum_heads = 8\nmlp_ratio = 4\ndepths = 2\ntime_steps = 4",
        )
        .unwrap();
        let graph = config.graph().unwrap();
        let mut counted = Statistics::new(&graph);
        counted.images = 1;
        for (sum, node) in counted.sums.iter_mut().zip(&graph.nodes) {
            *sum = 0.25 * numbers(&graph, node) as f64;
        }
        // Two blocks of 64 tokens of 48 channels over 4 steps.
        let attention = EnergyEstimate::new(&graph, &counted).attention;
        assert_eq!(attention, 2.0 * 0.25 * (4 * 64 * 48) as f64);
    }

    #[test]
    fn silence_costs_the_first_layer_and_the_head() {
        let graph = demo();
        let estimate = EnergyEstimate::new(&graph, &Statistics::new(&graph));
        assert_eq!(estimate.synaptic_operations(), 0.0);
        assert!(estimate.macs() > 0.0);
    }
}
