//! A graph as a document: the JSON that a file `NAME.aq4.safetensors` holds in its metadata under
//! [`GRAPH_KEY`], beside the tensors.
//!
//! A document says what follows what; shapes, ranges, units, what is the same at every time step,
//! costs and the state dict are inferred while it is read, as they are for the families, so that it
//! cannot be wrong about them. `docs/graph.schema.json` describes it for those who write one.
//!
//! Operations with parameters of their own are written as serde writes [`Op`](super::Op); layers
//! and neurons, which refer to lists of the graph, have forms of their own ([`operations`]).
//! Documents are hostile until proven otherwise: their size is bounded, and an error names the
//! node.
// What is read here comes from outside, and no panic is to be reached from there.
#![cfg_attr(
    not(test),
    deny(clippy::expect_used, clippy::indexing_slicing, clippy::panic)
)]

mod bounds;
mod document;
mod error;
mod layers;
mod neurons;
mod operations;
mod read;
#[cfg(test)]
mod tests;
mod write;

pub use error::GraphFileError;
pub use read::read_graph;
pub use write::write_graph;

/// The key of the metadata under which a file has its graph.
pub const GRAPH_KEY: &str = "aq4svit.graph";
/// What the names of golden tensors begin with in such a file.
pub const GOLDEN_PREFIX: &str = "golden.";
/// The newest version of the document that is read, and the one that is written.
pub const GRAPH_FORMAT: u32 = 1;

/// The most nodes that a document may have: many times what the largest networks have.
const MAX_NODES: usize = 20_000;
/// The most stages, blocks and dead tensors, each.
const MAX_LIST: usize = 20_000;
/// The largest size of anything: a width, a window, a number of heads.
const MAX_SIZE: usize = 1 << 24;
/// The most numbers that a value may have for one image and time step.
const MAX_NUMBERS: usize = 1 << 28;
/// The most bytes of a name.
const MAX_NAME: usize = 256;
/// The most time steps.
const MAX_STEPS: usize = 1024;
/// The most rows, columns and channels of an input.
const MAX_INPUT: usize = 4096;
/// The most classes.
const MAX_CLASSES: usize = 1_000_000;
