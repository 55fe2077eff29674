//! Which dict of a checkpoint holds the network's tensors.

use super::arena::{Arena, Id, Value};
use crate::checkpoint::error::printable;

/// Where training code keeps them, in the order of preference: MAE-style scripts use the first,
/// timm the second, and the others are moving averages of the weights.
const PLACES: [&str; 4] = ["model", "state_dict", "state_dict_ema", "model_ema"];

/// How deep such places are looked for inside each other.
const DEPTH: usize = 3;

/// A dict of tensors.
#[derive(Debug, PartialEq)]
pub(super) struct Weights {
    /// The dict.
    pub(super) dict: Id,
    /// The keys that lead to it, joined by dots; none for the root itself.
    pub(super) under: Option<String>,
}

/// The dicts of tensors that a root has, the one to be used first.
///
/// # Errors
/// What is there instead, in words.
pub(super) fn find(arena: &Arena, root: Id) -> Result<Vec<Weights>, String> {
    let mut found = Vec::new();
    search(arena, root, "", DEPTH, &mut found);
    if holds_tensors(arena, root) {
        found.push(Weights {
            dict: root,
            under: None,
        });
    }
    match found.is_empty() {
        true => Err(describe(arena, root)),
        false => Ok(found),
    }
}

fn search(arena: &Arena, dict: Id, path: &str, depth: usize, found: &mut Vec<Weights>) {
    for place in PLACES {
        let Some(inner) = arena.under(dict, place).filter(|_| depth > 0) else {
            continue;
        };
        let path = match path {
            "" => place.to_owned(),
            _ => format!("{path}.{place}"),
        };
        match holds_tensors(arena, inner) {
            true => found.push(Weights {
                dict: inner,
                under: Some(path),
            }),
            false => search(arena, inner, &path, depth - 1, found),
        }
    }
}

fn holds_tensors(arena: &Arena, id: Id) -> bool {
    let pairs = arena.dict(id).unwrap_or_default();
    pairs.iter().any(|(key, value)| {
        arena.text(*key).is_some() && matches!(arena.get(*value), Value::Tensor(_))
    })
}

/// What a root is that has no weights.
fn describe(arena: &Arena, root: Id) -> String {
    let Some(pairs) = arena.dict(root) else {
        return format!("it is {}", kind(arena, root));
    };
    let named = pairs.iter().filter_map(|(key, value)| {
        let key = printable(arena.text(*key)?, 40);
        Some(format!("`{key}` is {}", kind(arena, *value)))
    });
    let named: Vec<String> = named.take(8).collect();
    match named.is_empty() {
        true => "it is an empty dict".to_owned(),
        false => named.join(", "),
    }
}

fn kind(arena: &Arena, id: Id) -> String {
    match arena.get(id) {
        Value::Plain(kind) => (*kind).to_owned(),
        Value::Int(_) => "a number".to_owned(),
        Value::Text(_) => "a text".to_owned(),
        Value::Tuple(_) | Value::List(_) => "a list".to_owned(),
        Value::Dict(_) => "a dict".to_owned(),
        Value::Global(_) => "a class".to_owned(),
        Value::Storage(_) => "a storage".to_owned(),
        Value::Tensor(_) => "a tensor".to_owned(),
        Value::Object(name) => format!("an object of {}, which is not built", printable(name, 80)),
    }
}
