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

/// When a screening may stop early.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Screening {
    /// When its verdict is certain.
    #[default]
    Exact,
    /// When its verdict is likely enough, by a sequential paired test; a confirmation stays exact.
    Sequential,
}

impl Screening {
    /// True for exact screening.
    pub fn is_exact(&self) -> bool {
        *self == Screening::Exact
    }
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
    /// Images of a screening: the first of the search split's fixed order.
    pub screen: usize,
    /// When a screening may stop early.
    #[serde(skip_serializing_if = "Screening::is_exact")]
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
            strategy: StrategyName::Greedy,
            levels: vec![Level::Network, Level::Stage, Level::Block, Level::Layer],
            beam_width: 4,
            draws: DRAWS,
            screen: 500,
            screening: Screening::Exact,
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
    /// From an isotonic fit of the verdicts seen so far on drift.
    #[default]
    Adaptive,
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
    /// `adaptive`: the smallest fitted chance of meeting the constraint that passes.
    pub min_chance: f64,
    /// `adaptive`: verdicts needed before anything is held back.
    pub warm_up: usize,
    /// Share of held-back candidates that are evaluated anyway.
    pub audit: f64,
    /// Calibration images on which spikes and class probabilities are compared with the float
    /// network's. No decision depends on it.
    // Left out where it is the default, so that fingerprints of earlier versions' runs stay what
    // they were.
    #[serde(skip_serializing_if = "is_default_proxy_images")]
    pub proxy_images: usize,
}

const PROXY_IMAGES: usize = 16;

fn is_default_proxy_images(images: &usize) -> bool {
    *images == PROXY_IMAGES
}

impl Default for GateConfig {
    fn default() -> Self {
        GateConfig {
            mode: GateMode::Adaptive,
            limit: 0.1,
            min_chance: 0.1,
            warm_up: 12,
            audit: 0.05,
            proxy_images: PROXY_IMAGES,
        }
    }
}
