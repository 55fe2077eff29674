//! Where a forward pass spends its time.

use std::ops::ControlFlow;

use super::TorchEvaluator;
use super::batch_job::BatchJob;
use crate::evaluate::{Cancel, EvaluateError, Split};
use crate::quant::Allocation;
use crate::torch::record::{Record, StepTime, Times, step_times};

impl TorchEvaluator {
    /// The time of each step of the network under an allocation, over the images of a split, in the
    /// order of execution. With more than one thread it is the sum over threads.
    ///
    /// # Errors
    /// [`EvaluateError`].
    pub fn profile(
        &self,
        allocation: &Allocation,
        split: Split,
        cancel: &Cancel,
    ) -> Result<Vec<StepTime>, EvaluateError> {
        self.check(allocation)?;
        let images = self.images_in(split, 0..0)?;
        let layers = self.layers(allocation, cancel)?;
        let job = BatchJob::of(allocation, &layers, (split, images, 0..images.len()));
        let plan = self.network.plan();
        let mut sum = Times::new(plan);
        self.run_batches(
            job,
            cancel,
            |_| Record::Times(Times::new(plan)),
            |_, record, _| Ok(record),
            |_, record| {
                if let Record::Times(times) = &record {
                    let steps = sum.steps.iter_mut().zip(&times.steps);
                    steps.for_each(|(sum, took)| *sum += *took);
                }
                ControlFlow::Continue(())
            },
        )?;
        let executor = self.network.executor(allocation, &layers)?;
        let steps = (plan, executor.parameters());
        Ok(step_times(self.network.graph(), steps, &sum, images.len()))
    }
}
