//! The keys of `[model]`: their order and the values that each takes. Which of them a family has is
//! said in its file.

use super::Family;

/// The widest embedding.
const MAX_WIDTH: u32 = 16_384;

/// The values that a key takes; bounds are included.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum ModelKeyKind {
    /// A whole number.
    Whole(u32, u32),
    /// A list of whole numbers.
    List(u32, u32),
    /// A whole number or a list of them.
    WholeOrList(u32, u32),
    /// A number.
    Number(f64, f64),
    /// True or false.
    Flag,
    /// A string.
    Text,
    /// One of these words.
    Choice(&'static [&'static str]),
}

/// A key of `[model]` beside `checkpoint`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct ModelKey {
    /// The name.
    pub name: &'static str,
    /// The values that it takes.
    pub kind: ModelKeyKind,
    /// Whether every family must have it.
    pub(in crate::network) common: bool,
}

/// A key of some families.
const fn key(name: &'static str, kind: ModelKeyKind) -> ModelKey {
    let common = false;
    ModelKey { name, kind, common }
}

/// A key of every family.
const fn common(name: &'static str, kind: ModelKeyKind) -> ModelKey {
    let common = true;
    ModelKey { name, kind, common }
}

/// Every key, in the order in which profiles write them.
pub const MODEL_KEYS: [ModelKey; 20] = [
    common("family", ModelKeyKind::Choice(&Family::NAMES)),
    key(
        "layout",
        ModelKeyKind::Choice(&["cifar", "imagenet", "dvs"]),
    ),
    common("image_size", ModelKeyKind::Whole(1, 4096)),
    common("in_channels", ModelKeyKind::Whole(1, 4096)),
    common("num_classes", ModelKeyKind::Whole(1, 1_000_000)),
    common("embed_dims", ModelKeyKind::WholeOrList(1, MAX_WIDTH)),
    common("num_heads", ModelKeyKind::WholeOrList(1, MAX_WIDTH)),
    key("patch_sizes", ModelKeyKind::List(1, 4096)),
    key("group_size", ModelKeyKind::Whole(1, MAX_WIDTH)),
    common("mlp_ratio", ModelKeyKind::Whole(1, 64)),
    key("depths", ModelKeyKind::WholeOrList(1, 256)),
    common("time_steps", ModelKeyKind::Whole(1, 1024)),
    key("pooling", ModelKeyKind::Text),
    key("strides", ModelKeyKind::List(1, 16)),
    key("kd", ModelKeyKind::Flag),
    key("merge_repconv", ModelKeyKind::Flag),
    key("size", ModelKeyKind::Choice(&["base", "large"])),
    key("max_spike", ModelKeyKind::Whole(1, 255)),
    key("batch_leak", ModelKeyKind::Flag),
    key("tau", ModelKeyKind::Number(1.0, 1e6)),
];

/// The bounds of a whole number, or of each in a list.
pub(super) fn bounds(name: &str) -> (u32, u32) {
    let kind = MODEL_KEYS.iter().find(|k| k.name == name).map(|k| k.kind);
    match kind {
        Some(
            ModelKeyKind::Whole(least, most)
            | ModelKeyKind::List(least, most)
            | ModelKeyKind::WholeOrList(least, most),
        ) => (least, most),
        _ => (0, u32::MAX),
    }
}
