//! The check of a document against the table of keys.
//!
//! It runs before anything typed is read, so that errors name keys and lines instead of Rust types.

use toml_edit::{Item, TableLike};

use super::document::ProfileText;
use super::error::ProfileError;
use super::keys::{Key, dotted};
use super::kind::{Kind, WIDTH, expected, fits, shown, width_of};
use super::nearest::{did_you_mean, one_of};
use super::tie::QKV;

/// The keys and tables that a document may have.
#[derive(Clone, Copy)]
pub(crate) struct Known<'a> {
    pub(crate) keys: &'a [Key],
    pub(crate) tables: &'a [&'static str],
}

impl Known<'_> {
    /// Checks that a document has only known keys, each with a value of its kind.
    ///
    /// # Errors
    /// The first thing found, with its place.
    pub(crate) fn check(
        &self,
        source: &ProfileText,
        document: &toml_edit::Table,
    ) -> Result<(), ProfileError> {
        self.check_table(source, "", document)?;
        for name in self.tables {
            let Some(item) = document.get(name) else {
                continue;
            };
            let table = item
                .as_table_like()
                .ok_or_else(|| wrong(source, &[name], item, "expected a table".to_owned()))?;
            self.check_table(source, name, table)?;
        }
        Ok(())
    }

    fn check_table(
        &self,
        source: &ProfileText,
        name: &str,
        table: &dyn TableLike,
    ) -> Result<(), ProfileError> {
        for key in self.keys.iter().filter(|k| k.table == name) {
            if let Some(item) = table.get(key.name) {
                check_value(source, key, item)?;
            }
        }
        let mut names = table.iter().map(|(found, _)| found);
        names.try_for_each(|found| self.check_name(source, name, found))
    }

    fn check_name(
        &self,
        source: &ProfileText,
        table: &str,
        name: &str,
    ) -> Result<(), ProfileError> {
        let here = self.keys.iter().filter(|k| k.table == table);
        let tables = self.tables.iter().filter(|_| table.is_empty());
        let candidates: Vec<&str> = here.map(|k| k.name).chain(tables.copied()).collect();
        if candidates.contains(&name) {
            return Ok(());
        }
        let elsewhere = self.keys.iter().filter(|k| k.name == name);
        let elsewhere: Vec<String> = elsewhere.map(|k| dotted(k.table, k.name)).collect();
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
        let place = source.place(&path_of(table, name));
        let message = format!("unknown {key}{hint}");
        Err(ProfileError::Section { place, message })
    }
}

fn path_of<'a>(table: &'a str, name: &'a str) -> Vec<&'a str> {
    match table {
        "" => vec![name],
        _ => vec![table, name],
    }
}

fn wrong(source: &ProfileText, path: &[&str], item: &Item, expected: String) -> ProfileError {
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

fn check_value(source: &ProfileText, key: &Key, item: &Item) -> Result<(), ProfileError> {
    let path = path_of(key.table, key.name);
    match (key.kind, item.as_table_like()) {
        (kind, _) if !fits(kind, item) => Err(wrong(source, &path, item, expected(kind))),
        (Kind::Bits, Some(table)) => check_bits(source, table),
        (Kind::Pins, Some(table)) => check_pins(source, table),
        (Kind::Ties, Some(table)) => check_ties(source, table),
        _ => Ok(()),
    }
}

fn check_bits(source: &ProfileText, table: &dyn TableLike) -> Result<(), ProfileError> {
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

fn check_pins(source: &ProfileText, table: &dyn TableLike) -> Result<(), ProfileError> {
    for (pattern, item) in table.iter() {
        let bounds = match item.as_table_like() {
            None if item.as_value().and_then(width_of).is_some() => continue,
            None if fits(Kind::Menu, item) => continue,
            None => {
                let why = format!("{WIDTH}, a list of such, or {{ min = 4, max = 8 }}");
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

fn check_ties(source: &ProfileText, table: &dyn TableLike) -> Result<(), ProfileError> {
    for (name, item) in table.iter() {
        let is_list = item
            .as_array()
            .is_some_and(|a| !a.is_empty() && a.iter().all(toml_edit::Value::is_str));
        let (right, why) = match name {
            QKV => (item.is_bool(), "expected true or false"),
            _ => (is_list, "expected a list of layer names or globs"),
        };
        if !right {
            return Err(wrong(source, &["ties", name], item, why.to_owned()));
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
