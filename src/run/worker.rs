//! An evaluator in a thread of its own.

use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use crossbeam_channel::{Receiver, RecvTimeoutError, Sender, TryRecvError, bounded};

use crate::evaluate::{
    Caches, Cancel, EvaluateError, Evaluator, Job, Outcome, OutputError, Progress, Work,
};
use crate::system::fault;

/// The least time without a job before work is done ahead: between two jobs of a search there is
/// less.
const IDLE: Duration = Duration::from_millis(50);

/// What an evaluator's thread says.
#[derive(Debug)]
pub(super) enum Report {
    /// How far it is.
    Progress(Progress),
    /// The answer, or why there is none; and what it cost either way.
    Done(Box<Result<Outcome, EvaluateError>>, Work, Caches),
    /// What became known of layers on the way.
    OutputErrors(Vec<OutputError>),
}

/// The cancel flag of the work that a thread does ahead of the next job.
#[derive(Clone, Debug, Default)]
struct Ahead(Arc<Mutex<Cancel>>);

impl Ahead {
    /// Has the work stop.
    fn cancel(&self) {
        self.lock().cancel();
    }

    /// The flag of work that begins now.
    fn begin(&self) -> Cancel {
        let cancel = Cancel::default();
        *self.lock() = cancel.clone();
        cancel
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Cancel> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// An evaluator in its thread. It works on one job at a time, and ahead while there is none.
#[derive(Debug)]
pub(super) struct Worker {
    jobs: Option<Sender<(Job, Cancel)>>,
    ahead: Ahead,
    thread: Option<JoinHandle<()>>,
}

impl Worker {
    /// Moves an evaluator into a thread of its own, which signs its reports with `number`.
    pub fn spawn(
        number: usize,
        evaluator: Box<dyn Evaluator>,
        reports: Sender<(usize, Report)>,
    ) -> std::io::Result<Self> {
        let (jobs, jobs_in) = bounded::<(Job, Cancel)>(1);
        let ahead = Ahead::default();
        let mut desk = Desk {
            number,
            evaluator,
            reports,
            ahead: ahead.clone(),
        };
        let thread = thread::Builder::new()
            .name(format!("evaluator {number}"))
            .spawn(move || {
                while let Some((job, cancel)) = desk.next(&jobs_in) {
                    if !desk.evaluate(&job, &cancel) {
                        break;
                    }
                }
            })?;
        Ok(Worker {
            jobs: Some(jobs),
            ahead,
            thread: Some(thread),
        })
    }

    /// Starts a job; the thread must have none.
    pub fn start(&self, job: Job) -> Cancel {
        let cancel = Cancel::default();
        if let Some(jobs) = &self.jobs {
            let _ = jobs.send((job, cancel.clone()));
        }
        // Behind the job: who begins to work ahead afterwards looks for one first.
        self.ahead.cancel();
        cancel
    }

    /// Waits for the thread no more, whatever it does.
    pub fn abandon(&mut self) {
        self.thread = None;
    }
}

impl Drop for Worker {
    /// Waits for the thread: cancel a running job first.
    fn drop(&mut self) {
        self.jobs = None;
        self.ahead.cancel();
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

/// What an evaluator's thread works with.
struct Desk {
    number: usize,
    evaluator: Box<dyn Evaluator>,
    reports: Sender<(usize, Report)>,
    ahead: Ahead,
}

impl Desk {
    /// The next job; none when there will be no more. Until it comes, work is done ahead.
    fn next(&mut self, jobs: &Receiver<(Job, Cancel)>) -> Option<(Job, Cancel)> {
        match jobs.recv_timeout(IDLE) {
            Ok(job) => return Some(job),
            Err(RecvTimeoutError::Disconnected) => return None,
            Err(RecvTimeoutError::Timeout) => {}
        }
        loop {
            let cancel = self.ahead.begin();
            match jobs.try_recv() {
                Ok(job) => return Some(job),
                Err(TryRecvError::Disconnected) => return None,
                Err(TryRecvError::Empty) => {}
            }
            let work = AssertUnwindSafe(|| self.evaluator.work_ahead(&cancel));
            // What fails here is met again by the job that needs it.
            let more = catch_unwind(work).unwrap_or(false);
            self.tell_errors();
            if !more {
                return jobs.recv().ok();
            }
        }
    }

    /// Does a job; false where nobody listens any more.
    fn evaluate(&mut self, job: &Job, cancel: &Cancel) -> bool {
        let (number, reports, evaluator) = (self.number, &self.reports, &mut self.evaluator);
        let mut progress = |p| {
            let _ = reports.send((number, Report::Progress(p)));
        };
        let answer = catch_unwind(AssertUnwindSafe(|| {
            fault::AT_JOB.perhaps();
            match evaluator.evaluate(job, cancel, &mut progress) {
                Ok((outcome, work)) => (Ok(outcome), work),
                Err(error) => (Err(error), evaluator.wasted_work()),
            }
        }));
        let (answer, work) = answer.unwrap_or_else(|panic| {
            let text = panic_text(panic.as_ref());
            (Err(EvaluateError::Backend(text)), Work::default())
        });
        self.tell_errors();
        let caches = self.evaluator.caches();
        let done = Report::Done(Box::new(answer), work, caches);
        self.reports.send((number, done)).is_ok()
    }

    fn tell_errors(&mut self) {
        let errors = self.evaluator.latest_output_errors();
        if !errors.is_empty() {
            let _ = self
                .reports
                .send((self.number, Report::OutputErrors(errors)));
        }
    }
}

fn panic_text(panic: &(dyn Any + Send)) -> String {
    let text = panic
        .downcast_ref::<&str>()
        .copied()
        .or_else(|| panic.downcast_ref::<String>().map(String::as_str));
    format!("a fault in the evaluator: {}", text.unwrap_or("no message"))
}
