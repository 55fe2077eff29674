//! The engine thread: commands and answers in, events to the journal and then to the front end.

use std::path::PathBuf;
use std::thread::{self, JoinHandle};

use crossbeam_channel::{Receiver, Sender, bounded, never, select, unbounded};

use super::best::BestProfile;
use super::costs::Costs;
use super::script::{Order, Script};
use super::work::WorkLog;
use super::worker::{Report, Worker};
use super::{RunError, Totals, Update};
use crate::evaluate::{Cancel, EvaluateError, Evaluator, Outcome, Work};
use crate::journal::{Entry, Writer};
use crate::search::{Command, Engine, Event, Request, Tree};

/// Progress is dropped while so many updates wait to be read.
const CROWDED: usize = 256;

/// A running search, as a front end holds it. Dropping it stops the search; the journal is intact.
#[derive(Debug)]
pub struct Handle {
    /// The run's folder.
    pub folder: PathBuf,
    /// Steering.
    pub commands: Sender<Command>,
    /// What happens. Closed when the search has ended.
    pub updates: Receiver<Update>,
    /// Names of the network's layers.
    pub layers: Vec<String>,
    /// So many of the first updates are events of earlier sessions, read from the journal.
    pub history: usize,
    /// Orders that the search ended without; known once it has been stopped.
    pub unobeyed: Vec<Order>,
    stop: Option<Sender<()>>,
    thread: Option<JoinHandle<Vec<Order>>>,
}

impl Handle {
    /// Stops the evaluator at its next batch and waits for both threads.
    pub fn stop(&mut self) {
        self.stop = None;
        if let Some(thread) = self.thread.take() {
            self.unobeyed = thread.join().unwrap_or_default();
        }
    }
}

impl Drop for Handle {
    fn drop(&mut self) {
        self.stop();
    }
}

/// Everything the engine thread owns.
pub(super) struct Driver {
    pub engine: Engine,
    pub writer: Writer,
    pub work: WorkLog,
    pub costs: Costs,
    pub best: BestProfile,
    /// Commands given in advance.
    pub script: Script,
    /// Events of earlier sessions.
    pub history: Vec<Entry>,
    /// Events that the journal's torn end lacks.
    pub missing: Vec<Event>,
}

struct Running {
    request: Request,
    cancel: Cancel,
    cancelled: bool,
}

impl Driver {
    /// Starts both threads.
    pub fn spawn(self, folder: PathBuf, evaluator: Box<dyn Evaluator>) -> Result<Handle, RunError> {
        let (commands, commands_in) = unbounded();
        let (updates_out, updates) = unbounded();
        let (stop, stop_in) = bounded(0);
        let history = self.history.len();
        let layers = self.best.layers().to_vec();
        let io = |source| RunError::Io {
            action: "start a thread for",
            path: folder.clone(),
            source,
        };
        let worker = Worker::spawn(evaluator).map_err(io)?;
        let loop_ = Loop {
            driver: self,
            worker,
            updates: updates_out,
            running: None,
            idle_said: false,
        };
        let thread = thread::Builder::new()
            .name("search".into())
            .spawn(move || loop_.run(commands_in, stop_in))
            .map_err(io)?;
        Ok(Handle {
            folder,
            commands,
            updates,
            layers,
            history,
            unobeyed: Vec::new(),
            stop: Some(stop),
            thread: Some(thread),
        })
    }
}

struct Loop {
    driver: Driver,
    worker: Worker,
    updates: Sender<Update>,
    running: Option<Running>,
    idle_said: bool,
}

impl Loop {
    fn run(mut self, mut commands: Receiver<Command>, stop: Receiver<()>) -> Vec<Order> {
        for entry in std::mem::take(&mut self.driver.history) {
            self.tell(Update::Event(Box::new(entry)));
        }
        self.tell(Update::Totals(self.totals()));
        let missing = std::mem::take(&mut self.driver.missing);
        let mut outcome = self.publish(missing).and_then(|()| self.keep_best());
        while outcome.is_ok() {
            outcome = self.obey_script();
            if outcome.is_err() {
                break;
            }
            self.dispatch();
            if self.driver.engine.is_finished() && self.running.is_none() {
                break;
            }
            let reports = self.worker.reports.clone();
            let orders = self.driver.script.more().cloned().unwrap_or_else(never);
            select! {
                recv(commands) -> command => match command {
                    Ok(command) => {
                        let events = self.driver.engine.command(command);
                        outcome = self.publish(events);
                    }
                    Err(_) => commands = never(),
                },
                recv(orders) -> order => self.driver.script.take(order.ok()),
                recv(reports) -> report => outcome = self.report(report.ok()),
                recv(stop) -> _ => break,
            }
        }
        self.wind_up();
        self.tell(Update::Totals(self.totals()));
        if let Err(e) = outcome {
            self.tell(Update::Failed(e.to_string()));
        }
        self.driver.script.rest()
    }

    /// Obeys the orders that are due.
    fn obey_script(&mut self) -> Result<(), RunError> {
        self.driver.script.refill();
        loop {
            let next = self.driver.script.next();
            let events = self.driver.engine.hold_at(next);
            self.publish(events)?;
            let Driver { engine, script, .. } = &mut self.driver;
            if engine.is_finished() {
                return Ok(());
            }
            let paused = engine.tree().paused;
            let waits = paused || (self.running.is_none() && engine.wanted(1).is_empty());
            let due = script.due(engine.emitted(), waits);
            let left = (paused && script.is_over()).then_some(Command::Resume);
            let Some(command) = due.or(left) else {
                return Ok(());
            };
            let events = engine.command(command);
            self.publish(events)?;
        }
    }

    /// Has the evaluator do what the engine wants most, cancelling what it no longer wants.
    fn dispatch(&mut self) {
        let wanted = self.driver.engine.wanted(1).pop();
        match (&mut self.running, wanted) {
            (Some(running), wanted) => {
                if !running.cancelled && wanted.as_ref() != Some(&running.request) {
                    running.cancel.cancel();
                    running.cancelled = true;
                }
            }
            (None, Some(request)) => {
                let job = Box::new(request.job.clone());
                self.tell(Update::Working {
                    job,
                    candidate: request.candidate,
                });
                let cancel = self.worker.start(request.job.clone());
                self.running = Some(Running {
                    request,
                    cancel,
                    cancelled: false,
                });
                if std::mem::take(&mut self.idle_said) {
                    // A pause is no time of searching.
                    self.driver.work.restart();
                }
            }
            (None, None) => {
                if !std::mem::replace(&mut self.idle_said, true) {
                    self.tell(Update::Idle);
                }
            }
        }
    }

    /// Stops the evaluator, and counts what it has done since.
    fn wind_up(&mut self) {
        if self.idle_said {
            self.driver.work.restart();
        }
        let mut work = Work::default();
        if let Some(running) = self.running.take() {
            running.cancel.cancel();
            while let Ok(report) = self.worker.reports.recv() {
                if let Report::Done(_, spent) = report {
                    work = spent;
                    break;
                }
            }
        }
        self.driver.work.add(work);
    }

    fn report(&mut self, report: Option<Report>) -> Result<(), RunError> {
        match report {
            Some(Report::Progress(progress)) => {
                if self.updates.len() < CROWDED {
                    self.tell(Update::Progress(progress));
                }
                Ok(())
            }
            Some(Report::Done(answer, work)) => {
                let Some(running) = self.running.take() else {
                    return Ok(());
                };
                self.driver.work.add(work);
                match answer.and_then(|outcome| self.finite(outcome)) {
                    Ok(outcome) => {
                        let events = self.driver.engine.outcome(&running.request.job, outcome);
                        self.publish(events)?;
                    }
                    Err(EvaluateError::Cancelled) => {}
                    Err(e) => return Err(e.into()),
                }
                self.tell(Update::Totals(self.totals()));
                Ok(())
            }
            None => Err(EvaluateError::Backend("the evaluator thread has ended".into()).into()),
        }
    }

    /// A journal with a number that JSON cannot hold could never be read again, whoever evaluates.
    fn finite(&self, outcome: Outcome) -> Result<Outcome, EvaluateError> {
        let settings = self.tree().settings.as_ref();
        let sites = settings.iter().flat_map(|s| &s.space.sites);
        outcome.finite(sites.map(String::as_str))
    }

    /// Journals events, then tells them. The profile of the incumbent is on disk before the event that tells of it: who
    /// reads `finished` finds the result.
    fn publish(&mut self, events: Vec<Event>) -> Result<(), RunError> {
        if events.is_empty() {
            return Ok(());
        }
        if events.iter().any(changes_best) {
            self.keep_best()?;
        }
        let entries = self.driver.writer.append(events, &super::folder::now())?;
        for entry in entries {
            let driver = &mut self.driver;
            driver.costs.apply(&entry.event, driver.engine.tree());
            self.tell(Update::Event(Box::new(entry)));
        }
        Ok(())
    }

    fn keep_best(&mut self) -> Result<(), RunError> {
        self.driver.best.keep(self.driver.engine.tree())
    }

    fn tree(&self) -> &Tree {
        self.driver.engine.tree()
    }

    fn totals(&self) -> Totals {
        let plain = self.driver.costs.layer_forwards_plain(self.tree());
        Totals::new(self.driver.work.total(), plain)
    }

    fn tell(&self, update: Update) {
        // A front end that is gone is not missed: the run stops by its handle.
        let _ = self.updates.send(update);
    }
}

/// True for an event after which the profile of the incumbent reads otherwise.
fn changes_best(event: &Event) -> bool {
    match event {
        Event::IncumbentChanged { .. } => true,
        Event::CommandAccepted { command, .. } => {
            matches!(command, Command::Pin { .. } | Command::Unpin { .. })
        }
        _ => false,
    }
}
