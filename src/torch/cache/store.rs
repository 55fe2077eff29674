//! A map within a budget of bytes.

use std::collections::{BTreeSet, HashMap};
use std::hash::Hash;

use crate::evaluate::CacheUse;

/// A cache that keeps what saves most work for its bytes (GreedyDual-Size with frequency:
/// Cherkasova 1998). An entry is worth the clock at its last use plus uses times cost / size; the
/// least worth goes first and sets the clock to its worth, so that what is never used again ages.
#[derive(Debug)]
pub(in crate::torch) struct Store<K, V> {
    budget: u64,
    size: u64,
    clock: f64,
    /// Numbers entries, so that equal worths have an order.
    next: u64,
    entries: HashMap<K, Entry<V>>,
    order: BTreeSet<(Worth, u64, K)>,
    hits: u64,
    misses: u64,
}

#[derive(Debug)]
struct Entry<V> {
    value: V,
    size: u64,
    /// Cost / size.
    density: f64,
    uses: u32,
    worth: Worth,
    number: u64,
}

/// A number that is never NaN, in its order.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Worth(f64);

impl Eq for Worth {}

impl PartialOrd for Worth {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Worth {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        self.0.total_cmp(&other.0)
    }
}

impl<K: Hash + Eq + Ord + Clone, V> Store<K, V> {
    /// An empty store of a budget in bytes.
    pub fn new(budget: u64) -> Self {
        Store {
            budget,
            size: 0,
            clock: 0.0,
            next: 0,
            entries: HashMap::new(),
            order: BTreeSet::new(),
            hits: 0,
            misses: 0,
        }
    }

    /// Bytes kept, and how often that was of use.
    pub fn usage(&self) -> CacheUse {
        CacheUse {
            bytes: self.size,
            budget: self.budget,
            hits: self.hits,
            misses: self.misses,
        }
    }

    /// Bytes kept.
    #[cfg(test)]
    pub fn size(&self) -> u64 {
        self.size
    }

    /// True where something is kept; no use of it.
    pub fn contains(&self, key: &K) -> bool {
        self.entries.contains_key(key)
    }

    /// What is kept under a key, which counts as a use.
    pub fn get(&mut self, key: &K) -> Option<&V> {
        let Some(entry) = self.entries.get_mut(key) else {
            self.misses += 1;
            return None;
        };
        self.hits += 1;
        self.order.remove(&(entry.worth, entry.number, key.clone()));
        entry.uses = entry.uses.saturating_add(1);
        entry.worth = Worth(self.clock + f64::from(entry.uses) * entry.density);
        self.order.insert((entry.worth, entry.number, key.clone()));
        Some(&entry.value)
    }

    /// Keeps a value of `size` bytes that saves `cost` when it is used again; what was kept under
    /// the key goes. Anything larger than the whole budget is not kept.
    pub fn insert(&mut self, key: K, value: V, size: u64, cost: f64) {
        self.remove(&key);
        if size > self.budget {
            return;
        }
        while self.size + size > self.budget {
            let Some((worth, _, least)) = self.order.first().cloned() else {
                return;
            };
            self.clock = worth.0;
            self.remove(&least);
        }
        let density = cost.max(0.0) / size.max(1) as f64;
        let worth = Worth(self.clock + density);
        let number = self.next;
        self.next += 1;
        self.size += size;
        self.order.insert((worth, number, key.clone()));
        let entry = Entry {
            value,
            size,
            density,
            uses: 1,
            worth,
            number,
        };
        self.entries.insert(key, entry);
    }

    /// True where a value of `size` bytes fits beside what is kept.
    pub fn has_room(&self, size: u64) -> bool {
        self.size.saturating_add(size) <= self.budget
    }

    fn remove(&mut self, key: &K) {
        if let Some(entry) = self.entries.remove(key) {
            self.size -= entry.size;
            self.order.remove(&(entry.worth, entry.number, key.clone()));
        }
    }
}

/// The memory that `bytes` of numbers take: bookkeeping, and what the allocator cannot use
/// between values of all sizes that come and go (measured on the demo: 1.16 times their bytes).
pub(super) fn resident(bytes: usize) -> u64 {
    (bytes + bytes / 4 + 512) as u64
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn what_is_used_stays_and_what_is_not_ages() {
        let mut store = Store::new(30);
        for key in 0..3 {
            store.insert(key, key * 10, 10, 1.0);
        }
        assert_eq!(store.get(&0), Some(&0));
        store.insert(3, 30, 10, 1.0);
        let kept =
            |store: &Store<i32, i32>| (0..8).filter(|k| store.contains(k)).collect::<Vec<_>>();
        assert_eq!(kept(&store), [0, 2, 3]);
        // However often something was used once: what comes later and is used takes its place.
        for key in 4..8 {
            store.insert(key, 0, 10, 1.0);
            store.get(&key);
            store.get(&key);
        }
        assert!(!store.contains(&0));
    }

    #[test]
    fn what_saves_more_for_its_bytes_stays() {
        let mut store = Store::new(20);
        store.insert("dear", 1, 10, 100.0);
        store.insert("cheap", 2, 10, 1.0);
        store.insert("new", 3, 10, 50.0);
        assert!(store.contains(&"dear") && !store.contains(&"cheap"));
        store.insert("huge", 4, 21, 1e9);
        assert!(!store.contains(&"huge") && store.contains(&"new"));
    }

    proptest! {
        /// Against a plain list that looks for the least worth every time.
        #[test]
        fn as_a_naive_list(budget in 0u64..60, steps in prop::collection::vec((0u8..12, 0u64..20, 0u8..5, any::<bool>()), 1..120)) {
            let mut store = Store::new(budget);
            // Key, value, size, density, uses, worth, number.
            let mut list: Vec<(u8, usize, u64, f64, f64, f64, usize)> = Vec::new();
            let mut clock = 0.0;
            for (i, (key, size, cost, asks)) in steps.into_iter().enumerate() {
                if asks {
                    let naive = list.iter_mut().find(|e| e.0 == key).map(|e| {
                        e.4 += 1.0;
                        e.5 = clock + e.4 * e.3;
                        e.1
                    });
                    prop_assert_eq!(store.get(&key).copied(), naive);
                } else {
                    list.retain(|e| e.0 != key);
                    if size <= budget {
                        while list.iter().map(|e| e.2).sum::<u64>() + size > budget {
                            let least = (0..list.len()).min_by(|a, b| list[*a].5.total_cmp(&list[*b].5).then(list[*a].6.cmp(&list[*b].6))).unwrap();
                            clock = list.remove(least).5;
                        }
                        let density = f64::from(cost) / size.max(1) as f64;
                        list.push((key, i, size, density, 1.0, clock + density, i));
                    }
                    store.insert(key, i, size, f64::from(cost));
                }
                let bytes: u64 = list.iter().map(|e| e.2).sum();
                prop_assert_eq!(store.size(), bytes);
                prop_assert!(bytes <= budget);
                for key in 0..12 {
                    prop_assert_eq!(store.contains(&key), list.iter().any(|e| e.0 == key));
                }
            }
        }
    }
}
