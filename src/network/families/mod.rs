//! One file per family; each only builds a graph.

use super::{Graph, ModelConfig, ModelError};

/// Builds the graph of a configuration.
///
/// # Errors
/// [`ModelError`] names the size that does not fit.
pub fn build(_config: &ModelConfig) -> Result<Graph, ModelError> {
    todo!()
}
