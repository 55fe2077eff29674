//! The table of every key a profile may have.

use super::kind::{Kind, MANY};
use crate::data::RECIPE_NAMES;

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

/// Every key of this version, in the order of `profiles/reference.toml`. `model.family` and
/// `data.kind` stand first in their tables: what other keys mean depends on them.
pub(crate) const KEYS: &[Key] = &[
    key("", "format", Kind::Whole(1, 1)),
    key("", "name", Kind::Text),
    key("published", "weights", Kind::Text),
    key("published", "accuracy", Kind::Text),
    choice(
        "model",
        "family",
        &[
            "spikformer",
            "spikingformer",
            "qkformer",
            "sdt-v1",
            "sdt-v2",
            "sdt-v3",
        ],
    ),
    choice("model", "layout", &["cifar", "imagenet", "dvs"]),
    key("model", "checkpoint", Kind::PathOrBuiltin),
    key("model", "image_size", Kind::Whole(1, 65_536)),
    key("model", "in_channels", Kind::Whole(1, 65_536)),
    key("model", "num_classes", Kind::Whole(1, 1 << 24)),
    key("model", "embed_dims", Kind::WholeOrMany(1, 65_536)),
    key("model", "num_heads", Kind::Whole(1, 65_536)),
    key("model", "mlp_ratio", Kind::Whole(1, 1024)),
    key("model", "depths", Kind::Whole(1, 1024)),
    key("model", "time_steps", Kind::Whole(1, 65_536)),
    key("model", "pooling", Kind::Text),
    key("model", "strides", Kind::Wholes(1, 16)),
    key("model", "kd", Kind::Flag),
    key("model", "merge_repconv", Kind::Flag),
    choice("model", "size", &["base", "large"]),
    key("model", "max_spike", Kind::Whole(1, 255)),
    key("model", "batch_leak", Kind::Flag),
    key("model", "tau", Kind::Number(1.0, 1e6)),
    choice(
        "data",
        "kind",
        &["idx", "cifar", "image-folder", "safetensors"],
    ),
    key("data", "source", Kind::Text),
    key("data", "train_images", Kind::Path),
    key("data", "train_labels", Kind::Path),
    key("data", "test_images", Kind::Path),
    key("data", "test_labels", Kind::Path),
    key("data", "train", Kind::Paths),
    key("data", "test", Kind::Paths),
    key("data", "path", Kind::Path),
    key("data", "labels", Kind::Path),
    key("data", "test_path", Kind::Path),
    choice("data", "on_corrupt", &["refuse", "skip"]),
    key("data", "cache", Kind::Flag),
    key("data", "file", Kind::Path),
    key("data", "test_file", Kind::Path),
    key("data", "calibration", Kind::Whole(1, MANY)),
    key("data", "search", Kind::Whole(1, MANY)),
    key("data", "split_seed", Kind::Whole(0, i64::MAX)),
    choice("data", "recipe", &RECIPE_NAMES),
    key("data", "mean", Kind::Numbers),
    key("data", "std", Kind::Numbers),
    key("quantizer", "bits", Kind::Menu),
    choice("quantizer", "granularity", &["channel", "tensor"]),
    choice("quantizer", "scale", &["mse", "max", "power-of-two"]),
    choice(
        "quantizer",
        "rounding",
        &["nearest", "truncate", "stochastic"],
    ),
    choice("quantizer", "affine", &["f32", "f16"]),
    key("quantizer", "rounding_seed", Kind::Whole(0, i64::MAX)),
    key("constraint", "max_accuracy_drop", Kind::Drop),
    key("constraint", "max_memory", Kind::Size),
    key("constraint", "target", Kind::Target),
    key("constraint", "max_evaluations", Kind::Whole(1, MANY)),
    key("constraint", "max_seconds", Kind::Number(0.0, f64::MAX)),
    choice("search", "strategy", &super::strategies::STRATEGY_NAMES),
    key(
        "search",
        "levels",
        Kind::Choices(&["network", "stage", "block", "layer"]),
    ),
    key("search", "screen", Kind::Whole(1, MANY)),
    choice("search", "screening", &["exact", "sequential"]),
    key("search", "alpha", Kind::Number(1e-6, 0.5)),
    key("search", "beta", Kind::Number(1e-6, 0.5)),
    key("search", "indifference", Kind::Number(0.0, 100.0)),
    key("search", "beam_width", Kind::Whole(1, 4096)),
    key("search", "draws", Kind::Whole(1, MANY)),
    key("search", "seed", Kind::Whole(0, i64::MAX)),
    choice("gate", "mode", &["adaptive", "fixed", "off"]),
    key("gate", "limit", Kind::Number(0.0, f64::MAX)),
    key("gate", "min_chance", Kind::Number(0.0, 1.0)),
    key("gate", "warm_up", Kind::Whole(0, MANY)),
    key("gate", "audit", Kind::Number(0.0, 1.0)),
    key("gate", "proxy_images", Kind::Whole(0, MANY)),
    key("", "pins", Kind::Pins),
    key("", "ties", Kind::Ties),
    key("", "bits", Kind::Bits),
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
