//! `[model]` as it is written: one flat table of which every family has some keys.

use std::fmt::Display;

use serde::{Deserialize, Deserializer, Serialize, Serializer, de, ser};
use toml::Value;

use super::keys::MODEL_KEYS;
use super::{Family, ModelConfig, ModelError};

/// The table: keys of [`MODEL_KEYS`] with their values.
#[derive(Debug)]
pub(crate) struct ModelTable(toml::Table);

impl<'de> Deserialize<'de> for ModelTable {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let table = toml::Table::deserialize(deserializer)?;
        let is_unknown = |name: &&String| MODEL_KEYS.iter().all(|key| key.name != name.as_str());
        match table.keys().find(is_unknown) {
            None => Ok(ModelTable(table)),
            Some(name) => Err(de::Error::custom(format!(
                "model.{name}: there is no such key"
            ))),
        }
    }
}

impl ModelTable {
    /// Names of the keys that are given, in the order of [`MODEL_KEYS`].
    pub(in crate::network) fn names(&self) -> impl Iterator<Item = &'static str> {
        let names = MODEL_KEYS.iter().map(|key| key.name);
        names.filter(|name| self.0.contains_key(*name))
    }

    /// The family.
    pub(in crate::network) fn family(&self) -> Result<Family, ModelError> {
        let why = format!("must be one of {}", Family::NAMES.join(", "));
        let family = self.get("family", &why, |value| {
            let name = value.as_str()?;
            Family::ALL.into_iter().find(|f| f.name() == name)
        })?;
        family.ok_or_else(|| missing("family", &why))
    }

    /// A whole number, if the key is given.
    pub(in crate::network) fn whole(&self, key: &'static str) -> Result<Option<usize>, ModelError> {
        self.get(key, "must be a whole number", size)
    }

    /// A whole number, called `what`, that must be given.
    pub(in crate::network) fn required(
        &self,
        key: &'static str,
        what: &str,
    ) -> Result<usize, ModelError> {
        self.whole(key)?.ok_or_else(|| missing(key, what))
    }

    /// A number, if the key is given.
    pub(in crate::network) fn number(&self, key: &'static str) -> Result<Option<f64>, ModelError> {
        self.get(key, "must be a number", |value| {
            value.as_float().or(value.as_integer().map(|n| n as f64))
        })
    }

    /// A flag, false unless the key is given.
    pub(in crate::network) fn flag(&self, key: &'static str) -> Result<bool, ModelError> {
        let flag = self.get(key, "must be true or false", Value::as_bool);
        Ok(flag?.unwrap_or(false))
    }

    /// A text, if the key is given.
    pub(in crate::network) fn text(&self, key: &'static str) -> Result<Option<&str>, ModelError> {
        self.get(key, "must be a string", Value::as_str)
    }

    /// As many whole numbers as there are of `what`, if the key is given.
    pub(in crate::network) fn list<const N: usize>(
        &self,
        key: &'static str,
        what: &str,
    ) -> Result<Option<[usize; N]>, ModelError> {
        let why = format!("must be {N} numbers, one for each {what}");
        self.get(key, &why, |value| {
            let numbers = value.as_array()?.iter().map(size);
            numbers.collect::<Option<Vec<usize>>>()?.try_into().ok()
        })
    }

    /// As many whole numbers as there are of `what`, which must be given.
    pub(in crate::network) fn required_list<const N: usize>(
        &self,
        key: &'static str,
        what: &str,
    ) -> Result<[usize; N], ModelError> {
        let list = self.list(key, what)?;
        list.ok_or_else(|| missing(key, &format!("a number for each {what}")))
    }

    /// The embedding width of a family that has one.
    pub(in crate::network) fn width(&self, family: Family) -> Result<usize, ModelError> {
        let why = format!("family {family} has one number");
        let width = self.get("embed_dims", &why, size)?;
        width.ok_or_else(|| missing("embed_dims", "a whole number"))
    }

    /// The embedding widths of a family that has one for each stage.
    pub(in crate::network) fn widths<const N: usize>(&self) -> Result<[usize; N], ModelError> {
        self.required_list("embed_dims", "stage")
    }

    fn get<'a, T>(
        &'a self,
        key: &'static str,
        why: &str,
        read: impl FnOnce(&'a Value) -> Option<T>,
    ) -> Result<Option<T>, ModelError> {
        let Some(value) = self.0.get(key) else {
            return Ok(None);
        };
        let wrong = || wrong(key, value, why);
        read(value).map(Some).ok_or_else(wrong)
    }
}

fn size(value: &Value) -> Option<usize> {
    usize::try_from(value.as_integer()?).ok()
}

impl Serialize for ModelConfig {
    /// As one flat table, in the order of [`MODEL_KEYS`].
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut table = toml::Table::try_from(self.architecture).map_err(ser::Error::custom)?;
        for (key, size) in self.common_sizes() {
            // Some architectures have a list of their own under a common key.
            if !table.contains_key(key) {
                let size = Value::try_from(size).map_err(ser::Error::custom)?;
                table.insert(key.to_owned(), size);
            }
        }
        let written = MODEL_KEYS.iter().map(|key| (key.name, table.get(key.name)));
        serializer.collect_map(written.filter_map(|(name, value)| Some((name, value?))))
    }
}

fn error(key: &'static str, message: String) -> ModelError {
    let key = Some(key);
    ModelError { key, message }
}

/// The error of a key with a value that it cannot have.
pub(in crate::network) fn wrong(key: &'static str, value: impl Display, why: &str) -> ModelError {
    error(key, format!("model.{key} = {value}: {why}"))
}

/// The error of a key that is not given.
pub(in crate::network) fn missing(key: &'static str, why: &str) -> ModelError {
    error(key, format!("model.{key} is missing: {why}"))
}

/// The error of a key that the family or layout does not have.
pub(in crate::network) fn foreign(key: &'static str, why: &str) -> ModelError {
    error(key, format!("model.{key}: {why}"))
}
