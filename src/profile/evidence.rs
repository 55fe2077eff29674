//! `[evidence]`: what was measured of the allocation of a saved profile.
//!
//! The program writes it with `[bits]`. A hash covers the numbers and what they are of: `[model]`,
//! `[data]`, `[quantizer]` and `[bits]`, defaults filled in, files by their names alone (a profile
//! may be moved together with its files). Where it does not fit any more, the evidence is stale.

use std::fmt;

use serde::{Deserialize, Serialize};
use toml_edit::ser::Error as SerializeError;
use toml_edit::{DocumentMut, Item};

use super::files;
use super::save::{CODES, write_section};
use super::settings::Profile;

/// The name of the table.
pub(super) const EVIDENCE: &str = "evidence";
/// The key of the hash.
const HASH: &str = "hash";
/// Hexadecimal digits of the hash.
const DIGITS: usize = 32;

/// What was measured of an allocation.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Evidence {
    /// The id of the run that measured it.
    pub run: String,
    /// The version of the program that saved it.
    pub version: String,
    /// The fingerprint of the network's configuration.
    pub model: String,
    /// The fingerprint of the weights.
    pub weights: String,
    /// The fingerprint of the images of every split.
    pub data: String,
    /// The fingerprint of the quantizer.
    pub quantizer: String,
    /// The kernels, the device and the batch size.
    pub numerics: String,
    /// The memory of the allocation in bytes.
    pub memory_bytes: u64,
    /// The memory of the float network in bytes.
    pub memory_float_bytes: u64,
    /// The accuracy on the search split, which the allocation was chosen on.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub search: Option<SplitEvidence>,
    /// The accuracy on the test split.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub test: Option<SplitEvidence>,
    /// True where the search was steered after a result on the test split was known: it is no
    /// longer unseen.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub test_seen: bool,
    /// The accuracy on the certify split.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub certify: Option<SplitEvidence>,
    /// The certified bound of the accuracy drop on unseen images, in percentage points.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub bound: Option<f64>,
    /// The hash of all this and of what it is of.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub hash: String,
}

/// Counts of correct images of a split, and what follows from them.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SplitEvidence {
    /// Images that were looked at.
    pub images: u64,
    /// Images that the allocation classifies correctly.
    pub correct: u64,
    /// Images that the float network classifies correctly.
    pub float_correct: u64,
    /// The accuracy in percent.
    pub accuracy: f64,
    /// The lower end of its 95 % interval by Wilson, in percent.
    pub low: f64,
    /// The upper end.
    pub high: f64,
}

impl SplitEvidence {
    /// The accuracy drop against float in percentage points.
    pub fn drop(&self) -> f64 {
        100.0 * (self.float_correct as f64 - self.correct as f64) / self.images.max(1) as f64
    }
}

impl Evidence {
    /// The splits that were measured, by name.
    pub fn splits(&self) -> impl Iterator<Item = (&'static str, &SplitEvidence)> {
        let all = [
            ("search", &self.search),
            ("test", &self.test),
            ("certify", &self.certify),
        ];
        all.into_iter()
            .filter_map(|(name, split)| Some((name, split.as_ref()?)))
    }

    /// The evidence with the hash that makes it that of a profile.
    ///
    /// # Errors
    /// For a path that is not Unicode, or a number that TOML cannot hold.
    pub fn of(mut self, profile: &Profile) -> Result<Self, SerializeError> {
        self.hash = self.hash_with(profile)?;
        Ok(self)
    }

    /// True where the evidence is of what a profile says now.
    pub fn is_of(&self, profile: &Profile) -> bool {
        self.hash_with(profile)
            .is_ok_and(|hash| !hash.is_empty() && hash == self.hash)
    }

    fn hash_with(&self, profile: &Profile) -> Result<String, SerializeError> {
        let mut document = subject(profile)?;
        let mut numbers = toml_edit::ser::to_document(self)?.into_table();
        numbers.remove(HASH);
        document.insert(EVIDENCE, Item::Table(numbers));
        let mut hash = blake3::hash(document.to_string().as_bytes())
            .to_hex()
            .to_string();
        hash.truncate(DIGITS);
        Ok(hash)
    }

    /// Writes it into a document that is to be saved.
    pub(super) fn write(&self, document: &mut DocumentMut) -> Result<(), SerializeError> {
        write_section(document, EVIDENCE, self)
    }
}

/// What evidence is of, as a document.
fn subject(profile: &Profile) -> Result<DocumentMut, SerializeError> {
    let text = profile.to_toml()?;
    let mut document: DocumentMut = text.parse()?;
    let is_of = |name: &str| matches!(name, "model" | "data" | "quantizer" | "bits");
    let all: Vec<String> = document.iter().map(|(name, _)| name.to_owned()).collect();
    for name in all.iter().filter(|name| !is_of(name)) {
        document.remove(name);
    }
    if profile.model.file().is_some() {
        let graph = crate::network::write_graph(&profile.graph());
        let graph = graph.map_err(|e| -> SerializeError { serde::ser::Error::custom(e) })?;
        let hash = blake3::hash(graph.as_bytes()).to_hex();
        document["model"]["graph_hash"] = toml_edit::value(hash.as_str());
    }
    if let Some(quantizer) = document
        .get_mut("quantizer")
        .and_then(Item::as_table_like_mut)
    {
        quantizer.remove(CODES);
    }
    let name_alone = |path: &std::path::Path| {
        let name = path.file_name();
        name.map_or_else(|| path.to_owned(), std::path::PathBuf::from)
    };
    files::rewrite_all(&mut document, &name_alone)
        .map_err(|error| -> SerializeError { serde::ser::Error::custom(error.0.display()) })?;
    Ok(document)
}

impl fmt::Display for SplitEvidence {
    /// As in `86.24 % of 1700 images (95 %: 84.52 to 87.80), drop 1.35 points`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{:.2} % of {} images (95 %: {:.2} to {:.2}), drop {:.2} points",
            self.accuracy,
            self.images,
            self.low,
            self.high,
            self.drop()
        )
    }
}

#[cfg(test)]
mod tests;
