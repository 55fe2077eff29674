//! Queries on a graph: parts by id, frames, totals and consumers.

use super::{
    BlockId, Graph, Layer, LayerId, Node, NodeId, Op, PerChannel, Site, SiteId, StageId, TensorKind,
};

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

    /// For each node the one that reads its value; none where there are several, or where the value
    /// is also needed for itself, as the output of a block.
    pub fn only_readers(&self) -> Vec<Option<NodeId>> {
        let mut readers = vec![(0, None); self.nodes.len()];
        for (i, node) in self.nodes.iter().enumerate() {
            for input in &node.inputs {
                let (count, reader) = &mut readers[input.index()];
                *count += 1;
                *reader = Some(NodeId(i as u32));
            }
        }
        for output in self.blocks.iter().filter_map(|block| block.output) {
            readers[output.index()] = (0, None);
        }
        let sole = |(count, reader): (usize, Option<NodeId>)| reader.filter(|_| count == 1);
        readers.into_iter().map(sole).collect()
    }
    /// For each node the layer that absorbs it: per-channel operations directly behind the layer,
    /// one behind the other, each the only reader of the one before.
    pub fn absorbers(&self) -> Vec<Option<LayerId>> {
        let readers = self.only_readers();
        let mut absorbers = vec![None; self.nodes.len()];
        for (i, node) in self.nodes.iter().enumerate() {
            let Op::Layer(layer) = node.op else { continue };
            let mut at = readers[i];
            while let Some(next) = at.filter(|&n| PerChannel::of(&self.node(n).op).is_some()) {
                absorbers[next.index()] = Some(layer);
                at = readers[next.index()];
            }
        }
        absorbers
    }
    /// Lets layers absorb the per-channel operations behind them.
    pub(super) fn absorb(&mut self) {
        for (i, absorber) in self.absorbers().into_iter().enumerate() {
            let operation = PerChannel::of(&self.nodes[i].op);
            if let (Some(layer), Some(operation)) = (absorber, operation) {
                self.layers[layer.index()].absorbed.push(operation);
            }
        }
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
