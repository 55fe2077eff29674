//! The engine thread: commands and answers in, events to the journal and then to the front end.

use std::path::PathBuf;
use std::thread::{self, JoinHandle};
use std::time::Duration;

use crossbeam_channel::{Receiver, Sender, after, bounded, never, select, unbounded};

use super::best::BestProfile;
use super::expected::Expected;
use super::probe::Probe;
use super::script::{ScheduledCommand, Script};
use super::side_file::SideFiles;
use super::work::WorkLog;
use super::worker::Report;
use super::worker_pool::{Crew, WorkerPool};
use super::{RunError, RunStatus, Summary, Totals, Update};
use crate::evaluate::{EvaluateError, Evaluator, Job, News, Outcome, Provenance};
use crate::journal::{Entry, Header, Writer};
use crate::search::{Command, Engine, Event, Instruction, Ledger, Request, Tree};
use crate::system::crash;

/// The number of unread updates above which progress is dropped.
const CROWDED: usize = 256;

/// A running search, as a front end holds it. Dropping it stops the search; the journal is intact.
#[derive(Debug)]
pub struct Handle {
    /// The run's folder.
    pub folder: PathBuf,
    /// Steering.
    pub commands: Sender<Instruction>,
    /// What happens. Closed when the search has ended.
    pub updates: Receiver<Update>,
    /// Names of the network's layers.
    pub layers: Vec<String>,
    /// The number of first updates that are events of earlier sessions, read from the journal.
    pub history: usize,
    /// What of the evaluator is not as it was asked for, and why.
    pub notes: Vec<String>,
    /// How long it was expected to take when it began; none where that is not known.
    pub expected: Option<Expected>,
    /// Makes the files of quantized layers beside saved profiles; none where they need none.
    pub side_files: Option<SideFiles>,
    /// The view into the network for display; none where there is nothing to see.
    pub probe: Option<Probe>,
    /// Orders that the search ended without; known once it has been stopped.
    pub unobeyed: Vec<ScheduledCommand>,
    /// What the run came to; known once it has been stopped.
    summary: Option<Summary>,
    stop: Option<Sender<()>>,
    thread: Option<JoinHandle<(Summary, Vec<ScheduledCommand>)>>,
}

impl Handle {
    /// The same with notes before its own.
    pub(super) fn with_notes(mut self, notes: Vec<String>) -> Self {
        self.notes.splice(0..0, notes);
        self
    }

    /// Stops the evaluators at their next batch and waits for all threads.
    pub fn stop(&mut self) {
        self.stop = None;
        if let Some(probe) = self.probe.take() {
            probe.stop();
        }
        if let Some(Ok((summary, unobeyed))) = self.thread.take().map(JoinHandle::join) {
            self.summary = Some(summary);
            self.unobeyed = unobeyed;
        }
    }

    /// Stops the run; what it came to.
    ///
    /// # Errors
    /// As [`Summary::read`], where the run's thread did not come to its end.
    pub fn summary(&mut self) -> Result<Summary, RunError> {
        self.stop();
        let read = || Summary::read(&self.folder);
        self.summary.take().map_or_else(read, Ok)
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
    pub ledger: Ledger,
    pub best: BestProfile,
    /// Commands given in advance.
    pub script: Script,
    /// How long an evaluation may say nothing.
    pub evaluation_timeout: Option<Duration>,
    /// The journal's first line.
    pub header: Header,
    /// Events of earlier sessions.
    pub history: Vec<Entry>,
    /// Events that the journal's torn end lacks.
    pub missing: Vec<Event>,
}

impl Driver {
    /// Starts all threads.
    pub fn spawn(
        self,
        folder: PathBuf,
        evaluators: Vec<Box<dyn Evaluator>>,
        crew: Option<Crew>,
    ) -> Result<Handle, RunError> {
        let (commands, commands_in) = unbounded();
        let (updates_out, updates) = unbounded();
        let (stop, stop_in) = bounded(0);
        let history = self.history.len();
        let layers = self.best.layers().to_vec();
        let io = RunError::io("start a thread for", &folder);
        let side_files = self.best.side_files().cloned();
        let guarded = self.writer.guard_file().map(|file| {
            format!(
                "the file system of {} has no locks: {} keeps other programs out instead; delete it where none has the run open",
                folder.display(),
                file.display()
            )
        });
        let notes = evaluators.iter().flat_map(|e| e.notes());
        let notes = notes.chain(guarded).collect();
        let prober = evaluators.first().and_then(|e| e.prober());
        let probe = prober.map(Probe::spawn).transpose().map_err(&io)?;
        let news = crew.as_ref().map_or_else(never, |crew| crew.news.clone());
        let pool = WorkerPool::spawn(evaluators, crew).map_err(&io)?;
        let run = folder.display();
        tracing::info!(%run, events = history, numerics = %self.header.fingerprint.numerics, "a search");
        crash::at_work(Some(&folder));
        let loop_ = Loop {
            folder: folder.clone(),
            driver: self,
            pool,
            news,
            updates: updates_out,
            faults: Vec::new(),
            moved: true,
            told: None,
            idle_said: false,
            doing: Vec::new(),
            dropped: 0,
            dropped_said: 0,
            resumed_finished: false,
        };
        let thread = thread::Builder::new()
            .name("search".into())
            .spawn(move || loop_.run(commands_in, stop_in))
            .map_err(&io)?;
        Ok(Handle {
            folder,
            commands,
            updates,
            layers,
            history,
            notes,
            expected: None,
            side_files,
            probe,
            unobeyed: Vec::new(),
            summary: None,
            stop: Some(stop),
            thread: Some(thread),
        })
    }
}

struct Loop {
    folder: PathBuf,
    driver: Driver,
    pool: WorkerPool,
    /// What evaluators tell beside answers.
    news: Receiver<News>,
    updates: Sender<Update>,
    /// Jobs without an answer. One that was done ahead of time matters when the search comes to it.
    faults: Vec<(Job, EvaluateError)>,
    /// Something happened since work was given out.
    moved: bool,
    /// What the front end believes to be under way.
    told: Option<Request>,
    idle_said: bool,
    /// What the front end believes every evaluator to do.
    doing: Vec<Option<Request>>,
    /// Progress reports dropped, and how many of them the front end knows of.
    dropped: u64,
    dropped_said: u64,
    /// True for a run that had finished before, until a command opens it again.
    resumed_finished: bool,
}

impl Loop {
    fn run(
        mut self,
        mut commands: Receiver<Instruction>,
        stop: Receiver<()>,
    ) -> (Summary, Vec<ScheduledCommand>) {
        for entry in std::mem::take(&mut self.driver.history) {
            self.tell(Update::Event(Box::new(entry)));
        }
        self.tell(Update::Totals(self.totals()));
        let missing = std::mem::take(&mut self.driver.missing);
        self.resumed_finished = self.driver.engine.is_finished();
        let mut outcome = self.publish(missing).and_then(|()| self.keep_best());
        while outcome.is_ok() {
            outcome = self.obey_script();
            if outcome.is_ok() && std::mem::take(&mut self.moved) {
                outcome = self.dispatch();
            }
            if outcome.is_err() || self.is_over() {
                break;
            }
            let reports = self.pool.reports.clone();
            let news = self.news.clone();
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
                recv(news) -> news => match news {
                    Ok(News::Note(text)) => self.tell(Update::Note(text)),
                    // More of them have more to do.
                    Ok(News::Able(_)) => self.moved = true,
                    Ok(News::Machines(machines)) => self.tell(Update::Machines(machines)),
                    Err(_) => self.news = never(),
                },
                recv(self.alarm()) -> _ => {
                    let events = self.driver.engine.command(Command::TimeUp);
                    outcome = self.publish(events);
                }
                recv(self.watchdog()) -> _ => outcome = self.heard_of_all(),
                recv(stop) -> _ => break,
            }
        }
        self.wind_up();
        crash::at_work(None);
        self.tell(Update::Totals(self.totals()));
        match outcome {
            Ok(()) => tracing::info!("the search ends: {:?}", self.tree().finished),
            Err(e) => {
                tracing::error!("the search stops: {e}");
                self.tell(Update::Failed(e.to_string()));
            }
        }
        let tree = self.tree().clone();
        let summary = Summary {
            folder: self.folder.clone(),
            header: self.driver.header.clone(),
            condition: match tree.finished {
                Some(_) => RunStatus::Finished,
                None => RunStatus::Unfinished,
            },
            counters: self.driver.ledger.counters(),
            totals: self.totals(),
            tree,
        };
        (summary, self.driver.script.rest())
    }

    /// True once the search has finished and nobody can open it again.
    fn is_over(&mut self) -> bool {
        let finished = self.driver.engine.is_finished();
        self.resumed_finished &= finished;
        finished && self.pool.is_idle() && !self.driver.script.stays(self.resumed_finished)
    }

    /// Obeys the orders that are due.
    fn obey_script(&mut self) -> Result<(), RunError> {
        self.driver.script.refill();
        loop {
            let next = self.driver.script.next();
            let events = self.driver.engine.hold_at(next);
            self.publish(events)?;
            let Driver { engine, script, .. } = &mut self.driver;
            let paused = engine.tree().paused;
            let finished = engine.is_finished();
            let waits = paused || (self.pool.is_idle() && engine.wanted(1).is_empty());
            // A search that has finished waits for nothing: what was to come later, never will.
            let waits = waits && !finished;
            let due = script.due(engine.emitted(), waits);
            let left = (paused && script.is_over()).then(|| Command::Resume.into());
            let Some(command) = due.or(left) else {
                return Ok(());
            };
            let events = engine.command(command);
            self.publish(events)?;
        }
    }

    /// Rings when the time that the constraint allows is over, while the search is at work. A pause
    /// is no time of searching.
    fn alarm(&self) -> Receiver<std::time::Instant> {
        let most = self.tree().constraint.max_seconds;
        let searching = !self.idle_said && self.driver.engine.is_searching();
        match most.filter(|_| searching) {
            Some(most) => {
                let left = (most - self.driver.work.seconds()).clamp(0.0, 1e9);
                after(Duration::from_secs_f64(left))
            }
            None => never(),
        }
    }

    /// Rings when an evaluation has said nothing for as long as it may.
    fn watchdog(&self) -> Receiver<std::time::Instant> {
        let silent = self.pool.most_silent();
        match self.driver.evaluation_timeout.zip(silent) {
            Some((most, (_, silent))) => after(most.saturating_sub(silent)),
            None => never(),
        }
    }

    /// An evaluation that has said nothing for too long is not waited for.
    fn heard_of_all(&mut self) -> Result<(), RunError> {
        let Some(most) = self.driver.evaluation_timeout else {
            return Ok(());
        };
        let silent = self.pool.most_silent();
        let Some((number, _)) = silent.filter(|(_, silent)| *silent >= most) else {
            return Ok(());
        };
        let request = self.pool.abandon(number);
        let candidate = request.and_then(|request| request.candidate);
        Err(RunError::Silent {
            what: match candidate {
                Some(candidate) => format!("the evaluation of candidate {candidate}"),
                None => "an evaluation".to_owned(),
            },
            seconds: most.as_secs(),
        })
    }

    /// Has the evaluators do what the engine wants, and says what it waits for.
    fn dispatch(&mut self) -> Result<(), RunError> {
        let (most, guessed) = (self.pool.len(), self.pool.guesses());
        let mut wanted = self.driver.engine.wanted_ahead(most, guessed);
        let fault = |job: &Job| self.faults.iter().find(|(of, _)| of == job);
        if let Some((_, error)) = wanted.first().and_then(|first| fault(&first.job)) {
            return Err(error.clone().into());
        }
        wanted.retain(|r| fault(&r.job).is_none());
        let begun = self.pool.assign(&wanted);
        if begun && std::mem::take(&mut self.idle_said) {
            // A pause is no time of searching.
            self.driver.work.restart();
        }
        match wanted.into_iter().next() {
            Some(first) if self.pool.does(&first.job) && self.told.as_ref() != Some(&first) => {
                self.tell(Update::Working {
                    job: Box::new(first.job.clone()),
                    candidate: first.candidate,
                });
                self.told = Some(first);
            }
            None if self.pool.is_idle() && !self.idle_said => {
                self.told = None;
                self.idle_said = true;
                self.tell(Update::Idle);
            }
            _ => {}
        }
        self.tell_doing();
        Ok(())
    }

    /// Says what every evaluator does, where that has changed.
    fn tell_doing(&mut self) {
        let doing = self.pool.doing();
        if doing != self.doing {
            self.tell(Update::Workers(doing.clone()));
            self.doing = doing;
        }
    }

    /// Stops the evaluators, and counts what they have done since.
    fn wind_up(&mut self) {
        if self.idle_said {
            self.driver.work.restart();
        }
        self.pool.assign(&[]);
        while !self.pool.is_idle() {
            match self.pool.reports.recv() {
                Ok((number, Report::Done(_, spent, _))) => {
                    if let Some(job) = self.pool.done(number) {
                        self.driver.work.add(&job, spent);
                    }
                }
                Ok((_, Report::Progress(_) | Report::OutputErrors(_))) => {}
                Err(_) => break,
            }
        }
        self.driver.work.elapse();
        self.tell_doing();
    }

    fn report(&mut self, report: Option<(usize, Report)>) -> Result<(), RunError> {
        match report {
            Some((number, Report::Progress(progress))) => {
                self.pool.heard(number);
                let told = self.told.as_ref();
                let awaited = told.is_some_and(|r| self.pool.is_at(number, &r.job));
                if awaited && self.updates.len() >= CROWDED {
                    self.dropped += 1;
                } else if awaited {
                    self.tell(Update::Progress(progress));
                    if self.dropped > self.dropped_said {
                        self.dropped_said = self.dropped;
                        self.tell(Update::Dropped(self.dropped));
                    }
                }
                Ok(())
            }
            Some((number, Report::Done(answer, work, caches))) => {
                let Some(job) = self.pool.done(number) else {
                    return Ok(());
                };
                self.moved = true;
                self.driver.work.add(&job, work);
                tracing::debug!(
                    worker = number,
                    images = work.images,
                    layer_forwards = work.layer_forwards,
                    earlier_run = work.provenance == Provenance::EarlierRun,
                    failed = answer.is_err(),
                    "{job}"
                );
                match (*answer).and_then(|outcome| self.finite(outcome)) {
                    Ok(outcome) => {
                        let engine = &mut self.driver.engine;
                        let events = engine.answer(&job, outcome, work.provenance);
                        self.publish(events)?;
                    }
                    Err(EvaluateError::Cancelled) => {}
                    Err(error) => self.faults.push((job, error)),
                }
                self.tell(Update::Caches(caches));
                self.tell(Update::Totals(self.totals()));
                Ok(())
            }
            Some((_, Report::OutputErrors(errors))) => {
                self.tell(Update::OutputErrors(errors));
                Ok(())
            }
            None => Err(EvaluateError::Backend("the evaluators' threads have ended".into()).into()),
        }
    }

    /// A journal with a number that JSON cannot hold could never be read again, whoever evaluates.
    fn finite(&self, outcome: Outcome) -> Result<Outcome, EvaluateError> {
        let settings = self.tree().settings.as_ref();
        let sites = settings.iter().flat_map(|s| &s.space.sites);
        outcome.finite(sites.map(String::as_str))
    }

    /// Journals events, then tells them. The profile of the incumbent is on disk before the event
    /// that tells of it: who reads `finished` finds the result.
    fn publish(&mut self, events: Vec<Event>) -> Result<(), RunError> {
        if events.is_empty() {
            return Ok(());
        }
        self.moved = true;
        if events.iter().any(changes_best) {
            self.keep_best()?;
        }
        let driver = &mut self.driver;
        let from_earlier_runs = (driver.writer.next()..)
            .take(events.len())
            .filter(|seq| driver.engine.provenance(*seq) == Provenance::EarlierRun);
        // Before the events: who follows the journal then finds it.
        from_earlier_runs.for_each(|seq| driver.work.reused(seq));
        for mut entry in driver.writer.append(events, &super::folder::now())? {
            let driver = &mut self.driver;
            entry.provenance = driver.work.logged.provenance(entry.seq);
            let tree = driver.engine.tree();
            driver.ledger.apply(&entry.event, tree, entry.provenance);
            tracing::debug!(seq = entry.seq, "{}", <&str>::from(&entry.event));
            self.tell(Update::Event(Box::new(entry)));
        }
        Ok(())
    }

    fn keep_best(&mut self) -> Result<(), RunError> {
        self.driver.best.keep(self.driver.engine.tree())?;
        if let Some(note) = self.driver.best.take_note() {
            self.tell(Update::Note(note));
        }
        Ok(())
    }

    fn tree(&self) -> &Tree {
        self.driver.engine.tree()
    }

    fn totals(&self) -> Totals {
        let Driver { work, ledger, .. } = &self.driver;
        work.logged.totals(ledger, self.tree())
    }

    fn tell(&self, update: Update) {
        // A front end that is gone is not missed: the run stops by its handle.
        let _ = self.updates.send(update);
    }
}

/// True for an event after which the profile of the incumbent reads otherwise.
fn changes_best(event: &Event) -> bool {
    match event {
        // With the end of the search comes the file of quantized layers.
        Event::IncumbentChanged { .. } | Event::Certified { .. } | Event::Finished { .. } => true,
        Event::CommandAccepted { command, .. } => {
            matches!(
                command,
                Command::Pin { .. } | Command::Unpin { .. } | Command::Undo | Command::Redo
            )
        }
        _ => false,
    }
}
