//! A synthetic evaluator in place of a network, so that tests can run whole searches and workers of
//! the real program without libtorch. Only a program built with debug assertions has it, and only
//! where the environment asks for it.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use super::Prepared;
use crate::evaluate::{
    Cancel, EvaluateError, Evaluator, Job, Landscape, Outcome, Progress, Statistics, Work,
};

/// `KEY=VALUE,…`: `seed`; `ms`, what an evaluation takes; `numerics`, what it says of its
/// arithmetic; `hang` and `fail`, the job, counted from 1, at which it does so.
const NAME: &str = "AQ4SVIT_SYNTHETIC";

/// What the environment asks for.
pub(super) struct Synthetic {
    landscape: Landscape,
    time: Duration,
    numerics: Option<String>,
    hang: u64,
    fail: u64,
    jobs: Arc<AtomicU64>,
    /// Of no image of the network.
    nothing: Statistics,
}

/// The synthetic evaluators, if the environment asks for them.
pub(super) fn perhaps(prepared: &Prepared) -> Option<Synthetic> {
    let settings = &prepared.settings;
    let text = std::env::var(NAME).ok()?;
    let words: HashMap<&str, &str> = text.split(',').filter_map(|w| w.split_once('=')).collect();
    let number = |key| words.get(key).and_then(|n| n.parse::<u64>().ok());
    let landscape = Landscape::new(
        number("seed").unwrap_or(1),
        settings.space.layers.len(),
        settings.calibration_images,
        settings.search_images,
        settings.test_images,
    );
    Some(Synthetic {
        landscape: landscape.with_certify(settings.certify_images),
        time: Duration::from_millis(number("ms").unwrap_or(0)),
        numerics: words.get("numerics").map(|n| (*n).to_owned()),
        hang: number("hang").unwrap_or(0),
        fail: number("fail").unwrap_or(0),
        jobs: Arc::default(),
        nothing: Statistics::new(&prepared.profile.graph()),
    })
}

impl Synthetic {
    /// Another one of the same.
    pub fn evaluator(&self) -> Box<dyn Evaluator> {
        Box::new(Synthetic {
            landscape: self.landscape.clone(),
            numerics: self.numerics.clone(),
            jobs: Arc::clone(&self.jobs),
            nothing: self.nothing.clone(),
            ..*self
        })
    }
}

impl Evaluator for Synthetic {
    fn evaluate(
        &mut self,
        job: &Job,
        cancel: &Cancel,
        progress: &mut dyn FnMut(Progress),
    ) -> Result<(Outcome, Work), EvaluateError> {
        let number = self.jobs.fetch_add(1, Ordering::Relaxed) + 1;
        if number == self.hang {
            // Nobody cancels it, and it answers never.
            loop {
                std::thread::sleep(Duration::from_secs(1));
            }
        }
        if number == self.fail {
            return Err(EvaluateError::Backend("a fault on demand".into()));
        }
        let step = Duration::from_millis(5);
        let mut left = self.time;
        while !left.is_zero() && !cancel.is_cancelled() {
            std::thread::sleep(left.min(step));
            left = left.saturating_sub(step);
        }
        let (outcome, work) = self.landscape.evaluate(job, cancel, progress)?;
        let outcome = match outcome {
            // Nothing fires in a landscape.
            Outcome::Statistics(counted) => Outcome::Statistics(Statistics {
                spikes: self.nothing.spikes.clone(),
                sums: self.nothing.sums.clone(),
                ..counted
            }),
            other => other,
        };
        Ok((outcome, work))
    }

    fn numerics(&self) -> String {
        let own = self.landscape.numerics();
        self.numerics
            .as_ref()
            .map_or(own.clone(), |n| format!("{own}, {n}"))
    }
}
