//! The document as serde reads and writes it, with bounded lists.

use std::fmt;
use std::marker::PhantomData;

use serde::de::{Error, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::{Map, Value};

use super::super::{BlockLayout, TensorKind};
use super::{MAX_LIST, MAX_NODES};

/// The document.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct GraphDocument {
    /// The version: [`GRAPH_FORMAT`](super::GRAPH_FORMAT).
    pub format: u32,
    /// Channels, rows and columns of an image or a frame.
    pub input: [usize; 3],
    /// Time steps.
    pub time_steps: usize,
    /// Whether there is a frame for every time step instead of one image for all.
    #[serde(default)]
    pub frames: bool,
    /// Number of classes.
    pub classes: usize,
    /// Names of the stages in execution order.
    #[serde(deserialize_with = "list")]
    pub stages: Vec<String>,
    /// Blocks in execution order.
    #[serde(deserialize_with = "list")]
    pub blocks: Vec<BlockDocument>,
    /// Operations in execution order; the last one is the logits.
    #[serde(deserialize_with = "nodes")]
    pub nodes: Vec<NodeDocument>,
    /// Tensors of the state dict that the forward pass never uses.
    #[serde(
        default,
        deserialize_with = "list",
        skip_serializing_if = "Vec::is_empty"
    )]
    pub dead: Vec<DeadTensor>,
}

/// A block.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct BlockDocument {
    /// Its name.
    pub name: String,
    /// The name of its stage.
    pub stage: String,
    /// The node whose value is its output; none for the head.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub output: Option<usize>,
    /// How the authors' code lays the output out.
    #[serde(default, skip_serializing_if = "is_map")]
    pub layout: BlockLayout,
}

fn is_map(layout: &BlockLayout) -> bool {
    *layout == BlockLayout::Map
}

/// An operation.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct NodeDocument {
    /// Its name.
    pub op: String,
    /// The nodes that it reads.
    #[serde(rename = "in")]
    pub inputs: Vec<usize>,
    /// The name of its block.
    pub block: String,
    /// What else it says, by the operation.
    #[serde(flatten)]
    pub fields: Map<String, Value>,
}

/// A tensor that is never used.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct DeadTensor {
    /// Its key.
    pub key: String,
    /// Its shape.
    pub shape: Vec<usize>,
    /// Parameter or buffer.
    #[serde(default = "parameter")]
    pub kind: TensorKind,
}

fn parameter() -> TensorKind {
    TensorKind::Param
}

/// Reads a list of at most so many elements; more are never kept.
struct Bounded<T> {
    most: usize,
    what: &'static str,
    of: PhantomData<T>,
}

impl<'de, T: Deserialize<'de>> Visitor<'de> for Bounded<T> {
    type Value = Vec<T>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "a list of {}", self.what)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut elements: A) -> Result<Vec<T>, A::Error> {
        let mut list = Vec::new();
        while let Some(element) = elements.next_element()? {
            if list.len() == self.most {
                let (most, what) = (self.most, self.what);
                return Err(A::Error::custom(format!(
                    "node or element {most}: there are more than {most} {what}"
                )));
            }
            list.push(element);
        }
        Ok(list)
    }
}

fn nodes<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<NodeDocument>, D::Error> {
    let (most, what, of) = (MAX_NODES, "nodes", PhantomData);
    deserializer.deserialize_seq(Bounded { most, what, of })
}

fn list<'de, T: Deserialize<'de>, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<Vec<T>, D::Error> {
    let (most, what, of) = (MAX_LIST, "elements", PhantomData);
    deserializer.deserialize_seq(Bounded { most, what, of })
}
