//! `--set KEY=VALUE`: settings that replace those of the file.

use std::path::PathBuf;

use toml_edit::{DocumentMut, Item, Key, TableLike, Value};

use super::error::ProfileError;
use super::files;

/// One `--set`.
#[derive(Debug, Clone)]
struct Override {
    text: String,
    path: Vec<String>,
    value: Value,
}

/// Settings given on the command line, in order.
#[derive(Debug, Clone, Default)]
pub struct Overrides {
    list: Vec<Override>,
    folder: Option<PathBuf>,
}

impl Overrides {
    /// No overrides.
    pub fn none() -> Self {
        Self::default()
    }

    /// Reads `dotted.key=value` texts. The value is TOML, or a string when it is no TOML. After
    /// `bits.` and `pins.` the rest of the key is a layer name or pattern, with or without quotes
    /// (a shell takes them away), and for pins perhaps `.min` or `.max`. Paths are relative to
    /// `folder`: the current folder, not the profile's.
    ///
    /// # Errors
    /// [`ProfileError::Override`].
    pub fn parse<S: AsRef<str>>(
        texts: impl IntoIterator<Item = S>,
        folder: PathBuf,
    ) -> Result<Self, ProfileError> {
        let list: Result<Vec<Override>, ProfileError> =
            texts.into_iter().map(|t| read(t.as_ref())).collect();
        Ok(Overrides {
            list: list?,
            folder: Some(folder),
        })
    }

    /// True when nothing is overridden.
    pub fn is_empty(&self) -> bool {
        self.list.is_empty()
    }

    /// The value that a setting is given.
    pub fn get(&self, path: &[&str]) -> Option<&Value> {
        let found = self.list.iter().rev().find(|o| o.path == path);
        found.map(|o| &o.value)
    }

    /// Applies all overrides to a document, in order.
    ///
    /// # Errors
    /// [`ProfileError::Override`] where a key goes through something that is no table.
    pub(crate) fn apply(&self, document: &mut DocumentMut) -> Result<(), ProfileError> {
        for one in &self.list {
            let mut value = one.value.clone();
            let fail = |why| ProfileError::Override {
                text: one.text.clone(),
                why,
            };
            if let Some(folder) = &self.folder {
                files::make_absolute(&one.path, &mut value, folder)
                    .map_err(|e| fail(format!("{} is not Unicode", e.0.display())))?;
            }
            set(document.as_table_mut(), &one.path, value).map_err(fail)?;
        }
        Ok(())
    }

    /// The last override that gave a setting, a part of it or a table it is in.
    pub(crate) fn touching(&self, path: &[&str]) -> Option<&str> {
        let touches = |o: &&Override| o.path.iter().zip(path).all(|(a, b)| a == b);
        let found = self.list.iter().rev().find(touches);
        found.map(|o| o.text.as_str())
    }
}

fn read(text: &str) -> Result<Override, ProfileError> {
    let fail = |why: &str| ProfileError::Override {
        text: text.to_owned(),
        why: why.to_owned(),
    };
    let equals = outside_quotes(text, '=')
        .ok_or_else(|| fail("expected KEY=VALUE, such as search.seed=1"))?;
    let (key, value) = (text[..equals].trim(), text[equals + 1..].trim());
    let path = read_key(key).ok_or_else(|| fail("the key is not a dotted TOML key"))?;
    // Anything that is no TOML value is a string, so that a path needs no quotes inside the
    // shell's.
    let value = value.parse().unwrap_or_else(|_| Value::from(value));
    Ok(Override {
        text: text.to_owned(),
        path,
        value,
    })
}

fn read_key(key: &str) -> Option<Vec<String>> {
    let parsed = Key::parse(key)
        .ok()
        .map(|keys| keys.iter().map(|k| k.get().to_owned()).collect());
    let Some((table, rest)) = key.split_once('.').map(|(t, r)| (t.trim(), r.trim())) else {
        return parsed;
    };
    if !["bits", "pins"].contains(&table) || rest.starts_with(['"', '\'']) {
        return parsed;
    }
    let bound = match rest.rsplit_once('.') {
        Some((name, bound @ ("min" | "max"))) if table == "pins" => Some((name, bound)),
        _ => None,
    };
    let (name, bound) = bound.map_or((rest, None), |(n, b)| (n, Some(b)));
    let path = [Some(table), Some(name), bound];
    (!name.is_empty()).then(|| path.into_iter().flatten().map(str::to_owned).collect())
}

fn outside_quotes(text: &str, wanted: char) -> Option<usize> {
    let mut quote = None;
    for (at, c) in text.char_indices() {
        match quote {
            Some(open) if c == open => quote = None,
            Some(_) => {}
            None if c == wanted => return Some(at),
            None if c == '"' || c == '\'' => quote = Some(c),
            None => {}
        }
    }
    None
}

/// Sets a value, making the tables on the way and keeping the comment of a value that is replaced.
pub(crate) fn set(table: &mut dyn TableLike, path: &[String], value: Value) -> Result<(), String> {
    set_at(table, path, value, 0)
}

fn set_at(
    table: &mut dyn TableLike,
    path: &[String],
    value: Value,
    depth: usize,
) -> Result<(), String> {
    let (name, rest) = path.split_first().ok_or("the key is empty")?;
    if rest.is_empty() {
        replace(table, name, value);
        return Ok(());
    }
    if table.get(name).is_none_or(Item::is_none) {
        // The tables of a profile are not nested, but for bounds of pins, which read best on one
        // line.
        let new = match depth {
            0 => toml_edit::table(),
            _ => toml_edit::value(toml_edit::InlineTable::new()),
        };
        table.insert(name, new);
    }
    let inner = table
        .get_mut(name)
        .and_then(Item::as_table_like_mut)
        .ok_or_else(|| format!("`{name}` is not a table"))?;
    set_at(inner, rest, value, depth + 1)
}

/// Sets one key of a table, keeping the spacing and comment of the value it replaces.
pub(crate) fn replace(table: &mut dyn TableLike, name: &str, mut value: Value) {
    match table.get_mut(name) {
        Some(Item::Value(old)) => {
            *value.decor_mut() = old.decor().clone();
            *old = value;
        }
        _ => {
            table.insert(name, Item::Value(value));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn applied(text: &str, sets: &[&str]) -> String {
        let mut document: DocumentMut = text.parse().unwrap();
        let overrides = Overrides::parse(sets, PathBuf::from("/here")).unwrap();
        overrides.apply(&mut document).unwrap();
        document.to_string()
    }

    #[test]
    fn values_are_toml_or_strings_and_comments_stay() {
        let text = "[search]\nseed = 0 # keep me\n";
        assert_eq!(
            applied(text, &["search.seed=7"]),
            "[search]\nseed = 7 # keep me\n"
        );
        let got = applied(
            "",
            &[
                "name=a b",
                "constraint.max_memory=96 KiB",
                "search.levels=[\"layer\"]",
            ],
        );
        assert_eq!(
            got,
            "name = \"a b\"\n\n[constraint]\nmax_memory = \"96 KiB\"\n\n[search]\nlevels = [\"layer\"]\n"
        );
    }

    #[test]
    fn layer_names_need_no_quotes() {
        for key in ["pins.\"stage1.*\"", "pins.stage1.*", "pins.'stage1.*'"] {
            assert_eq!(
                applied("", &[&format!("{key}=4")]),
                "[pins]\n\"stage1.*\" = 4\n",
                "{key}"
            );
        }
        assert_eq!(
            applied("", &["bits.stage1.0.q_conv=3", "bits.head=8"]),
            "[bits]\n\"stage1.0.q_conv\" = 3\nhead = 8\n"
        );
        assert_eq!(
            applied("", &["pins.stage1.*.min=4"]),
            "[pins]\n\"stage1.*\" = { min = 4 }\n"
        );
    }

    #[test]
    fn paths_are_relative_to_the_current_folder() {
        assert_eq!(
            applied("", &["model.checkpoint=a.safetensors"]),
            "[model]\ncheckpoint = \"/here/a.safetensors\"\n"
        );
        assert_eq!(
            applied("", &["model.checkpoint=builtin:x"]),
            "[model]\ncheckpoint = \"builtin:x\"\n"
        );
    }

    #[test]
    fn bad_overrides_are_named() {
        let of = |text: &str| {
            Overrides::parse([text], PathBuf::new())
                .unwrap_err()
                .to_string()
        };
        assert_eq!(
            of("search.seed"),
            "--set search.seed: expected KEY=VALUE, such as search.seed=1"
        );
        assert_eq!(of("a b=1"), "--set a b=1: the key is not a dotted TOML key");
        assert_eq!(
            of("bits.=1"),
            "--set bits.=1: the key is not a dotted TOML key"
        );
        let mut document: DocumentMut = "name = \"x\"".parse().unwrap();
        let overrides = Overrides::parse(["name.x=1"], PathBuf::new()).unwrap();
        assert_eq!(
            overrides.apply(&mut document).unwrap_err().to_string(),
            "--set name.x=1: `name` is not a table"
        );
    }
}
