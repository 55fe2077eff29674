//! An evaluator behind the answers of earlier runs.

use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::{Contexts, Store};
use crate::evaluate::{
    Caches, Cancel, EvaluateError, Evaluator, Job, LayerSource, Outcome, OutputError, Prober,
    Progress, Provenance, Question, Split, StopRule, Work,
};

/// Stores of all splits, shared by all evaluators of a run.
#[derive(Clone, Debug)]
pub struct Stores([Arc<Mutex<Store>>; Split::ALL.len()]);

impl Stores {
    /// Opens the files of some contexts in a folder.
    pub fn open(folder: &Path, contexts: &Contexts) -> Self {
        let open = |split| Arc::new(Mutex::new(Store::open(folder, contexts.of(split))));
        Stores(Split::ALL.map(open))
    }

    /// The answers about a split.
    pub fn of(&self, split: Split) -> MutexGuard<'_, Store> {
        let store = &self.0[split as usize];
        store.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Answers from [`Stores`] where they know, and asks another evaluator otherwise. What is answered
/// without it costs nothing and is [`Provenance::EarlierRun`].
pub struct CachedEvaluator {
    inner: Box<dyn Evaluator>,
    stores: Stores,
}

impl std::fmt::Debug for CachedEvaluator {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("CachedEvaluator").finish_non_exhaustive()
    }
}

/// The cost of an answer that was known.
const CACHE_HIT: Work = Work {
    layer_forwards: 0,
    images: 0,
    calibration_seconds: 0.0,
    provenance: Provenance::EarlierRun,
};

impl CachedEvaluator {
    /// Puts stores before an evaluator.
    pub fn new(inner: Box<dyn Evaluator>, stores: Stores) -> Self {
        CachedEvaluator { inner, stores }
    }

    fn accuracy(
        &mut self,
        job: &Job,
        (split, from, to): (Split, usize, usize),
        stop: Option<&StopRule>,
        cancel: &Cancel,
        progress: &mut dyn FnMut(Progress),
    ) -> Result<(Outcome, Work), EvaluateError> {
        let known = self.stores.of(split).correct(&job.allocation, to);
        let mut correct = known.slice(from, to);
        if let Some(decided) = stop.and_then(|s| s.decided(&correct)) {
            correct.truncate(decided.images);
            return Ok((Outcome::Accuracy { correct }, CACHE_HIT));
        }
        if correct.len() == to.saturating_sub(from) {
            return Ok((Outcome::Accuracy { correct }, CACHE_HIT));
        }
        let done = correct.len();
        let rest = Job {
            allocation: job.allocation.clone(),
            question: Question::Accuracy {
                split,
                from: from + done,
                to,
                stop: stop.map(|s| s.after(&correct)),
            },
        };
        let right = correct.correct();
        let mut in_all = |p: Progress| match p.preparing {
            true => progress(p),
            false => progress(Progress {
                done: p.done + done,
                total: p.total + done,
                correct: p.correct + right,
                preparing: false,
            }),
        };
        let (outcome, work) = self.inner.evaluate(&rest, cancel, &mut in_all)?;
        let Outcome::Accuracy { correct: more } = &outcome else {
            return Ok((outcome, work));
        };
        correct.extend(more);
        let mut store = self.stores.of(split);
        store.keep(&job.allocation, from + done, outcome);
        Ok((Outcome::Accuracy { correct }, work))
    }
}

impl Evaluator for CachedEvaluator {
    fn evaluate(
        &mut self,
        job: &Job,
        cancel: &Cancel,
        progress: &mut dyn FnMut(Progress),
    ) -> Result<(Outcome, Work), EvaluateError> {
        match &job.question {
            &Question::Drift { images } => {
                let calibration = || self.stores.of(Split::Calibration);
                let known = calibration().drift(&job.allocation, images);
                if let Some(outcome) = known {
                    return Ok((outcome, CACHE_HIT));
                }
                let (outcome, work) = self.inner.evaluate(job, cancel, progress)?;
                let mut store = self.stores.of(Split::Calibration);
                store.keep_drift(&job.allocation, images, outcome.clone());
                Ok((outcome, work))
            }
            // Quantized layers are kept, and their errors with them; statistics are asked for once.
            Question::LayerErrors | Question::Statistics { .. } => {
                self.inner.evaluate(job, cancel, progress)
            }
            Question::Accuracy {
                split,
                from,
                to,
                stop,
            } => {
                let images = (*split, *from, *to);
                self.accuracy(job, images, stop.as_ref(), cancel, progress)
            }
        }
    }

    fn numerics(&self) -> String {
        self.inner.numerics()
    }

    fn batch(&self) -> usize {
        self.inner.batch()
    }

    fn caches(&self) -> Caches {
        self.inner.caches()
    }

    fn notes(&self) -> Vec<String> {
        self.inner.notes()
    }

    fn prober(&self) -> Option<Box<dyn Prober>> {
        self.inner.prober()
    }

    fn layers(&self) -> Option<Arc<dyn LayerSource>> {
        self.inner.layers()
    }

    fn correction_images(&self) -> usize {
        self.inner.correction_images()
    }

    fn work_ahead(&mut self, cancel: &Cancel) -> bool {
        self.inner.work_ahead(cancel)
    }

    fn latest_output_errors(&mut self) -> Vec<OutputError> {
        self.inner.latest_output_errors()
    }

    fn wasted_work(&mut self) -> Work {
        self.inner.wasted_work()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::Contents;
    use super::*;
    use crate::evaluate::{Landscape, PairedTest, ScreeningTest, Sequential};
    use crate::quant::{Allocation, BitWidth};

    fn landscape() -> Landscape {
        Landscape::new(5, 3, 8, 60, 40)
    }

    fn stores(folder: &Path, network: &str) -> Stores {
        let contents = Contents {
            network: network.into(),
            images: ["a", "b", "c", "d", "e"].map(String::from),
            layers: None,
        };
        Stores::open(folder, &Contexts::new(contents, "numerics"))
    }

    fn ask(evaluator: &mut dyn Evaluator, job: &Job) -> (Outcome, Work) {
        let answer = evaluator.evaluate(job, &Cancel::default(), &mut |_| ());
        answer.expect("a landscape answers")
    }

    fn job(bits: u8, (test, from, to): (bool, usize, usize), allowed: Option<(i64, bool)>) -> Job {
        let stop = allowed.map(|(allowed_loss, sequential)| StopRule {
            lost_before: 1,
            allowed_loss,
            float: (from..to).map(|i| i % 7 != 0).collect(),
            stop_when_met: allowed_loss % 2 == 0,
            sequential: sequential.then(|| {
                let test = PairedTest::new(0.3, 0.3, to - from, allowed_loss, 0);
                Box::new(Sequential::new(ScreeningTest::Paired(test)))
            }),
        });
        let question = match to {
            0 => Question::Drift {
                images: from.checked_sub(1),
            },
            to => Question::Accuracy {
                split: if test { Split::Test } else { Split::Search },
                from,
                to,
                stop,
            },
        };
        Job {
            allocation: Allocation::uniform(3, BitWidth::new(bits).expect("a width")),
            question,
        }
    }

    proptest! {
        /// Whatever was asked before, in this run or an earlier one: the answers are those of the
        /// evaluator alone.
        #[test]
        fn no_answer_changes(
            jobs in prop::collection::vec(
                (2u8..5, any::<bool>(), 0usize..30, 0usize..11, prop::option::of((-3i64..9, any::<bool>()))),
                1..30,
            ),
        ) {
            let folder = tempfile::tempdir().expect("a folder");
            let mut alone = landscape();
            let mut total = 0;
            for (index, (bits, test, from, more, allowed)) in jobs.iter().enumerate() {
                let (from, to) = match more {
                    0 => (0, 0),
                    more => (*from, from + more),
                };
                let job = job(*bits, (*test, from, to), *allowed);
                // A run of its own for every second question.
                let mut cached =
                    CachedEvaluator::new(Box::new(landscape()), stores(folder.path(), "n"));
                let (expected, full) = ask(&mut alone, &job);
                let (outcome, work) = ask(&mut cached, &job);
                prop_assert_eq!(&outcome, &expected, "question {}", index);
                prop_assert!(work.images <= full.images);
                total += work.images;
                // What starts where the known images end is known from now on.
                if from == 0 {
                    let (again, nothing) = ask(&mut cached, &job);
                    prop_assert_eq!(again, expected);
                    prop_assert_eq!(nothing, CACHE_HIT);
                }
            }
            // At most every image of both splits and the calibration images, for each width.
            prop_assert!(total <= 3 * (60 + 40 + 8) + jobs.len() as u64 * 40);
        }
    }

    #[test]
    fn another_network_has_other_answers() {
        let folder = tempfile::tempdir().expect("a folder");
        let drift = job(3, (false, 0, 0), None);
        for (network, images) in [("n", 8), ("n", 0), ("m", 8)] {
            let mut cached =
                CachedEvaluator::new(Box::new(landscape()), stores(folder.path(), network));
            let (_, work) = ask(&mut cached, &drift);
            assert_eq!(work.images, images, "{network}");
        }
    }
}
