//! Targets: the weight memory of a chip and the bit-widths that it computes with.

use std::path::Path;

use serde::{Deserialize, Serialize};

use crate::quant::{BitWidth, ScaleRule};

/// The targets that come with the program: name and text of every file in `profiles/targets/`, as
/// `build.rs` lists them.
pub const TARGETS: &[(&str, &str)] = include!(concat!(env!("OUT_DIR"), "/targets.rs"));

/// A chip, as far as it restricts an allocation.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Target {
    /// As the profile names it: a shipped target, or the path of a file.
    pub name: String,
    /// The description in words.
    pub title: String,
    /// Bytes for everything that a deployment stores, as [`crate::quant::MemoryModel`] counts them;
    /// none where it does not restrict them.
    pub memory: Option<u64>,
    /// Widths of weights.
    pub widths: Vec<BitWidth>,
    /// Widths of the first layer's weights, where these are others.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub first_layer: Option<Vec<BitWidth>>,
    /// The scale that its arithmetic needs, where it needs one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub scale: Option<ScaleRule>,
}

impl Target {
    /// The widths of the layer at a position of the graph.
    pub fn widths_of(&self, layer: usize) -> &[BitWidth] {
        match &self.first_layer {
            Some(first) if layer == 0 => first,
            _ => &self.widths,
        }
    }

    /// The same target, called by its file's name alone: where a file lies changes nothing of a
    /// search.
    pub fn without_folder(&self) -> Self {
        let file = Path::new(&self.name).file_name().and_then(|n| n.to_str());
        Target {
            name: file.map_or_else(|| self.name.clone(), str::to_owned),
            ..self.clone()
        }
    }

    /// True for a name that means a file rather than a shipped target.
    pub(super) fn is_path(name: &str) -> bool {
        name.contains(['/', '\\']) || name.ends_with(".toml")
    }
}
