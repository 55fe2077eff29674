//! What the network does on some inputs.
//!
//! `golden/N.safetensors` holds of one input: `input` F32 `[C, H, W]` (`[T, C, H, W]` for frames),
//! normalised; of every layer `accumulator.NAME` `[S, C, H, W]`, I32 where it is exact, else F64;
//! of every site `spikes.NAME` U8 `[T, C, H, W]`; and `logits` F32 `[classes]`.

use serde::{Deserialize, Serialize};

/// The golden inputs.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Golden {
    /// Where the inputs come from.
    pub source: GoldenSource,
    /// Images among which those of the widest margin were chosen.
    pub chosen_among: u64,
    /// One file for each.
    pub images: Vec<GoldenEntry>,
}

/// Where golden inputs come from.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub enum GoldenSource {
    /// Images of a split of the profile's data.
    Split(String),
    /// A file of inputs that the user gave.
    File,
    /// Numbers drawn from this seed.
    Seed(u64),
}

/// One golden input.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct GoldenEntry {
    /// Its file.
    pub file: String,
    /// Its place in the split or the file; null for one that was drawn.
    pub index: Option<u64>,
    /// Its label, where it is known.
    pub label: Option<u32>,
    /// The class of the largest logit.
    pub predicted: u32,
    /// How near any potential that depends on rounding comes to its threshold at any time step,
    /// relative to it (of integer neurons: to where the level changes). Below 1e-4 another order of
    /// summation may flip a spike: other tools then start from the stored accumulators of the
    /// layers that are not exact, and so does `aq4svit verify`. Null where no potential does.
    pub margin: Option<f64>,
    /// The same of every site that depends on rounding.
    pub sites: Vec<SiteMargin>,
}

/// The margin of one site.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct SiteMargin {
    /// The site.
    pub site: String,
    /// Its margin.
    pub margin: f64,
}
