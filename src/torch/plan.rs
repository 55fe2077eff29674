//! The plan of one graph: fused steps, and when each value's memory is released.
//!
//! A step is a source operation and what follows it element by element without another reader:
//! batch norm, max-pool, neuron, residual sum. A block's output is always a value of its own.
#![forbid(unsafe_code)]

use super::TorchError;
use crate::network::{
    BlockId, ConstantLayout, Graph, LayerId, NodeId, Op, PerChannel, Shape, SiteId, Tokens, check,
};

/// The source of a step.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Source {
    /// The image.
    Image,
    /// A value as it is (the rest of the step works on it).
    Value,
    /// A layer's accumulator.
    Layer {
        layer: LayerId,
        /// What the numbers it reads count ([`Node::scale`](crate::network::Node::scale)), unless
        /// it is 1.
        unit: Option<f64>,
    },
    /// The sum, mean or product of two values.
    Pair(Pairing),
    /// Spiking self-attention of q, k, v.
    Attention {
        heads: usize,
        scale: f64,
        tokens: Tokens,
    },
    /// Average pooling.
    AveragePool(AverageWindow),
    /// A value and the constant of a key.
    Constant { key: String, layout: ConstantLayout },
    /// Sum over each head's channels.
    HeadSum { heads: usize },
    /// Inputs mask and value.
    HeadMask { heads: usize },
    /// The largest number of a 3x3 window over tokens and a head's channels.
    HeadErode { heads: usize },
    /// Some channels of each head.
    Slice {
        heads: usize,
        start: usize,
        count: usize,
    },
    /// Channels of several values, head by head.
    Concat { heads: usize },
    /// `K^T X` per head.
    Scores { heads: usize },
    /// `V A` per head.
    Apply { heads: usize },
    /// Sum over positions.
    TokenSum,
    /// Mean over positions.
    TokenMean,
    /// Sum over positions and time steps.
    TokenTimeSum,
}

/// An elementwise operation on two values. A value of one position belongs to all positions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Pairing {
    Sum,
    Mean,
    Product,
}

/// The window of an average pooling.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct AverageWindow {
    pub kernel: usize,
    pub stride: usize,
    pub padding: usize,
    pub count_include_pad: bool,
}

/// Max-pooling.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Pool {
    pub kernel: usize,
    pub stride: usize,
    pub padding: usize,
    /// The shape after pooling.
    pub shape: Shape,
}

/// One fused step. Its parts run in the order of the fields.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Step {
    /// The node whose value comes out: the last one fused.
    pub node: NodeId,
    /// The layer or site, for error messages.
    pub name: String,
    pub source: Source,
    /// The values that the source reads.
    pub inputs: Vec<NodeId>,
    /// The shape that the source yields.
    pub shape: Shape,
    /// Batch norms and scales.
    pub channelwise: Vec<PerChannel>,
    pub pool: Option<Pool>,
    pub neuron: Option<SiteId>,
    /// A value added to the result.
    pub residual: Option<NodeId>,
    /// Values without readers after this step.
    pub release: Vec<NodeId>,
    /// Blocks whose output this is.
    pub blocks: Vec<BlockId>,
}

/// All steps of a graph.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Plan {
    pub steps: Vec<Step>,
    /// The node of the logits.
    pub logits: NodeId,
}

impl Plan {
    /// Plans a graph.
    ///
    /// # Errors
    /// [`TorchError::Graph`] where the graph contradicts itself.
    pub(super) fn new(graph: &Graph) -> Result<Plan, TorchError> {
        for node in 0..graph.nodes.len() {
            check(graph, node).map_err(|why| TorchError::Graph { node, why })?;
        }
        let Some(last) = graph.nodes.len().checked_sub(1) else {
            return Err(TorchError::Graph {
                node: 0,
                why: "there is no operation".to_owned(),
            });
        };
        let logits = NodeId(last as u32);
        let mut steps = Fuser::new(graph).steps();
        release(&mut steps, logits);
        Ok(Plan { steps, logits })
    }
}

/// Notes in each step the values of which it is the last reader (or that have none).
fn release(steps: &mut [Step], logits: NodeId) {
    let mut read_later = vec![logits];
    for step in steps.iter_mut().rev() {
        let reads = step.inputs.iter().chain(&step.residual).copied();
        for value in reads.chain([step.node]).collect::<Vec<_>>() {
            if !read_later.contains(&value) {
                read_later.push(value);
                step.release.push(value);
            }
        }
    }
}

/// Fuses a checked graph.
struct Fuser<'a> {
    graph: &'a Graph,
    /// Per node: the one that reads its value, unless the value is needed for itself.
    readers: Vec<Option<NodeId>>,
    /// Nodes whose value exists or that are part of a step.
    done: Vec<bool>,
}

impl<'a> Fuser<'a> {
    fn new(graph: &'a Graph) -> Self {
        Fuser {
            graph,
            readers: graph.only_readers(),
            done: vec![false; graph.nodes.len()],
        }
    }

    fn steps(mut self) -> Vec<Step> {
        let mut steps = Vec::new();
        for start in 0..self.graph.nodes.len() {
            if self.done[start] {
                continue;
            }
            let mut step = self.begin(NodeId(start as u32));
            self.done[start] = true;
            while let Some(next) = self.readers[step.node.index()] {
                // The image is kept as it is.
                if step.source == Source::Image || !self.absorb(&mut step, next) {
                    break;
                }
                self.done[next.index()] = true;
                step.node = next;
            }
            let blocks = self.graph.blocks.iter().enumerate();
            step.blocks = blocks
                .filter(|(_, b)| b.output == Some(step.node))
                .map(|(i, _)| BlockId(i as u32))
                .collect();
            steps.push(step);
        }
        steps
    }

    fn begin(&self, id: NodeId) -> Step {
        let graph = self.graph;
        let node = graph.node(id);
        let mut step = Step {
            node: id,
            name: name(graph, id),
            source: Source::Value,
            inputs: node.inputs.clone(),
            shape: node.shape,
            channelwise: Vec::new(),
            pool: None,
            neuron: None,
            residual: None,
            release: Vec::new(),
            blocks: Vec::new(),
        };
        match &node.op {
            Op::Input => step.source = Source::Image,
            &Op::Layer(layer) => {
                let unit = node.inputs.first().map_or(1.0, |&i| graph.node(i).scale);
                step.source = Source::Layer {
                    layer,
                    unit: (unit != 1.0).then_some(unit),
                };
            }
            Op::Add => step.source = Source::Pair(Pairing::Sum),
            Op::Average => step.source = Source::Pair(Pairing::Mean),
            Op::Multiply | Op::ChannelMask => step.source = Source::Pair(Pairing::Product),
            &Op::Attention {
                heads,
                scale,
                tokens,
            } => {
                step.source = Source::Attention {
                    heads,
                    scale,
                    tokens,
                };
            }
            &Op::AveragePool {
                kernel,
                stride,
                padding,
                count_include_pad,
            } => {
                step.source = Source::AveragePool(AverageWindow {
                    kernel,
                    stride,
                    padding,
                    count_include_pad,
                });
            }
            Op::AddConstant { key, layout } => {
                step.source = Source::Constant {
                    key: key.clone(),
                    layout: *layout,
                };
            }
            &Op::HeadSum { heads } => step.source = Source::HeadSum { heads },
            &Op::HeadMask { heads } => step.source = Source::HeadMask { heads },
            &Op::HeadErode { heads } => step.source = Source::HeadErode { heads },
            &Op::Slice {
                heads,
                start,
                count,
            } => {
                step.source = Source::Slice {
                    heads,
                    start,
                    count,
                };
            }
            &Op::Concat { heads } => step.source = Source::Concat { heads },
            &Op::Scores { heads } => step.source = Source::Scores { heads },
            &Op::Apply { heads } => step.source = Source::Apply { heads },
            Op::TokenSum => step.source = Source::TokenSum,
            Op::TokenMean => step.source = Source::TokenMean,
            Op::TokenTimeSum => step.source = Source::TokenTimeSum,
            Op::BatchNorm(_)
            | Op::ChannelScale(_)
            | Op::HeadScale { .. }
            | Op::MaxPool { .. }
            | Op::Neuron(_) => {
                if let Some(&input) = node.inputs.first() {
                    step.shape = graph.node(input).shape;
                }
                self.absorb(&mut step, id);
            }
        }
        step
    }

    /// Adds a node to a step, if it can be its next part.
    fn absorb(&self, step: &mut Step, next: NodeId) -> bool {
        let node = self.graph.node(next);
        let bare = step.pool.is_none() && step.neuron.is_none() && step.residual.is_none();
        if let Some(operation) = PerChannel::of(&node.op).filter(|_| bare) {
            step.channelwise.push(operation);
            return true;
        }
        match &node.op {
            &Op::MaxPool {
                kernel,
                stride,
                padding,
            } if bare => {
                step.pool = Some(Pool {
                    kernel,
                    stride,
                    padding,
                    shape: node.shape,
                });
            }
            &Op::Neuron(site) if step.neuron.is_none() && step.residual.is_none() => {
                step.neuron = Some(site);
            }
            Op::Add if step.residual.is_none() => {
                let other = node.inputs.iter().find(|&&i| i != step.node);
                match other {
                    Some(&other) if self.done[other.index()] => step.residual = Some(other),
                    _ => return false,
                }
            }
            _ => return false,
        }
        true
    }
}

/// The name of a node, for error messages.
fn name(graph: &Graph, id: NodeId) -> String {
    match &graph.node(id).op {
        Op::Layer(layer) => format!("layer {}", graph.layer(*layer).name),
        Op::Neuron(site) => format!("neurons {}", graph.site(*site).name),
        Op::BatchNorm(key) => format!("batch norm {key}"),
        Op::ChannelScale(key) | Op::HeadScale { key, .. } => format!("scale {key}"),
        op => {
            let block = &graph.blocks[graph.node(id).block.index()].name;
            format!("{op:?} in block {block}")
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::{all, config};
    use super::*;
    use crate::network::{Architecture, Layout, QkFormer};

    fn qkformer() -> Graph {
        let architecture = Architecture::QkFormer(QkFormer {
            layout: Layout::Cifar,
            embed_dims: 32,
            depths: 5,
            batch_leak: false,
        });
        config(architecture).graph().unwrap()
    }

    #[test]
    fn every_node_is_done_once_and_in_order() {
        for config in all() {
            let graph = config.graph().unwrap();
            let plan = Plan::new(&graph).unwrap();
            let mut sites = Vec::new();
            let mut layers = Vec::new();
            let mut alive: Vec<NodeId> = Vec::new();
            for step in &plan.steps {
                for read in step.inputs.iter().chain(&step.residual) {
                    assert!(alive.contains(read), "{}: {read:?}", step.name);
                }
                alive.push(step.node);
                alive.retain(|v| !step.release.contains(v));
                sites.extend(step.neuron);
                if let Source::Layer { layer, .. } = step.source {
                    layers.push(layer.index());
                }
            }
            assert_eq!(alive, [plan.logits]);
            sites.sort_unstable();
            sites.dedup();
            assert_eq!(sites.len(), graph.sites.len());
            assert_eq!(layers, (0..graph.layers.len()).collect::<Vec<_>>());
            let blocks: Vec<_> = plan.steps.iter().flat_map(|s| &s.blocks).collect();
            assert_eq!(blocks.len(), graph.blocks.len() - 1);
        }
    }

    #[test]
    fn chains_are_fused() {
        let plan = Plan::new(&qkformer()).unwrap();
        let step = |name: &str| plan.steps.iter().find(|s| s.name == name).unwrap();
        let pooled = step("layer patch_embed2.proj4_conv");
        assert!(pooled.channelwise.len() == 1 && pooled.pool.is_some() && pooled.neuron.is_some());
        assert!(pooled.residual.is_none());
        let residual = step("layer patch_embed2.proj_res_conv");
        assert!(residual.pool.is_none() && residual.residual == Some(pooled.node));
        assert_eq!(residual.blocks.len(), 1);
        assert!(matches!(
            step("layer head").source,
            Source::Layer { unit: Some(unit), .. } if unit == 1.0 / 48.0
        ));
        // Nothing but sources with work of their own is left between layers.
        let is_sum = |s: &Step| s.source == Source::Pair(Pairing::Sum);
        assert!(!plan.steps.iter().any(is_sum));
    }

    /// Membrane shortcuts: a projection, its batch norms and scale, and the stream added to them
    /// are one step.
    #[test]
    fn shortcuts_of_real_numbers_are_fused() {
        let mut scaled = 0;
        for config in all() {
            let plan = Plan::new(&config.graph().unwrap()).unwrap();
            let is_sum = |s: &Step| s.source == Source::Pair(Pairing::Sum);
            assert!(!plan.steps.iter().any(is_sum), "{config:?}");
            for step in &plan.steps {
                if let [.., PerChannel::Scale(_)] = step.channelwise[..] {
                    assert!(step.residual.is_some() && step.neuron.is_none());
                    scaled += 1;
                }
                let is_projection = step.name.ends_with("proj_conv.0.body.2.1");
                assert!(!is_projection || step.channelwise.len() == 2 && step.residual.is_some());
            }
        }
        assert!(scaled > 0);
    }

    #[test]
    fn a_graph_that_contradicts_itself_is_refused() {
        let good = qkformer();
        let broken: [fn(&mut Graph); 8] = [
            |g| g.nodes[3].inputs[0] = NodeId(99_999),
            |g| g.nodes[1].shape.channels += 1,
            |g| g.layers.clear(),
            |g| g.sites.truncate(1),
            |g| g.nodes.clear(),
            |g| g.time_steps = 0,
            |g| g.nodes[2].scale = 0.5,
            |g| g.nodes[1].scale = f64::NAN,
        ];
        for breaks in broken {
            let mut graph = good.clone();
            breaks(&mut graph);
            let error = Plan::new(&graph).unwrap_err();
            assert!(matches!(error, TorchError::Graph { .. }), "{error}");
        }
    }
}
