//! Wrong answers on demand, so that tests can see what the self-check makes of them. Only a program
//! built with debug assertions has them.

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
