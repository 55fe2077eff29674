//! The table of every key a profile may have.

use std::sync::LazyLock;

use strum::VariantNames;

use super::config::GateMode;
use super::kind::{Kind, MANY};
use super::strategies::StrategyName;
use super::upgrade::FORMAT;
use crate::checkpoint::WeightsChoice;
use crate::data::RECIPE_NAMES;
use crate::network::MODEL_KEYS;

/// One key.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Key {
    /// Its table; empty for the top.
    pub(crate) table: &'static str,
    /// Its name.
    pub(crate) name: &'static str,
    /// The kind of its value.
    pub(crate) kind: Kind,
}

pub(super) const fn key(table: &'static str, name: &'static str, kind: Kind) -> Key {
    Key { table, name, kind }
}

const fn choice(table: &'static str, name: &'static str, words: &'static [&'static str]) -> Key {
    key(table, name, Kind::Choice(words))
}

/// Every key of this version.
pub(crate) static KEYS: LazyLock<Vec<Key>> = LazyLock::new(|| {
    let model = MODEL_KEYS
        .iter()
        .map(|k| key("model", k.name, Kind::of_model(k.kind)));
    model.chain(OTHER_KEYS.iter().copied()).collect()
});

/// The keys beside those of `[model]` that describe the network, in the order of
/// `profiles/reference.toml`. `data.kind` stands first in its table: what other keys mean depends
/// on it.
const OTHER_KEYS: &[Key] = &[
    key("", "format", Kind::Whole(FORMAT, FORMAT)),
    key("", "name", Kind::Text),
    key("published", "weights", Kind::Text),
    key("published", "accuracy", Kind::Text),
    key("model", "graph", Kind::Path),
    key("model", "checkpoint", Kind::PathOrBuiltin),
    choice("model", "weights", WeightsChoice::VARIANTS),
    choice(
        "data",
        "kind",
        &[
            "idx",
            "cifar",
            "image-folder",
            "event-frames",
            "safetensors",
        ],
    ),
    key("data", "source", Kind::Text),
    key("data", "train_images", Kind::Path),
    key("data", "train_labels", Kind::Path),
    key("data", "test_images", Kind::Path),
    key("data", "test_labels", Kind::Path),
    key("data", "train", Kind::Paths),
    key("data", "test", Kind::Paths),
    key("data", "path", Kind::Path),
    key("data", "train_ratio", Kind::Number(0.0, 1.0)),
    key("data", "labels", Kind::Path),
    key("data", "test_path", Kind::Path),
    choice("data", "on_corrupt", &["refuse", "skip"]),
    key("data", "cache", Kind::Flag),
    key("data", "file", Kind::Path),
    key("data", "test_file", Kind::Path),
    key("data", "calibration", Kind::Whole(1, MANY)),
    key("data", "search", Kind::Whole(1, MANY)),
    key("data", "proxy", Kind::Whole(1, MANY)),
    key("data", "certify", Kind::Whole(1, MANY)),
    key("data", "split_seed", Kind::Whole(0, i64::MAX)),
    choice("data", "recipe", &RECIPE_NAMES),
    key("data", "mean", Kind::Numbers),
    key("data", "std", Kind::Numbers),
    choice("quantizer", "method", &["calibrated", "nearest"]),
    choice("quantizer", "correction", &["none", "local", "sequential"]),
    choice("quantizer", "weighting", &["none", "threshold"]),
    key("quantizer", "damping", Kind::Number(0.0, 1.0)),
    key("quantizer", "bits", Kind::Menu),
    choice("quantizer", "granularity", &["channel", "tensor"]),
    choice("quantizer", "scale", &["mse", "max", "power-of-two"]),
    choice(
        "quantizer",
        "rounding",
        &["nearest", "truncate", "stochastic"],
    ),
    choice("quantizer", "affine", &["f32", "f16", "fixed"]),
    key("quantizer", "membrane_bits", Kind::Whole(4, 16)),
    key("quantizer", "rounding_seed", Kind::Whole(0, i64::MAX)),
    key("quantizer", "codes", Kind::Path),
    key("quantizer", "calibration_hash", Kind::Text),
    key("constraint", "max_accuracy_drop", Kind::Drop),
    key("constraint", "confidence", Kind::Number(0.5, 0.9999)),
    key("constraint", "max_memory", Kind::Size),
    key("constraint", "target", Kind::Target),
    key("constraint", "max_evaluations", Kind::Whole(1, MANY)),
    key("constraint", "max_seconds", Kind::Number(0.0, f64::MAX)),
    choice("search", "strategy", StrategyName::VARIANTS),
    key(
        "search",
        "levels",
        Kind::Choices(&["network", "stage", "block", "layer"]),
    ),
    key("search", "screen", Kind::WholeOrAll(1, MANY)),
    choice("search", "screening", &["exact", "two-sided", "sequential"]),
    key("search", "alpha", Kind::Number(1e-6, 0.5)),
    key("search", "beta", Kind::Number(1e-6, 0.5)),
    key("search", "indifference", Kind::Number(0.0, 100.0)),
    key("search", "beam_width", Kind::Whole(1, 4096)),
    key("search", "draws", Kind::Whole(1, MANY)),
    key("search", "seed", Kind::Whole(0, i64::MAX)),
    choice("gate", "mode", GateMode::VARIANTS),
    key("gate", "limit", Kind::Number(0.0, f64::MAX)),
    key("gate", "min_chance", Kind::Number(0.0, 1.0)),
    key("gate", "warm_up", Kind::Whole(0, MANY)),
    key("gate", "audit", Kind::Number(0.0, 1.0)),
    key("gate", "proxy_images", Kind::Whole(0, MANY)),
    key("", "pins", Kind::Pins),
    key("", "ties", Kind::Ties),
    key("", "bits", Kind::Bits),
    key("evidence", "run", Kind::Text),
    key("evidence", "version", Kind::Text),
    key("evidence", "model", Kind::Text),
    key("evidence", "weights", Kind::Text),
    key("evidence", "data", Kind::Text),
    key("evidence", "quantizer", Kind::Text),
    key("evidence", "numerics", Kind::Text),
    key("evidence", "memory_bytes", Kind::Whole(0, i64::MAX)),
    key("evidence", "memory_float_bytes", Kind::Whole(0, i64::MAX)),
    key("evidence", "search", Kind::Counts),
    key("evidence", "test", Kind::Counts),
    key("evidence", "test_seen", Kind::Flag),
    key("evidence", "certify", Kind::Counts),
    key("evidence", "bound", Kind::Number(-100.0, 100.0)),
    key("evidence", "hash", Kind::Text),
];

/// Names of the tables, in order.
pub(crate) const TABLES: &[&str] = &[
    "published",
    "model",
    "data",
    "quantizer",
    "constraint",
    "search",
    "gate",
    "evidence",
];

/// `table.name`, or the name alone at the top; names that are not bare TOML keys are quoted.
pub(crate) fn dotted(table: &str, name: &str) -> String {
    let bare = !name.is_empty()
        && name
            .chars()
            .all(|c| c.is_ascii_alphanumeric() || c == '_' || c == '-');
    let name = if bare {
        name.to_owned()
    } else {
        format!("\"{name}\"")
    };
    if table.is_empty() {
        name
    } else {
        format!("{table}.{name}")
    }
}
