//! The names of tensors as the network has them: without what wrappers put before them, and without
//! what profilers and counters leave beside them.

use std::collections::{BTreeMap, BTreeSet};

use super::listing::{Entry, Listing};
use super::recognise::{Shapes, recognise};
use super::{WeightsChoice, old_names};

/// What PyTorch's wrappers put before names: data parallelism, compilation, averages.
const BEFORE: [&str; 2] = ["module", "_orig_mod"];
/// What they put anywhere in names, because parts of a network can be wrapped alone.
const ANYWHERE: [&str; 3] = [
    "_orig_mod",
    "_fsdp_wrapped_module",
    "_checkpoint_wrapped_module",
];

/// Ends of names of what profilers (thop) note in a network.
const PROFILED: [&str; 2] = ["total_ops", "total_params"];
/// Names of single numbers that averages keep beside the weights, at the root.
const COUNTED: [&str; 3] = ["n_averaged", "num_updates", "decay"];
/// Types of whole numbers.
const WHOLE: [&str; 6] = ["I64", "I32", "I16", "I8", "U8", "BOOL"];
/// Batch norm's counters, which networks have.
const COUNTER: &str = "num_batches_tracked";

/// What was done to the names of a checkpoint.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Renamed {
    /// What all names began with, such as `_orig_mod.`, without which they are known here.
    pub(super) prefix: Option<String>,
    /// Tensors that no network has, by their names in the file.
    pub(super) left_out: Vec<String>,
    /// Modules whose tensors have other names in the file than in the authors' code of today, and
    /// were matched with it by their order.
    pub(super) older: Vec<String>,
}

/// Gives the tensors of a checkpoint the names that a network has. Where several networks lie in
/// one dict, each under a name of its own, `choice` tells which is meant.
///
/// # Errors
/// Where two tensors would have one name, in words.
pub(super) fn tidy(listings: &mut [Listing], choice: WeightsChoice) -> Result<Renamed, String> {
    let mut renamed = Renamed::default();
    for listing in listings.iter_mut() {
        let extra = listing.tensors.iter();
        let extra = extra.filter(|(key, entry)| is_extra(key, entry, listing));
        let extra: Vec<String> = extra.map(|(key, _)| key.clone()).collect();
        for key in &extra {
            listing.tensors.remove(key);
        }
        renamed.left_out.extend(extra);
    }
    let mut before: Option<String> = None;
    let mut all_alike = true;
    for listing in listings.iter_mut() {
        for key in listing.tensors.keys() {
            let start = &key[..key.len() - unwrapped(key).len()];
            all_alike &= before.get_or_insert_with(|| start.to_owned()) == start;
        }
        rename(listing, |key| within(unwrapped(key)))?;
    }
    let mut prefix = before.filter(|_| all_alike).unwrap_or_default();
    let mut common = common_prefix(listings);
    if let Some((group, average)) = group(listings, choice) {
        for listing in listings.iter_mut() {
            listing.is_average |= is_average(&group);
            listing.averages.extend(average.clone());
            let all = std::mem::take(&mut listing.tensors).into_iter();
            let (own, others): (BTreeMap<_, _>, BTreeMap<_, _>) =
                all.partition(|(key, _)| key.starts_with(&group));
            listing.tensors = own;
            renamed.left_out.extend(others.into_keys());
        }
        common = group;
    }
    if !common.is_empty() {
        for listing in listings.iter_mut() {
            rename(listing, |key| {
                key.strip_prefix(&common).unwrap_or(key).to_owned()
            })?;
        }
        prefix.push_str(&common);
    }
    renamed.prefix = Some(prefix).filter(|prefix| !prefix.is_empty());
    if let [only] = listings {
        renamed.older = old_names::rename(only);
    }
    Ok(renamed)
}

/// True for a tensor that is not a network's: one number that a tool keeps beside it.
fn is_extra(key: &str, entry: &Entry, listing: &Listing) -> bool {
    if entry.count() != Some(1) {
        return false;
    }
    let last = key.rsplit('.').next().unwrap_or(key);
    let is_whole = listing
        .other_name(entry)
        .is_some_and(|name| WHOLE.contains(&name));
    PROFILED.contains(&last)
        || COUNTED.contains(&unwrapped(key))
        || (is_whole && entry.shape.is_empty() && last != COUNTER)
}

/// A name without the wrappers before it.
fn unwrapped(key: &str) -> &str {
    let mut key = key;
    while let Some((_, rest)) = key
        .split_once('.')
        .filter(|(first, _)| BEFORE.contains(first))
    {
        key = rest;
    }
    key
}

/// A name without the wrappers in it.
fn within(key: &str) -> String {
    let parts = key.split('.').filter(|part| !ANYWHERE.contains(part));
    parts.collect::<Vec<_>>().join(".")
}

fn rename(listing: &mut Listing, name: impl Fn(&str) -> String) -> Result<(), String> {
    let mut tensors = BTreeMap::new();
    let all = std::mem::take(&mut listing.tensors).into_iter();
    // Those whose names stay come first: where two meet, the other one has the wrapper.
    let (same, others): (Vec<_>, Vec<_>) = all
        .map(|(key, entry)| (name(&key), key, entry))
        .partition(|(new, key, _)| new == key);
    for (new, key, entry) in same.into_iter().chain(others) {
        let wrapper = key.strip_suffix(&new).unwrap_or(&key);
        if tensors.insert(new.clone(), entry).is_some() {
            return Err(format!(
                "with and without `{wrapper}`, it has two tensors {new}"
            ));
        }
    }
    listing.tensors = tensors;
    let order = std::mem::take(&mut listing.order).into_iter();
    listing.order = order.map(|key| name(&key)).collect();
    let objects = std::mem::take(&mut listing.objects).into_iter();
    listing.objects = objects.map(|(key, class)| (name(&key), class)).collect();
    Ok(())
}

/// What all names begin with, up to a dot, if a network has the names without it, or nearly so;
/// else nothing.
fn common_prefix(listings: &[Listing]) -> String {
    let keys: BTreeSet<&str> = listings
        .iter()
        .flat_map(|listing| listing.tensors.keys().map(String::as_str))
        .collect();
    // Sorted: what the first and the last have in common, all have.
    let (Some(first), Some(last)) = (keys.first(), keys.last()) else {
        return String::new();
    };
    let same = first.bytes().zip(last.bytes()).take_while(|(a, b)| a == b);
    let same = same.count();
    let dots = first.bytes().take(same).enumerate();
    let dots = dots.filter(|(_, byte)| *byte == b'.').map(|(at, _)| at + 1);
    let known = |at: &usize| {
        let floats = listings.iter().flat_map(floats);
        let shapes: Shapes = floats
            .filter_map(|(key, shape)| Some((key.get(*at..)?.to_owned(), shape)))
            .collect();
        let found = recognise(&shapes);
        !found.candidates.is_empty() || found.nearest.is_some()
    };
    let prefix = dots.take(MAX_PARTS).find(known);
    first[..prefix.unwrap_or(0)].to_owned()
}

/// The most parts of a prefix, and the most groups that are looked at.
const MAX_PARTS: usize = 8;

/// What the names of a network begin with that lies in one dict with other tensors, as in the
/// checkpoints of Lightning (`model.`, `criterion.`, `ema_model.`); none where there is no such
/// network. Also the beginning of its moving average, where that is not the one.
fn group(listings: &[Listing], choice: WeightsChoice) -> Option<(String, Option<String>)> {
    let keys = || listings.iter().flat_map(|listing| listing.tensors.keys());
    let of_head = keys().filter_map(|key| {
        let (group, rest) = key.split_once('.')?;
        let is_head = HEADS.iter().any(|head| rest.starts_with(head));
        is_head.then(|| format!("{group}."))
    });
    let groups: BTreeSet<String> = of_head.collect();
    let is_network = |group: &&String| {
        let floats = listings.iter().flat_map(floats);
        let own =
            floats.filter_map(|(key, shape)| Some((key.strip_prefix(group.as_str())?, shape)));
        let shapes: Shapes = own.map(|(key, shape)| (key.to_owned(), shape)).collect();
        shapes.len() < keys().count() && !recognise(&shapes).candidates.is_empty()
    };
    let networks = groups.iter().take(MAX_PARTS).filter(is_network);
    let (averages, own): (Vec<&String>, Vec<&String>) =
        networks.partition(|group| is_average(group));
    let (own, average) = (own.first().copied(), averages.first().copied());
    match (choice, own, average) {
        (WeightsChoice::Model, Some(own), average) => Some((own.clone(), average.cloned())),
        (_, own, average) => Some((average.or(own)?.clone(), None)),
    }
}

/// Beginnings of the names of a network's last layer.
const HEADS: [&str; 3] = ["head.", "classifier.", "fc."];

/// Names and shapes of the floating-point tensors.
fn floats(listing: &Listing) -> impl Iterator<Item = (&str, Vec<usize>)> {
    let tensors = listing.tensors.iter();
    let floats = tensors.filter(|(_, entry)| listing.other_name(entry).is_none());
    floats.map(|(key, entry)| (key.as_str(), entry.shape.clone()))
}

/// True for the name of a moving average of the weights (timm: `state_dict_ema`; DeiT:
/// `model_ema`).
pub(super) fn is_average(key: &str) -> bool {
    let key = key.to_lowercase();
    let mut words = key.split(|c: char| !c.is_ascii_alphabetic());
    words.any(|word| AVERAGES.contains(&word))
}

/// Words that tell such a name.
const AVERAGES: [&str; 5] = ["ema", "swa", "average", "averaged", "avg"];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_tell_averages() {
        for key in [
            "state_dict_ema",
            "model_ema",
            "EMA",
            "ema_model.",
            "swa-model",
            "averaged.net",
        ] {
            assert!(is_average(key), "{key}");
        }
        for key in ["model", "schema", "cinema_net", "semantic"] {
            assert!(!is_average(key), "{key}");
        }
    }

    #[test]
    fn wrappers_are_taken_off_names() {
        for (key, plain) in [
            ("module.block.0.x", "block.0.x"),
            ("module._orig_mod.block.0.x", "block.0.x"),
            ("_orig_mod.module.x", "x"),
            ("block.0._orig_mod.x", "block.0.x"),
            (
                "layers._fsdp_wrapped_module.0._checkpoint_wrapped_module.w",
                "layers.0.w",
            ),
            ("submodule.x", "submodule.x"),
            ("module", "module"),
        ] {
            assert_eq!(within(unwrapped(key)), plain);
        }
    }
}
