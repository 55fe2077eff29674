//! The evaluators of a run, and who does what.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use crossbeam_channel::{Receiver, unbounded};

use super::worker::{Report, Worker};
use crate::evaluate::{Cancel, Evaluator, Job, News};
use crate::search::Request;

/// A job under way.
#[derive(Debug)]
struct Running {
    request: Request,
    cancel: Cancel,
    /// When it began, or last said how far it is.
    heard: Instant,
}

/// A worker with what it does.
#[derive(Debug)]
struct Slot {
    worker: Worker,
    running: Option<Running>,
}

impl Slot {
    /// True where it does a job to its end.
    fn does(&self, job: &Job) -> bool {
        let running = self.running.as_ref();
        running.is_some_and(|r| !r.cancel.is_cancelled() && r.request.job == *job)
    }
}

/// Whoever works for evaluators on other machines: how many there are changes during a run.
#[derive(Clone, Debug)]
pub struct Crew {
    /// How many evaluators can work at the same time now.
    pub able: Arc<AtomicUsize>,
    /// How many may be at questions that other answers may make useless.
    pub guesses: usize,
    /// What they tell beside answers.
    pub news: Receiver<News>,
}

/// One evaluator or several.
#[derive(Debug)]
pub(super) struct WorkerPool {
    slots: Vec<Slot>,
    /// Who works for them elsewhere; none: they work themselves, all of them.
    crew: Option<Crew>,
    /// What they say, each with its number.
    pub reports: Receiver<(usize, Report)>,
}

impl WorkerPool {
    /// Moves every evaluator into a thread of its own.
    pub fn spawn(evaluators: Vec<Box<dyn Evaluator>>, crew: Option<Crew>) -> std::io::Result<Self> {
        let (reports_out, reports) = unbounded();
        let spawn = |(number, evaluator)| {
            Ok(Slot {
                worker: Worker::spawn(number, evaluator, reports_out.clone())?,
                running: None,
            })
        };
        let slots = evaluators.into_iter().enumerate().map(spawn);
        Ok(WorkerPool {
            slots: slots.collect::<std::io::Result<_>>()?,
            crew,
            reports,
        })
    }

    /// How many can work at the same time now: at least one, even while nobody is there who would
    /// do the work.
    pub fn len(&self) -> usize {
        let able = |crew: &Crew| crew.able.load(Ordering::Relaxed);
        let all = self.slots.len();
        let able = self.crew.as_ref().map(able);
        able.map_or(all, |able| able.min(all).max(1))
    }

    /// How many may be at questions that other answers may make useless: here nobody else has a use
    /// for the time.
    pub fn guesses(&self) -> usize {
        self.crew.as_ref().map_or(usize::MAX, |crew| crew.guesses)
    }

    /// True while none does anything.
    pub fn is_idle(&self) -> bool {
        self.slots.iter().all(|m| m.running.is_none())
    }

    /// What everyone does. Who was told to stop does nothing any more.
    pub fn doing(&self) -> Vec<Option<Request>> {
        let doing = |m: &Slot| {
            let running = m.running.as_ref().filter(|r| !r.cancel.is_cancelled())?;
            Some(running.request.clone())
        };
        let last = self.slots.iter().rposition(|m| m.running.is_some());
        let shown = self.len().max(last.map_or(0, |last| last + 1));
        self.slots.iter().take(shown).map(doing).collect()
    }

    /// True where somebody does a job to its end.
    pub fn does(&self, job: &Job) -> bool {
        self.slots.iter().any(|m| m.does(job))
    }

    /// True for a worker that does a job.
    pub fn is_at(&self, number: usize, job: &Job) -> bool {
        self.slots.get(number).is_some_and(|m| m.does(job))
    }

    /// Has the evaluators do what is wanted, most urgent first, and cancels what is wanted no more.
    /// True when one began.
    pub fn assign(&mut self, wanted: &[Request]) -> bool {
        for running in self.slots.iter().filter_map(|m| m.running.as_ref()) {
            if !wanted.iter().any(|r| r.job == running.request.job) {
                running.cancel.cancel();
            }
        }
        let mut begun = false;
        for request in wanted {
            let doing = self.slots.iter_mut().find(|m| m.does(&request.job));
            if let Some(running) = doing.and_then(|m| m.running.as_mut()) {
                // What was begun ahead may have become a candidate.
                running.request.candidate = request.candidate;
                continue;
            }
            let Some(free) = self.slots.iter_mut().find(|m| m.running.is_none()) else {
                break;
            };
            let cancel = free.worker.start(request.job.clone());
            let request = request.clone();
            free.running = Some(Running {
                request,
                cancel,
                heard: Instant::now(),
            });
            begun = true;
        }
        begun
    }

    /// Notes that a worker has said how far it is.
    pub fn heard(&mut self, number: usize) {
        let slot = self.slots.get_mut(number);
        if let Some(running) = slot.and_then(|slot| slot.running.as_mut()) {
            running.heard = Instant::now();
        }
    }

    /// The worker that has said nothing for longest, and for how long; none while all are idle.
    pub fn most_silent(&self) -> Option<(usize, Duration)> {
        let silent = |(number, slot): (usize, &Slot)| {
            let running = slot.running.as_ref()?;
            Some((number, running.heard.elapsed()))
        };
        let all = self.slots.iter().enumerate().filter_map(silent);
        all.max_by_key(|(_, silent)| *silent)
    }

    /// Waits for a worker no more: its thread ends with the process. What it was to do.
    pub fn abandon(&mut self, number: usize) -> Option<Request> {
        let slot = self.slots.get_mut(number)?;
        slot.worker.abandon();
        Some(slot.running.take()?.request)
    }

    /// The job that a worker reports to be done with.
    pub fn done(&mut self, number: usize) -> Option<Job> {
        let running = self.slots.get_mut(number)?.running.take();
        running.map(|r| r.request.job)
    }
}

impl Drop for WorkerPool {
    /// Has everyone stop at the next batch, before each is waited for.
    fn drop(&mut self) {
        for running in self.slots.iter().filter_map(|m| m.running.as_ref()) {
            running.cancel.cancel();
        }
    }
}
