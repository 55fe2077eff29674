//! Reading of target files.

use std::path::{Path, PathBuf};

use toml_edit::Item;

use super::check::Known;
use super::document::{ProfileText, read_text};
use super::error::{ProfileError, SourceLocation};
use super::keys::{Key, key};
use super::kind::{Kind, bytes, expected, width_of};
use super::nearest::did_you_mean;
use super::overrides::Overrides;
use super::target::{TARGETS, Target};
use crate::quant::{BitWidth, ScaleRule};

const KEYS: &[Key] = &[
    key("", "format", Kind::Whole(1, 1)),
    key("", "title", Kind::Text),
    key("weights", "memory", Kind::Size),
    key("weights", "widths", Kind::Menu),
    key("weights", "first_layer", Kind::Menu),
    key(
        "weights",
        "scale",
        Kind::Choice(&["mse", "max", "power-of-two"]),
    ),
];

impl Target {
    /// The target that a profile names: a shipped one, or a file.
    ///
    /// # Errors
    /// [`ProfileError`] where there is none, or for the first thing in its file that is wrong.
    pub(super) fn find(
        name: &str,
        place: &dyn Fn() -> SourceLocation,
    ) -> Result<Self, ProfileError> {
        if Self::is_path(name) {
            let path = Path::new(name);
            let text = read_text(path).map_err(|error| match error {
                ProfileError::NotAProfile { path, .. } => ProfileError::NotATarget(path),
                error => error,
            })?;
            return Self::parse(&text, path, name);
        }
        match TARGETS.iter().find(|(shipped, _)| *shipped == name) {
            Some((_, text)) => Self::parse(text, &PathBuf::from(format!("target {name}")), name),
            None => {
                let names = TARGETS.iter().map(|(n, _)| *n);
                let near = did_you_mean(name, names.clone());
                let all = names.collect::<Vec<_>>().join(", ");
                Err(ProfileError::Value {
                    place: place(),
                    key: "constraint.target".to_owned(),
                    found: format!("\"{name}\""),
                    expected: format!(
                        "no such target{near}; shipped are {all}; or give the path of a file, with / in it or .toml at its end"
                    ),
                })
            }
        }
    }

    /// Reads a target's text; `origin` is what messages call it.
    ///
    /// # Errors
    /// [`ProfileError`] for the first thing that is wrong.
    pub fn parse(text: &str, origin: &Path, name: &str) -> Result<Self, ProfileError> {
        let none = Overrides::none();
        let source = ProfileText::parse(text, origin, &none)?;
        let document = source.edited()?;
        let known = Known {
            keys: KEYS,
            tables: &["weights"],
        };
        known.check(&source, document.as_table())?;
        let item = |name: &str| document.get("weights").and_then(|w| w.get(name));
        let widths = |name: &str| -> Option<Vec<BitWidth>> {
            let list = item(name)?.as_array()?.iter();
            let mut widths: Vec<BitWidth> = list.filter_map(width_of).collect();
            widths.sort_unstable();
            widths.dedup();
            Some(widths)
        };
        let Some(all) = widths("widths") else {
            return Err(ProfileError::Missing {
                place: source.place(&["weights"]),
                key: "weights.widths".to_owned(),
                expected: expected(Kind::Menu),
            });
        };
        Ok(Target {
            name: name.to_owned(),
            title: document
                .get("title")
                .and_then(Item::as_str)
                .unwrap_or(name)
                .to_owned(),
            memory: item("memory").and_then(bytes),
            widths: all,
            first_layer: widths("first_layer"),
            scale: item("scale").and_then(Item::as_str).map(|word| match word {
                "power-of-two" => ScaleRule::PowerOfTwo,
                "max" => ScaleRule::Max,
                _ => ScaleRule::Mse,
            }),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Result<Target, String> {
        Target::parse(text, Path::new("chips/mine.toml"), "chips/mine.toml")
            .map_err(|e| e.to_string())
    }

    #[test]
    fn all_shipped_targets_are_read_and_name_their_sources() {
        for (name, text) in TARGETS {
            let target = Target::parse(text, Path::new(name), name).unwrap();
            assert!(
                target.memory.is_some() && !target.widths.is_empty(),
                "{name}"
            );
            assert!(
                text.contains("Sources:") && text.contains("Left out:"),
                "{name}"
            );
        }
    }

    #[test]
    fn widths_may_differ_in_the_first_layer() {
        let text = "[weights]\nmemory = \"8 KiB\"\nwidths = [4, 2]\nfirst_layer = [8]\nscale = \"power-of-two\"\n";
        let target = parse(text).unwrap();
        let bits = |i| {
            target
                .widths_of(i)
                .iter()
                .map(|w| w.bits())
                .collect::<Vec<_>>()
        };
        assert_eq!((bits(0), bits(1)), (vec![8], vec![2, 4]));
        assert_eq!(
            (target.memory, target.scale),
            (Some(8192), Some(ScaleRule::PowerOfTwo))
        );
    }

    #[test]
    fn what_is_wrong_is_named_with_its_file_and_key() {
        assert_eq!(
            parse("[weights]\nwidths = [4, 12]\n").unwrap_err(),
            "chips/mine.toml:2: weights.widths = [4, 12]: expected a list of bit-widths: 1 to 8, 16, \"float\""
        );
        let missing = parse("[weights]\nmemory = 5\n").unwrap_err();
        assert!(
            missing.contains("chips/mine.toml") && missing.contains("weights.widths"),
            "{missing}"
        );
        let unknown = parse("[weights]\nwidth = [4]\n").unwrap_err();
        assert_eq!(
            unknown,
            "chips/mine.toml:2: unknown key `width` in [weights]; did you mean `widths`?"
        );
        assert!(parse("weights = 4\n").unwrap_err().contains("weights"));
    }
}
