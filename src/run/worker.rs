//! An evaluator in a thread of its own.

use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::thread::{self, JoinHandle};

use crossbeam_channel::{Sender, bounded};

use crate::evaluate::{Caches, Cancel, EvaluateError, Evaluator, Job, Outcome, Progress, Work};

/// What an evaluator's thread says.
#[derive(Debug)]
pub(super) enum Report {
    /// How far it is.
    Progress(Progress),
    /// The answer, or why there is none; and what it cost either way.
    Done(Box<Result<Outcome, EvaluateError>>, Work, Caches),
}

/// An evaluator in its thread. It works on one job at a time.
#[derive(Debug)]
pub(super) struct Worker {
    jobs: Option<Sender<(Job, Cancel)>>,
    thread: Option<JoinHandle<()>>,
}

impl Worker {
    /// Moves an evaluator into a thread of its own, which signs its reports with `number`.
    pub fn spawn(
        number: usize,
        mut evaluator: Box<dyn Evaluator>,
        reports: Sender<(usize, Report)>,
    ) -> std::io::Result<Self> {
        let (jobs, jobs_in) = bounded::<(Job, Cancel)>(1);
        let thread = thread::Builder::new()
            .name(format!("evaluator {number}"))
            .spawn(move || {
                for (job, cancel) in jobs_in {
                    let mut progress = |p| {
                        let _ = reports.send((number, Report::Progress(p)));
                    };
                    let answer = catch_unwind(AssertUnwindSafe(|| {
                        #[cfg(debug_assertions)]
                        super::fault::perhaps();
                        match evaluator.evaluate(&job, &cancel, &mut progress) {
                            Ok((outcome, work)) => (Ok(outcome), work),
                            Err(error) => (Err(error), evaluator.wasted_work()),
                        }
                    }));
                    let (answer, work) = answer.unwrap_or_else(|panic| {
                        let text = panic_text(panic.as_ref());
                        (Err(EvaluateError::Backend(text)), Work::default())
                    });
                    let caches = evaluator.caches();
                    if reports
                        .send((number, Report::Done(Box::new(answer), work, caches)))
                        .is_err()
                    {
                        break;
                    }
                }
            })?;
        Ok(Worker {
            jobs: Some(jobs),
            thread: Some(thread),
        })
    }

    /// Starts a job; the thread must be idle.
    pub fn start(&self, job: Job) -> Cancel {
        let cancel = Cancel::default();
        if let Some(jobs) = &self.jobs {
            let _ = jobs.send((job, cancel.clone()));
        }
        cancel
    }
}

impl Drop for Worker {
    /// Waits for the thread: cancel a running job first.
    fn drop(&mut self) {
        self.jobs = None;
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
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
