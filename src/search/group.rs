//! Groups of layers, and moves of a group to a bit-width.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::quant::BitWidth;

/// Layers that change together.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(tag = "level", content = "name", rename_all = "snake_case")]
pub enum Group {
    /// All layers.
    Network,
    /// The layers of a stage, by its name.
    Stage(String),
    /// The layers of a block, by its name.
    Block(String),
    /// One layer, by its name, and those that are tied to it.
    Layer(String),
    /// The layers of a tie, by its name.
    Tie(String),
}

impl fmt::Display for Group {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Group::Network => f.pad("network"),
            Group::Stage(name) | Group::Block(name) | Group::Layer(name) | Group::Tie(name) => {
                f.pad(name)
            }
        }
    }
}

/// Set one group to a bit-width.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Move {
    /// The layers.
    pub group: Group,
    /// Their new width (layers that a pin or their own smaller width keeps elsewhere stay there).
    pub bits: BitWidth,
}
