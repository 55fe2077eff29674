//! Which dict of a checkpoint holds the network's tensors.

use std::cmp::Reverse;
use std::collections::{BTreeMap, HashSet};

use super::arena::{Arena, Id, Value};
use crate::checkpoint::WeightsChoice;
use crate::checkpoint::error::printable;
use crate::checkpoint::names::is_average;

/// Where training code keeps a network's weights, in the order of preference: MAE-style scripts use
/// the first, timm and Lightning the second.
const PLACES: [&str; 11] = [
    "model",
    "state_dict",
    "model_state_dict",
    "model_state",
    "net",
    "network",
    "weights",
    "params",
    "module",
    "student",
    "backbone",
];

/// Beginnings of keys below which tensors are no network's.
const OTHERS: [&str; 6] = ["opt", "optim", "sched", "lr_sched", "scaler", "amp"];

/// How deep dicts are looked for inside each other.
const DEPTH: usize = 4;

/// A dict of tensors.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Weights {
    /// The dict.
    pub(super) dict: Id,
    /// The keys that lead to it, joined by dots; none for the root itself.
    pub(super) under: Option<String>,
    /// True for a moving average.
    pub(super) is_average: bool,
    /// How many tensors it has.
    tensors: usize,
    /// The place of its keys in the order of preference.
    preference: usize,
}

/// The dicts of tensors that a root has, the one to be used first.
///
/// # Errors
/// What is there instead, in words.
pub(super) fn find(arena: &Arena, root: Id, choice: WeightsChoice) -> Result<Vec<Weights>, String> {
    let mut found = Search {
        arena,
        seen: HashSet::new(),
        found: Vec::new(),
    };
    found.look(root, Vec::new());
    let mut found = found.found;
    // A stray tensor beside the weights makes no network of the dict that it is in.
    let most = found.iter().map(|w| w.tensors).max().unwrap_or(0);
    let is_named = |w: &Weights| w.is_average || w.preference < PLACES.len();
    found.retain(|w| is_named(w) || 10 * w.tensors >= most);
    let wanted = choice == WeightsChoice::Ema;
    found.sort_by_key(|w| (w.is_average != wanted, w.preference, Reverse(w.tensors)));
    match found.is_empty() {
        true => Err(describe(arena, root)),
        false => Ok(found),
    }
}

struct Search<'a> {
    arena: &'a Arena,
    /// Each is looked at once, so that shared ones cost nothing.
    seen: HashSet<Id>,
    found: Vec<Weights>,
}

impl<'a> Search<'a> {
    /// Looks at a dict and at those inside it that hold no tensors themselves.
    fn look(&mut self, dict: Id, path: Vec<&'a str>) {
        if !self.seen.insert(dict) {
            return;
        }
        let tensors = tensors(self.arena, dict);
        if tensors > 0 {
            self.note(dict, &path, tensors);
        }
        // The root may have a stray tensor beside dicts of weights.
        if path.len() == DEPTH || (tensors > 0 && !path.is_empty()) {
            return;
        }
        let arena = self.arena;
        let pairs = arena.dict(dict).unwrap_or_default().iter();
        // The last value of a key counts, as in Python.
        let named = pairs.filter_map(|(key, value)| Some((arena.text(*key)?, *value)));
        let named: BTreeMap<&str, Id> = named.collect();
        let mut inner: Vec<(&str, Id)> = named
            .into_iter()
            .filter(|(key, value)| !is_of_training(key) && arena.dict(*value).is_some())
            .collect();
        inner.sort_by_key(|(key, _)| preference(key));
        for (key, dict) in inner {
            let mut path = path.clone();
            path.push(key);
            self.look(dict, path);
        }
    }

    fn note(&mut self, dict: Id, path: &[&str], tensors: usize) {
        let weights = Weights {
            dict,
            under: (!path.is_empty()).then(|| path.join(".")),
            is_average: path.iter().any(|key| is_average(key)),
            tensors,
            preference: path
                .iter()
                .map(|key| preference(key))
                .find(|place| *place < PLACES.len())
                .unwrap_or(PLACES.len()),
        };
        self.found.push(weights);
    }
}

/// The place of a key among those where training code keeps weights; one past the last for others.
fn preference(key: &str) -> usize {
    let place = PLACES.iter().position(|place| *place == key);
    place.unwrap_or(PLACES.len())
}

/// How many tensors a dict has under texts.
fn tensors(arena: &Arena, id: Id) -> usize {
    let pairs = arena.dict(id).unwrap_or_default();
    let is_tensor = |(key, value): &&(Id, Id)| {
        arena.text(*key).is_some() && matches!(arena.get(*value), Value::Tensor(_))
    };
    pairs.iter().filter(is_tensor).count()
}

fn is_of_training(key: &str) -> bool {
    let key = key.to_lowercase();
    OTHERS.iter().any(|start| key.starts_with(start))
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_tell_what_is_of_training() {
        for key in [
            "optimizer",
            "opt_g",
            "Scheduler",
            "lr_scheduler",
            "amp_scaler",
        ] {
            assert!(is_of_training(key), "{key}");
        }
        assert!(!is_of_training("net"));
    }
}
