//! A fault on demand, so that tests of the program can see what becomes of one. Only a program
//! built with debug assertions has it.

use std::sync::atomic::{AtomicU32, Ordering};

/// Names the job, counted from 1 over the whole process, at which an evaluator panics.
const NAME: &str = "AQ4SVIT_PANIC_AT_JOB";

static JOBS: AtomicU32 = AtomicU32::new(0);

/// Panics where the environment asks for it.
pub(super) fn perhaps() {
    let at = std::env::var(NAME)
        .ok()
        .and_then(|at| at.parse::<u32>().ok());
    if let Some(at) = at
        && JOBS.fetch_add(1, Ordering::Relaxed) + 1 == at
    {
        panic!("a fault on demand, at job {at}");
    }
}
