//! Files that are checked side by side.

use std::num::NonZeroUsize;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};
use std::thread;

use super::error::DataError;
use super::files::Corrupt;

/// The error of a file that cannot be taken.
#[derive(Debug)]
pub(super) enum Refusal {
    /// It is damaged; it may be left out.
    Corrupt(Corrupt),
    /// Nothing begins.
    Error(DataError),
}

/// Checks files on all cores. Returns the damaged ones in the order of their places.
///
/// # Errors
/// That of the first file by place, of those that were met.
pub(super) fn check(
    indices: &[u32],
    progress: &(dyn Fn() + Sync),
    one: impl Fn(u32) -> Result<(), Refusal> + Sync,
) -> Result<Vec<(u32, Corrupt)>, DataError> {
    let next = AtomicUsize::new(0);
    let found = Mutex::new((Vec::new(), None::<(u32, DataError)>));
    let work = || {
        while let Some(&index) = indices.get(next.fetch_add(1, Ordering::Relaxed)) {
            let result = one(index);
            progress();
            let mut found = found.lock().unwrap_or_else(PoisonError::into_inner);
            match result {
                Ok(()) => {}
                Err(Refusal::Corrupt(file)) => found.0.push((index, file)),
                Err(Refusal::Error(error)) => {
                    // The first in order is told, whichever thread met one first.
                    if found.1.as_ref().is_none_or(|(first, _)| index < *first) {
                        found.1 = Some((index, error));
                    }
                    next.store(indices.len(), Ordering::Relaxed);
                }
            }
        }
    };
    let cores = thread::available_parallelism().map_or(1, NonZeroUsize::get);
    thread::scope(|scope| {
        for _ in 1..cores.min(indices.len()) {
            scope.spawn(work);
        }
        work();
    });
    match found.into_inner().unwrap_or_else(PoisonError::into_inner) {
        (_, Some((_, error))) => Err(error),
        (mut corrupt, None) => {
            corrupt.sort_by_key(|(index, _)| *index);
            Ok(corrupt)
        }
    }
}
