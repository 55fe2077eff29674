//! A graph written as a document.

use super::document::{BlockDocument, DeadTensor, GraphDocument, NodeDocument};
use super::{GRAPH_FORMAT, GraphFileError, operations};
use crate::network::{Graph, Node};

/// The document of a graph, as JSON on one line. Read again, it gives the same graph, its state
/// dict in execution order.
///
/// # Errors
/// [`GraphFileError`] for a graph that refers to what it does not have.
pub fn write_graph(graph: &Graph) -> Result<String, GraphFileError> {
    let name = |i: usize| graph.blocks.get(i).map(|b| b.name.clone());
    let stage = |i: usize| graph.stages.get(i).map(|s| s.name.clone());
    let dangling = |what: &str, i: usize| GraphFileError {
        node: Some(format!("{what} {i}")),
        message: "it refers to what the graph does not have".to_owned(),
    };
    let node = |(i, node): (usize, &Node)| {
        let (op, fields) = operations::write(graph, node).ok_or_else(|| dangling("node", i))?;
        Ok(NodeDocument {
            op,
            inputs: node.inputs.iter().map(|n| n.index()).collect(),
            block: name(node.block.index()).ok_or_else(|| dangling("node", i))?,
            fields,
        })
    };
    let blocks = graph.blocks.iter().enumerate().map(|(i, block)| {
        Ok(BlockDocument {
            name: block.name.clone(),
            stage: stage(block.stage.index()).ok_or_else(|| dangling("block", i))?,
            output: block.output.map(|n| n.index()),
            layout: block.layout,
        })
    });
    let dead = graph.tensors.iter().filter(|t| t.dead);
    let document = GraphDocument {
        format: GRAPH_FORMAT,
        input: [graph.input.channels, graph.input.height, graph.input.width],
        time_steps: graph.time_steps,
        frames: graph.frames().is_some(),
        classes: graph.classes,
        stages: graph.stages.iter().map(|s| s.name.clone()).collect(),
        blocks: blocks.collect::<Result<_, _>>()?,
        nodes: graph
            .nodes
            .iter()
            .enumerate()
            .map(node)
            .collect::<Result<_, _>>()?,
        dead: dead
            .map(|t| DeadTensor {
                key: t.key.clone(),
                shape: t.shape.clone(),
                kind: t.kind,
            })
            .collect(),
    };
    serde_json::to_string(&document).map_err(|e| GraphFileError::of_document(e.to_string()))
}
