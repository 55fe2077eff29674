//! Statistics of an allocation on a split, which `evaluate` reports beside the accuracy.

use std::ops::{ControlFlow, Range};

use super::TorchEvaluator;
use super::accuracy::finite;
use super::batch_job::BatchJob;
use crate::evaluate::{Cancel, EvaluateError, Progress, Split, Statistics};
use crate::quant::Allocation;
use crate::torch::error::all_finite;
use crate::torch::record::{Activity, ChannelSums, Record};

impl TorchEvaluator {
    /// Runs all images of a split and counts. The images that are classified correctly are those of
    /// [`crate::evaluate::Question::Accuracy`].
    ///
    /// # Errors
    /// [`EvaluateError`].
    pub fn statistics(
        &self,
        allocation: &Allocation,
        split: Split,
        cancel: &Cancel,
        progress: &mut dyn FnMut(Progress),
    ) -> Result<Statistics, EvaluateError> {
        self.check(allocation)?;
        let all = 0..self.images_in(split, 0..0)?.len();
        self.statistics_in(allocation, (split, all), cancel, progress)
    }

    /// As [`TorchEvaluator::statistics`], on a range of images that begins with a batch.
    pub(super) fn statistics_in(
        &self,
        allocation: &Allocation,
        (split, wanted): (Split, Range<usize>),
        cancel: &Cancel,
        progress: &mut dyn FnMut(Progress),
    ) -> Result<Statistics, EvaluateError> {
        let graph = self.network.graph();
        let images = self.images_in(split, wanted.clone())?;
        if wanted.start % self.batch != 0 {
            return Err(EvaluateError::Setup(format!(
                "statistics from image {} on, where no batch of {} begins",
                wanted.start, self.batch
            )));
        }
        let total = wanted.len();
        let layers = self.layers(allocation, cancel)?;
        if wanted.start == 0 {
            let first = 0..wanted.end.min(self.batch);
            self.check_potentials(
                BatchJob::of(allocation, &layers, (split, images, first)),
                cancel,
            )?;
        }
        let job = BatchJob::of(allocation, &layers, (split, images, wanted));
        let mut counted = Statistics::new(graph);
        self.run_batches(
            job,
            cancel,
            |batch| Record::Activity(Activity::new(graph, batch.places.len())),
            |batch, record, logits| {
                for (image, logits) in batch.rows(&logits, graph.classes) {
                    finite(image, logits)?;
                }
                Ok((record, logits))
            },
            |batch, (record, logits)| {
                if let Record::Activity(activity) = &record {
                    activity.add_to(&mut counted);
                }
                for (image, logits) in batch.rows(&logits, graph.classes) {
                    counted.answer(logits, images.label(image) as usize);
                }
                progress(Progress {
                    done: counted.images,
                    total,
                    correct: counted.correct(),
                    preparing: false,
                });
                ControlFlow::Continue(())
            },
        )?;
        Ok(counted)
    }

    /// Runs a job's images once more for their membrane potentials: one that overflows becomes a
    /// spike like any other, and the logits may look sound.
    fn check_potentials(&self, job: BatchJob<'_>, cancel: &Cancel) -> Result<(), EvaluateError> {
        let graph = self.network.graph();
        self.run_batches(
            job,
            cancel,
            |batch| Record::Channels(ChannelSums::new(graph, batch.places.len())),
            |_, record, _| {
                let sums = match record {
                    Record::Channels(sums) => sums.sites,
                    _ => Vec::new(),
                };
                let is_finite = |site: &Vec<f64>| site.iter().all(|sum| sum.is_finite());
                Ok(all_finite(graph, sums.iter().map(is_finite), &[])?)
            },
            |_, ()| ControlFlow::Continue(()),
        )
    }
}
