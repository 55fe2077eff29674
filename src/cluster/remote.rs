//! An evaluator whose work is done by workers on other machines.

use std::time::Duration;

use crossbeam_channel::RecvTimeoutError;

use super::coordinator::{Asked, Coordinator, Told};
use crate::evaluate::{
    Cancel, CorrectBits, EvaluateError, Evaluator, Job, LayerSource, Outcome, Prober, Progress,
    Question, Work,
};

/// The interval at which a flag of cancellation is looked at.
const LOOK: Duration = Duration::from_millis(20);
/// The least images of a part of an evaluation that is split among workers.
const PART: usize = 1024;

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

    /// The parts of a question that several workers can answer, in order. (With a stop rule one
    /// part depends on those before.)
    fn parts(&self, job: &Job) -> Vec<Job> {
        match job.question {
            Question::Accuracy {
                split,
                from,
                to,
                stop: None,
            } => {
                let batch = self.coordinator.facts().batch;
                let ranges = ranges((from, to), batch, self.coordinator.idle());
                let part = |(from, to)| Job {
                    allocation: job.allocation.clone(),
                    question: Question::Accuracy {
                        split,
                        from,
                        to,
                        stop: None,
                    },
                };
                ranges.into_iter().map(part).collect()
            }
            _ => vec![job.clone()],
        }
    }
}

/// Cuts a range of images into parts for so many workers, at the bounds of batches.
fn ranges((from, to): (usize, usize), batch: usize, workers: usize) -> Vec<(usize, usize)> {
    let (images, batch) = (to.saturating_sub(from), batch.max(1));
    let parts = (images / PART.max(4 * batch)).min(workers).max(1);
    let cut = |i: usize| match i {
        0 => from,
        i if i == parts => to,
        i => ((from + images * i / parts) / batch * batch).clamp(from, to),
    };
    (0..parts).map(|i| (cut(i), cut(i + 1))).collect()
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
        let parts = self.parts(job);
        let asked: Vec<Asked> = parts
            .into_iter()
            .map(|part| self.coordinator.ask(part))
            .collect();
        if let [asked] = &asked[..] {
            return wait(asked, cancel, progress);
        }
        let (mut all, mut work) = (CorrectBits::new(), Work::default());
        let images = match job.question {
            Question::Accuracy { from, to, .. } => to.saturating_sub(from),
            _ => 0,
        };
        for asked in &asked {
            let (done, right) = (all.len(), all.correct());
            let mut in_all = |p: Progress| {
                progress(Progress {
                    done: done + p.done,
                    total: images,
                    correct: right + p.correct,
                    ..p
                });
            };
            let (outcome, spent) = wait(asked, cancel, &mut in_all)?;
            let Outcome::Accuracy { correct } = outcome else {
                return Err(EvaluateError::Backend(
                    "a worker answered another question".into(),
                ));
            };
            all.extend(&correct);
            work.layer_forwards += spent.layer_forwards;
            work.images += spent.images;
            work.calibration_seconds += spent.calibration_seconds;
        }
        Ok((Outcome::Accuracy { correct: all }, work))
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_are_whole_batches_and_make_up_the_whole() {
        assert_eq!(ranges((0, 10_000), 32, 1), [(0, 10_000)]);
        assert_eq!(ranges((0, 2_000), 32, 8), [(0, 2_000)]);
        for (from, to) in [(0, 10_000), (17, 9_999), (500, 10_000), (7, 7)] {
            for workers in 0..9 {
                let all = ranges((from, to), 32, workers);
                assert!(all.len() <= workers.max(1));
                assert_eq!((all[0].0, all[all.len() - 1].1), (from, to));
                for pair in all.windows(2) {
                    assert_eq!(pair[0].1, pair[1].0);
                    assert_eq!(pair[0].1 % 32, 0);
                }
            }
        }
        assert_eq!(ranges((0, 10_000), 32, 3).len(), 3);
    }
}
