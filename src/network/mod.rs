//! What a spiking vision transformer is, as data.
//!
//! A model is a [`Graph`] of a dozen operations, each labelled with its block (and so its stage),
//! its state-dict keys and, where it has one, its quantizable [`Layer`] or neuron [`Site`]. Shapes,
//! parameter counts, multiply-accumulates, memory, drift sites and the executor all read the graph;
//! a file in `families/` only builds one.
//!
//! ```
//! use aq4svit::network::{Architecture, Layout, ModelConfig, Op, QkFormer, ValueRange};
//! # fn main() -> Result<(), aq4svit::network::ModelError> {
//! let config = ModelConfig {
//!     architecture: Architecture::QkFormer(QkFormer {
//!         layout: Layout::Cifar, embed_dims: 64, depths: 4, batch_leak: false,
//!     }),
//!     image_size: 28, in_channels: 1, num_classes: 10, num_heads: 8, mlp_ratio: 4, time_steps: 4,
//! };
//! let graph = config.graph()?;
//! assert_eq!((graph.layers.len(), graph.sites.len()), (32, 35));
//!
//! // The first layer reads the image, the head whole numbers of spikes.
//! let (first, head) = (&graph.layers[0], &graph.layers[31]);
//! assert_eq!((first.name.as_str(), first.input), ("patch_embed1.proj_conv", ValueRange::Real));
//! assert!(matches!(head.input, ValueRange::Integer(_)));
//! assert_eq!(graph.stages.last().map(|s| s.name.as_str()), Some("head"));
//!
//! // What follows from the input alone is computed once, not once for each time step.
//! let stem = graph.nodes.iter().take_while(|n| !matches!(n.op, Op::Neuron(_)));
//! assert!(stem.clone().all(|node| node.time_invariant));
//!
//! // Sizes that make no network are named.
//! let error = ModelConfig { num_heads: 7, ..config }.graph().unwrap_err();
//! assert_eq!(error.key, Some("num_heads"));
//! # Ok(())
//! # }
//! ```
#![forbid(unsafe_code)]

mod builder;
mod check;
mod config;
mod families;
mod graph;
mod graph_file;
mod layer;
mod neuron;
mod query;
pub mod sample;
mod source;

#[cfg(any(test, feature = "torch"))]
pub(crate) use check::check;
pub(crate) use config::ModelTable;
pub use config::{
    Layout, MAX_PARAMETERS, MODEL_KEYS, ModelConfig, ModelError, ModelKey, ModelKeyKind,
};
pub(crate) use families::Row;
pub use families::*;
pub use graph::*;
pub use graph_file::{
    GOLDEN_PREFIX, GRAPH_FORMAT, GRAPH_KEY, GraphFileError, read_graph, write_graph,
};
pub use layer::*;
pub use neuron::*;
pub use source::{GRAPH_FAMILY, GraphFile, ModelSource, NetworkInput};
