//! Prefetching: samples are read and decoded by background threads before they are requested.

use std::collections::BTreeMap;
use std::fmt;
use std::num::NonZeroUsize;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;

use crossbeam_channel::{Receiver, Sender, unbounded};

use super::error::DataError;
use super::files::Corrupt;

/// One sample's numbers as they are stored.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Sample {
    /// Bytes.
    Bytes(Vec<u8>),
    /// Numbers.
    Floats(Vec<f32>),
}

/// The random access to stored samples.
pub(super) trait SampleSource: Send + Sync + fmt::Debug {
    /// Reads the sample at a place of the source.
    fn read(&self, index: u32) -> Result<Sample, DataError>;
    /// Reads samples once, before anything begins; `progress` hears of each. Returns those that
    /// cannot be decoded, by place.
    fn check(
        &self,
        _indices: &[u32],
        _progress: &(dyn Fn() + Sync),
    ) -> Result<Vec<(u32, Corrupt)>, DataError> {
        Ok(Vec::new())
    }
    /// The number of bytes a sample takes.
    fn sample_bytes(&self) -> usize;
    /// What a checked sample was made from, by content; none for one that was not checked.
    fn digest(&self, index: u32) -> Option<blake3::Hash>;
    /// What was done to it, in a word.
    fn preparation(&self) -> String;
}

/// The most bytes that wait to be asked for.
const BYTES: usize = 32 << 20;
/// The most samples that wait.
const SAMPLES: usize = 64;
/// The most threads that read.
const THREADS: usize = 8;

/// The prefetched samples of a set in its order. Memory is bounded by the window, never by the set.
#[derive(Debug)]
pub(super) struct Prefetcher {
    shared: Arc<Shared>,
    /// How many places ahead.
    window: usize,
    requests: Mutex<Option<Sender<usize>>>,
}

#[derive(Debug)]
struct Shared {
    store: Arc<dyn SampleSource>,
    indices: Arc<Vec<u32>>,
    slots: Mutex<BTreeMap<usize, Slot>>,
    filled: Condvar,
}

#[derive(Debug)]
enum Slot {
    /// A thread reads it or will.
    Requested,
    /// It is there.
    Filled(Result<Sample, DataError>),
}

impl Prefetcher {
    /// Samples `indices` of a store. No thread runs before the first is asked for.
    pub(super) fn new(store: Arc<dyn SampleSource>, indices: Arc<Vec<u32>>) -> Prefetcher {
        Prefetcher {
            window: (BYTES / store.sample_bytes().max(1)).clamp(1, SAMPLES),
            shared: Arc::new(Shared {
                store,
                indices,
                slots: Mutex::new(BTreeMap::new()),
                filled: Condvar::new(),
            }),
            requests: Mutex::new(None),
        }
    }

    /// The sample at `place`, and requests those behind it.
    ///
    /// # Errors
    /// The error of reading it.
    pub(super) fn get(&self, place: usize) -> Result<Sample, DataError> {
        let mut slots = self.shared.lock();
        let near = place.saturating_sub(self.window)..=place + self.window;
        // Samples out of the window are dropped; threads fill only what is still requested.
        let before = slots.len();
        slots.retain(|at, _| near.contains(at));
        if slots.len() < before {
            // Whoever waits for one of them reads it without a thread.
            self.shared.filled.notify_all();
        }
        for next in place + 1..=(place + self.window).min(self.last()) {
            if !slots.contains_key(&next) && self.request(next) {
                slots.insert(next, Slot::Requested);
            }
        }
        loop {
            match slots.remove(&place) {
                Some(Slot::Filled(sample)) => return sample,
                Some(Slot::Requested) => {
                    slots.insert(place, Slot::Requested);
                    slots = self
                        .shared
                        .filled
                        .wait(slots)
                        .unwrap_or_else(PoisonError::into_inner);
                }
                None => break,
            }
        }
        drop(slots);
        self.shared.read(place)
    }

    fn last(&self) -> usize {
        self.shared.indices.len().saturating_sub(1)
    }

    /// Gives a place to the threads, which are started here; false when there are none.
    fn request(&self, place: usize) -> bool {
        let mut requests = self.requests.lock().unwrap_or_else(PoisonError::into_inner);
        let requests = requests.get_or_insert_with(|| self.start());
        requests.send(place).is_ok()
    }

    fn start(&self) -> Sender<usize> {
        let (sender, requests) = unbounded();
        let cores = thread::available_parallelism().map_or(1, NonZeroUsize::get);
        for _ in 0..cores.clamp(1, THREADS) {
            let (shared, requests) = (Arc::clone(&self.shared), requests.clone());
            let thread = thread::Builder::new().name("images".to_owned());
            // Without a thread nothing is read ahead, and the next order fails.
            let _ = thread.spawn(move || shared.work(&requests));
        }
        sender
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, BTreeMap<usize, Slot>> {
        self.slots.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn read(&self, place: usize) -> Result<Sample, DataError> {
        match self.indices.get(place) {
            Some(&index) => self.store.read(index),
            None => Err(DataError::Place(place)),
        }
    }

    /// A thread's work, until the set is dropped.
    fn work(&self, requests: &Receiver<usize>) {
        for place in requests {
            if !matches!(self.lock().get(&place), Some(Slot::Requested)) {
                continue;
            }
            // Whoever waits for it must hear something.
            let sample = catch_unwind(AssertUnwindSafe(|| self.read(place)))
                .unwrap_or(Err(DataError::Place(place)));
            if let Some(slot) = self.lock().get_mut(&place) {
                *slot = Slot::Filled(sample);
            }
            self.filled.notify_all();
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::time::Duration;

    use super::*;

    /// Sample i holds i; 13 cannot be read.
    #[derive(Debug, Default)]
    struct Numbers {
        reads: AtomicUsize,
        bytes: usize,
    }

    impl SampleSource for Numbers {
        fn read(&self, index: u32) -> Result<Sample, DataError> {
            self.reads.fetch_add(1, Ordering::Relaxed);
            assert!(index != 14, "a panic");
            match index {
                13 => Err(DataError::Place(13)),
                _ => Ok(Sample::Bytes(vec![index as u8])),
            }
        }
        fn sample_bytes(&self) -> usize {
            self.bytes
        }
        fn digest(&self, _: u32) -> Option<blake3::Hash> {
            None
        }
        fn preparation(&self) -> String {
            String::new()
        }
    }

    fn ahead(count: u32, bytes: usize) -> (Arc<Numbers>, Prefetcher) {
        let store = Arc::new(Numbers {
            bytes,
            ..Numbers::default()
        });
        let indices = Arc::new((0..count).rev().collect());
        (Arc::clone(&store), Prefetcher::new(store, indices))
    }

    fn byte(sample: Result<Sample, DataError>) -> Option<u8> {
        match sample {
            Ok(Sample::Bytes(bytes)) => bytes.first().copied(),
            _ => None,
        }
    }

    #[test]
    fn samples_come_in_the_order_of_the_set_whatever_the_order_of_asking() {
        let (_, ahead) = ahead(12, 1);
        for place in [0, 1, 2, 3, 11, 10, 0, 5, 5, 6, 4] {
            assert_eq!(byte(ahead.get(place)), Some(11 - place as u8));
        }
        assert!(matches!(ahead.get(12), Err(DataError::Place(12))));
    }

    #[test]
    fn what_is_behind_is_read_before_it_is_asked_for() {
        let (store, ahead) = ahead(10, 1);
        ahead.get(0).unwrap();
        while store.reads.load(Ordering::Relaxed) < 10 {
            thread::sleep(Duration::from_millis(1));
        }
        for place in 1..10 {
            ahead.get(place).unwrap();
        }
        assert_eq!(store.reads.load(Ordering::Relaxed), 10);
    }

    #[test]
    fn no_more_waits_than_fits() {
        let (store, ahead) = ahead(200, BYTES / 4);
        ahead.get(0).unwrap();
        thread::sleep(Duration::from_millis(20));
        assert!(store.reads.load(Ordering::Relaxed) <= 5);
        assert!(ahead.shared.lock().len() <= 4);
        // Places far away are forgotten.
        ahead.get(150).unwrap();
        assert!(ahead.shared.lock().keys().all(|at| *at > 140));
    }

    #[test]
    fn failures_and_panics_reach_who_asks() {
        let (_, ahead) = ahead(20, 1);
        for place in 0..20 {
            let good = place != 19 - 13 && place != 19 - 14;
            assert_eq!(ahead.get(place).is_ok(), good, "{place}");
        }
    }

    #[test]
    fn many_may_ask_at_once() {
        let (_, ahead) = ahead(13, 1);
        thread::scope(|scope| {
            for _ in 0..6 {
                scope.spawn(|| {
                    for place in 0..13 {
                        assert_eq!(byte(ahead.get(place)), Some(12 - place as u8));
                    }
                });
            }
        });
    }
}
