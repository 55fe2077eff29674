//! Questions to a graph.

use super::{BlockId, Graph, Layer, LayerId, Node, NodeId, Op, Site, SiteId, StageId, TensorKind};

impl Graph {
    /// A layer by id.
    ///
    /// # Panics
    /// When the id is not of this graph.
    pub fn layer(&self, id: LayerId) -> &Layer {
        &self.layers[id.index()]
    }
    /// Frames of one input: the time steps of a network for event cameras, none where it reads an image.
    pub fn frames(&self) -> Option<usize> {
        let is_frames = |n: &Node| n.op == Op::Input && !n.is_static;
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
    /// Layers of a block, in execution order.
    pub fn layers_of(&self, block: BlockId) -> impl Iterator<Item = LayerId> + '_ {
        self.layers
            .iter()
            .enumerate()
            .filter(move |(_, l)| l.block == block)
            .map(|(i, _)| LayerId(i as u32))
    }
    /// Multiply-accumulates of all layers for one image.
    pub fn macs(&self) -> u64 {
        self.layers
            .iter()
            .fold(0, |sum, layer| sum.saturating_add(layer.macs))
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
    /// Neuron sites of a block, in execution order.
    pub fn sites_of(&self, block: BlockId) -> impl Iterator<Item = SiteId> + '_ {
        self.sites
            .iter()
            .enumerate()
            .filter(move |(_, s)| s.block == block)
            .map(|(i, _)| SiteId(i as u32))
    }
    /// Blocks of a stage, in execution order.
    pub fn blocks_of(&self, stage: StageId) -> impl Iterator<Item = BlockId> + '_ {
        self.blocks
            .iter()
            .enumerate()
            .filter(move |(_, b)| b.stage == stage)
            .map(|(i, _)| BlockId(i as u32))
    }
    /// Nodes that read a node's value, in execution order, each once.
    pub fn consumers(&self, node: NodeId) -> impl Iterator<Item = NodeId> + '_ {
        self.nodes
            .iter()
            .enumerate()
            .filter(move |(_, n)| n.inputs.contains(&node))
            .map(|(i, _)| NodeId(i as u32))
    }
    /// The stage of a name.
    pub fn stage_named(&self, name: &str) -> Option<StageId> {
        let at = self.stages.iter().position(|s| s.name == name)?;
        Some(StageId(at as u32))
    }
    /// The block of a name.
    pub fn block_named(&self, name: &str) -> Option<BlockId> {
        let at = self.blocks.iter().position(|b| b.name == name)?;
        Some(BlockId(at as u32))
    }
    /// The layer of a name.
    pub fn layer_named(&self, name: &str) -> Option<LayerId> {
        let at = self.layers.iter().position(|l| l.name == name)?;
        Some(LayerId(at as u32))
    }
}
