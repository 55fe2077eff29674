//! The sections of a profile that steer the search, and what is published of its network.

use serde::{Deserialize, Serialize};

use super::strategies::StrategyName;

/// `[published]`: what the authors of a network say of it. Nothing is computed from it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Published {
    /// Where its weights are to be had.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub weights: Option<String>,
    /// The accuracy they report.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub accuracy: Option<String>,
}

/// A level of the hierarchy.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, strum::Display,
)]
#[serde(rename_all = "kebab-case")]
#[strum(serialize_all = "kebab-case")]
pub enum Level {
    /// All layers together.
    Network,
    /// One stage at a time.
    Stage,
    /// One block at a time.
    Block,
    /// One layer at a time.
    Layer,
}

/// How many images a screening looks at.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Screen {
    /// The first so many of the search split.
    First(usize),
    /// All of it.
    All(All),
}

/// The word for all images.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum All {
    /// The only one.
    #[serde(rename = "all")]
    All,
}

impl Screen {
    /// The number of images, of a split of so many.
    pub fn of(self, split: usize) -> usize {
        match self {
            Screen::First(images) => images.clamp(1, split.max(1)),
            Screen::All(All::All) => split,
        }
    }
}

/// When a screening may stop early.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Screening {
    /// When its verdict is certain.
    Exact,
    /// When the mean loss of the images seen is 2.5 standard errors from the limit, looked at every
    /// 250 images. It speaks of the whole search split.
    #[default]
    TwoSided,
    /// When its verdict is likely enough, by a sequential paired test on the images of a screening.
    /// (A confirmation is exact, whatever the screening.)
    Sequential,
}

const USUAL_ERROR: f64 = 0.05;
const USUAL_INDIFFERENCE: f64 = 0.5;

fn is_usual_error(error: &f64) -> bool {
    *error == USUAL_ERROR
}
fn is_usual_indifference(points: &f64) -> bool {
    *points == USUAL_INDIFFERENCE
}

/// `[search]`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct SearchConfig {
    /// The strategy.
    pub strategy: StrategyName,
    /// Levels, coarse to fine.
    pub levels: Vec<Level>,
    /// Beam: allocations that go on at every step; 1 is greedy.
    pub beam_width: usize,
    /// Random: allocations that are drawn.
    #[serde(skip_serializing_if = "is_default_draws")]
    pub draws: usize,
    /// Images of an exact or sequential screening: the first of the search split's fixed order.
    pub screen: Screen,
    /// When a screening may stop early.
    pub screening: Screening,
    /// Sequential: largest probability that a screening rejects what meets the constraint.
    #[serde(skip_serializing_if = "is_usual_error")]
    pub alpha: f64,
    /// Sequential: largest probability that a screening takes what does not meet it.
    #[serde(skip_serializing_if = "is_usual_error")]
    pub beta: f64,
    /// Sequential: half-width of the indifference zone around the largest drop, in points.
    #[serde(skip_serializing_if = "is_usual_indifference")]
    pub indifference: f64,
    /// Key of everything that is drawn (the audit share, random allocations).
    pub seed: u64,
}

/// Random allocations that are drawn unless asked otherwise.
const DRAWS: usize = 200;

/// Not written: runs that were begun before the key existed have it so.
fn is_default_draws(draws: &usize) -> bool {
    *draws == DRAWS
}

impl Default for SearchConfig {
    fn default() -> Self {
        SearchConfig {
            strategy: StrategyName::Front,
            levels: vec![Level::Network, Level::Stage, Level::Block, Level::Layer],
            beam_width: 4,
            draws: DRAWS,
            screen: Screen::First(500),
            screening: Screening::TwoSided,
            alpha: USUAL_ERROR,
            beta: USUAL_ERROR,
            indifference: USUAL_INDIFFERENCE,
            seed: 0,
        }
    }
}

impl SearchConfig {
    /// Allocations that go on at every step: the beam's width, 1 for the other strategies.
    pub fn beam(&self) -> usize {
        match self.strategy {
            StrategyName::Beam => self.beam_width.max(1),
            _ => 1,
        }
    }
}

/// The mode of the gate.
#[derive(
    Clone,
    Copy,
    Debug,
    Default,
    PartialEq,
    Eq,
    Serialize,
    Deserialize,
    strum::Display,
    strum::VariantNames,
)]
#[serde(rename_all = "kebab-case")]
#[strum(serialize_all = "kebab-case")]
pub enum GateMode {
    /// By a model of the accuracy drop over all the evidence, where it is trusted.
    #[default]
    Adaptive,
    /// By an isotonic fit of the verdicts seen so far on drift.
    Drift,
    /// By a given limit on drift.
    Fixed,
    /// Everything is evaluated.
    Off,
}

/// `[gate]`.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct GateConfig {
    /// The mode of the gate.
    pub mode: GateMode,
    /// `fixed`: the largest drift that passes, in thresholds.
    pub limit: f64,
    /// `adaptive` and `drift`: the smallest chance of meeting the constraint that passes.
    pub min_chance: f64,
    /// `adaptive` and `drift`: verdicts needed before anything is held back.
    pub warm_up: usize,
    /// Share of held-back candidates that are evaluated anyway.
    pub audit: f64,
    /// Images of the proxy split (of the calibration split where rounding is to the nearest) on
    /// which the evidence beside the drift is measured.
    /// None: 256 of the proxy split, 16 of the calibration split.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub proxy_images: Option<usize>,
}

impl Default for GateConfig {
    fn default() -> Self {
        GateConfig {
            mode: GateMode::Adaptive,
            limit: 0.1,
            min_chance: 0.1,
            warm_up: 12,
            audit: 0.05,
            proxy_images: None,
        }
    }
}
