//! `[model]` as it is written: one flat table of which every family has some keys.

use std::collections::BTreeMap;

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

use super::keys::MODEL_KEYS;
use super::{Family, ModelError};

/// The value of a key.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(untagged)]
pub(in crate::network) enum Setting {
    Flag(bool),
    Whole(u64),
    Number(f64),
    Text(String),
    List(Vec<u64>),
}

impl From<bool> for Setting {
    fn from(flag: bool) -> Self {
        Setting::Flag(flag)
    }
}
impl From<usize> for Setting {
    fn from(number: usize) -> Self {
        Setting::Whole(number as u64)
    }
}
impl From<u64> for Setting {
    fn from(number: u64) -> Self {
        Setting::Whole(number)
    }
}
impl From<f64> for Setting {
    fn from(number: f64) -> Self {
        Setting::Number(number)
    }
}
impl From<&str> for Setting {
    fn from(text: &str) -> Self {
        Setting::Text(text.to_owned())
    }
}
impl<const N: usize> From<[usize; N]> for Setting {
    fn from(numbers: [usize; N]) -> Self {
        Setting::List(numbers.map(|n| n as u64).to_vec())
    }
}

/// The table: keys with their values.
#[derive(Clone, Debug, Default)]
pub(in crate::network) struct Section(BTreeMap<&'static str, Setting>);

impl Serialize for Section {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let given = MODEL_KEYS
            .iter()
            .filter_map(|key| Some((key.name, self.0.get(key.name)?)));
        serializer.collect_map(given)
    }
}

impl<'de> Deserialize<'de> for Section {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let given = BTreeMap::<String, Setting>::deserialize(deserializer)?;
        let known = |(name, value): (String, Setting)| {
            let key = MODEL_KEYS.iter().find(|key| key.name == name);
            let key = key
                .ok_or_else(|| de::Error::custom(format!("model.{name}: there is no such key")))?;
            Ok((key.name, value))
        };
        given
            .into_iter()
            .map(known)
            .collect::<Result<_, _>>()
            .map(Section)
    }
}

impl Section {
    /// Sets a key.
    pub(in crate::network) fn set(&mut self, key: &'static str, value: impl Into<Setting>) {
        self.0.insert(key, value.into());
    }

    /// Names of the keys that are given.
    pub(in crate::network) fn names(&self) -> impl Iterator<Item = &'static str> {
        MODEL_KEYS
            .iter()
            .map(|key| key.name)
            .filter(|name| self.0.contains_key(name))
    }

    /// The family.
    pub(in crate::network) fn family(&self) -> Result<Family, ModelError> {
        let name = self.text("family")?;
        let family = Family::ALL.into_iter().find(|f| Some(f.name()) == name);
        family.ok_or_else(|| match name {
            Some(name) => wrong("family", format!("{name:?}"), "is no family"),
            None => missing("family", Family::NAMES.join(", ")),
        })
    }

    /// A whole number, if the key is given.
    pub(in crate::network) fn whole(&self, key: &'static str) -> Result<Option<usize>, ModelError> {
        self.get(key, "must be a whole number", |value| match value {
            Setting::Whole(number) => usize::try_from(*number).ok(),
            _ => None,
        })
    }

    /// A number, if the key is given.
    pub(in crate::network) fn number(&self, key: &'static str) -> Result<Option<f64>, ModelError> {
        self.get(key, "must be a number", |value| match value {
            Setting::Whole(number) => Some(*number as f64),
            Setting::Number(number) => Some(*number),
            _ => None,
        })
    }

    /// A flag, false unless the key is given.
    pub(in crate::network) fn flag(&self, key: &'static str) -> Result<bool, ModelError> {
        let flag = self.get(key, "must be true or false", |value| match value {
            Setting::Flag(flag) => Some(*flag),
            _ => None,
        })?;
        Ok(flag.unwrap_or(false))
    }

    /// A text, if the key is given.
    pub(in crate::network) fn text(&self, key: &'static str) -> Result<Option<&str>, ModelError> {
        self.get(key, "must be a string", |value| match value {
            Setting::Text(text) => Some(text.as_str()),
            _ => None,
        })
    }

    /// As many whole numbers as there are of `what`, if the key is given.
    pub(in crate::network) fn list<const N: usize>(
        &self,
        key: &'static str,
        what: &str,
    ) -> Result<Option<[usize; N]>, ModelError> {
        self.get(
            key,
            &format!("must be {N} numbers, one for each {what}"),
            |value| {
                let Setting::List(numbers) = value else {
                    return None;
                };
                let numbers = numbers.iter().map(|n| usize::try_from(*n).ok());
                numbers.collect::<Option<Vec<usize>>>()?.try_into().ok()
            },
        )
    }

    fn get<'a, T>(
        &'a self,
        key: &'static str,
        why: &str,
        read: impl FnOnce(&'a Setting) -> Option<T>,
    ) -> Result<Option<T>, ModelError> {
        let Some(value) = self.0.get(key) else {
            return Ok(None);
        };
        read(value)
            .map(Some)
            .ok_or_else(|| wrong(key, shown(value), why))
    }

    /// The embedding width of a family that has one.
    pub(in crate::network) fn width(&self, family: Family) -> Result<usize, ModelError> {
        match self.0.get("embed_dims") {
            Some(list @ Setting::List(_)) => {
                let why = format!("family {family} has one number");
                Err(wrong("embed_dims", shown(list), &why))
            }
            _ => self.required("embed_dims"),
        }
    }

    /// The embedding widths of a family that has one for each stage.
    pub(in crate::network) fn widths<const N: usize>(&self) -> Result<[usize; N], ModelError> {
        let widths = self.list("embed_dims", "stage")?;
        widths.ok_or_else(|| missing("embed_dims", format!("{N} numbers, one for each stage")))
    }

    /// A whole number that must be given.
    pub(in crate::network) fn required(&self, key: &'static str) -> Result<usize, ModelError> {
        let number = self.whole(key)?;
        number.ok_or_else(|| {
            let why = if key == "depths" {
                "the number of blocks"
            } else {
                "a whole number"
            };
            missing(key, why.to_owned())
        })
    }
}

/// A value as profiles write it.
fn shown(value: &Setting) -> String {
    match value {
        Setting::Flag(flag) => flag.to_string(),
        Setting::Whole(number) => number.to_string(),
        Setting::Number(number) => number.to_string(),
        Setting::Text(text) => format!("{text:?}"),
        Setting::List(numbers) => format!("{numbers:?}"),
    }
}

/// The error of a key with a value that it cannot have.
pub(in crate::network) fn wrong(key: &'static str, value: String, why: &str) -> ModelError {
    let why = why.to_owned();
    ModelError::Size { key, value, why }
}

/// The error of a key that is not given.
pub(in crate::network) fn missing(key: &'static str, why: String) -> ModelError {
    ModelError::Missing { key, why }
}

/// The error of a key that the family or layout does not have.
pub(in crate::network) fn foreign(key: &'static str, why: String) -> ModelError {
    ModelError::Foreign { key, why }
}
