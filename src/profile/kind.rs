//! The kinds of a profile's values: their check and their description in errors.

use toml_edit::Item;

use super::constraint::AccuracyDrop;
use super::size;
use crate::network::ModelKeyKind;
use crate::quant::BitWidth;

/// What a value must be.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Kind {
    /// Any string.
    Text,
    /// A file: a path relative to the profile.
    Path,
    /// A file, or a list of files.
    Paths,
    /// A path, or `builtin:NAME`.
    PathOrBuiltin,
    /// A whole number from the first to the second, both included.
    Whole(i64, i64),
    /// Such a number, or the word "all".
    WholeOrAll(i64, i64),
    /// A non-empty list of such numbers.
    Wholes(i64, i64),
    /// Such a number, or a non-empty list of them.
    WholeOrMany(i64, i64),
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
    /// A largest accuracy drop.
    Drop,
    /// A bit-width, or a non-empty list of them.
    Menu,
    /// A table of layer → bit-width.
    Bits,
    /// A table of pattern → bit-width or bounds.
    Pins,
    /// A table of name → layers, and `qkv`.
    Ties,
    /// The name of a shipped target, or a file.
    Target,
    /// Images and correct ones among them, with the accuracy and its interval.
    Counts,
}

impl Kind {
    /// The kind of a key of `[model]`.
    pub(super) fn of_model(kind: ModelKeyKind) -> Self {
        match kind {
            ModelKeyKind::Whole(least, most) => Kind::Whole(least.into(), most.into()),
            ModelKeyKind::List(least, most) => Kind::Wholes(least.into(), most.into()),
            ModelKeyKind::WholeOrList(least, most) => Kind::WholeOrMany(least.into(), most.into()),
            ModelKeyKind::Number(least, most) => Kind::Number(least, most),
            ModelKeyKind::Flag => Kind::Flag,
            ModelKeyKind::Text => Kind::Text,
            ModelKeyKind::Choice(words) => Kind::Choice(words),
        }
    }
}

/// A whole number of this size or more is as good as unlimited: messages leave it out.
pub(super) const MANY: i64 = 1 << 31;

/// A value as written in the file, on one line and shortened.
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

/// The description of a kind, as the end of an error message.
pub(crate) fn expected(kind: Kind) -> String {
    let words = |words: &[&str]| {
        let quoted: Vec<String> = words.iter().map(|w| format!("\"{w}\"")).collect();
        quoted.join(", ")
    };
    match kind {
        Kind::Text => "expected a string".to_owned(),
        Kind::Path => "expected a path in quotes".to_owned(),
        Kind::Paths => "expected a path in quotes, or a list of them".to_owned(),
        Kind::PathOrBuiltin => "expected a path or \"builtin:NAME\", in quotes".to_owned(),
        Kind::Whole(a, b) if a == b => format!("expected {a}"),
        Kind::Whole(a, b) if b >= MANY => format!("expected a whole number, {a} or more"),
        Kind::Whole(a, b) => format!("expected a whole number from {a} to {b}"),
        Kind::WholeOrAll(a, _) => format!("expected a whole number, {a} or more, or \"all\""),
        Kind::Wholes(a, b) => format!("expected a list of whole numbers from {a} to {b}"),
        Kind::WholeOrMany(a, b) => {
            format!("expected a whole number from {a} to {b}, or a list of such")
        }
        Kind::Number(a, f64::MAX) => format!("expected a number, {a} or more"),
        Kind::Number(a, b) => format!("expected a number from {a} to {b}"),
        Kind::Numbers => "expected a list of numbers such as [0.5, 0.5, 0.5]".to_owned(),
        Kind::Flag => "expected true or false".to_owned(),
        Kind::Choice([only]) => format!("expected \"{only}\""),
        Kind::Choice(all) => format!("expected one of {}", words(all)),
        Kind::Choices(all) => format!("expected a list of {}", words(all)),
        Kind::Size => "expected a size such as \"96 KiB\" or \"1.5 MiB\", or bytes".to_owned(),
        Kind::Drop => {
            "expected points such as 1.5, a share of float's accuracy such as \"2 %\", or \"any\""
                .to_owned()
        }
        Kind::Menu => "expected a list of bit-widths: 1 to 8, 16, \"float\"".to_owned(),
        Kind::Bits | Kind::Pins | Kind::Ties => "expected a table".to_owned(),
        Kind::Target => "expected the name of a target or the path of a file, in quotes".to_owned(),
        Kind::Counts => {
            "expected what the program writes there: { images, correct, float_correct, accuracy, low, high }; \
             leave [evidence] out where it was changed by hand"
                .to_owned()
        }
    }
}

/// True for a value of the kind. Tables of bits, pins and ties are looked into by the check.
pub(crate) fn fits(kind: Kind, item: &Item) -> bool {
    let number = |i: &toml_edit::Value| i.as_float().or(i.as_integer().map(|n| n as f64));
    let is_whole = |n: Option<i64>, min, max| n.is_some_and(|n| (min..=max).contains(&n));
    let are_whole = |min, max| {
        item.as_array()
            .is_some_and(|a| !a.is_empty() && a.iter().all(|v| is_whole(v.as_integer(), min, max)))
    };
    match kind {
        Kind::Text => item.is_str(),
        Kind::Path | Kind::PathOrBuiltin | Kind::Target => {
            item.as_str().is_some_and(|s| !s.is_empty())
        }
        Kind::Paths => match item.as_array() {
            Some(paths) => paths
                .iter()
                .all(|p| p.as_str().is_some_and(|s| !s.is_empty())),
            None => item.as_str().is_some_and(|s| !s.is_empty()),
        },
        Kind::Whole(min, max) => is_whole(item.as_integer(), min, max),
        Kind::WholeOrAll(min, max) => {
            is_whole(item.as_integer(), min, max) || item.as_str() == Some("all")
        }
        Kind::Wholes(min, max) => are_whole(min, max),
        Kind::WholeOrMany(min, max) => is_whole(item.as_integer(), min, max) || are_whole(min, max),
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
        Kind::Drop => match item.as_str() {
            Some(text) => {
                AccuracyDrop::parse(text).is_some_and(|drop| drop.number().is_none_or(|n| n >= 0.0))
            }
            None => fits(Kind::Number(0.0, f64::MAX), item),
        },
        Kind::Menu => item
            .as_array()
            .is_some_and(|a| !a.is_empty() && a.iter().all(|v| width_of(v).is_some())),
        Kind::Bits | Kind::Pins | Kind::Ties => item.is_table_like(),
        Kind::Counts => item.as_inline_table().is_some_and(are_counts),
    }
}

/// True for the counts of a split that can be.
fn are_counts(table: &toml_edit::InlineTable) -> bool {
    let count = |name: &str| table.get(name).and_then(toml_edit::Value::as_integer);
    let percent = |name: &str| {
        let value = table.get(name)?;
        value.as_float().or(value.as_integer().map(|n| n as f64))
    };
    let images = count("images").filter(|images| *images >= 0);
    let within = |n: Option<i64>| {
        n.zip(images)
            .is_some_and(|(n, most)| (0..=most).contains(&n))
    };
    let is_share = |name| percent(name).is_some_and(|p| (0.0..=100.0).contains(&p));
    table.len() == 6
        && within(count("correct"))
        && within(count("float_correct"))
        && ["accuracy", "low", "high"].into_iter().all(is_share)
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

/// The description of a bit-width in errors.
pub(crate) const WIDTH: &str = "expected a bit-width: 1 to 8, 16 or \"float\"";
