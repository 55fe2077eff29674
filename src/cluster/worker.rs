//! A worker: hears which searches are there, makes evaluators for them, and answers their jobs one
//! at a time.
//!
//! The calling thread speaks with the server; the evaluators have a thread of their own, so that a
//! long evaluation is no silence.

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
use super::pieces::Folder;
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
    Files(String, Vec<Option<PathBuf>>),
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
    files: Vec<Option<PathBuf>>,
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

    /// A search is there.
    async fn wanted(&mut self, payload: &[u8]) {
        let Ok(wanted) = message::read::<Wanted>(payload) else {
            return;
        };
        if let Some(held) = self.held.get_mut(&wanted.context) {
            held.heard = Instant::now();
            if wanted.numerics.is_some() {
                held.numerics = wanted.numerics;
            }
            return;
        }
        if self.held.len() >= MOST_CONTEXTS || self.draining {
            return;
        }
        let held = Held {
            readiness: Readiness::Preparing,
            context: None,
            files: Vec::new(),
            heard: Instant::now(),
            numerics: wanted.numerics,
        };
        self.held.insert(wanted.context.clone(), held);
        let (connection, inside) = (self.connection.clone(), self.inside.clone());
        let id = wanted.context;
        tokio::spawn(async move {
            let found = get_context(&connection, &id).await;
            let _ = inside.send(Inside::Context(id, found));
        });
        self.say_presence().await;
    }

    fn cancelled(&mut self, payload: &[u8]) {
        let Ok(cancelled) = message::read::<Cancelled>(payload) else {
            return;
        };
        if let Some(current) = &self.current
            && is_of(&cancelled, &current.order)
        {
            current.cancel.cancel();
        }
        if self.cancelled.len() >= MOST_CANCELLED {
            self.cancelled.drain(..MOST_CANCELLED / 2);
        }
        self.cancelled.push(cancelled);
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
                    *slot = Some(path);
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

    async fn set(&mut self, id: &str, readiness: Readiness) {
        if let Some(held) = self.held.get_mut(id) {
            held.readiness = readiness;
        }
        self.say_presence().await;
    }

    /// Looks for the files of a context on this machine. A large one takes a while to hash.
    fn look_for_files(&mut self, id: String, context: Box<Context>) {
        let Some(held) = self.held.get_mut(&id) else {
            return;
        };
        let (files, folder) = (context.files.clone(), self.options.folder.clone());
        held.context = Some(context);
        let inside = self.inside.clone();
        tokio::task::spawn_blocking(move || {
            let found = files.iter().map(|file| folder.find(file)).collect();
            let _ = inside.send(Inside::Files(id, found));
        });
    }

    async fn found_files(&mut self, id: &str, files: Vec<Option<PathBuf>>) {
        let Some(held) = self.held.get_mut(id) else {
            return;
        };
        held.files = files;
        let Some(context) = &held.context else {
            return;
        };
        let mut lacking = Vec::new();
        for (at, file) in context.files.iter().enumerate() {
            if held.files.get(at).is_some_and(Option::is_none) {
                lacking.push(file.hash.clone());
                let (connection, folder) = (self.connection.clone(), self.options.folder.clone());
                let (inside, id, file) = (self.inside.clone(), id.to_owned(), file.clone());
                tokio::spawn(async move {
                    let fetched = folder.fetch(&connection, &file).await;
                    let _ = inside.send(Inside::Fetched(id, at, fetched));
                });
            }
        }
        if !lacking.is_empty() {
            self.set(id, Readiness::Lacking { files: lacking }).await;
        }
        self.prepare_if_whole(id).await;
    }

    async fn prepare_if_whole(&mut self, id: &str) {
        let Some(held) = self.held.get_mut(id) else {
            return;
        };
        let Some(context) = held
            .context
            .take_if(|_| held.files.iter().all(Option::is_some))
        else {
            return;
        };
        let keys = context.files.iter().map(|file| file.key.clone());
        let files = keys.zip(held.files.iter().flatten().cloned()).collect();
        self.preparing = Some(id.to_owned());
        let _ = self.tasks.send(Task::Prepare(context, files));
        self.set(id, Readiness::Preparing).await;
    }

    /// Asks for a job, unless there is one.
    fn pull(&mut self) {
        let busy = self.pulling || self.current.is_some() || self.preparing.is_some();
        if busy || self.draining || self.is_late() || Instant::now() < self.rest {
            return;
        }
        let pools = self
            .held
            .iter()
            .filter_map(|(id, held)| match &held.readiness {
                Readiness::Ready { facts } if held.numerics.as_ref() == Some(&facts.numerics) => {
                    Some(message::pool(id, &facts.numerics))
                }
                _ => None,
            });
        let mut pools: Vec<String> = pools.collect();
        pools.sort();
        self.turn = self.turn.wrapping_add(1);
        let Some(pool) = pools
            .get(self.turn.checked_rem(pools.len()).unwrap_or(0))
            .cloned()
        else {
            return;
        };
        self.pulling = true;
        let held = match pools.len() {
            1 => HELD,
            _ => HELD_IN_TURN,
        };
        let (connection, inside) = (self.connection.clone(), self.inside.clone());
        tokio::spawn(async move {
            let pulled = pull(&connection, &pool, held).await;
            let _ = inside.send(Inside::Pulled(pulled));
        });
    }

    /// Begins a job.
    async fn begin(&mut self, Pulled { delivery, answer }: Pulled) {
        let Ok(order) = message::read::<Order>(&delivery.payload) else {
            self.connection.tell(&delivery, Word::Garbage).await;
            return;
        };
        let context = self.held.iter().find(|(id, held)| match &held.readiness {
            Readiness::Ready { facts } => message::pool(id, &facts.numerics) == order.pool,
            _ => false,
        });
        let Some(context) = context.map(|(id, _)| id.clone()) else {
            self.connection.tell(&delivery, Word::Garbage).await;
            return;
        };
        if self.cancelled.iter().any(|c| is_of(c, &order)) {
            self.connection.tell(&delivery, Word::Done).await;
            return;
        }
        let mut current = Current {
            cancel: Cancel::default(),
            begun: Instant::now(),
            sign: Some(Instant::now()),
            working_said: Instant::now(),
            told: Instant::now(),
            order,
            delivery,
        };
        if let Some(answer) = answer {
            // Said again, for those who did not hear it.
            current.sign = None;
            self.send_answer(&current, answer);
        } else if self.draining {
            self.give_back(&current, None).await;
            return;
        } else {
            let job = Box::new(current.order.job.clone());
            let task = Task::Evaluate(context, job, current.cancel.clone());
            let _ = self.tasks.send(task);
        }
        self.current = Some(current);
        self.say_presence().await;
    }

    async fn advance(&mut self, progress: Progress) {
        let Some(current) = &mut self.current else {
            return;
        };
        current.sign = Some(Instant::now());
        if current.told.elapsed() < TELL {
            return;
        }
        current.told = Instant::now();
        let Order { session, key, .. } = &current.order;
        let (session, key) = (session.clone(), key.clone());
        let subject = subject::progress(&session);
        let advance = Advance {
            session,
            key,
            progress,
        };
        self.connection.say(subject, message::write(&advance)).await;
    }

    /// The evaluator is done with the job.
    async fn done(
        &mut self,
        done: Result<(Outcome, Work), EvaluateError>,
        say: &dyn Fn(&str),
    ) -> Result<(), ClusterError> {
        let Some(mut current) = self.current.take() else {
            return Ok(());
        };
        current.sign = None;
        let error = match done {
            Ok((outcome, work)) => {
                let answer = message::write(&Answer {
                    pool: current.order.pool.clone(),
                    key: current.order.key.clone(),
                    worker: self.name.clone(),
                    outcome,
                    spent: work.into(),
                });
                if answer.len() <= LARGEST {
                    self.faults = 0;
                    self.images += work.images;
                    self.send_answer(&current, answer);
                    self.current = Some(current);
                    return Ok(());
                }
                let why = format!("an answer of {} bytes is too large to send", answer.len());
                EvaluateError::Unreachable(why)
            }
            Err(EvaluateError::Cancelled) => {
                match self.draining {
                    true => self.give_back(&current, None).await,
                    // Whoever asked has said that nothing is waited for.
                    false => self.connection.tell(&current.delivery, Word::Done).await,
                }
                self.say_presence().await;
                return Ok(());
            }
            Err(error) => error,
        };
        say(&format!("a job failed: {error}"));
        let is_fault = error.may_retry();
        self.give_back(&current, Some(error.clone())).await;
        self.say_presence().await;
        if is_fault {
            self.faults += 1;
            // Others may do better.
            self.rest = Instant::now() + HEARTBEAT * self.faults;
        }
        if self.faults >= MOST_FAULTS {
            self.leave().await;
            return Err(ClusterError::Worker(format!(
                "{} jobs failed one after the other, the last one with: {error}",
                self.faults
            )));
        }
        Ok(())
    }

    /// Has the server keep an answer, however long that takes, and then says that the job is done.
    fn send_answer(&self, current: &Current, answer: Vec<u8>) {
        let (connection, inside) = (self.connection.clone(), self.inside.clone());
        let subject = subject::answer(&current.order.pool, &current.order.key);
        let delivery = current.delivery.clone();
        tokio::spawn(async move {
            while connection
                .keep(subject.clone(), None, answer.clone())
                .await
                .is_err()
            {
                tokio::time::sleep(PAUSE).await;
            }
            connection.tell(&delivery, Word::Done).await;
            let _ = inside.send(Inside::Sent);
        });
    }

    /// Gives a job back to the search.
    async fn give_back(&self, current: &Current, error: Option<EvaluateError>) {
        let Order {
            session,
            key,
            attempt,
            ..
        } = &current.order;
        let returned = Returned {
            session: session.clone(),
            key: key.clone(),
            attempt: *attempt,
            worker: self.name.clone(),
            error,
        };
        let subject = subject::returned(session);
        self.connection
            .say(subject, message::write(&returned))
            .await;
        self.connection.tell(&current.delivery, Word::Done).await;
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

    async fn say_presence(&mut self) {
        self.said = Some(Instant::now());
        self.presence(false).await;
    }

    async fn presence(&self, leaving: bool) {
        let contexts = self
            .held
            .iter()
            .map(|(id, h)| (id.clone(), h.readiness.clone()));
        let busy = self
            .current
            .as_ref()
            .map_or(Duration::ZERO, |c| c.begun.elapsed());
        let doing = |c: &Current| (c.order.pool.clone(), c.order.key.clone());
        let presence = Presence {
            worker: self.name.clone(),
            host: host(),
            process: std::process::id(),
            device: self.options.device.clone(),
            threads: self.options.threads,
            seconds: self.began.elapsed().as_secs_f64(),
            busy: (self.busy + busy).as_secs_f64(),
            answered: self.answered,
            images: self.images,
            doing: self.current.as_ref().map(doing),
            contexts: contexts.collect(),
            leaving,
        };
        let subject = subject::presence(&self.name);
        self.connection
            .say(subject, message::write(&presence))
            .await;
    }

    async fn leave(&self) {
        self.presence(true).await;
        self.connection.flush().await;
    }
}

/// True for a cancellation of this asking, or of a later one.
fn is_of(cancelled: &Cancelled, order: &Order) -> bool {
    cancelled.session == order.session
        && cancelled.key == order.key
        && cancelled.attempt >= order.attempt
}

/// Waits for a context, which a search keeps on the server before it says that it is there.
async fn get_context(connection: &Connection, id: &str) -> Result<Box<Context>, String> {
    loop {
        match connection.first(CONTEXTS, &subject::context(id)).await {
            Ok(Some(payload)) => {
                let context: Context = message::read(&payload).map_err(|e| e.to_string())?;
                return match context.context == id {
                    true => Ok(Box::new(context)),
                    false => Err("it is kept under the name of another".to_owned()),
                };
            }
            Ok(None) | Err(_) => tokio::time::sleep(PAUSE).await,
        }
    }
}

/// Gets a job, and the answer where it was given out before and somebody had answered.
async fn pull(
    connection: &Connection,
    pool: &str,
    held: Duration,
) -> Result<Option<Pulled>, ApiError> {
    let Some(delivery) = connection.pull(pool, held).await? else {
        return Ok(None);
    };
    let mut answer = None;
    if delivery.delivered > 1
        && let Ok(order) = message::read::<Order>(&delivery.payload)
    {
        let subject = subject::answer(&order.pool, &order.key);
        answer = connection.first(ANSWERS, &subject).await.ok().flatten();
        answer = answer.filter(|bytes| {
            message::read::<Answer>(bytes).is_ok_and(|answer| answer.answers(&order.job))
        });
    }
    Ok(Some(Pulled { delivery, answer }))
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
