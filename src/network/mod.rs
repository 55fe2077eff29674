//! What a spiking vision transformer is, as data.
//!
//! A model is a [`Graph`] of a dozen operations, each labelled with its block (and so its stage), its
//! state-dict keys and, where it has one, its quantizable [`Layer`] or neuron [`Site`]. Shapes,
//! parameter counts, multiply-accumulates, memory, drift sites and the executor all read the graph;
//! a file in `families` only builds one.
#![forbid(unsafe_code)]

mod builder;
mod config;
mod families;
mod graph;
mod layer;
mod neuron;
mod query;

pub use config::{
    Architecture, Family, Layout, MAX_PARAMETERS, MODEL_KEYS, ModelConfig, ModelError, ModelKey,
    ModelKeyKind,
};
pub use graph::*;
pub use layer::*;
pub use neuron::*;
