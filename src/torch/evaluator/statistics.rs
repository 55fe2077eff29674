//! Statistics of an allocation on a split: what `evaluate` reports beside the accuracy.

use std::ops::ControlFlow;

use super::{TorchEvaluator, finite};
use crate::data::ImageSet;
use crate::evaluate::{Cancel, EvaluateError, Progress, Split, Statistics};
use crate::quant::Allocation;
use crate::torch::batches::{Batches, run};
use crate::torch::record::Activity;
use crate::torch::record::Record;

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
        let graph = self.network.graph();
        self.check(allocation)?;
        let images = self.split(split);
        let total = images.map_or(0, ImageSet::len);
        let images = images.ok_or(EvaluateError::OutOfRange {
            split,
            from: 0,
            to: 0,
            len: 0,
        })?;
        let batches = Batches::new(graph, self.batch, images, 0..total);
        let mut counted = Statistics::new(graph);
        run(
            batches.numbers(),
            self.threads,
            cancel,
            || self.worker(allocation),
            |executor, batch| {
                let mut record =
                    Record::Activity(Activity::new(graph, batches.places(batch).len()));
                let pixels = batches.pixels(batch)?;
                let logits =
                    executor.run(&pixels, batches.images(batch), &mut record, &mut |_, _| {
                        Ok(())
                    })?;
                let images = logits.chunks(graph.classes.max(1));
                for (place, logits) in batches.places(batch).zip(images) {
                    finite(batch * self.batch + place, logits)?;
                }
                Ok((record, logits))
            },
            |batch, (record, logits)| {
                if let Record::Activity(activity) = &record {
                    activity.add_to(&mut counted);
                }
                let first = batch * self.batch;
                let logits = logits.chunks(graph.classes.max(1));
                for (place, logits) in batches.places(batch).zip(logits) {
                    counted.answer(logits, images.label(first + place) as usize);
                }
                progress(Progress {
                    done: counted.images,
                    total,
                    correct: counted.correct(),
                });
                ControlFlow::Continue(())
            },
        )?;
        Ok(counted)
    }
}
