//! Profiles that must load, and profiles that must be refused with a message that says what, where and what to do.

use std::fs;
use std::path::{Path, PathBuf};

use aq4svit::profile::{Overrides, Pin, Profile, SHIPPED};
use proptest::prelude::*;

fn files(folder: &str) -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/profiles")
        .join(folder);
    let mut files: Vec<PathBuf> = fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .collect();
    files.sort();
    assert!(!files.is_empty());
    files
}

#[test]
fn valid_profiles_load_and_fit_their_network() {
    for file in files("valid") {
        let profile = Profile::load(&file).unwrap_or_else(|e| panic!("{}: {e}", file.display()));
        let graph = profile.graph();
        if let Some(allocation) = profile.allocation(&graph) {
            assert_eq!(allocation.len(), graph.layers.len());
        }
    }
}

/// The message stands in the file's leading `# expect: ` comments, one a line.
#[test]
fn invalid_profiles_are_refused_with_their_message() {
    for file in files("invalid") {
        let text = fs::read_to_string(&file).unwrap();
        let expected: Vec<&str> = text
            .lines()
            .map_while(|line| line.strip_prefix("# expect: "))
            .collect();
        let name = file.file_name().unwrap();
        let error = Profile::parse(&text, Path::new(name)).expect_err(&file.display().to_string());
        assert_eq!(error.to_string(), expected.join("\n"), "{}", file.display());
    }
}

fn base() -> String {
    SHIPPED
        .iter()
        .find(|(name, _)| *name == "reference")
        .unwrap()
        .1
        .to_owned()
}

/// Lines that a person or a program might leave in a profile.
fn any_line() -> impl Strategy<Value = String> {
    let table = prop::sample::select(vec![
        "",
        "[model]\n",
        "[data]\n",
        "[bits]\n",
        "[pins]\n",
        "[search]\n",
        "[[gate]]\n",
        "[x]\n",
    ]);
    let key = prop::sample::select(vec![
        "format",
        "name",
        "family",
        "layout",
        "checkpoint",
        "embed_dims",
        "depths",
        "image_size",
        "bits",
        "levels",
        "screen",
        "mean",
        "max_memory",
        "head",
        "\"stage1.*\"",
        "a.b.c",
        "model",
        "pins.head.min",
    ]);
    let value = prop::sample::select(vec![
        "-1",
        "0",
        "9223372036854775807",
        "1e400",
        "nan",
        "\"\"",
        "\"dvs\"",
        "[]",
        "[[]]",
        "{}",
        "{ min = 9 }",
        "true",
        "1979-05-27",
        "\"9999999999999 GiB\"",
        "[2, \"float\"]",
        "\"\u{0}\"",
    ]);
    (table, key, value).prop_map(|(t, k, v)| format!("{t}{k} = {v}\n"))
}

proptest! {
    /// Whatever a file holds, reading it ends in a profile or a message of at least a line.
    #[test]
    fn no_text_makes_reading_panic(
        lines in prop::collection::vec(any_line(), 0..4),
        at in 0usize..80,
        cut in 0usize..6000,
        junk in "\\PC{0,20}",
    ) {
        let mut text: Vec<String> = base().lines().map(|l| format!("{l}\n")).collect();
        let at = at.min(text.len());
        text.splice(at..at, lines);
        let whole = text.concat();
        let cut = (0..=cut.min(whole.len())).rev().find(|i| whole.is_char_boundary(*i)).unwrap();
        for text in [whole.clone(), format!("{}{junk}", &whole[..cut]), junk] {
            if let Err(error) = Profile::parse(&text, Path::new("p.toml")) {
                prop_assert!(error.to_string().starts_with("p.toml"), "{error}");
            }
        }
    }

    #[test]
    fn no_override_makes_reading_panic(line in any_line(), key in "[a-z.\"'=]{0,12}", value in "\\PC{0,8}") {
        let set = line.lines().last().unwrap_or_default().to_owned();
        for set in [set, format!("{key}={value}"), key] {
            if let Ok(overrides) = Overrides::parse([&set], "/".into()) {
                let read = Profile::parse_with(&base(), Path::new("p.toml"), &overrides);
                if let Err(error) = read {
                    prop_assert!(error.to_string().contains("--set "), "{set}: {error}");
                }
            }
        }
    }
}

/// Matching takes at most the product of the lengths: a matcher that tries every split would never end here.
#[test]
fn hostile_patterns_end() {
    let pattern = format!("{}b", "*a".repeat(200));
    let pin = Pin::bounds(pattern, None, None);
    assert!(!pin.matches(&"a".repeat(2000)));
}
