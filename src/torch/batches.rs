//! Batches: which images run together, and running many of them on several threads.
//!
//! Sums of real numbers depend on how images share a batch, so batch `k` always holds images `k * size` up to
//! `(k + 1) * size` of its split, whatever was asked for, and the split's last batch is filled up with its last image. What
//! an image yields is then a function of network, allocation, split and image alone.
#![forbid(unsafe_code)]

use std::collections::BTreeMap;
use std::ops::{ControlFlow, Range};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread;

use crossbeam_channel::unbounded;

use crate::data::ImageSet;
use crate::evaluate::{Cancel, EvaluateError};
use crate::network::Graph;

/// Largest batch.
const LARGEST: usize = 8;
/// Bytes that the values of one operation may take per batch: a few of them fit a last-level cache (measured on the
/// demo: larger batches are slower, smaller ones lose to the cost of calling libtorch).
const BYTES: usize = 8 << 20;

/// Images per batch: a function of the graph alone.
pub(super) fn batch_size(graph: &Graph) -> usize {
    let numbers = |n: &crate::network::Node| {
        let steps = if n.is_static { 1 } else { graph.time_steps };
        steps * n.shape.channels * n.shape.height * n.shape.width
    };
    let largest = graph.nodes.iter().map(numbers).max().unwrap_or(0);
    (BYTES / (4 * largest.max(1))).clamp(1, LARGEST)
}

/// The batches that cover some images of a split.
#[derive(Clone, Debug)]
pub(super) struct Batches<'a> {
    images: &'a ImageSet,
    size: usize,
    wanted: Range<usize>,
}

impl<'a> Batches<'a> {
    /// `wanted` is within the split.
    pub(super) fn new(images: &'a ImageSet, size: usize, wanted: Range<usize>) -> Self {
        Batches {
            images,
            size,
            wanted,
        }
    }
    /// Batch numbers.
    pub(super) fn numbers(&self) -> Range<usize> {
        if self.wanted.is_empty() {
            return 0..0;
        }
        self.wanted.start / self.size..self.wanted.end.div_ceil(self.size)
    }
    /// The places within a batch of the images that were asked for.
    pub(super) fn places(&self, batch: usize) -> Range<usize> {
        let first = batch * self.size;
        self.wanted.start.max(first) - first..self.wanted.end.min(first + self.size) - first
    }
    /// The images of a batch, `[size, channels, height, width]`.
    pub(super) fn pixels(&self, batch: usize) -> Vec<f32> {
        let shape = self.images.shape();
        let length = shape.channels * shape.height * shape.width;
        let mut pixels = vec![0.0; self.size * length];
        let last = self.images.len().saturating_sub(1);
        for (i, pixels) in pixels.chunks_exact_mut(length.max(1)).enumerate() {
            self.images.fill((batch * self.size + i).min(last), pixels);
        }
        pixels
    }
}

/// Runs pieces of work on `threads` threads and commits their results in the order of the pieces, on the calling
/// thread, until `commit` breaks. Each thread makes its own worker. Returns the pieces that were run, committed or not.
///
/// # Errors
/// [`EvaluateError::Cancelled`] when cancelled before the end, else the error of the first piece that failed.
pub(super) fn run<W, R: Send>(
    pieces: Range<usize>,
    threads: usize,
    cancel: &Cancel,
    worker: impl Fn() -> Result<W, EvaluateError> + Sync,
    work: impl Fn(&mut W, usize) -> Result<R, EvaluateError> + Sync,
    mut commit: impl FnMut(usize, R) -> ControlFlow<()>,
) -> Result<Vec<usize>, EvaluateError> {
    let threads = threads.clamp(1, pieces.len().max(1));
    let next = AtomicUsize::new(pieces.start);
    let stop = AtomicBool::new(false);
    let (sender, results) = unbounded();
    thread::scope(|scope| {
        for _ in 0..threads {
            let sender = sender.clone();
            let (next, stop, worker, work, end) = (&next, &stop, &worker, &work, pieces.end);
            scope.spawn(move || {
                let mut own = None;
                while !stop.load(Ordering::Relaxed) && !cancel.is_cancelled() {
                    let piece = next.fetch_add(1, Ordering::Relaxed);
                    if piece >= end {
                        break;
                    }
                    let result = match &mut own {
                        Some(own) => work(own, piece),
                        None => worker().and_then(|made| work(own.insert(made), piece)),
                    };
                    // The receiver outlives the threads.
                    let _ = sender.send((piece, result));
                }
            });
        }
        drop(sender);
        let mut ran = Vec::new();
        let mut waiting = BTreeMap::new();
        let mut due = pieces.start;
        let mut failure = None;
        for (piece, result) in results {
            ran.push(piece);
            waiting.insert(piece, result);
            while let Some(result) = waiting.remove(&due) {
                let go_on = match result {
                    _ if stop.load(Ordering::Relaxed) => ControlFlow::Break(()),
                    Ok(result) => commit(due, result),
                    Err(error) => {
                        failure = Some(error);
                        ControlFlow::Break(())
                    }
                };
                if go_on.is_break() {
                    stop.store(true, Ordering::Relaxed);
                }
                due += 1;
            }
        }
        match failure {
            Some(error) => Err(error),
            None if due < pieces.end && !stop.load(Ordering::Relaxed) => {
                Err(EvaluateError::Cancelled)
            }
            None => Ok(ran),
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn failed(piece: usize) -> EvaluateError {
        EvaluateError::Backend(piece.to_string())
    }

    #[test]
    fn results_commit_in_order_until_stopped() {
        for threads in 1..5 {
            let mut seen = Vec::new();
            let ran = run(
                3..40,
                threads,
                &Cancel::default(),
                || Ok(()),
                |(), i| Ok(i * i),
                |i, square| {
                    seen.push((i, square));
                    if i == 20 {
                        ControlFlow::Break(())
                    } else {
                        ControlFlow::Continue(())
                    }
                },
            );
            let ran = ran.unwrap();
            assert_eq!(seen, (3..21).map(|i| (i, i * i)).collect::<Vec<_>>());
            assert!((3..21).all(|i| ran.contains(&i)));
        }
    }

    #[test]
    fn the_first_failure_in_order_is_reported_and_cancelling_is_no_failure() {
        for threads in 1..4 {
            let mut committed = 0;
            let result = run(
                0..50,
                threads,
                &Cancel::default(),
                || Ok(()),
                |(), i| if i >= 7 { Err(failed(i)) } else { Ok(()) },
                |_, ()| {
                    committed += 1;
                    ControlFlow::Continue(())
                },
            );
            assert_eq!((result, committed), (Err(failed(7)), 7));
        }
        let cancel = Cancel::default();
        let result = run(
            0..50,
            2,
            &cancel,
            || Ok(()),
            |(), i| {
                if i == 5 {
                    cancel.cancel();
                }
                Ok(())
            },
            |_, ()| ControlFlow::Continue(()),
        );
        assert_eq!(result, Err(EvaluateError::Cancelled));
    }

    #[test]
    fn a_worker_that_cannot_be_made_is_a_failure_and_no_work_is_done() {
        let worker = || Err::<(), _>(failed(0));
        let work = |(): &mut (), _: usize| -> Result<(), EvaluateError> { unreachable!() };
        let go = |_: usize, ()| ControlFlow::Continue(());
        let result = run(0..3, 2, &Cancel::default(), worker, work, go);
        assert_eq!(result, Err(failed(0)));
        let result = run(3..3, 2, &Cancel::default(), worker, work, go);
        assert_eq!(result, Ok(vec![]));
    }
}
