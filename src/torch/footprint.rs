//! What a run takes in memory, by estimate, and how it is made to fit before anything is tried.
#![forbid(unsafe_code)]

use super::TorchError;
use super::plan::{Plan, Source};
use crate::network::Graph;
use crate::system::{Bound, MemoryBound};

/// Bytes of a thread's buffer pool.
const PER_THREAD: u64 = 32 << 20;
/// The program, libtorch and its own buffers (the demo's whole search peaked at 206 MiB with two
/// threads and empty caches).
const PROGRAM: u64 = 160 << 20;

/// Addresses that are taken and never used, or not returned: stacks of threads, holes of the heap.
const ADDRESSES: u64 = 64 << 20;

/// Memory at hand.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Free {
    pub bytes: u64,
    /// What bounds it.
    pub bound: Bound,
}

/// Bytes that an evaluator takes, by estimate from above: all numbers as f32.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Footprint {
    /// The checkpoint's numbers, and one allocation's packed weights and affines.
    pub weights: u64,
    /// The most that is alive at a time, for one image.
    pub image: u64,
}

/// A run within the memory at hand.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Fit {
    /// Bytes of the caches.
    pub cache: u64,
    pub threads: usize,
    /// Images that run together.
    pub batch: usize,
}

impl Footprint {
    pub(super) fn of(graph: &Graph, plan: &Plan) -> Self {
        let weights: u64 = graph.layers.iter().map(|l| l.weights() as u64).sum();
        Footprint {
            weights: 2 * 4 * weights,
            image: alive(graph, plan),
        }
    }

    /// The peak of such a run, in bytes: weights, one batch per thread, what is kept.
    pub(super) fn bytes(&self, fit: Fit) -> u64 {
        let batch = self.image.saturating_mul(fit.batch as u64);
        let threads = (batch + PER_THREAD).saturating_mul(fit.threads as u64);
        (PROGRAM + self.weights)
            .saturating_add(threads)
            .saturating_add(fit.cache)
    }

    /// The part of the wanted run that fits `available` bytes: less is cached first, then fewer
    /// threads run, and only then fewer images together, because real sums of libtorch's kernels
    /// may depend on that. A network that leaks state from image to image has a fixed batch. Also
    /// says what was changed.
    ///
    /// # Errors
    /// [`TorchError::Memory`] where one image on one thread is too much.
    pub(super) fn fit(
        &self,
        wanted: Fit,
        fixed_batch: bool,
        available: Option<Free>,
    ) -> Result<(Fit, Vec<String>), TorchError> {
        let Some(Free {
            bytes: available,
            bound,
        }) = available
        else {
            return Ok((wanted, Vec::new()));
        };
        let fits = |fit: Fit| self.bytes(fit) <= available;
        let mut fit = wanted;
        if !fits(fit) {
            let without = self.bytes(Fit { cache: 0, ..fit });
            fit.cache = available.saturating_sub(without);
        }
        while !fits(fit) && fit.threads > 1 {
            fit.threads -= 1;
        }
        while !fits(fit) && fit.batch > 1 && !fixed_batch {
            fit.batch /= 2;
        }
        if !fits(fit) {
            return Err(TorchError::Memory {
                needed: self.bytes(fit),
                available,
                bound,
                images: fit.batch,
            });
        }
        let mut notes = Vec::new();
        let mut less = |what: &str, now: String, asked: String| {
            notes.push(format!(
                "{what} {now} instead of {asked}: {bound} allows no more"
            ));
        };
        let mib = |bytes: u64| format!("{} MiB", bytes >> 20);
        if fit.cache < wanted.cache {
            less("keeping", mib(fit.cache), mib(wanted.cache));
        }
        if fit.threads < wanted.threads {
            less(
                "threads:",
                fit.threads.to_string(),
                wanted.threads.to_string(),
            );
        }
        if fit.batch < wanted.batch {
            less(
                "images together:",
                fit.batch.to_string(),
                wanted.batch.to_string(),
            );
        }
        Ok((fit, notes))
    }
}

/// The most bytes of values alive at a time for one image: those read later, the step's own, and a
/// second copy of it and of its input in another layout or format.
fn alive(graph: &Graph, plan: &Plan) -> u64 {
    let bytes = |node| {
        let node = graph.node(node);
        let steps = match node.time_invariant {
            true => 1,
            false => graph.time_steps,
        };
        let numbers = steps * node.shape.channels * node.shape.height * node.shape.width;
        4 * numbers as u64
    };
    let (mut now, mut most) = (0u64, 0u64);
    for step in &plan.steps {
        let shape = step.shape;
        let before_pool = match step.source {
            Source::Image => 0,
            _ => 4 * (graph.time_steps * shape.channels * shape.height * shape.width) as u64,
        };
        let inputs: u64 = step.inputs.iter().map(|&i| bytes(i)).sum();
        // The mean of windows is of f64.
        let inputs = match step.source {
            Source::AveragePool(_) => 2 * inputs,
            _ => inputs,
        };
        now += bytes(step.node);
        most = most.max(now + inputs + 2 * before_pool);
        now -= step.release.iter().map(|&n| bytes(n)).sum::<u64>().min(now);
    }
    most
}

/// Bytes that this process may still take; none where the system does not tell (Linux does).
pub(super) fn available() -> Option<Free> {
    let MemoryBound { bound, free, .. } = crate::system::available_memory()?;
    let bytes = match bound {
        Bound::Machine | Bound::ControlGroup => free,
        Bound::AddressSpace | Bound::DataSegment => free.saturating_sub(ADDRESSES),
    };
    Some(Free { bytes, bound })
}

#[cfg(test)]
mod tests {
    use super::super::testing::all;
    use super::*;

    const FOOT: Footprint = Footprint {
        weights: 100 << 20,
        image: 10 << 20,
    };
    const WANTED: Fit = Fit {
        cache: 2 << 30,
        threads: 4,
        batch: 8,
    };

    fn free(mib: u64) -> Option<Free> {
        let bound = Bound::AddressSpace;
        let bytes = mib << 20;
        Some(Free { bytes, bound })
    }

    #[test]
    fn less_is_kept_then_threads_go_then_images() {
        let fit = |available: u64| FOOT.fit(WANTED, false, free(available));
        assert_eq!(fit(1 << 20).unwrap(), (WANTED, vec![]));
        assert_eq!(FOOT.fit(WANTED, false, None).unwrap().0, WANTED);
        // 260 MiB and 4 x 112 MiB leave 292 MiB.
        let (less, notes) = fit(1000).unwrap();
        assert_eq!(
            less,
            Fit {
                cache: 292 << 20,
                ..WANTED
            }
        );
        assert_eq!(notes.len(), 1);
        assert!(
            notes[0].contains("292 MiB instead of 2048 MiB"),
            "{notes:?}"
        );
        let (less, _) = fit(500).unwrap();
        assert_eq!(
            less,
            Fit {
                cache: 0,
                threads: 2,
                batch: 8
            }
        );
        let (less, notes) = fit(320).unwrap();
        assert_eq!(
            less,
            Fit {
                cache: 0,
                threads: 1,
                batch: 2
            }
        );
        assert_eq!(notes.len(), 3);
        let error = fit(300).unwrap_err().to_string();
        assert!(
            error.contains("302 MiB") && error.contains("300 MiB") && error.contains("ulimit -v"),
            "{error}"
        );
        // A batch through which state leaks is what it is.
        let error = FOOT.fit(WANTED, true, free(320)).unwrap_err();
        assert!(
            matches!(error, TorchError::Memory { images: 8, .. }),
            "{error}"
        );
    }

    #[test]
    fn an_estimate_covers_every_single_step() {
        for config in all() {
            let graph = config.graph().unwrap();
            let plan = Plan::new(&graph).unwrap();
            let foot = Footprint::of(&graph, &plan);
            for step in &plan.steps {
                let shape = graph.node(step.node).shape;
                let own = 4 * (shape.channels * shape.height * shape.width) as u64;
                assert!(foot.image > own, "{}", step.name);
            }
            let weights: u64 = graph.layers.iter().map(|l| l.weights() as u64).sum();
            assert_eq!(foot.weights, 8 * weights);
        }
    }
}
