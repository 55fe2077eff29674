//! Checkpoint files, good and bad.

mod archives;
mod bombs;
mod damaged;
mod hostile;
mod people;
pub mod pickles;
mod pytorch;
mod recognise;
mod safetensors;
mod shards;

use aq4svit::network::{Graph, ModelConfig};

/// The graph of a `[model]` section.
fn graph(model: &str) -> Graph {
    let model: ModelConfig = toml::from_str(model).unwrap();
    model.graph().unwrap()
}
