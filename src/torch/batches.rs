//! Batches: which images run together, and running many of them on several threads.
//!
//! Sums of real numbers depend on how images share a batch, so batch `k` always holds images `k *
//! size` up to `(k + 1) * size` of its split, whatever was asked for, and the split's last batch is
//! filled up with its last image. What an image yields is then a function of network, allocation,
//! split and image alone.
#![forbid(unsafe_code)]

use std::collections::BTreeMap;
use std::ops::{ControlFlow, Range};
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use crossbeam_channel::{Sender, unbounded};

use super::Device;
use crate::data::ImageSet;
use crate::evaluate::{Cancel, EvaluateError};
use crate::network::Graph;

/// Largest batch.
const LARGEST: usize = 8;
/// Bytes that the values of one operation may take per batch: a few of them fit a last-level cache
/// (measured on the demo: larger batches are slower, smaller ones lose to the cost of calling
/// libtorch).
const BYTES: usize = 8 << 20;

/// Images of a batch through which state leaks, as the authors evaluate.
const LEAKING: usize = 32;

/// Whether state leaks from image to image.
pub(super) fn leaks(graph: &Graph) -> bool {
    graph.sites.iter().any(|s| s.batch_leak)
}

/// The factor of the batch size on a GPU, which needs large batches to be busy (never run).
const ON_GPU: usize = 32;

/// Images per batch, where memory allows: a function of the graph and of the kind of device.
pub(super) fn batch_size(graph: &Graph, device: Device) -> usize {
    if leaks(graph) {
        return LEAKING;
    }
    let times = if device == Device::CPU { 1 } else { ON_GPU };
    let numbers = |n: &crate::network::Node| {
        let steps = if n.time_invariant {
            1
        } else {
            graph.time_steps
        };
        steps * n.shape.channels * n.shape.height * n.shape.width
    };
    let largest = graph.nodes.iter().map(numbers).max().unwrap_or(0);
    (times * BYTES / (4 * largest.max(1))).clamp(1, times * LARGEST)
}

/// Images that run together on the processor, where memory allows.
pub fn images_together(graph: &Graph) -> usize {
    batch_size(graph, Device::CPU)
}

/// The batches that cover some images of a split.
#[derive(Clone, Debug)]
pub(super) struct Batches<'a> {
    images: &'a ImageSet,
    size: usize,
    wanted: Range<usize>,
    /// Whether the last batch is filled up.
    fills: bool,
}

impl<'a> Batches<'a> {
    /// `wanted` is within the split; batches hold `size` images.
    pub(super) fn new(
        graph: &Graph,
        size: usize,
        images: &'a ImageSet,
        wanted: Range<usize>,
    ) -> Self {
        Batches {
            images,
            size: size.max(1),
            wanted,
            fills: !leaks(graph),
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
    /// How many images run together in a batch.
    pub(super) fn images(&self, batch: usize) -> usize {
        match self.fills {
            true => self.size,
            false => self.distinct(batch),
        }
    }
    /// How many images of the split are in a batch, asked for or not; copies that fill it up do not
    /// count.
    pub(super) fn distinct(&self, batch: usize) -> usize {
        let left = self.images.len().saturating_sub(batch * self.size);
        left.min(self.size)
    }
    /// The images of a batch, `[images, channels, height, width]` (frames: `[images, frames,
    /// channels, height, width]`).
    pub(super) fn pixels(&self, batch: usize) -> Result<Vec<f32>, EvaluateError> {
        let length = self.images.numbers();
        let mut pixels = vec![0.0; self.images(batch) * length];
        let last = self.images.len().saturating_sub(1);
        for (i, pixels) in pixels.chunks_exact_mut(length.max(1)).enumerate() {
            let filled = self.images.fill((batch * self.size + i).min(last), pixels);
            filled.map_err(|error| EvaluateError::Data(error.to_string()))?;
        }
        Ok(pixels)
    }
}

/// Pieces that are started and not yet committed: half as many again as threads, so that a slow
/// piece does not keep the others waiting.
fn at_once(threads: usize) -> usize {
    threads + threads / 2
}

/// Runs pieces of work on `threads` threads and commits their results in the order of the pieces,
/// on the calling thread, until `commit` breaks. Each thread makes its own worker. At most
/// [`at_once`] pieces are started and not yet committed, so that little work is wasted, and nothing
/// by a single thread. When this returns, nothing runs any more.
///
/// # Errors
/// [`EvaluateError::Cancelled`] when cancelled before the end, else the error of the first piece
/// that failed.
pub(super) fn run<W, R: Send>(
    pieces: Range<usize>,
    threads: usize,
    cancel: &Cancel,
    worker: impl Fn() -> Result<W, EvaluateError> + Sync,
    work: impl Fn(&mut W, usize) -> Result<R, EvaluateError> + Sync,
    mut commit: impl FnMut(usize, R) -> ControlFlow<()>,
) -> Result<(), EvaluateError> {
    let threads = threads.clamp(1, pieces.len().max(1));
    let stop = AtomicBool::new(false);
    let (orders, to_do) = unbounded();
    let (sender, results) = unbounded();
    let run_all = |own: &mut Option<W>, piece: usize| {
        if cancel.is_cancelled() {
            return Err(EvaluateError::Cancelled);
        }
        match own {
            Some(own) => work(own, piece),
            None => work(own.insert(worker()?), piece),
        }
    };
    thread::scope(|scope| {
        for _ in 0..threads {
            let (to_do, sender) = (to_do.clone(), sender.clone());
            let (stop, run_all) = (&stop, &run_all);
            scope.spawn(move || {
                let mut own = None;
                for piece in to_do {
                    if stop.load(Ordering::Relaxed) {
                        break;
                    }
                    let answer = Answer::new(piece, &sender);
                    answer.give(run_all(&mut own, piece));
                }
            });
        }
        drop((to_do, sender));
        let mut ahead = pieces.clone();
        let order = |piece: usize| {
            // Workers that are gone have answered why.
            let _ = orders.send(piece);
        };
        ahead.by_ref().take(at_once(threads)).for_each(order);
        let mut waiting = BTreeMap::new();
        let mut end = Ok(());
        for due in pieces {
            let result = loop {
                if let Some(result) = waiting.remove(&due) {
                    break result;
                }
                match results.recv() {
                    Ok((piece, result)) => waiting.insert(piece, result),
                    // Not reached: every piece is answered.
                    Err(_) => break Err(EvaluateError::Cancelled),
                };
            };
            match result {
                Ok(result) => {
                    if commit(due, result).is_break() {
                        break;
                    }
                }
                Err(error) => {
                    end = Err(error);
                    break;
                }
            }
            ahead.by_ref().take(1).for_each(order);
        }
        stop.store(true, Ordering::Relaxed);
        drop(orders);
        end
    })
}

/// The promise to answer for a piece, kept even by a worker that panics.
struct Answer<'a, R> {
    piece: usize,
    sender: &'a Sender<(usize, Result<R, EvaluateError>)>,
    given: bool,
}

impl<'a, R> Answer<'a, R> {
    fn new(piece: usize, sender: &'a Sender<(usize, Result<R, EvaluateError>)>) -> Self {
        Answer {
            piece,
            sender,
            given: false,
        }
    }
    fn give(mut self, result: Result<R, EvaluateError>) {
        self.given = true;
        // The receiver outlives the workers.
        let _ = self.sender.send((self.piece, result));
    }
}

impl<R> Drop for Answer<'_, R> {
    fn drop(&mut self) {
        if !self.given {
            let failed = EvaluateError::Backend("a worker thread panicked".to_owned());
            let _ = self.sender.send((self.piece, Err(failed)));
        }
    }
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
            let ran = std::sync::Mutex::new(Vec::new());
            let done = run(
                3..40,
                threads,
                &Cancel::default(),
                || Ok(()),
                |(), i| {
                    ran.lock().unwrap().push(i);
                    Ok(i * i)
                },
                |i, square| {
                    seen.push((i, square));
                    if i == 20 {
                        ControlFlow::Break(())
                    } else {
                        ControlFlow::Continue(())
                    }
                },
            );
            done.unwrap();
            let ran = ran.into_inner().unwrap();
            assert_eq!(seen, (3..21).map(|i| (i, i * i)).collect::<Vec<_>>());
            assert!((3..21).all(|i| ran.contains(&i)));
            assert!(ran.iter().all(|&i| i < 20 + at_once(threads)));
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
    #[should_panic(expected = "a scoped thread panicked")]
    fn a_panic_in_a_worker_is_not_waited_for() {
        let work = |(): &mut (), i: usize| {
            assert!(i != 3, "the third piece");
            Ok(())
        };
        let go = |_: usize, ()| ControlFlow::Continue(());
        let _ = run(0..30, 2, &Cancel::default(), || Ok(()), work, go);
    }

    #[test]
    fn a_worker_that_cannot_be_made_is_a_failure_and_no_work_is_done() {
        let worker = || Err::<(), _>(failed(0));
        let work = |(): &mut (), _: usize| -> Result<(), EvaluateError> { unreachable!() };
        let go = |_: usize, ()| ControlFlow::Continue(());
        let result = run(0..3, 2, &Cancel::default(), worker, work, go);
        assert_eq!(result, Err(failed(0)));
        let result = run(3..3, 2, &Cancel::default(), worker, work, go);
        assert_eq!(result, Ok(()));
    }
}
