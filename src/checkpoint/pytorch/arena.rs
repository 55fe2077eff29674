//! The values that a pickle builds.
//!
//! They live in one list and refer to each other by their places in it. So values that are shared
//! cost nothing, and ones that contain themselves, or are nested a million deep, are as harmless as
//! any other: nothing here follows references by recursion, and dropping the list drops them all.

use super::globals::Global;
use crate::checkpoint::element::Element;

/// A value: its place in the [`Arena`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct Id(u32);

/// A value.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Value {
    /// A value of which only its kind matters: `None`, a flag, a fraction, bytes.
    Plain(&'static str),
    Int(i128),
    Text(Box<str>),
    Tuple(Box<[Id]>),
    /// A list or a set.
    List(Vec<Id>),
    /// Keys and values in the order of setting; the last value of a key counts.
    Dict(Vec<(Id, Id)>),
    Global(Box<Global>),
    Storage(Box<Storage>),
    Tensor(Box<View>),
    /// The placeholder of what is not built: the name of what would have made it.
    Object(Box<str>),
}

/// The storage that a persistent id names.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Storage {
    /// The type of its numbers, or the name of its class where that is not known.
    pub(super) class: Global,
    /// Its name in the file.
    pub(super) key: Box<str>,
    /// How many numbers it has.
    pub(super) count: u64,
    /// Where it begins in the storage of this name (files of old versions), in numbers.
    pub(super) first: u64,
}

/// A tensor: some numbers of a storage.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct View {
    pub(super) storage: Id,
    pub(super) start: u64,
    pub(super) shape: Vec<u64>,
    pub(super) strides: Vec<u64>,
    /// The type of its numbers, where the storage does not tell it but has bytes.
    pub(super) element: Option<Element>,
}

/// All values.
#[derive(Debug)]
pub(super) struct Arena {
    values: Vec<Value>,
}

impl Arena {
    /// Values that need no place of their own.
    pub(super) const NONE: Id = Id(0);
    pub(super) const TRUE: Id = Id(1);
    pub(super) const FALSE: Id = Id(2);
    pub(super) const FRACTION: Id = Id(3);
    pub(super) const BYTES: Id = Id(4);
    pub(super) const LARGE_INT: Id = Id(5);

    pub(super) fn new() -> Self {
        let plain = ["None", "True", "False", "a number", "bytes", "a number"];
        Arena {
            values: plain.map(Value::Plain).into(),
        }
    }

    /// The number found.
    pub(super) fn len(&self) -> usize {
        self.values.len()
    }

    /// Adds a value.
    pub(super) fn add(&mut self, value: Value) -> Id {
        let id = Id(self.values.len() as u32);
        self.values.push(value);
        id
    }

    /// A value by its place.
    #[expect(
        clippy::indexing_slicing,
        reason = "`add` alone makes places, and no value is removed"
    )]
    pub(super) fn get(&self, id: Id) -> &Value {
        &self.values[id.0 as usize]
    }

    /// The same, to be changed.
    #[expect(
        clippy::indexing_slicing,
        reason = "`add` alone makes places, and no value is removed"
    )]
    pub(super) fn get_mut(&mut self, id: Id) -> &mut Value {
        &mut self.values[id.0 as usize]
    }

    /// All storages that the values name.
    pub(super) fn storages(&self) -> impl Iterator<Item = &Storage> {
        self.values.iter().filter_map(|value| match value {
            Value::Storage(storage) => Some(storage.as_ref()),
            _ => None,
        })
    }

    /// A text.
    pub(super) fn text(&self, id: Id) -> Option<&str> {
        match self.get(id) {
            Value::Text(text) => Some(text),
            _ => None,
        }
    }

    /// A whole number from 0.
    pub(super) fn count(&self, id: Id) -> Option<u64> {
        match self.get(id) {
            Value::Int(number) => u64::try_from(*number).ok(),
            _ => None,
        }
    }

    /// The parts of a tuple.
    pub(super) fn tuple(&self, id: Id) -> Option<&[Id]> {
        match self.get(id) {
            Value::Tuple(parts) => Some(parts),
            _ => None,
        }
    }

    /// The pairs of a dict.
    pub(super) fn dict(&self, id: Id) -> Option<&[(Id, Id)]> {
        match self.get(id) {
            Value::Dict(pairs) => Some(pairs),
            _ => None,
        }
    }

    /// What a dict has under a text.
    pub(super) fn under(&self, dict: Id, key: &str) -> Option<Id> {
        let mut pairs = self.dict(dict)?.iter().rev();
        let found = pairs.find(|(k, _)| self.text(*k) == Some(key))?;
        Some(found.1)
    }
}
