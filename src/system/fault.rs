//! Panics on demand, so that tests of the program can see what becomes of them. Only a program
//! built with debug assertions has them.

use std::env;
use std::sync::atomic::{AtomicU32, Ordering};

/// A place where a panic can be asked for.
pub(crate) struct Fault {
    /// The environment variable that says at which time, counted from 1 over the whole process.
    name: &'static str,
    /// The place in words.
    place: &'static str,
    times: AtomicU32,
}

/// Before a job of an evaluator.
pub(crate) static AT_JOB: Fault = Fault::new("AQ4SVIT_PANIC_AT_JOB", "at job");
/// Before an event of the terminal is passed on.
pub(crate) static AT_KEY: Fault = Fault::new("AQ4SVIT_PANIC_AT_KEY", "at key");

impl Fault {
    const fn new(name: &'static str, place: &'static str) -> Self {
        let times = AtomicU32::new(0);
        Fault { name, place, times }
    }

    /// Panics where the environment asks for it.
    pub(crate) fn perhaps(&self) {
        if !cfg!(debug_assertions) {
            return;
        }
        let at = env::var(self.name)
            .ok()
            .and_then(|at| at.parse::<u32>().ok());
        if let Some(at) = at
            && self.times.fetch_add(1, Ordering::Relaxed) + 1 == at
        {
            panic!("a fault on demand, {} {at}", self.place);
        }
    }
}
