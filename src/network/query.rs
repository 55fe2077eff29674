//! Queries on a graph: parts by id, frames, totals and consumers.

use super::{BlockId, Graph, Layer, LayerId, Node, NodeId, Op, Site, SiteId, StageId, TensorKind};

impl Graph {
    /// A layer by id.
    ///
    /// # Panics
    /// When the id is not of this graph.
    pub fn layer(&self, id: LayerId) -> &Layer {
        &self.layers[id.index()]
    }
    /// Frames of one input: the time steps of a network for event cameras, none where it reads an
    /// image.
    pub fn frames(&self) -> Option<usize> {
        let is_frames = |n: &Node| n.op == Op::Input && !n.time_invariant;
        let has_frames = self.nodes.iter().any(is_frames);
        has_frames.then_some(self.time_steps)
    }
    /// The stage of a block.
    pub fn stage_of(&self, block: BlockId) -> StageId {
        self.blocks[block.index()].stage
    }
    /// Number of trained parameters, dead ones included, as the specs count them.
    pub fn parameters(&self) -> u64 {
        self.tensors
            .iter()
            .filter(|t| t.kind == TensorKind::Param)
            .map(|t| t.shape.iter().product::<usize>() as u64)
            .sum()
    }
    /// Multiply-accumulates of all layers for one image.
    pub fn macs(&self) -> u64 {
        self.layers
            .iter()
            .fold(0, |sum, layer| sum.saturating_add(layer.macs))
    }
    /// Products of [`Op::Scores`] and [`Op::Apply`] for one image, whose maps grow with the square
    /// of the positions.
    pub(super) fn head_products(&self) -> u64 {
        let products = self.nodes.iter().map(|node| {
            let first = node.inputs.first().map(|&i| self.node(i).shape);
            let terms = match (&node.op, first) {
                (Op::Scores { heads }, Some(keys)) => keys.channels / heads.max(&1),
                (Op::Apply { .. }, Some(values)) => values.height * values.width,
                _ => return 0,
            };
            let shape = node.shape;
            let sizes = [shape.channels, shape.height, shape.width, self.time_steps];
            let sizes = sizes.iter().map(|&size| size as u64);
            sizes.fold(terms as u64, u64::saturating_mul)
        });
        products.fold(0, u64::saturating_add)
    }
    /// A node by id.
    ///
    /// # Panics
    /// When the id is not of this graph.
    pub fn node(&self, id: NodeId) -> &Node {
        &self.nodes[id.index()]
    }
    /// A neuron site by id.
    ///
    /// # Panics
    /// When the id is not of this graph.
    pub fn site(&self, id: SiteId) -> &Site {
        &self.sites[id.index()]
    }
    /// Nodes that read a node's value, in execution order, each once.
    pub fn consumers(&self, node: NodeId) -> impl Iterator<Item = NodeId> + '_ {
        self.nodes
            .iter()
            .enumerate()
            .filter(move |(_, n)| n.inputs.contains(&node))
            .map(|(i, _)| NodeId(i as u32))
    }
}
