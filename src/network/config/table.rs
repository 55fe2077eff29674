//! `[model]` as it is written: one flat table of which every family has some keys.

use std::collections::BTreeMap;

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

use super::keys::MODEL_KEYS;
use super::{Family, ModelError};

/// The value of a key.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(untagged)]
pub(in crate::network) enum ModelValue {
    Flag(bool),
    Whole(u64),
    Number(f64),
    Text(String),
    List(Vec<u64>),
}

impl From<bool> for ModelValue {
    fn from(flag: bool) -> Self {
        ModelValue::Flag(flag)
    }
}
impl From<usize> for ModelValue {
    fn from(number: usize) -> Self {
        ModelValue::Whole(number as u64)
    }
}
impl From<u64> for ModelValue {
    fn from(number: u64) -> Self {
        ModelValue::Whole(number)
    }
}
impl From<f64> for ModelValue {
    fn from(number: f64) -> Self {
        ModelValue::Number(number)
    }
}
impl From<&str> for ModelValue {
    fn from(text: &str) -> Self {
        ModelValue::Text(text.to_owned())
    }
}
impl<const N: usize> From<[usize; N]> for ModelValue {
    fn from(numbers: [usize; N]) -> Self {
        ModelValue::List(numbers.map(|n| n as u64).to_vec())
    }
}

/// The table: keys with their values.
#[derive(Clone, Debug, Default)]
pub(crate) struct ModelTable(BTreeMap<&'static str, ModelValue>);

impl Serialize for ModelTable {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let given = MODEL_KEYS
            .iter()
            .filter_map(|key| Some((key.name, self.0.get(key.name)?)));
        serializer.collect_map(given)
    }
}

impl<'de> Deserialize<'de> for ModelTable {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let given = BTreeMap::<String, ModelValue>::deserialize(deserializer)?;
        let known = |(name, value): (String, ModelValue)| {
            let key = MODEL_KEYS.iter().find(|key| key.name == name);
            let key = key
                .ok_or_else(|| de::Error::custom(format!("model.{name}: there is no such key")))?;
            Ok((key.name, value))
        };
        given
            .into_iter()
            .map(known)
            .collect::<Result<_, _>>()
            .map(ModelTable)
    }
}

impl ModelTable {
    /// Sets a key.
    pub(in crate::network) fn set(&mut self, key: &'static str, value: impl Into<ModelValue>) {
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
            ModelValue::Whole(number) => usize::try_from(*number).ok(),
            _ => None,
        })
    }

    /// A number, if the key is given.
    pub(in crate::network) fn number(&self, key: &'static str) -> Result<Option<f64>, ModelError> {
        self.get(key, "must be a number", |value| match value {
            ModelValue::Whole(number) => Some(*number as f64),
            ModelValue::Number(number) => Some(*number),
            _ => None,
        })
    }

    /// A flag, false unless the key is given.
    pub(in crate::network) fn flag(&self, key: &'static str) -> Result<bool, ModelError> {
        let flag = self.get(key, "must be true or false", |value| match value {
            ModelValue::Flag(flag) => Some(*flag),
            _ => None,
        })?;
        Ok(flag.unwrap_or(false))
    }

    /// A text, if the key is given.
    pub(in crate::network) fn text(&self, key: &'static str) -> Result<Option<&str>, ModelError> {
        self.get(key, "must be a string", |value| match value {
            ModelValue::Text(text) => Some(text.as_str()),
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
                let ModelValue::List(numbers) = value else {
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
        read: impl FnOnce(&'a ModelValue) -> Option<T>,
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
            Some(list @ ModelValue::List(_)) => {
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
fn shown(value: &ModelValue) -> String {
    match value {
        ModelValue::Flag(flag) => flag.to_string(),
        ModelValue::Whole(number) => number.to_string(),
        ModelValue::Number(number) => number.to_string(),
        ModelValue::Text(text) => format!("{text:?}"),
        ModelValue::List(numbers) => format!("{numbers:?}"),
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
