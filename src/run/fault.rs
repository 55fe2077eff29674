//! Faults on demand, so that tests of the program can see what becomes of them. Only a program
//! built with debug assertions has them.

use std::sync::atomic::{AtomicU32, Ordering};

#[cfg(any(feature = "torch", test))]
pub(super) use wrong::Wrong;

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

#[cfg(any(feature = "torch", test))]
mod wrong {
    use crate::evaluate::{Cancel, EvaluateError, Evaluator, Job, Outcome, Prober, Progress, Work};

    /// Set to have the self-check meet wrong answers.
    #[cfg(feature = "torch")]
    const NAME: &str = "AQ4SVIT_WRONG_ANSWERS";

    /// An evaluator whose answers are changed.
    pub struct Wrong<E> {
        pub inner: E,
        pub change: fn(&mut Outcome),
    }

    #[cfg(feature = "torch")]
    impl<E: Evaluator> Wrong<E> {
        /// Drifts are wrong by one part in a million, where the environment asks for it.
        pub fn perhaps(inner: E) -> Self {
            let change: fn(&mut Outcome) = match std::env::var_os(NAME) {
                Some(_) => |outcome| {
                    if let Outcome::Drift { sites, .. } = outcome {
                        sites.iter_mut().for_each(|drift| *drift *= 1.000_001);
                    }
                },
                None => |_| (),
            };
            Wrong { inner, change }
        }
    }

    impl<E: Evaluator> Evaluator for Wrong<E> {
        fn evaluate(
            &mut self,
            job: &Job,
            cancel: &Cancel,
            progress: &mut dyn FnMut(Progress),
        ) -> Result<(Outcome, Work), EvaluateError> {
            let (mut outcome, work) = self.inner.evaluate(job, cancel, progress)?;
            (self.change)(&mut outcome);
            Ok((outcome, work))
        }

        fn numerics(&self) -> String {
            self.inner.numerics()
        }

        fn prober(&self) -> Option<Box<dyn Prober>> {
            self.inner.prober()
        }
    }
}
