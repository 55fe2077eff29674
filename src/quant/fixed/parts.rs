//! Values that share a grid.

use super::Grid;
use crate::network::{Graph, Neuron, NodeId, Op, SiteId, ValueRange};

/// Bits of the logits.
pub const LOGIT_BITS: u8 = 20;
/// How many thresholds the grid of neurons reaches to, unless their input has other readers.
const HEADROOM: f64 = 4.0;

/// Values that share a grid.
#[derive(Clone, Debug, PartialEq)]
pub struct Part {
    /// The operations that make them, in order.
    pub nodes: Vec<NodeId>,
    /// The neurons that read them.
    pub sites: Vec<SiteId>,
    /// Bits of the grid.
    pub bits: u8,
    /// Whether anything but neurons decides how far they reach: a sum, another layer, an average
    /// over positions, the logits.
    pub stream: bool,
}

impl Part {
    /// All parts of a graph, for potentials of `bits` bits, in the order of their first operation.
    pub fn all(graph: &Graph, bits: u8) -> Vec<Part> {
        let mut of: Vec<Option<usize>> = Vec::new();
        let mut parts: Vec<Vec<NodeId>> = Vec::new();
        for (i, node) in graph.nodes.iter().enumerate() {
            let mut known = node.inputs.iter();
            let on_grid = |n: &NodeId| of.get(n.index()).copied().flatten();
            let joins = is_on_grid(graph, i) && !matches!(node.op, Op::Layer(_));
            let own = match (is_on_grid(graph, i), joins) {
                (false, _) => None,
                (true, false) => Some(usize::MAX),
                (true, true) => known.find_map(on_grid),
            };
            let Some(own) = own else {
                of.push(None);
                continue;
            };
            let own = match own {
                usize::MAX => {
                    parts.push(Vec::new());
                    parts.len() - 1
                }
                own => own,
            };
            let others: Vec<usize> = match joins {
                true => known.filter_map(on_grid).filter(|&p| p != own).collect(),
                false => Vec::new(),
            };
            for other in others {
                let moved = std::mem::take(&mut parts[other]);
                parts[own].extend(moved);
                let places = of.iter_mut().filter(|p| **p == Some(other));
                places.for_each(|p| *p = Some(own));
            }
            parts[own].push(NodeId(i as u32));
            of.push(Some(own));
        }
        let parts = parts.into_iter().filter(|nodes| !nodes.is_empty());
        let mut parts: Vec<Part> = parts.map(|nodes| part(graph, nodes, bits)).collect();
        parts.sort_by_key(|part| part.nodes.first().copied());
        parts
    }

    /// The grid of values that neurons alone read: a few times their threshold, or the largest
    /// level. Beyond it an input fires, or keeps from firing, all the same.
    pub fn by_threshold(&self, graph: &Graph) -> Grid {
        let ranges = self
            .sites
            .iter()
            .map(|&site| range(&graph.site(site).neuron));
        Grid::reaching(ranges.fold(0.0, f64::max), self.bits)
    }
}

/// How far the potential of neurons has to reach.
pub(super) fn range(neuron: &Neuron) -> f64 {
    match neuron {
        Neuron::Spiking(spiking) => HEADROOM * spiking.threshold.max(-spiking.reset.rest()),
        Neuron::Integer { max, .. } => *max as f64,
    }
}

/// Whether the value of a node is on a grid of its own or its part's.
fn is_on_grid(graph: &Graph, i: usize) -> bool {
    let Some(node) = graph.nodes.get(i) else {
        return false;
    };
    match node.op {
        Op::Layer(_) | Op::BatchNorm(_) | Op::ChannelScale(_) | Op::HeadScale { .. } => true,
        Op::Add | Op::Average => node.range == ValueRange::Real,
        Op::MaxPool { .. } => {
            let input = node.inputs.first();
            node.range == ValueRange::Real && input.is_some_and(|n| is_on_grid(graph, n.index()))
        }
        _ => false,
    }
}

fn part(graph: &Graph, mut nodes: Vec<NodeId>, bits: u8) -> Part {
    nodes.sort_unstable();
    let mut sites = Vec::new();
    let mut stream = false;
    let is_logits = nodes
        .last()
        .is_some_and(|n| n.index() + 1 == graph.nodes.len());
    for &node in &nodes {
        stream |= matches!(graph.node(node).op, Op::Add | Op::Average);
        for reader in graph.consumers(node) {
            match graph.node(reader).op {
                Op::Neuron(site) => sites.push(site),
                _ => stream |= !nodes.contains(&reader),
            }
        }
    }
    let only_logits = is_logits && sites.is_empty();
    Part {
        nodes,
        sites,
        bits: if only_logits { LOGIT_BITS } else { bits },
        stream: stream || is_logits,
    }
}
