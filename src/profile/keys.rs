//! The table of every key a profile may have, and the check of a document against it.
//!
//! The check runs before anything typed is read, so that errors name keys and lines instead of Rust types.

use toml_edit::{Item, TableLike};

use super::document::Source;
use super::error::ProfileError;
use super::nearest::{did_you_mean, one_of};
use super::size;
use crate::quant::BitWidth;

/// What a value must be.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Kind {
    /// Any string.
    Text,
    /// A file: a path relative to the profile.
    Path,
    /// A path, or `builtin:NAME`.
    PathOrBuiltin,
    /// A whole number from the first to the second, both included.
    Whole(i64, i64),
    /// A number from the first to the second, both included.
    Number(f64, f64),
    /// A non-empty list of numbers.
    Numbers,
    /// True or false.
    Flag,
    /// One of these words.
    Choice(&'static [&'static str]),
    /// A non-empty list of these words.
    Choices(&'static [&'static str]),
    /// A memory size.
    Size,
    /// A bit-width, or a non-empty list of them.
    Menu,
    /// A table of layer → bit-width.
    Bits,
    /// A table of pattern → bit-width or bounds.
    Pins,
}

/// One key.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Key {
    /// Its table; empty for the top.
    pub(crate) table: &'static str,
    /// Its name.
    pub(crate) name: &'static str,
    /// What its value must be.
    pub(crate) kind: Kind,
    /// Words of a [`Kind::Choice`] that belong to the format but not yet to this program.
    later: &'static [&'static str],
    /// What to use instead of those.
    instead: &'static str,
}

const MANY: i64 = 1 << 31;

const fn key(table: &'static str, name: &'static str, kind: Kind) -> Key {
    let (later, instead) = (&[] as &[&str], "");
    Key {
        table,
        name,
        kind,
        later,
        instead,
    }
}

const fn choice(
    table: &'static str,
    name: &'static str,
    now: &'static [&'static str],
    later: &'static [&'static str],
    instead: &'static str,
) -> Key {
    let kind = Kind::Choice(now);
    Key {
        table,
        name,
        kind,
        later,
        instead,
    }
}

/// Every key of this version, in the order of `profiles/reference.toml`. `model.family` and `data.kind` stand
/// first in their tables: what other keys mean depends on them.
pub(crate) const KEYS: &[Key] = &[
    key("", "format", Kind::Whole(1, 1)),
    key("", "name", Kind::Text),
    choice(
        "model",
        "family",
        &["spikformer", "qkformer"],
        &["spikingformer", "sdt-v1", "sdt-v2", "sdt-v3"],
        "spikformer and qkformer are",
    ),
    choice(
        "model",
        "layout",
        &["cifar", "imagenet"],
        &["dvs"],
        "cifar and imagenet are",
    ),
    key("model", "checkpoint", Kind::PathOrBuiltin),
    key("model", "image_size", Kind::Whole(1, 65_536)),
    key("model", "in_channels", Kind::Whole(1, 65_536)),
    key("model", "num_classes", Kind::Whole(1, 1 << 24)),
    key("model", "embed_dims", Kind::Whole(1, 65_536)),
    key("model", "num_heads", Kind::Whole(1, 65_536)),
    key("model", "mlp_ratio", Kind::Whole(1, 1024)),
    key("model", "depths", Kind::Whole(1, 1024)),
    key("model", "time_steps", Kind::Whole(1, 65_536)),
    key("model", "batch_leak", Kind::Flag),
    choice(
        "data",
        "kind",
        &["idx"],
        &["cifar", "image-folder", "safetensors"],
        "idx and the built-in data are",
    ),
    key("data", "source", Kind::Text),
    key("data", "train_images", Kind::Path),
    key("data", "train_labels", Kind::Path),
    key("data", "test_images", Kind::Path),
    key("data", "test_labels", Kind::Path),
    key("data", "calibration", Kind::Whole(1, MANY)),
    key("data", "search", Kind::Whole(1, MANY)),
    key("data", "split_seed", Kind::Whole(0, i64::MAX)),
    key("data", "mean", Kind::Numbers),
    key("data", "std", Kind::Numbers),
    key("quantizer", "bits", Kind::Menu),
    choice("quantizer", "granularity", &["channel", "tensor"], &[], ""),
    choice(
        "quantizer",
        "scale",
        &["mse", "max", "power-of-two"],
        &[],
        "",
    ),
    choice(
        "quantizer",
        "rounding",
        &["nearest", "truncate", "stochastic"],
        &[],
        "",
    ),
    choice("quantizer", "affine", &["f32", "f16"], &[], ""),
    key("quantizer", "rounding_seed", Kind::Whole(0, i64::MAX)),
    key(
        "constraint",
        "max_accuracy_drop",
        Kind::Number(0.0, f64::MAX),
    ),
    key("constraint", "max_memory", Kind::Size),
    choice(
        "search",
        "strategy",
        &["greedy"],
        &["beam", "allocate", "exhaustive"],
        "use \"greedy\"",
    ),
    key(
        "search",
        "levels",
        Kind::Choices(&["network", "stage", "block", "layer"]),
    ),
    key("search", "screen", Kind::Whole(1, MANY)),
    choice(
        "search",
        "screening",
        &["exact"],
        &["sequential"],
        "use \"exact\"",
    ),
    key("search", "beam_width", Kind::Whole(1, 4096)),
    key("search", "seed", Kind::Whole(0, i64::MAX)),
    choice("gate", "mode", &["adaptive", "fixed", "off"], &[], ""),
    key("gate", "limit", Kind::Number(0.0, f64::MAX)),
    key("gate", "min_chance", Kind::Number(0.0, 1.0)),
    key("gate", "warm_up", Kind::Whole(0, MANY)),
    key("gate", "audit", Kind::Number(0.0, 1.0)),
    key("", "pins", Kind::Pins),
    key("", "bits", Kind::Bits),
];

/// Keys of the format that belong to something this version does not build yet: table, key, to what.
const LATER: &[(&str, &str, &str)] = &[
    ("model", "pooling", "family sdt-v1"),
    ("model", "strides", "families sdt-v2 and sdt-v3"),
    ("model", "kd", "family sdt-v2"),
    ("model", "merge_repconv", "family sdt-v2"),
    ("model", "max_spike", "family sdt-v3"),
    ("model", "size", "family sdt-v3"),
    ("model", "tau", "layout dvs"),
    ("data", "train", "kind \"cifar\""),
    ("data", "test", "kind \"cifar\""),
    ("data", "path", "kind \"image-folder\""),
    ("data", "labels", "kind \"image-folder\""),
    ("data", "test_path", "kind \"image-folder\""),
    ("data", "file", "kind \"safetensors\""),
    ("data", "test_file", "kind \"safetensors\""),
    ("quantizer", "membrane_bits", "membrane quantization"),
];

/// Names of the tables, in order.
pub(crate) const TABLES: &[&str] = &["model", "data", "quantizer", "constraint", "search", "gate"];

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

/// Checks that a document has only known keys, each with a value of its kind.
///
/// # Errors
/// The first thing found, with its place.
pub(crate) fn check(source: &Source, document: &toml_edit::Table) -> Result<(), ProfileError> {
    check_table(source, "", document)?;
    for name in TABLES {
        let Some(item) = document.get(name) else {
            continue;
        };
        let table = item
            .as_table_like()
            .ok_or_else(|| wrong(source, &[name], item, "expected a table".to_owned()))?;
        check_table(source, name, table)?;
    }
    Ok(())
}

fn check_table(source: &Source, name: &str, table: &dyn TableLike) -> Result<(), ProfileError> {
    // Values in the order of KEYS, so that an unsupported family is named before the keys it brings along.
    for key in KEYS.iter().filter(|k| k.table == name) {
        if let Some(item) = table.get(key.name) {
            check_value(source, key, item)?;
        }
    }
    for (found, _) in table.iter() {
        check_name(source, name, found)?;
    }
    Ok(())
}

fn check_name(source: &Source, table: &str, name: &str) -> Result<(), ProfileError> {
    let known = |k: &&Key| k.table == table && k.name == name;
    if KEYS.iter().any(|k| known(&k)) || (table.is_empty() && TABLES.contains(&name)) {
        return Ok(());
    }
    let path: Vec<&str> = path_of(table, name);
    let place = source.place(&path);
    if let Some((_, _, of)) = LATER.iter().find(|(t, k, _)| *t == table && *k == name) {
        let what = format!("{} (of {of})", dotted(table, name));
        let instead = String::new();
        return Err(ProfileError::Unsupported {
            place,
            what,
            instead,
        });
    }
    let here = KEYS.iter().filter(|k| k.table == table).map(|k| k.name);
    let mut candidates: Vec<&str> = here.collect();
    if table.is_empty() {
        candidates.extend(TABLES);
    }
    let elsewhere: Vec<String> = KEYS
        .iter()
        .filter(|k| k.name == name && k.table != table)
        .map(|k| dotted(k.table, k.name))
        .collect();
    let mut hint = did_you_mean(name, candidates.iter().copied());
    if !elsewhere.is_empty() {
        hint = format!("; did you mean {}?", one_of(&elsewhere));
    } else if hint.is_empty() {
        hint = format!("; known here: {}", candidates.join(", "));
    }
    let key = match table {
        "" => format!("key `{name}` at the top"),
        _ => format!("key `{name}` in [{table}]"),
    };
    Err(ProfileError::UnknownKey { place, key, hint })
}

fn path_of<'a>(table: &'a str, name: &'a str) -> Vec<&'a str> {
    match table {
        "" => vec![name],
        _ => vec![table, name],
    }
}

fn wrong(source: &Source, path: &[&str], item: &Item, expected: String) -> ProfileError {
    let key = match path {
        [name] => dotted("", name),
        [table, rest @ ..] => dotted(table, &rest.join(".")),
        [] => String::new(),
    };
    ProfileError::Value {
        place: source.place(path),
        key,
        found: shown(item),
        expected,
    }
}

/// A value as a person wrote it, on one line and not too long.
pub(crate) fn shown(item: &Item) -> String {
    let text = match item {
        Item::Value(value) => value.clone().decorated("", "").to_string(),
        Item::ArrayOfTables(_) => "[[…]]".to_owned(),
        _ => "a table".to_owned(),
    };
    let text = text.split_whitespace().collect::<Vec<_>>().join(" ");
    match text.char_indices().nth(60) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text,
    }
}

fn check_value(source: &Source, key: &Key, item: &Item) -> Result<(), ProfileError> {
    let path = path_of(key.table, key.name);
    if let (Kind::Choice(_), Some(word)) = (key.kind, item.as_str())
        && key.later.contains(&word)
    {
        return Err(ProfileError::Unsupported {
            place: source.place(&path),
            what: format!("{} = \"{word}\"", dotted(key.table, key.name)),
            instead: format!("; {}", key.instead),
        });
    }
    if key.name == "batch_leak" && item.as_bool() == Some(true) {
        return Err(ProfileError::Unsupported {
            place: source.place(&path),
            what: "model.batch_leak = true".to_owned(),
            instead: "; images are evaluated one by one (false)".to_owned(),
        });
    }
    match key.kind {
        Kind::Bits => check_bits(source, item),
        Kind::Pins => check_pins(source, item),
        kind if fits(kind, item) => Ok(()),
        kind => Err(wrong(source, &path, item, expected(kind))),
    }
}

/// What a value of a kind must be, as a person reads it.
pub(crate) fn expected(kind: Kind) -> String {
    let words = |words: &[&str]| {
        let quoted: Vec<String> = words.iter().map(|w| format!("\"{w}\"")).collect();
        quoted.join(", ")
    };
    match kind {
        Kind::Text => "expected a string".to_owned(),
        Kind::Path => "expected a path in quotes".to_owned(),
        Kind::PathOrBuiltin => "expected a path or \"builtin:NAME\", in quotes".to_owned(),
        Kind::Whole(a, b) if a == b => format!("expected {a}"),
        Kind::Whole(a, b) if b >= MANY => format!("expected a whole number, {a} or more"),
        Kind::Whole(a, b) => format!("expected a whole number from {a} to {b}"),
        Kind::Number(a, f64::MAX) => format!("expected a number, {a} or more"),
        Kind::Number(a, b) => format!("expected a number from {a} to {b}"),
        Kind::Numbers => "expected a list of numbers such as [0.5, 0.5, 0.5]".to_owned(),
        Kind::Flag => "expected true or false".to_owned(),
        Kind::Choice([only]) => format!("expected \"{only}\""),
        Kind::Choice(all) => format!("expected one of {}", words(all)),
        Kind::Choices(all) => format!("expected a list of {}", words(all)),
        Kind::Size => "expected a size such as \"96 KiB\" or \"1.5 MiB\", or bytes".to_owned(),
        Kind::Menu => "expected a list of bit-widths: 1 to 8, 16, \"float\"".to_owned(),
        Kind::Bits | Kind::Pins => "expected a table".to_owned(),
    }
}

fn fits(kind: Kind, item: &Item) -> bool {
    let number = |i: &toml_edit::Value| i.as_float().or(i.as_integer().map(|n| n as f64));
    match kind {
        Kind::Text => item.is_str(),
        Kind::Path | Kind::PathOrBuiltin => item.as_str().is_some_and(|s| !s.is_empty()),
        Kind::Whole(min, max) => item.as_integer().is_some_and(|n| (min..=max).contains(&n)),
        Kind::Number(min, max) => item
            .as_value()
            .and_then(number)
            .is_some_and(|n| (min..=max).contains(&n)),
        Kind::Numbers => item.as_array().is_some_and(|a| {
            !a.is_empty() && a.iter().all(|v| number(v).is_some_and(f64::is_finite))
        }),
        Kind::Flag => item.is_bool(),
        Kind::Choice(all) => item.as_str().is_some_and(|s| all.contains(&s)),
        Kind::Choices(all) => item.as_array().is_some_and(|a| {
            !a.is_empty()
                && a.iter()
                    .all(|v| v.as_str().is_some_and(|s| all.contains(&s)))
        }),
        Kind::Size => bytes(item).is_some(),
        Kind::Menu => item
            .as_array()
            .is_some_and(|a| !a.is_empty() && a.iter().all(|v| width_of(v).is_some())),
        Kind::Bits | Kind::Pins => item.is_table_like(),
    }
}

/// A size in bytes: a number, or a string with a unit.
pub(crate) fn bytes(item: &Item) -> Option<u64> {
    match item.as_integer() {
        Some(n) => u64::try_from(n).ok(),
        None => item.as_str().and_then(size::parse),
    }
}

/// A bit-width: 1 to 8, 16 or "float".
pub(crate) fn width_of(value: &toml_edit::Value) -> Option<BitWidth> {
    match (value.as_integer(), value.as_str()) {
        // 32 is how float is counted, not how it is written.
        (Some(n), _) => u8::try_from(n)
            .ok()
            .filter(|n| *n != 32)
            .and_then(|n| BitWidth::new(n).ok()),
        (_, Some("float")) => Some(BitWidth::FLOAT),
        _ => None,
    }
}

const WIDTH: &str = "expected a bit-width: 1 to 8, 16 or \"float\"";

fn check_bits(source: &Source, item: &Item) -> Result<(), ProfileError> {
    let table = item
        .as_table_like()
        .ok_or_else(|| wrong(source, &["bits"], item, expected(Kind::Bits)))?;
    for (name, item) in table.iter() {
        if item.as_value().and_then(width_of).is_none() {
            let why = match item.as_table_like() {
                Some(inner) => quote_the_name(name, inner),
                None => WIDTH.to_owned(),
            };
            return Err(wrong(source, &["bits", name], item, why));
        }
    }
    Ok(())
}

fn check_pins(source: &Source, item: &Item) -> Result<(), ProfileError> {
    let table = item
        .as_table_like()
        .ok_or_else(|| wrong(source, &["pins"], item, expected(Kind::Pins)))?;
    for (pattern, item) in table.iter() {
        let bounds = match item.as_table_like() {
            None if item.as_value().and_then(width_of).is_some() => continue,
            None => {
                let why = format!("{WIDTH}, or {{ min = 4, max = 8 }}");
                return Err(wrong(source, &["pins", pattern], item, why));
            }
            Some(bounds) => bounds,
        };
        if bounds.is_empty() {
            let why = "expected min, max or both".to_owned();
            return Err(wrong(source, &["pins", pattern], item, why));
        }
        for (name, item) in bounds.iter() {
            let path = ["pins", pattern, name];
            if !["min", "max"].contains(&name) {
                let why = quote_the_name(pattern, bounds);
                return Err(wrong(source, &path, item, why));
            }
            if item.as_value().and_then(width_of).is_none() {
                return Err(wrong(source, &path, item, WIDTH.to_owned()));
            }
        }
    }
    Ok(())
}

/// The usual slip: `stage1.0.q_conv = 4` without quotes makes tables.
fn quote_the_name(first: &str, inner: &dyn TableLike) -> String {
    let mut name = first.to_owned();
    let mut table = Some(inner);
    while let Some((key, item)) = table.and_then(|t| t.iter().next()) {
        name = format!("{name}.{key}");
        table = item.as_table_like();
    }
    format!("a layer name with dots stands in quotes: \"{name}\" = 4")
}
