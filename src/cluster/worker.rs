//! A worker: hears which searches are there, makes evaluators for them, and answers their jobs one
//! at a time.
//!
//! The calling thread speaks with the server; the evaluators have a thread of their own, so that a
//! long evaluation is no silence.

mod contexts;
mod jobs;
mod presence;

use std::collections::HashMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::PathBuf;
use std::thread;
use std::time::{Duration, Instant};

use crossbeam_channel::{Receiver, Sender, unbounded};
use futures_util::StreamExt;
use tokio::sync::mpsc::{UnboundedSender, unbounded_channel};
use tokio::time::MissedTickBehavior;

use super::ClusterError;
use super::access::Login;
use super::desk::HEARTBEAT;
use super::jetstream::{ApiError, Connection, Delivery, Word};
use super::message::{
    self, Advance, Answer, Cancelled, Context, Facts, LARGEST, Order, Presence, Readiness,
    Returned, Wanted,
};
use super::pieces::{Folder, Place};
use super::subject::{self, ANSWERS, CONTEXTS};
use crate::evaluate::{Cancel, EvaluateError, Evaluator, Job, Outcome, Progress, Work};
use crate::journal::host;

/// The longest time for the first connection: in a batch system workers may begin before the
/// server.
const CONNECT: Duration = Duration::from_secs(60);
/// The interval at which a worker looks around.
const LOOK: Duration = Duration::from_millis(100);
/// The time that a request for a job is held by the server.
const HELD: Duration = Duration::from_secs(1);
/// The same where several pools are served in turn.
const HELD_IN_TURN: Duration = Duration::from_millis(200);
/// The time after a refusal, or between two tries.
const PAUSE: Duration = Duration::from_millis(300);
/// The interval at which progress is told.
const TELL: Duration = Duration::from_millis(200);
/// The time after which a search that is not heard of is forgotten.
const FORGOTTEN: Duration = Duration::from_secs(60);
/// The most searches' evaluators in memory.
const MOST_CONTEXTS: usize = 4;
/// The most cancellations that are remembered.
const MOST_CANCELLED: usize = 1024;
/// Faults one after the other after which a worker ends.
const MOST_FAULTS: u32 = 3;

/// How to work.
#[derive(Clone, Debug)]
pub struct WorkerOptions {
    /// The server, and what lets in.
    pub login: Login,
    /// Where evaluators run, for show.
    pub device: String,
    /// Their threads, for show and to weigh workers by.
    pub threads: usize,
    /// Where files that come over the network are kept.
    pub folder: Folder,
    /// The time after which the worker ends, its job handed back.
    pub time_limit: Option<Duration>,
    /// The time without progress after which an evaluation is taken for hung.
    pub stall: Duration,
}

/// Makes an evaluator of a context from its files, by key of the profile; or says why not.
pub type Maker =
    Box<dyn FnMut(&Context, &[(String, PathBuf)]) -> Result<Box<dyn Evaluator>, String> + Send>;

/// What a worker did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Served {
    /// Jobs answered.
    pub answered: u64,
}

/// What the evaluators' thread is to do.
enum Task {
    Prepare(Box<Context>, Vec<(String, PathBuf)>),
    Evaluate(String, Box<Job>, Cancel),
    Forget(String),
}

/// What tasks and the evaluators' thread tell.
enum Inside {
    Context(String, Result<Box<Context>, String>),
    Files(String, Vec<Place>),
    Fetched(String, usize, Result<PathBuf, String>),
    Prepared(String, Result<Facts, String>),
    Pulled(Result<Option<Pulled>, ApiError>),
    Progress(Progress),
    Done(Result<(Outcome, Work), EvaluateError>),
    Sent,
}

/// A job from the server, with the answer that is there already.
struct Pulled {
    delivery: Delivery,
    answer: Option<Vec<u8>>,
}

/// A context that a search wants.
struct Held {
    readiness: Readiness,
    context: Option<Box<Context>>,
    files: Vec<Place>,
    heard: Instant,
    /// The arithmetic that a search goes by.
    numerics: Option<String>,
}

/// The job at work.
struct Current {
    order: Order,
    delivery: Delivery,
    cancel: Cancel,
    begun: Instant,
    /// The last sign of life of the evaluator; none any more once it is done.
    sign: Option<Instant>,
    working_said: Instant,
    told: Instant,
}

/// Works until it is told to stop or its time is over. `say` is told what a person may want to
/// know.
///
/// # Errors
/// [`ClusterError::Connect`]; [`ClusterError::Worker`] where evaluators fail again and again, or
/// hang.
pub fn serve(
    options: WorkerOptions,
    make: Maker,
    stop: &Cancel,
    say: &dyn Fn(&str),
) -> Result<Served, ClusterError> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|_| ClusterError::Ended)?;
    let done = runtime.block_on(run(options, make, stop, say));
    // Whoever hashes a file or hangs in an evaluation is not waited for.
    runtime.shutdown_background();
    done
}

async fn run(
    options: WorkerOptions,
    make: Maker,
    stop: &Cancel,
    say: &dyn Fn(&str),
) -> Result<Served, ClusterError> {
    let (back, mut back_in) = unbounded_channel();
    let connection = Connection::open(&options.login, CONNECT, back).await?;
    let (inside, mut inside_in) = unbounded_channel();
    let (tasks, tasks_in) = unbounded();
    let of_thread = inside.clone();
    thread::Builder::new()
        .name("evaluator".into())
        .spawn(move || evaluate_all(make, &tasks_in, &of_thread))
        .map_err(|_| ClusterError::Ended)?;
    let mut wanted = connection.hear(subject::wanted("*")).await?;
    let mut cancelled = connection.hear(subject::cancel("*")).await?;
    let mut worker = Worker {
        name: name(),
        began: Instant::now(),
        busy: Duration::ZERO,
        longest: Duration::ZERO,
        answered: 0,
        images: 0,
        faults: 0,
        held: HashMap::new(),
        cancelled: Vec::new(),
        current: None,
        preparing: None,
        pulling: false,
        rest: Instant::now(),
        turn: 0,
        said: None,
        draining: false,
        connection,
        inside,
        tasks,
        options,
    };
    say(&format!("worker {}: waiting for searches", worker.name));
    let mut look = tokio::time::interval(LOOK);
    look.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            Some(heard) = wanted.next() => worker.wanted(&heard.payload).await,
            Some(heard) = cancelled.next() => worker.cancelled(&heard.payload),
            Some(told) = inside_in.recv() => worker.inside(told, say).await?,
            Some(()) = back_in.recv() => worker.said = None,
            _ = look.tick() => {
                worker.draining |= stop.is_cancelled() || worker.is_over();
                worker.look().await?;
            }
        }
        if worker.draining && worker.current.is_none() && !worker.pulling {
            break;
        }
        worker.pull();
    }
    worker.leave().await;
    Ok(Served {
        answered: worker.answered,
    })
}

struct Worker {
    name: String,
    options: WorkerOptions,
    connection: Connection,
    inside: UnboundedSender<Inside>,
    tasks: Sender<Task>,
    began: Instant,
    busy: Duration,
    /// The longest job so far.
    longest: Duration,
    answered: u64,
    images: u64,
    /// Faults one after the other.
    faults: u32,
    held: HashMap<String, Held>,
    cancelled: Vec<Cancelled>,
    current: Option<Current>,
    /// The context whose evaluator is being made.
    preparing: Option<String>,
    pulling: bool,
    /// No job is asked for before.
    rest: Instant,
    /// Which pool's turn it is.
    turn: usize,
    said: Option<Instant>,
    draining: bool,
}

impl Worker {
    /// True where there is no time left for a job.
    fn is_over(&self) -> bool {
        self.options
            .time_limit
            .is_some_and(|limit| self.began.elapsed() >= limit)
    }

    /// True where a job as long as the longest one would not end in time.
    fn is_late(&self) -> bool {
        let left = |limit: Duration| limit.saturating_sub(self.began.elapsed());
        self.options
            .time_limit
            .is_some_and(|limit| left(limit) < self.longest)
    }

    async fn inside(&mut self, told: Inside, say: &dyn Fn(&str)) -> Result<(), ClusterError> {
        match told {
            Inside::Context(id, Ok(context)) => self.look_for_files(id, context),
            Inside::Context(id, Err(why)) | Inside::Prepared(id, Err(why)) => {
                self.preparing = self.preparing.take().filter(|of| *of != id);
                say(&format!("cannot evaluate {id}: {why}"));
                self.set(&id, Readiness::Unable { why: short(why) }).await;
            }
            Inside::Files(id, files) => self.found_files(&id, files).await,
            Inside::Fetched(id, at, Ok(path)) => {
                if let Some(slot) = self.held.get_mut(&id).and_then(|h| h.files.get_mut(at)) {
                    *slot = Place::Here(path);
                }
                self.prepare_if_whole(&id).await;
            }
            Inside::Fetched(id, _, Err(why)) => {
                say(&format!("cannot evaluate {id}: {why}"));
                self.set(&id, Readiness::Unable { why: short(why) }).await;
            }
            Inside::Prepared(id, Ok(facts)) => {
                self.preparing = self.preparing.take().filter(|of| *of != id);
                say(&format!("ready for {id} ({})", facts.numerics));
                self.set(&id, Readiness::Ready { facts }).await;
            }
            Inside::Pulled(pulled) => {
                self.pulling = false;
                match pulled {
                    Ok(Some(pulled)) => self.begin(pulled).await,
                    Ok(None) => {}
                    Err(_) => self.rest = Instant::now() + PAUSE,
                }
            }
            Inside::Progress(progress) => self.advance(progress).await,
            Inside::Done(done) => self.done(done, say).await?,
            Inside::Sent => {
                if let Some(current) = self.current.take() {
                    self.answered += 1;
                    let took = current.begun.elapsed();
                    self.busy += took;
                    self.longest = self.longest.max(took);
                }
                self.say_presence().await;
            }
        }
        Ok(())
    }

    /// Looks around: signs of life, and what is not wanted any more.
    async fn look(&mut self) -> Result<(), ClusterError> {
        if let Some(current) = &mut self.current {
            if self.draining {
                current.cancel.cancel();
            }
            let stall = self.options.stall;
            if current.sign.is_some_and(|sign| sign.elapsed() > stall) {
                return Err(self.hung().await);
            }
            let third = Duration::from_millis(current.order.ack_wait_ms / 3);
            if current.working_said.elapsed() >= third {
                current.working_said = Instant::now();
                self.connection.tell(&current.delivery, Word::Working).await;
            }
        }
        let at = self.current.as_ref().map(|c| c.order.pool.clone());
        let forgotten = self.held.iter().filter(|(id, held)| {
            let is_at = match &held.readiness {
                Readiness::Ready { facts } => at == Some(message::pool(id, &facts.numerics)),
                _ => self.preparing.as_ref() == Some(id),
            };
            held.heard.elapsed() > FORGOTTEN && !is_at
        });
        for id in forgotten.map(|(id, _)| id.clone()).collect::<Vec<_>>() {
            self.held.remove(&id);
            let _ = self.tasks.send(Task::Forget(id));
        }
        if self.said.is_none_or(|said| said.elapsed() >= HEARTBEAT) {
            self.say_presence().await;
        }
        Ok(())
    }

    /// The evaluator hangs: the job goes to another worker, and this one ends.
    async fn hung(&mut self) -> ClusterError {
        let why = format!(
            "no progress for {} s in an evaluation: it is taken for hung",
            self.options.stall.as_secs()
        );
        if let Some(current) = self.current.take() {
            let error = EvaluateError::Backend(why.clone());
            self.give_back(&current, Some(error)).await;
        }
        self.leave().await;
        ClusterError::Worker(why)
    }
}

/// The thread of the evaluators.
fn evaluate_all(mut make: Maker, tasks: &Receiver<Task>, inside: &UnboundedSender<Inside>) {
    let mut evaluators: HashMap<String, Box<dyn Evaluator>> = HashMap::new();
    for task in tasks {
        let told = match task {
            Task::Prepare(context, files) => {
                let id = context.context.clone();
                let made = catch_unwind(AssertUnwindSafe(|| make(&context, &files)));
                let made = made.unwrap_or_else(|_| Err("a fault while it was made".to_owned()));
                let facts = made.map(|evaluator| {
                    let facts = Facts {
                        numerics: evaluator.numerics(),
                        batch: evaluator.batch(),
                        correction_images: evaluator.correction_images(),
                    };
                    evaluators.insert(id.clone(), evaluator);
                    facts
                });
                Inside::Prepared(id, facts)
            }
            Task::Evaluate(id, job, cancel) => {
                let Some(evaluator) = evaluators.get_mut(&id) else {
                    continue;
                };
                let mut progress = |p| drop(inside.send(Inside::Progress(p)));
                let done = catch_unwind(AssertUnwindSafe(|| {
                    evaluator.evaluate(&job, &cancel, &mut progress)
                }));
                let fault = || Err(EvaluateError::Backend("a fault in the evaluator".into()));
                Inside::Done(done.unwrap_or_else(|_| fault()))
            }
            Task::Forget(id) => {
                evaluators.remove(&id);
                continue;
            }
        };
        if inside.send(told).is_err() {
            return;
        }
    }
}

/// A name for this worker that no other has: its machine, its process, and a few digits.
fn name() -> String {
    let clean: String = host()
        .chars()
        .filter(|c| c.is_ascii_alphanumeric() || *c == '-')
        .take(24)
        .collect();
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    let now = now.unwrap_or_default().as_nanos();
    let digits = message::digest(now.to_string().as_bytes());
    format!("{clean}-{}-{}", std::process::id(), &digits[..4])
}

/// A text that is short enough for a message.
fn short(text: String) -> String {
    text.chars().take(1000).collect()
}
