//! An evaluator whose work is done by workers on other machines.

use std::collections::VecDeque;
use std::time::Duration;

use crossbeam_channel::RecvTimeoutError;

use super::coordinator::{Asked, Coordinator, Told};
use super::parts::{Merged, Parts};
use crate::evaluate::{
    Cancel, EvaluateError, Evaluator, Job, LayerSource, Outcome, Prober, Progress, Question, Work,
};

/// The interval at which a flag of cancellation is looked at.
const LOOK: Duration = Duration::from_millis(20);

/// Has workers answer. What it says of itself is what their evaluators say.
pub struct RemoteEvaluator {
    coordinator: Coordinator,
    /// An evaluator of this machine, for what is never asked of workers: views into the network,
    /// and the quantized layers of a result.
    local: Option<Box<dyn Evaluator>>,
}

impl std::fmt::Debug for RemoteEvaluator {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("RemoteEvaluator").finish_non_exhaustive()
    }
}

impl RemoteEvaluator {
    /// An evaluator with the help of one of this machine that computes alike, if there is one.
    pub fn new(coordinator: Coordinator, local: Option<Box<dyn Evaluator>>) -> Self {
        RemoteEvaluator { coordinator, local }
    }
}

/// Waits for the answer to one job.
fn wait(
    asked: &Asked,
    cancel: &Cancel,
    progress: &mut dyn FnMut(Progress),
) -> Result<(Outcome, Work), EvaluateError> {
    loop {
        match asked.told.recv_timeout(LOOK) {
            Ok(Told::Progress(p)) => progress(p),
            Ok(Told::Answer(outcome, work)) => return Ok((*outcome, work)),
            Ok(Told::Error(error)) => return Err(error),
            Err(RecvTimeoutError::Timeout) if cancel.is_cancelled() => {
                return Err(EvaluateError::Cancelled);
            }
            Err(RecvTimeoutError::Timeout) => {}
            Err(RecvTimeoutError::Disconnected) => {
                let why = "the connection to the cluster has ended";
                return Err(EvaluateError::Unreachable(why.to_owned()));
            }
        }
    }
}

impl Evaluator for RemoteEvaluator {
    fn evaluate(
        &mut self,
        job: &Job,
        cancel: &Cancel,
        progress: &mut dyn FnMut(Progress),
    ) -> Result<(Outcome, Work), EvaluateError> {
        let batch = self.coordinator.facts().batch;
        let Parts { jobs, at_once } = Parts::of(job, batch, self.coordinator.idle());
        if let [job] = &jobs[..] {
            return wait(&self.coordinator.ask(job.clone()), cancel, progress);
        }
        let (images, stop) = match &job.question {
            Question::Accuracy { from, to, stop, .. } => (to - from, stop.as_ref()),
            Question::Statistics { from, to, .. } => (to - from, None),
            Question::Drift { .. } | Question::LayerErrors => (0, None),
        };
        let mut jobs = jobs.into_iter();
        let mut asked: VecDeque<Asked> = VecDeque::new();
        let (mut merged, mut work) = (Merged::none_of(job), Work::default());
        loop {
            let free = at_once - asked.len();
            asked.extend(
                jobs.by_ref()
                    .take(free)
                    .map(|job| self.coordinator.ask(job)),
            );
            let Some(first) = asked.pop_front() else {
                break;
            };
            let (done, right) = merged.done();
            let mut in_all = |p: Progress| {
                progress(Progress {
                    done: done + p.done,
                    total: images,
                    correct: right + p.correct,
                    ..p
                });
            };
            let (outcome, spent) = wait(&first, cancel, &mut in_all)?;
            merged.add(outcome)?;
            work.layer_forwards += spent.layer_forwards;
            work.images += spent.images;
            work.calibration_seconds += spent.calibration_seconds;
            if stop.is_some_and(|rule| merged.stops(rule)) {
                // Later parts are wanted no more once they are dropped.
                break;
            }
        }
        Ok((merged.outcome()?, work))
    }

    fn numerics(&self) -> String {
        self.coordinator.facts().numerics.clone()
    }

    fn batch(&self) -> usize {
        self.coordinator.facts().batch
    }

    fn correction_images(&self) -> usize {
        self.coordinator.facts().correction_images
    }

    fn prober(&self) -> Option<Box<dyn Prober>> {
        self.local.as_ref()?.prober()
    }

    fn layers(&self) -> Option<std::sync::Arc<dyn LayerSource>> {
        self.local.as_ref()?.layers()
    }
}
