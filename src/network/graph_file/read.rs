//! A document read as a graph.

use std::collections::{HashMap, HashSet};

use super::super::builder::GraphBuilder;
use super::super::check::check;
use super::super::{BlockLayout, Graph, MAX_PARAMETERS, NodeId, Shape};
use super::bounds::sound_name;
use super::document::{BlockDocument, DeadTensor, GraphDocument, NodeDocument};
use super::operations;
use super::{GRAPH_FORMAT, GraphFileError, MAX_CLASSES, MAX_INPUT, MAX_SIZE, MAX_STEPS};

/// Reads a document. Everything that follows from its operations is inferred again.
///
/// # Errors
/// [`GraphFileError`] names the node that is wrong.
pub fn read_graph(json: &str) -> Result<Graph, GraphFileError> {
    let document: GraphDocument = serde_json::from_str(json).map_err(|error| {
        GraphFileError::of_document(format!("its graph is no document of one: {error}"))
    })?;
    let GraphDocument {
        format,
        input: [channels, height, width],
        time_steps,
        frames,
        classes,
        stages,
        blocks,
        nodes,
        dead,
    } = document;
    if format != GRAPH_FORMAT {
        return Err(GraphFileError::of_document(format!(
            "format {format} of a graph is not known, only {GRAPH_FORMAT}: write it anew with this program's exporter"
        )));
    }
    let bounds = [
        ("input channels", channels, MAX_INPUT),
        ("input rows", height, MAX_INPUT),
        ("input columns", width, MAX_INPUT),
        ("time_steps", time_steps, MAX_STEPS),
        ("classes", classes, MAX_CLASSES),
    ];
    if let Some((what, size, most)) = bounds
        .iter()
        .find(|(_, size, most)| !(1..=*most).contains(size))
    {
        let message = format!("{what} = {size} must be from 1 to {most}");
        return Err(GraphFileError::of_document(message));
    }
    let input = Shape {
        channels,
        height,
        width,
    };
    let mut hierarchy = Hierarchy::new(&stages, &blocks)?;
    let mut reading = Reading {
        builder: GraphBuilder::new(input, time_steps, classes),
        frames,
        keys: HashSet::new(),
        names: HashSet::new(),
    };
    for (i, node) in nodes.iter().enumerate() {
        reading
            .node(&mut hierarchy, i, node)
            .map_err(|message| GraphFileError {
                node: Some(described(i, node)),
                message,
            })?;
    }
    hierarchy.finish(nodes.len())?;
    for tensor in dead {
        reading.dead(tensor)?;
    }
    let read = &reading.builder.graph().blocks;
    let differs = read
        .iter()
        .zip(&blocks)
        .find(|(block, document)| block.output.map(NodeId::index) != document.output);
    if let Some((
        block,
        BlockDocument {
            output: Some(i), ..
        },
    )) = differs
    {
        let message = format!(
            "block {:?} names node {i} as its output, which is not one of its nodes",
            block.name
        );
        return Err(GraphFileError::of_document(message));
    }
    finish(reading.builder, &nodes, classes)
}

/// A node in words, such as `node 12 (conv "head")`.
fn described(i: usize, node: &NodeDocument) -> String {
    let op: String = node.op.chars().take(40).collect();
    let name = node.fields.get("name").and_then(|n| n.as_str());
    match name.filter(|name| sound_name(name).is_ok()) {
        Some(name) => format!("node {i} ({} {name:?})", op.escape_debug()),
        None => format!("node {i} ({})", op.escape_debug()),
    }
}

/// Stages and blocks, opened as nodes come to them.
struct Hierarchy<'a> {
    blocks: &'a [BlockDocument],
    stages: &'a [String],
    /// Blocks that have been opened.
    opened: usize,
    /// Stages that have been opened.
    stages_opened: usize,
}

impl<'a> Hierarchy<'a> {
    fn new(stages: &'a [String], blocks: &'a [BlockDocument]) -> Result<Self, GraphFileError> {
        let error = |message: String| Err(GraphFileError::of_document(message));
        let mut seen = HashSet::new();
        for name in stages {
            sound_name(name).map_err(GraphFileError::of_document)?;
            if !seen.insert(name.as_str()) {
                return error(format!("there are two stages {name:?}"));
            }
        }
        let place: HashMap<&str, usize> = stages
            .iter()
            .enumerate()
            .map(|(i, s)| (s.as_str(), i))
            .collect();
        let (mut seen, mut stage) = (HashSet::new(), 0);
        for block in blocks {
            let name = &block.name;
            sound_name(name).map_err(GraphFileError::of_document)?;
            if !seen.insert(name.as_str()) {
                return error(format!("there are two blocks {name:?}"));
            }
            let Some(&own) = place.get(block.stage.as_str()) else {
                return error(format!("block {name:?} is of a stage that is not listed"));
            };
            let is_first = blocks.first().is_some_and(|first| first.name == *name);
            if own != stage && own != stage + usize::from(!is_first) {
                return error(format!("block {name:?} is not in the order of the stages"));
            }
            stage = own;
        }
        match blocks.last() {
            Some(_) if stage + 1 == stages.len() => Ok(Hierarchy {
                blocks,
                stages,
                opened: 0,
                stages_opened: 0,
            }),
            _ => error("every stage needs a block".to_owned()),
        }
    }

    /// Opens the block of a node.
    fn enter(&mut self, b: &mut GraphBuilder, name: &str) -> Result<(), String> {
        let current = self.opened.checked_sub(1).and_then(|i| self.blocks.get(i));
        if current.is_some_and(|block| block.name == name) {
            return Ok(());
        }
        let Some(next) = self
            .blocks
            .get(self.opened)
            .filter(|next| next.name == name)
        else {
            let known = self.blocks.iter().any(|block| block.name == name);
            return Err(match known {
                true => format!(
                    "block {name:?} is not the next one: the nodes of a block stand together, blocks in their order"
                ),
                false => format!("there is no block {name:?}"),
            });
        };
        let is_new = current.is_none_or(|block| block.stage != next.stage);
        if let Some(stage) = self.stages.get(self.stages_opened).filter(|_| is_new) {
            b.stage(stage);
            self.stages_opened += 1;
        }
        b.block(name);
        self.opened += 1;
        Ok(())
    }

    /// Names the output of the block just opened, if a node is it.
    fn output(&self, b: &mut GraphBuilder, i: usize, id: NodeId) {
        let current = self.opened.checked_sub(1).and_then(|i| self.blocks.get(i));
        if let Some(block) = current.filter(|block| block.output == Some(i)) {
            b.block_output(id, block.layout);
        }
    }

    fn finish(&self, nodes: usize) -> Result<(), GraphFileError> {
        match self.blocks.get(self.opened) {
            Some(block) => Err(GraphFileError::of_document(format!(
                "block {:?} has no node (there are {nodes})",
                block.name
            ))),
            None => Ok(()),
        }
    }
}

struct Reading {
    builder: GraphBuilder,
    frames: bool,
    /// Keys of the state dict.
    keys: HashSet<String>,
    /// Names of layers and sites.
    names: HashSet<String>,
}

impl Reading {
    fn node(
        &mut self,
        hierarchy: &mut Hierarchy<'_>,
        i: usize,
        node: &NodeDocument,
    ) -> Result<(), String> {
        if let Some(later) = node.inputs.iter().find(|&&input| input >= i) {
            return Err(format!(
                "it reads node {later}, which does not come before it: nodes stand in the order in which they run"
            ));
        }
        let is_input = node.op == "input";
        if is_input != (i == 0) {
            return Err("the first node, and no other, is the input".to_owned());
        }
        let inputs: Vec<NodeId> = node.inputs.iter().map(|&n| NodeId(n as u32)).collect();
        let b = &mut self.builder;
        hierarchy.enter(b, &node.block)?;
        let before = b.entries();
        let id = operations::read(b, &node.op, &node.fields, &inputs, self.frames)?;
        check(b.graph(), id.index())?;
        hierarchy.output(b, i, id);
        let tensors = b.graph().tensors.iter().skip(before);
        for tensor in tensors {
            if !self.keys.insert(tensor.key.clone()) {
                return Err(format!("another node has the tensor {:?} too", tensor.key));
            }
        }
        let is_named = matches!(node.op.as_str(), "conv" | "conv1d" | "linear" | "neuron");
        let name = node
            .fields
            .get("name")
            .and_then(|n| n.as_str())
            .filter(|_| is_named);
        match name {
            Some(name) if !self.names.insert(format!("{} {name}", node.op == "neuron")) => {
                Err(format!("another node is called {name:?} too"))
            }
            _ => Ok(()),
        }
    }

    /// A tensor that is never used.
    fn dead(&mut self, tensor: DeadTensor) -> Result<(), GraphFileError> {
        let DeadTensor { key, shape, kind } = tensor;
        let error = |message: String| {
            let message = format!("dead tensor {key:?}: {message}");
            Err(GraphFileError::of_document(message))
        };
        if let Err(message) = sound_name(&key) {
            return error(message);
        }
        let numbers = shape.iter().try_fold(1usize, |n, &k| n.checked_mul(k));
        let sound = numbers.is_some_and(|n| n as u64 <= MAX_PARAMETERS)
            && shape.len() <= 8
            && shape.iter().all(|&n| n <= MAX_SIZE);
        if !sound {
            return error("its shape is absurd".to_owned());
        }
        if !self.keys.insert(key.clone()) {
            return error("it is listed twice, or a node uses it".to_owned());
        }
        self.builder.dead_tensor(key, &shape, kind);
        Ok(())
    }
}

/// What only the whole graph shows.
fn finish(
    builder: GraphBuilder,
    nodes: &[NodeDocument],
    classes: usize,
) -> Result<Graph, GraphFileError> {
    let error = |i: usize, message: String| GraphFileError {
        node: nodes.get(i).map(|node| described(i, node)),
        message,
    };
    let graph = builder
        .finish()
        .map_err(|e| GraphFileError::of_document(e.message))?;
    let Some(last) = graph.nodes.len().checked_sub(1) else {
        return Err(GraphFileError::of_document("there are no nodes".to_owned()));
    };
    let mut read = vec![false; graph.nodes.len()];
    for input in graph.nodes.iter().flat_map(|node| &node.inputs) {
        if let Some(read) = read.get_mut(input.index()) {
            *read = true;
        }
    }
    if let Some(unread) = read.iter().take(last).position(|read| !read) {
        let message = "no other node reads it: only the last one is a result".to_owned();
        return Err(error(unread, message));
    }
    let logits = graph.node(NodeId(last as u32));
    let wanted = Shape {
        channels: classes,
        height: 1,
        width: 1,
    };
    if logits.shape != wanted {
        let Shape {
            channels,
            height,
            width,
        } = logits.shape;
        let message = format!(
            "it is the last one, so it gives the logits of {classes} classes, not {channels}x{height}x{width}"
        );
        return Err(error(last, message));
    }
    if !logits.time_invariant && graph.time_steps > 1 {
        let message = "it gives logits for every time step: put a \"token-time-sum\" before the last layer, which stands \
                       for the mean over time"
            .to_owned();
        return Err(error(last, message));
    }
    if graph.layers.is_empty() {
        return Err(error(last, "the network has no layer".to_owned()));
    }
    let outputs = graph.blocks.iter().filter(|b| b.layout != BlockLayout::Map);
    if let Some(block) = outputs.clone().find(|b| b.output.is_none()) {
        let message = format!(
            "block {:?} has a layout, but no output of its own",
            block.name
        );
        return Err(GraphFileError::of_document(message));
    }
    Ok(graph)
}
