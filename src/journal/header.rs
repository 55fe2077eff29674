//! The first line of a journal: which run, and what its numbers depend on.

use serde::{Deserialize, Serialize};

/// Version of the journal's format.
pub const FORMAT: u32 = 4;

/// Content hashes of everything that a run's numbers depend on. Two runs with equal fingerprints
/// and commands have equal journals.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Fingerprint {
    /// The model's configuration and the version of its graph.
    pub model: String,
    /// Weights.
    pub weights: String,
    /// Images, labels, order and preprocessing of every split.
    pub data: String,
    /// How weights are quantized.
    pub quantizer: String,
    /// Everything else that the search depends on: constraint, levels, gate, pins, seed.
    pub search: String,
    /// Kernel set, instruction set, device, batch size.
    pub numerics: String,
}

impl Fingerprint {
    /// Each part that differs, as (name, this side, other side).
    pub fn differences<'a>(&'a self, other: &'a Self) -> Vec<(&'static str, &'a str, &'a str)> {
        let parts = [
            ("model", &self.model, &other.model),
            ("weights", &self.weights, &other.weights),
            ("data", &self.data, &other.data),
            ("quantizer", &self.quantizer, &other.quantizer),
            ("search settings", &self.search, &other.search),
            ("numerics", &self.numerics, &other.numerics),
        ];
        parts
            .into_iter()
            .filter(|(_, a, b)| a != b)
            .map(|(name, a, b)| (name, a.as_str(), b.as_str()))
            .collect()
    }
}

/// The first line of a journal.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Header {
    /// Always `journal`.
    #[serde(rename = "type")]
    pub kind: HeaderKind,
    /// [`FORMAT`].
    pub format: u32,
    /// Version of the program.
    pub version: String,
    /// The run's id: the name of its folder.
    pub run: String,
    /// When it began, RFC 3339 UTC.
    pub time: String,
    /// The machine.
    pub host: String,
    /// Where the profile came from.
    pub profile: String,
    /// Images that the evaluator runs together: what a question costs is counted in whole batches.
    pub batch: usize,
    /// Calibration images that the evaluator corrects every allocation on; they are counted, too.
    #[serde(default, skip_serializing_if = "is_none")]
    pub correction_images: usize,
    /// What the numbers depend on.
    pub fingerprint: Fingerprint,
}

fn is_none(images: &usize) -> bool {
    *images == 0
}

/// The `type` of a header line.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum HeaderKind {
    /// The only one.
    #[default]
    Journal,
}
