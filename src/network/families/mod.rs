//! One file per family; each only builds a graph.

mod parts;
mod qkformer;
mod spikformer;

use super::{Family, Graph, ModelConfig, ModelError};

/// Builds the graph of a configuration.
///
/// # Errors
/// [`ModelError`] names the size that does not fit.
pub fn build(config: &ModelConfig) -> Result<Graph, ModelError> {
    config.check()?;
    match config.family {
        Family::Spikformer => spikformer::build(config),
        Family::QkFormer => qkformer::build(config),
    }
}
