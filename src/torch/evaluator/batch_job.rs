//! Images of a split in batches, on several threads.

use std::ops::{ControlFlow, Range};
use std::sync::atomic::Ordering;

use super::TorchEvaluator;
use crate::data::ImageSet;
use crate::evaluate::{Cancel, EvaluateError, Split};
use crate::quant::Allocation;
use crate::torch::batches::{Batches, run};
use crate::torch::cache::{ContentHash, Place};
use crate::torch::calibration::QuantizedLayers;
use crate::torch::executor::Executor;
use crate::torch::record::Record;

/// Images to run under an allocation.
pub(super) struct BatchJob<'a> {
    pub allocation: &'a Allocation,
    /// The allocation's quantized layers.
    pub layers: &'a QuantizedLayers,
    pub split: Split,
    pub images: &'a ImageSet,
    /// The images that count.
    pub wanted: Range<usize>,
    /// Whether cached values are used and made.
    pub cached: bool,
}

impl<'a> BatchJob<'a> {
    /// Images of a split, nothing kept of them.
    pub(super) fn of(
        allocation: &'a Allocation,
        layers: &'a QuantizedLayers,
        (split, images, wanted): (Split, &'a ImageSet, Range<usize>),
    ) -> Self {
        BatchJob {
            allocation,
            layers,
            split,
            images,
            wanted,
            cached: false,
        }
    }
}

/// One batch of a job.
pub(super) struct Batch {
    /// Its number in the split.
    pub index: usize,
    /// Its first image.
    pub first: usize,
    /// The places within the batch of images that count.
    pub places: Range<usize>,
}

impl Batch {
    /// The images that count, with their logits.
    pub(super) fn rows<'a>(
        &self,
        logits: &'a [f64],
        classes: usize,
    ) -> impl Iterator<Item = (usize, &'a [f64])> {
        let images = self.first + self.places.start..self.first + self.places.end;
        images.zip(logits.chunks(classes.max(1)).skip(self.places.start))
    }
}

impl TorchEvaluator {
    /// The images of a split, which has those of a range.
    ///
    /// # Errors
    /// [`EvaluateError::OutOfRange`] where it has not, or there is no such split.
    pub(super) fn images_in(
        &self,
        split: Split,
        wanted: Range<usize>,
    ) -> Result<&ImageSet, EvaluateError> {
        let images = split.images(&self.splits);
        let len = images.map_or(0, ImageSet::len);
        let there = wanted.start <= wanted.end && wanted.end <= len;
        images.filter(|_| there).ok_or(EvaluateError::OutOfRange {
            split,
            from: wanted.start,
            to: wanted.end,
            len,
        })
    }

    /// Runs a job's batches: each is observed by a record and finished on a worker thread, then
    /// committed in order on the calling thread, until `commit` breaks.
    pub(super) fn run_batches<R: Send>(
        &self,
        job: BatchJob<'_>,
        cancel: &Cancel,
        record: impl Fn(&Batch) -> Record + Sync,
        finish: impl Fn(&Batch, Record, Vec<f64>) -> Result<R, EvaluateError> + Sync,
        mut commit: impl FnMut(&Batch, R) -> ControlFlow<()>,
    ) -> Result<(), EvaluateError> {
        let batches = Batches::new(self.network.graph(), self.batch, job.images, job.wanted);
        // Nothing is asked twice of the test split, and hardly anything of the certificate's.
        let cached = job.cached && !matches!(job.split, Split::Test | Split::Certify);
        let values = self.values.as_ref().filter(|_| cached);
        let contents = values.map(|values| values.contents(job.allocation));
        let batch = |index| Batch {
            index,
            first: index * self.batch,
            places: batches.places(index),
        };
        run(
            batches.numbers(),
            self.threads,
            cancel,
            || self.worker(job.allocation, job.layers),
            |executor, index| {
                let batch = batch(index);
                let mut record = record(&batch);
                let place = Place {
                    split: job.split,
                    batch: index,
                    images: batch.places.len(),
                };
                let contents = contents.as_deref();
                let logits = self.forward(executor, &batches, place, contents, &mut record)?;
                finish(&batch, record, logits)
            },
            |index, result| commit(&batch(index), result),
        )
    }

    fn worker(
        &self,
        allocation: &Allocation,
        layers: &QuantizedLayers,
    ) -> Result<Executor<'_>, EvaluateError> {
        // Batches run side by side instead of operations splitting themselves up: that is faster
        // for small networks, and sums do not depend on the number of threads.
        tch::set_num_threads(1);
        Ok(self.network.executor(allocation, layers)?)
    }

    /// Runs a batch from its cached values on, and counts the work.
    fn forward(
        &self,
        executor: &Executor<'_>,
        batches: &Batches<'_>,
        place: Place,
        contents: Option<&[ContentHash]>,
        record: &mut Record,
    ) -> Result<Vec<f64>, EvaluateError> {
        let plan = self.network.plan();
        let recall = self.values.as_ref().zip(contents);
        let recall = recall.map(|(values, contents)| values.recall(plan, contents, place, record));
        let pixels = match recall.as_ref().is_none_or(|r| r.reads_image(plan)) {
            true => batches.pixels(place.batch)?,
            false => Vec::new(),
        };
        let (images, watch) = (batches.images(place.batch), &mut |_, _: &_| Ok(()));
        let logits = executor.run_with(recall.as_ref(), &pixels, images, record, watch)?;
        let all = self.network.graph().layers.len() as u64;
        let layers = recall.map_or(all, |r| r.layers(plan));
        let images = batches.distinct(place.batch) as u64;
        let ran = &self.ran;
        ran.layer_forwards
            .fetch_add(images * layers, Ordering::Relaxed);
        ran.images
            .fetch_add(if layers > 0 { images } else { 0 }, Ordering::Relaxed);
        Ok(logits)
    }
}
