//! A trained network.
#![forbid(unsafe_code)]

use std::sync::Arc;

use crate::checkpoint::StateDict;
use crate::network::Graph;
use crate::quant::Scheme;

/// A trained network: its graph, its weights, and how weights become integers.
#[derive(Clone, Debug)]
pub struct Model {
    /// The graph.
    pub graph: Arc<Graph>,
    /// The weights; [`StateDict::check`] says everything that does not fit the graph, the executor
    /// only the first.
    pub weights: StateDict,
    /// How weights become integers.
    pub scheme: Scheme,
}
