//! Names of files and C identifiers, made of names of layers. A name may come from anybody's file.

use std::collections::HashSet;

/// The longest name without its extension.
const LONGEST: usize = 100;
/// Names that Windows keeps for devices.
const DEVICES: [&str; 4] = ["con", "prn", "aux", "nul"];

/// Safe names of the files of layers: letters, digits, `.`, `-` and `_` stay, anything else becomes
/// `_`; none begins with a dot, and none differs from another by case alone.
pub(super) fn file_stems<'a>(names: impl Iterator<Item = &'a str>) -> Vec<String> {
    let safe = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_');
    unique(names.map(|name| {
        let mut stem = replaced(name, safe);
        let lower = stem.to_ascii_lowercase();
        let first = lower.split('.').next().unwrap_or_default();
        let numbered = ["com", "lpt"].iter().any(|d| first.starts_with(d)) && first.len() == 4;
        if stem.is_empty() || stem.starts_with('.') || DEVICES.contains(&first) || numbered {
            stem.insert_str(0, "layer_");
        }
        stem
    }))
}

/// C identifiers of layers, which are unique in capitals, too.
pub(super) fn identifiers<'a>(names: impl Iterator<Item = &'a str>) -> Vec<String> {
    unique(names.map(|name| {
        let mut identifier = replaced(name, |c| c.is_ascii_alphanumeric() || c == '_');
        if !identifier.starts_with(|c: char| c.is_ascii_alphabetic()) {
            identifier.insert_str(0, "layer_");
        }
        identifier
    }))
}

/// A name as it may stand in a comment or a table: printable, and without what ends a comment.
pub(super) fn shown(name: &str) -> String {
    let plain = |c: char| c.is_alphanumeric() || matches!(c, '.' | '-' | '_' | ':' | ' ');
    replaced(name, plain)
}

fn replaced(name: &str, stays: impl Fn(char) -> bool) -> String {
    let short = name.chars().take(LONGEST);
    short.map(|c| if stays(c) { c } else { '_' }).collect()
}

/// Names without their like before them; the second `a` becomes `a_2`.
fn unique(names: impl Iterator<Item = String>) -> Vec<String> {
    let mut taken = HashSet::new();
    names
        .map(|name| {
            let numbered = (2..).map(|n: u64| format!("{name}_{n}"));
            let mut candidates = [name.clone()].into_iter().chain(numbered);
            let free = candidates.find(|c| taken.insert(c.to_ascii_lowercase()));
            free.unwrap_or(name)
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_stay_in_their_folder() {
        let names = [
            "block.0.attn.q_conv",
            "../../etc/passwd",
            "..",
            "",
            "a/b",
            "a b",
            "A_B",
            "nul",
            "com1.x",
            "b\\c\n",
        ];
        let stems = file_stems(names.into_iter());
        assert_eq!(
            stems,
            [
                "block.0.attn.q_conv",
                "layer_.._.._etc_passwd",
                "layer_..",
                "layer_",
                "a_b",
                "a_b_2",
                "A_B_3",
                "layer_nul",
                "layer_com1.x",
                "b_c_",
            ]
        );
        assert!(file_stems(["x".repeat(999)].iter().map(String::as_str))[0].len() <= 100);
    }

    #[test]
    fn identifiers_are_those_of_c() {
        let made = identifiers(["block.0.q", "block_0_q", "0.x", "_y", "ä"].into_iter());
        assert_eq!(
            made,
            [
                "block_0_q",
                "block_0_q_2",
                "layer_0_x",
                "layer__y",
                "layer__"
            ]
        );
    }

    #[test]
    fn comments_end_where_they_should() {
        assert_eq!(shown("a */ int\n// b"), "a __ int___ b");
    }
}
