//! Ties: layers that always have the same bit-width.

use serde::{Deserialize, Serialize};

/// Layers that always have the same width: one group at the level of layers.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Tie {
    /// Its name.
    pub name: String,
    /// Its layers.
    pub layers: Vec<String>,
}

/// The name of the ready-made tie.
pub(super) const QKV: &str = "qkv";

/// A line of `[ties]`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Tied {
    /// `qkv = true`: query, key and value of every attention (where it has only two of these,
    /// both).
    Qkv,
    /// `name = ["layer", "glob*"]`.
    Own {
        /// Its name.
        name: String,
        /// Names and globs of its layers.
        patterns: Vec<String>,
    },
}
