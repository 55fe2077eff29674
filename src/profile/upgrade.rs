//! Upgrades of profiles of earlier formats, one step for each format, applied when a profile is
//! read. The file stays as it is; what is saved from it is of the current format.

use toml_edit::{DocumentMut, Item, TableLike, Value};

use super::document::ProfileText;
use super::error::ProfileError;
use super::overrides::replace;

/// The version of the format of profiles.
pub const FORMAT: i64 = 1;

/// Refuses a profile of a format that this version cannot read.
///
/// # Errors
/// [`ProfileError::Value`] with advice.
pub(super) fn check(source: &ProfileText, document: &DocumentMut) -> Result<(), ProfileError> {
    let Some(format) = format(document).filter(|format| !(0..=FORMAT).contains(format)) else {
        return Ok(());
    };
    let expected = match format > FORMAT {
        true => format!(
            "a newer aq4svit wrote this profile; this one reads formats up to {FORMAT}: update it"
        ),
        false => format!("there is no such format; the current one is {FORMAT}"),
    };
    Err(ProfileError::Value {
        place: source.place(&["format"]),
        key: "format".to_owned(),
        found: format.to_string(),
        expected,
    })
}

/// Brings a document to the current format; what was done, in a sentence, where it was of an
/// earlier one.
pub(super) fn upgrade(document: &mut DocumentMut) -> Option<String> {
    let from = format(document).filter(|format| (0..FORMAT).contains(format))?;
    let changes = from_0(document);
    replace(document.as_table_mut(), "format", Value::from(FORMAT));
    let changes = match changes.is_empty() {
        true => "nothing in it has changed its meaning".to_owned(),
        false => changes.join(", "),
    };
    Some(format!(
        "it is of format {from} and is read as format {FORMAT}: {changes}"
    ))
}

/// What [`upgrade`] would say of a profile's text.
pub(super) fn sentence(text: &str) -> Option<String> {
    upgrade(&mut text.parse().ok()?)
}

fn format(document: &DocumentMut) -> Option<i64> {
    document.get("format").and_then(Item::as_integer)
}

/// Format 0, before calibrated quantization, the strategy `front` and two-sided screening: what a
/// profile did not say meant something else, and `gate.mode = "adaptive"` was today's "drift".
fn from_0(document: &mut DocumentMut) -> Vec<String> {
    let mut changes = Vec::new();
    let mut set = |document: &mut DocumentMut, table: &str, key: &str, word: &str| {
        if let Some(inside) = table_of(document, table) {
            replace(inside, key, Value::from(word));
            changes.push(format!("{table}.{key} is \"{word}\""));
        }
    };
    if document.contains_key("data") && text_of(document, "quantizer", "method").is_none() {
        set(document, "quantizer", "method", "nearest");
    }
    if text_of(document, "search", "strategy").is_none() {
        set(document, "search", "strategy", "greedy");
    }
    if text_of(document, "search", "screening").is_none() {
        set(document, "search", "screening", "exact");
    }
    if matches!(
        text_of(document, "gate", "mode").as_deref(),
        None | Some("adaptive")
    ) {
        set(document, "gate", "mode", "drift");
    }
    changes
}

fn text_of(document: &DocumentMut, table: &str, key: &str) -> Option<String> {
    let item = document.get(table)?.as_table_like()?.get(key)?;
    item.as_str().map(str::to_owned)
}

/// A table, made where there is none; none where something else has its name, which is found wrong
/// later.
fn table_of<'a>(document: &'a mut DocumentMut, name: &str) -> Option<&'a mut dyn TableLike> {
    if !document.contains_key(name) {
        document.insert(name, toml_edit::table());
    }
    document.get_mut(name)?.as_table_like_mut()
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::profile::{GateMode, Profile, Screening, StrategyName};
    use crate::quant::{Correction, Method};

    const MODEL: &str = "[model]\nfamily = 'qkformer'\nlayout = 'cifar'\nimage_size = 28\n\
                         in_channels = 1\nnum_classes = 10\nembed_dims = 64\nnum_heads = 8\n\
                         mlp_ratio = 4\ndepths = 4\ntime_steps = 4\n";

    fn read(text: &str) -> Result<(Profile, String), String> {
        Profile::parse_with(text, Path::new("/p.toml"), &super::super::Overrides::none())
            .map_err(|error| error.to_string())
    }

    #[test]
    fn format_0_keeps_its_meaning() {
        let old = format!(
            "format = 0 # old\nname = 'x'\n{MODEL}[data]\nsource = 'builtin:fashion-mnist'\n\
             [gate]\nmode = 'adaptive' # mine\n"
        );
        let (profile, text) = read(&old).expect("a profile");
        assert_eq!(profile.gate.mode, GateMode::Drift);
        assert_eq!(profile.search.strategy, StrategyName::Greedy);
        assert_eq!(profile.search.screening, Screening::Exact);
        let scheme = &profile.scheme;
        assert_eq!(
            (scheme.method, scheme.correction),
            (Method::Nearest, Correction::None)
        );
        // What is saved from it says so itself, with the user's comments.
        assert!(text.contains("format = 1 # old"), "{text}");
        assert!(text.contains("mode = \"drift\" # mine"), "{text}");
        assert_eq!(read(&text).expect("a profile").0, profile);
        let said = sentence(&old).expect("an upgrade");
        assert!(
            said.contains("format 0") && said.contains("gate.mode is \"drift\""),
            "{said}"
        );
        assert_eq!(sentence(&text), None);
    }

    #[test]
    fn what_format_0_says_stays() {
        let old = format!(
            "format = 0\n{MODEL}[search]\nstrategy = 'beam'\nscreening = 'sequential'\n[gate]\nmode = 'off'\n"
        );
        let (profile, _) = read(&old).expect("a profile");
        assert_eq!(profile.gate.mode, GateMode::Off);
        assert_eq!(profile.search.strategy, StrategyName::Beam);
        let said = sentence(&old).expect("an upgrade");
        assert!(
            said.ends_with("nothing in it has changed its meaning"),
            "{said}"
        );
        // Tables that are none are found wrong as ever.
        assert!(read(&format!("format = 0\ngate = 3\n{MODEL}")).is_err());
    }

    #[test]
    fn newer_formats_are_refused_with_advice() {
        // Whatever else is unknown in it.
        let error = read(&format!("format = 2\nnew = 1\n{MODEL}")).expect_err("newer");
        assert!(
            error.starts_with("/p.toml:1: format = 2: a newer aq4svit"),
            "{error}"
        );
        assert!(error.ends_with("update it"), "{error}");
        let error = read(&format!("format = -1\n{MODEL}")).expect_err("none");
        assert!(error.contains("there is no such format"), "{error}");
        assert!(read(&format!("format = 'one'\n{MODEL}")).is_err());
        assert!(read(MODEL).is_ok(), "the current one where none is named");
    }
}
