//! Files from before a renaming.
//!
//! The published files of Max-Former name the tensors of their embeddings as an earlier version of
//! the code did; the authors load them by position. Here the stages, whose names are those of
//! today, tell the network (old names of Max-Former are MS-QKFormer's own, with the same shapes);
//! then each embedding's tensors are matched with the model's in the order of the file, and must
//! agree with them in number, shape and what they are of their module (`weight`, `running_mean`).

use super::listing::{Entry, Listing};
use super::recognise::{Shapes, like};
use crate::network::{Graph, TensorSpec};

/// What the keys of embeddings begin with.
const EMBEDDINGS: &str = "patch_embed";

/// A key that all networks have whose files are known to be older than the names.
const TELLING: &str = "stage1.0.mlp.fc1_conv.weight";

/// Gives the tensors of embeddings today's names, where the file is of a network whose names fail
/// there alone. Returns the embeddings with other names, in the file's order.
pub(super) fn rename(listing: &mut Listing) -> Vec<String> {
    if listing.order.is_empty() || !listing.tensors.contains_key(TELLING) {
        return Vec::new();
    }
    let floats = listing.tensors.iter().filter_map(|(key, entry)| {
        let is_float = listing.other_name(entry).is_none();
        is_float.then(|| (key.clone(), entry.shape.clone()))
    });
    let shapes: Shapes = floats.collect();
    let plans = like(&shapes, EMBEDDINGS).into_iter();
    let mut plans = plans.filter_map(|graph| Renaming::new(listing, &graph));
    match (plans.next(), plans.next()) {
        (Some(only), None) => only.apply(listing),
        _ => Vec::new(),
    }
}

/// Keys of a file with the model's for them.
#[derive(Debug, Default)]
struct Renaming {
    groups: Vec<String>,
    keys: Vec<(String, String)>,
}

impl Renaming {
    /// From the keys of a file to those of a graph; none where an embedding does not match.
    fn new(listing: &Listing, graph: &Graph) -> Option<Self> {
        let mut found = Renaming::default();
        let mut groups: Vec<&str> = graph.tensors.iter().filter_map(|t| group(&t.key)).collect();
        groups.dedup();
        for name in groups {
            let specs = graph.tensors.iter();
            let specs: Vec<&TensorSpec> = specs.filter(|t| group(&t.key) == Some(name)).collect();
            let keys = listing.order.iter();
            let there = keys.filter(|key| listing.tensors.contains_key(*key));
            let keys: Vec<&String> = there.filter(|key| group(key) == Some(name)).collect();
            if keys.len() != specs.len() {
                return None;
            }
            if specs
                .iter()
                .all(|spec| listing.tensors.contains_key(&spec.key))
            {
                continue;
            }
            for (key, spec) in keys.into_iter().zip(specs) {
                let entry = listing.tensors.get(key)?;
                if entry.shape != spec.shape || part(key) != part(&spec.key) {
                    return None;
                }
                found.keys.push((key.clone(), spec.key.clone()));
            }
            found.groups.push(name.to_owned());
        }
        Some(found)
    }

    fn apply(self, listing: &mut Listing) -> Vec<String> {
        let taken = self.keys.into_iter().filter_map(|(old, new)| {
            let entry = listing.tensors.remove(&old)?;
            Some((new, entry))
        });
        // All at once: an old name may be the new name of another tensor.
        let taken: Vec<(String, Entry)> = taken.collect();
        listing.tensors.extend(taken);
        self.groups
    }
}

/// The embedding that a key belongs to.
fn group(key: &str) -> Option<&str> {
    let (group, _) = key.split_once('.')?;
    group.starts_with(EMBEDDINGS).then_some(group)
}

/// What a tensor is of its module.
fn part(key: &str) -> &str {
    key.rsplit('.').next().unwrap_or(key)
}
