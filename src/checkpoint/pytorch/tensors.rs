//! From the dict of a pickle to the listing of its tensors.

use std::collections::{BTreeMap, HashMap};

use super::arena::{Arena, Id, Storage, Value, View};
use super::corrupt;
use super::globals::Global;
use super::root;
use crate::checkpoint::element::Element;
use crate::checkpoint::error::printable;
use crate::checkpoint::listing::{Entry, Listing, Stored};
use crate::checkpoint::{CheckpointError, WeightsChoice};

/// Where the numbers of a storage begin in the file, and their CRC-32.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Location {
    pub(super) offset: u64,
    pub(super) crc: Option<u32>,
}

/// Lists the tensors of the network. `locate` finds the numbers of a storage by its name; it is
/// asked for those of the network only, once each.
pub(super) fn list(
    arena: &Arena,
    root: Id,
    (origin, choice): (&str, WeightsChoice),
    locate: impl FnMut(&str, &Element, u64) -> Result<Location, CheckpointError>,
) -> Result<Listing, CheckpointError> {
    let mut found = root::find(arena, root, choice).map_err(|found| {
        CheckpointError::Unusable(format!(
            "{origin} has no tensors under `model`, `state_dict` or any other key, nor at its root ({found}): save them \
             in Python by torch.save({{\"state_dict\": model.state_dict()}}, FILE)"
        ))
    })?;
    let chosen = found.remove(0);
    let averages = found.iter().filter(|other| other.is_average);
    let averages = averages.filter_map(|other| other.under.clone()).collect();
    let mut lister = Lister {
        arena,
        origin,
        locate,
        known: HashMap::new(),
        listing: Listing {
            unused: found.into_iter().filter_map(|other| other.under).collect(),
            averages,
            is_average: chosen.is_average,
            under: chosen.under,
            ..Listing::default()
        },
    };
    // The last value of a key counts, as in Python.
    let pairs = arena.dict(chosen.dict).unwrap_or_default().iter();
    let named = pairs.filter_map(|(key, value)| Some((arena.text(*key)?, *value)));
    let order: Vec<&str> = named.clone().map(|(name, _)| name).collect();
    let named: BTreeMap<&str, Id> = named.collect();
    for (name, id) in named {
        match arena.get(id) {
            Value::Tensor(view) => lister.tensor(name, view)?,
            Value::Object(class) => lister.object(name, class),
            // Counters, names and the like that some code keeps beside the tensors.
            _ => {}
        }
    }
    lister.listing.set_order(order);
    Ok(lister.listing)
}

struct Lister<'a, L> {
    arena: &'a Arena,
    origin: &'a str,
    locate: L,
    /// Storages located so far: their place in the listing.
    known: HashMap<&'a str, usize>,
    listing: Listing,
}

impl<'a, L> Lister<'a, L>
where
    L: FnMut(&str, &Element, u64) -> Result<Location, CheckpointError>,
{
    fn tensor(&mut self, name: &str, view: &'a View) -> Result<(), CheckpointError> {
        let Value::Storage(storage) = self.arena.get(view.storage) else {
            return Ok(());
        };
        let element = match &storage.class {
            Global::Storage(element) => element,
            Global::Unknown(class) => {
                self.object(name, class);
                return Ok(());
            }
            _ => return Err(corrupt(self.origin, "a storage has no class of storages")),
        };
        let stored = self.stored(storage, element, view.element.as_ref())?;
        let entry = entry(stored, view, storage.first);
        let too_large = || corrupt(self.origin, &format!("tensor {name} is larger than memory"));
        let entry = entry.ok_or_else(too_large)?;
        let added = self.listing.add(name, entry);
        added.map_err(|reason| corrupt(self.origin, &reason))
    }

    fn object(&mut self, name: &str, class: &str) {
        let class = printable(class, 80);
        self.listing.objects.insert(name.to_owned(), class);
    }

    /// The storage's place in the listing; `typed` is the type of its numbers where it has bytes.
    fn stored(
        &mut self,
        storage: &'a Storage,
        element: &Element,
        typed: Option<&Element>,
    ) -> Result<usize, CheckpointError> {
        let key = storage.key.as_ref();
        let count = match typed {
            Some(typed) => {
                let bytes = storage.count.saturating_mul(element.bytes());
                bytes / typed.bytes().max(1)
            }
            None => storage.count,
        };
        let known = self.known.get(key).copied();
        if let Some((at, stored)) = known.and_then(|at| Some((at, self.listing.stored.get(at)?))) {
            return match stored.element == *typed.unwrap_or(element) && stored.count == count {
                true => Ok(at),
                false => Err(corrupt(
                    self.origin,
                    &format!("storage {key} is described in two ways"),
                )),
            };
        }
        let Location { offset, crc } = (self.locate)(key, element, storage.count)?;
        let at = self.listing.stored.len();
        self.listing.stored.push(Stored {
            element: typed.unwrap_or(element).clone(),
            offset,
            count,
            crc,
        });
        self.known.insert(key, at);
        Ok(at)
    }
}

/// The tensor of a view; none where a number of it is beyond this machine.
fn entry(stored: usize, view: &View, first: u64) -> Option<Entry> {
    let sizes = |numbers: &[u64]| -> Option<Vec<usize>> {
        numbers.iter().map(|&n| usize::try_from(n).ok()).collect()
    };
    Some(Entry {
        stored,
        shape: sizes(&view.shape)?,
        start: usize::try_from(view.start.checked_add(first)?).ok()?,
        strides: sizes(&view.strides)?,
    })
}
