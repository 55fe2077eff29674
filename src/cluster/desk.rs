//! The thread of a search's side: gives out jobs, hears of them, and sees to it that none is lost.
//!
//! What the server keeps may be lost at any time: a job that nobody knows of any more is given out
//! again, and the first answer counts, whoever gives it.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use crossbeam_channel::Sender;
use futures_util::StreamExt;
use serde::Deserialize;
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use tokio::time::MissedTickBehavior;

use super::ClusterError;
use super::coordinator::{Early, Request, Told, Wish};
use super::crowd::Crowd;
use super::jetstream::{ApiError, Connection, MAX_DELIVER};
use super::message::{
    self, Advance, Answer, Cancelled, Facts, Order, Presence, Readiness, Returned, Trouble, Wanted,
};
use super::pieces;
use super::subject::{self, ANSWERS, CONTEXTS, JOBS};
use crate::evaluate::{EvaluateError, Job, News, Question};
use crate::journal::host;

/// The interval at which a search says that it is there.
pub(super) const HEARTBEAT: Duration = Duration::from_secs(1);
/// The interval at which the thread looks around.
const LOOK: Duration = Duration::from_millis(250);
/// The time in which the workers that are there say so.
const GATHER: Duration = Duration::from_millis(1200);
/// The time after which it is said that nobody is there.
const ALONE: Duration = Duration::from_secs(3);
/// The time between two tries at something that the server did not do.
const PAUSE: Duration = Duration::from_millis(300);
/// The longest time for the connection to be made.
const CONNECT: Duration = Duration::from_secs(10);

/// What tasks of the thread tell it.
enum Inside {
    /// An answer was found on the server.
    Found(String, Vec<u8>),
    /// A job is in the queue, under a number.
    Queued {
        key: String,
        attempt: u32,
        number: u64,
    },
    /// The server does not know a job any more.
    Lost(String),
    /// The server has given a job up.
    GivenUp(String),
    /// A job waits although somebody has time for it.
    Stalled(String),
    /// A job is on its way.
    Fine(String),
    /// The server lacks what it was told before.
    Forgotten,
    /// Streams, context and consumer are there.
    Ready(Option<ApiError>),
}

/// A job that is waited for.
struct Pending {
    job: Job,
    told: Vec<(usize, Sender<Told>)>,
    /// Which asking.
    attempt: u32,
    /// Workers that failed at it.
    failures: u32,
    /// Its number in the queue.
    number: Option<u64>,
    /// The last sign of life.
    sign: Instant,
    checking: bool,
    gone: Arc<AtomicBool>,
}

impl Drop for Pending {
    fn drop(&mut self) {
        self.gone.store(true, Ordering::Relaxed);
    }
}

pub(super) struct Desk {
    wish: Wish,
    connection: Connection,
    session: String,
    pool: String,
    pending: HashMap<String, Pending>,
    /// By number of the asking.
    keys: HashMap<usize, String>,
    /// The answers given so far, by whom.
    answered: HashMap<String, (String, String)>,
    crowd: Crowd,
    live: Arc<AtomicUsize>,
    attempts: u32,
    news: Sender<News>,
    inside: UnboundedSender<Inside>,
    /// When it was said last that the search is there.
    said: Option<Instant>,
    /// Since when no worker is there, and whether that was said.
    alone: Option<(Instant, bool)>,
    /// The number of jobs that may be given out at once, as the server knows it.
    at_once: usize,
    making_ready: bool,
}

impl Desk {
    /// Works until nobody asks any more.
    pub async fn run(
        wish: Wish,
        (early, news): (Sender<Early>, Sender<News>),
        live: Arc<AtomicUsize>,
        requests: UnboundedReceiver<Request>,
    ) -> Result<(), ClusterError> {
        let (back, back_in) = unbounded_channel();
        let (inside, inside_in) = unbounded_channel();
        let connection = Connection::open(&wish.login, CONNECT, back).await?;
        let refused = |e| connection.refused("keep jobs (JetStream)", &e);
        connection.make_streams().await.map_err(refused)?;
        let mut desk = Desk {
            session: session(),
            pool: String::new(),
            pending: HashMap::new(),
            keys: HashMap::new(),
            answered: HashMap::new(),
            crowd: Crowd::new(&wish.context.context),
            live,
            attempts: 0,
            news,
            inside,
            said: None,
            alone: None,
            at_once: 2,
            making_ready: false,
            connection,
            wish,
        };
        let kept = desk.keep_context().await;
        kept.map_err(|e| desk.connection.refused("keep what is to be evaluated", &e))?;
        let facts = desk.gather(&early).await?;
        desk.pool = message::pool(&desk.wish.context.context, &facts.numerics);
        desk.wish.numerics = Some(facts.numerics.clone());
        let ack_wait = desk.wish.login.ack_wait;
        let made = desk
            .connection
            .make_consumer(&desk.pool, (ack_wait, desk.at_once))
            .await;
        made.map_err(|e| desk.connection.refused("give out jobs", &e))?;
        desk.work(early, facts, (requests, inside_in, back_in))
            .await
    }

    async fn keep_context(&self) -> Result<(), ApiError> {
        let subject = subject::context(&self.wish.context.context);
        let context = message::write(&self.wish.context);
        self.connection
            .keep(subject, None, context)
            .await
            .map(|_| ())
    }

    /// Waits for workers that can do it, and settles on their arithmetic.
    async fn gather(&mut self, early: &Sender<Early>) -> Result<Facts, ClusterError> {
        let mut presence = self.connection.hear(subject::presence("*")).await?;
        let mut look = tokio::time::interval(LOOK);
        let (begin, mut ready, mut noted) = (Instant::now(), None, None);
        loop {
            tokio::select! {
                heard = presence.next() => match heard {
                    Some(heard) => self.present(&heard.payload),
                    None => return Err(ClusterError::Ended),
                },
                _ = look.tick() => {
                    self.announce().await;
                    self.crowd.forget();
                }
            }
            let wanted = self.wish.numerics.as_deref();
            let choice = self.crowd.choice(wanted);
            if choice.is_some() && ready.is_none() {
                ready = Some(Instant::now());
            }
            if ready.is_some_and(|since: Instant| wanted.is_some() || since.elapsed() >= GATHER)
                && let Some(facts) = choice
            {
                return Ok(facts);
            }
            if begin.elapsed() < ALONE || ready.is_some() {
                continue;
            }
            if let Some(why) = self.crowd.all_unable() {
                return Err(ClusterError::Unable(why));
            }
            let note = self.crowd.waiting_for(wanted);
            if noted.as_ref() != Some(&note) {
                let _ = early.send(Early::Note(note.clone()));
                noted = Some(note);
            }
        }
    }

    async fn work(
        mut self,
        early: Sender<Early>,
        facts: Facts,
        (mut requests, mut inside, mut back): (
            UnboundedReceiver<Request>,
            UnboundedReceiver<Inside>,
            UnboundedReceiver<()>,
        ),
    ) -> Result<(), ClusterError> {
        let mut presence = self.connection.hear(subject::presence("*")).await?;
        let mut answers = self.connection.hear(subject::answers(&self.pool)).await?;
        let mut returned = self
            .connection
            .hear(subject::returned(&self.session))
            .await?;
        let mut advance = self
            .connection
            .hear(subject::progress(&self.session))
            .await?;
        let given_up = format!("{}.{}", subject::GIVEN_UP, self.pool);
        let mut given_up = self.connection.hear(given_up).await?;
        let mut look = tokio::time::interval(LOOK);
        look.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let _ = early.send(Early::Ready(Ok(facts)));
        drop(early);
        self.count();
        loop {
            tokio::select! {
                request = requests.recv() => match request {
                    Some(Request::Ask { number, job, told }) => self.ask(number, *job, told),
                    Some(Request::Cancel(number)) => self.cancel(number).await,
                    None => break,
                },
                Some(heard) = answers.next() => {
                    if let Some(key) = heard.subject.rsplit('.').next() {
                        self.answer(key, &heard.payload);
                    }
                }
                Some(heard) = returned.next() => self.returned(&heard.payload),
                Some(heard) = advance.next() => self.advance(&heard.payload),
                Some(heard) = presence.next() => self.present(&heard.payload),
                Some(heard) = given_up.next() => self.given_up(&heard.payload),
                Some(told) = inside.recv() => self.inside(told).await,
                Some(()) = back.recv() => {
                    // What was said meanwhile was not heard.
                    self.make_ready();
                    let all: Vec<String> = self.pending.keys().cloned().collect();
                    all.iter().for_each(|key| self.check(key));
                }
                _ = look.tick() => self.look().await,
            }
        }
        let keys: Vec<String> = self.pending.keys().cloned().collect();
        for key in keys {
            self.forget(&key).await;
        }
        self.connection.flush().await;
        Ok(())
    }

    /// Says that the search is there, when it is time.
    async fn announce(&mut self) {
        if self.said.is_some_and(|said| said.elapsed() < HEARTBEAT) {
            return;
        }
        self.said = Some(Instant::now());
        let wanted = Wanted {
            session: self.session.clone(),
            context: self.wish.context.context.clone(),
            name: self.wish.name.clone(),
            host: host(),
            numerics: self.wish.numerics.clone(),
            waiting: self.pending.len(),
        };
        let subject = subject::wanted(&self.session);
        self.connection.say(subject, message::write(&wanted)).await;
    }

    /// A worker is there.
    fn present(&mut self, payload: &[u8]) {
        let Ok(presence) = message::read::<Presence>(payload) else {
            return;
        };
        if let Some((pool, key)) = &presence.doing
            && *pool == self.pool
            && let Some(pending) = self.pending.get_mut(key)
        {
            pending.sign = Instant::now();
        }
        for (context, readiness) in &presence.contexts {
            if let Readiness::Lacking { files } = readiness
                && *context == self.wish.context.context
            {
                let wish = &self.wish;
                let known = wish.context.files.iter().zip(&wish.files);
                for (file, path) in known.filter(|(f, _)| files.contains(&f.hash)) {
                    if self.crowd.may_send(&file.hash) {
                        let (connection, file) = (self.connection.clone(), file.clone());
                        tokio::spawn(pieces::send(connection, file, path.clone()));
                    }
                }
            }
        }
        self.crowd.heard(presence);
        if !self.pool.is_empty() {
            self.count();
        }
    }

    /// Counts the workers, and tells where that has changed.
    fn count(&mut self) {
        let numerics = self.wish.numerics.clone().unwrap_or_default();
        let live = self.crowd.ready(&numerics);
        if self.live.swap(live, Ordering::Relaxed) != live {
            let _ = self.news.send(News::Able(live));
        }
        self.alone = match (live, self.alone) {
            (0, None) => Some((Instant::now(), false)),
            (0, since) => since,
            (_, Some((_, true))) => {
                let back = format!("{live} worker(s) are there again");
                let _ = self.news.send(News::Note(back));
                None
            }
            _ => None,
        };
        let at_once = (2 * live).max(2);
        if at_once != self.at_once {
            self.at_once = at_once;
            self.make_ready();
        }
    }

    /// Has streams, context and consumer made where they are not there, and the consumer changed.
    fn make_ready(&mut self) {
        if std::mem::replace(&mut self.making_ready, true) {
            return;
        }
        let (connection, inside) = (self.connection.clone(), self.inside.clone());
        let context = message::write(&self.wish.context);
        let subject = subject::context(&self.wish.context.context);
        let (pool, limits) = (self.pool.clone(), (self.wish.login.ack_wait, self.at_once));
        tokio::spawn(async move {
            let made = async {
                connection.make_streams().await?;
                if connection.first(CONTEXTS, &subject).await?.is_none() {
                    connection.keep(subject, None, context).await?;
                }
                connection.make_consumer(&pool, limits).await
            };
            let made = made.await;
            if made.is_err() {
                tokio::time::sleep(PAUSE).await;
            }
            let _ = inside.send(Inside::Ready(made.err()));
        });
    }

    fn ask(&mut self, number: usize, job: Job, told: Sender<Told>) {
        let key = message::key(&self.pool, &job);
        self.keys.insert(number, key.clone());
        if let Some(pending) = self.pending.get_mut(&key) {
            pending.told.push((number, told));
            return;
        }
        let pending = Pending {
            job,
            told: vec![(number, told)],
            attempt: 0,
            failures: 0,
            number: None,
            sign: Instant::now(),
            checking: false,
            gone: Arc::default(),
        };
        self.pending.insert(key.clone(), pending);
        self.give_out(&key, Duration::ZERO);
    }

    /// Puts a job into the queue, unless there is an answer already.
    fn give_out(&mut self, key: &str, delay: Duration) {
        self.attempts += 1;
        let attempt = self.attempts;
        let Some(pending) = self.pending.get_mut(key) else {
            return;
        };
        pending.attempt = attempt;
        pending.number = None;
        pending.sign = Instant::now();
        let order = Order {
            session: self.session.clone(),
            pool: self.pool.clone(),
            key: key.to_owned(),
            attempt,
            ack_wait_ms: u64::try_from(self.wish.login.ack_wait.as_millis()).unwrap_or(u64::MAX),
            job: pending.job.clone(),
        };
        let gone = Arc::clone(&pending.gone);
        let (connection, inside) = (self.connection.clone(), self.inside.clone());
        tokio::spawn(async move {
            tokio::time::sleep(delay).await;
            give_out(&connection, &order, &gone, &inside).await;
        });
    }

    async fn cancel(&mut self, number: usize) {
        let Some(key) = self.keys.remove(&number) else {
            return;
        };
        let Some(pending) = self.pending.get_mut(&key) else {
            return;
        };
        pending.told.retain(|(of, _)| *of != number);
        if pending.told.is_empty() {
            self.forget(&key).await;
        }
    }

    /// A job is wanted no more: out of the queue, and whoever is at it shall stop.
    async fn forget(&mut self, key: &str) {
        let Some(pending) = self.pending.remove(key) else {
            return;
        };
        self.withdraw(key, pending.attempt, pending.number).await;
    }

    async fn withdraw(&self, key: &str, attempt: u32, number: Option<u64>) {
        let cancelled = Cancelled {
            session: self.session.clone(),
            key: key.to_owned(),
            attempt,
        };
        let subject = subject::cancel(&self.session);
        self.connection
            .say(subject, message::write(&cancelled))
            .await;
        if let Some(number) = number {
            let connection = self.connection.clone();
            tokio::spawn(async move { connection.remove(JOBS, number).await });
        }
    }

    /// Tells what has become of a job, which is waited for no more.
    fn settle(&mut self, key: &str, told: &Told) {
        if let Some(pending) = self.pending.remove(key) {
            for (number, to) in &pending.told {
                self.keys.remove(number);
                let _ = to.send(told.clone());
            }
        }
    }

    /// An answer, from whomever.
    fn answer(&mut self, key: &str, payload: &[u8]) {
        let Ok(answer) = message::read::<Answer>(payload) else {
            return;
        };
        if answer.key != key || answer.pool != self.pool {
            return;
        }
        let digest = answer.digest();
        if let Some((known, by)) = self.answered.get(key)
            && *known != digest
        {
            let what = format!(
                "the workers {by} and {} gave different answers to the same question; the first one, of {by}, counts. One of these machines computes wrongly: compare `aq4svit doctor` on both",
                answer.worker
            );
            self.trouble(subject::alarm(&self.pool, key), key, None, &what);
            let _ = self.news.send(News::Note(what));
        }
        let Some(pending) = self.pending.get(key) else {
            return;
        };
        if !answer.answers(&pending.job) {
            return;
        }
        if !self.answered.contains_key(key) {
            self.answered
                .insert(key.to_owned(), (digest, answer.worker));
        }
        let told = Told::Answer(Box::new(answer.outcome), answer.spent.into());
        self.settle(key, &told);
    }

    /// Has something kept that `cluster status` shows.
    fn trouble(&self, subject: String, key: &str, job: Option<&Job>, what: &str) {
        let job = job.cloned().unwrap_or_else(|| Job {
            allocation: crate::quant::Allocation(Vec::new()),
            question: Question::LayerErrors,
        });
        let trouble = Trouble {
            pool: self.pool.clone(),
            key: key.to_owned(),
            job,
            what: what.to_owned(),
        };
        let connection = self.connection.clone();
        tokio::spawn(async move {
            let _ = connection
                .keep(subject, None, message::write(&trouble))
                .await;
        });
    }

    /// A job that comes back.
    fn returned(&mut self, payload: &[u8]) {
        let Ok(returned) = message::read::<Returned>(payload) else {
            return;
        };
        let Some(pending) = self.pending.get_mut(&returned.key) else {
            return;
        };
        if returned.session != self.session || returned.attempt != pending.attempt {
            return;
        }
        let key = returned.key;
        match returned.error {
            None => self.give_out(&key, PAUSE),
            Some(error) if error.may_retry() => {
                pending.failures += 1;
                if pending.failures < MAX_DELIVER {
                    let note = format!(
                        "worker {} failed ({error}); another one gets its job",
                        returned.worker
                    );
                    let _ = self.news.send(News::Note(note));
                    self.give_out(&key, PAUSE);
                } else {
                    let last = format!("worker {}: {error}", returned.worker);
                    self.set_aside(&key, last);
                }
            }
            Some(error) => self.settle(&key, &Told::Error(error)),
        }
    }

    /// Workers fail at a job one after the other: it is set aside.
    fn set_aside(&mut self, key: &str, last: String) {
        let Some(pending) = self.pending.get(key) else {
            return;
        };
        let job = pending.job.clone();
        if let Some(number) = pending.number {
            let connection = self.connection.clone();
            tokio::spawn(async move { connection.remove(JOBS, number).await });
        }
        let error = EvaluateError::SetAside {
            job: words(&job),
            times: MAX_DELIVER,
            last,
        };
        let subject = subject::poison(&self.pool, key);
        self.trouble(subject, key, Some(&job), &error.to_string());
        self.settle(key, &Told::Error(error));
    }

    /// The server's word that it gives a job out no more.
    fn given_up(&mut self, payload: &[u8]) {
        #[derive(Deserialize)]
        struct Word {
            stream_seq: u64,
        }
        let Ok(word) = serde_json::from_slice::<Word>(payload) else {
            return;
        };
        let is_it = |p: &Pending| p.number == Some(word.stream_seq);
        let key = self
            .pending
            .iter()
            .find(|(_, p)| is_it(p))
            .map(|(key, _)| key.clone());
        if let Some(key) = key {
            self.set_aside(&key, "it ended or hung without a word".to_owned());
        }
    }

    fn advance(&mut self, payload: &[u8]) {
        let Ok(advance) = message::read::<Advance>(payload) else {
            return;
        };
        if let Some(pending) = self.pending.get_mut(&advance.key) {
            pending.sign = Instant::now();
            for (_, to) in &pending.told {
                let _ = to.send(Told::Progress(advance.progress));
            }
        }
    }

    async fn inside(&mut self, told: Inside) {
        match told {
            Inside::Found(key, payload) => {
                self.answer(&key, &payload);
            }
            Inside::Queued {
                key,
                attempt,
                number,
            } => match self.pending.get_mut(&key) {
                Some(pending) if pending.attempt == attempt => pending.number = Some(number),
                _ => self.withdraw(&key, attempt, Some(number)).await,
            },
            Inside::Lost(key) => self.give_out_again(&key),
            Inside::GivenUp(key) => {
                self.set_aside(&key, "it ended or hung without a word".to_owned());
            }
            Inside::Stalled(key) => {
                self.checked(&key);
                let connection = self.connection.clone();
                // A consumer that stalls is made anew; what it gave out is given out again.
                let _ = connection.remove_consumer(&self.pool).await;
                self.make_ready();
            }
            Inside::Fine(key) => self.checked(&key),
            Inside::Forgotten => self.make_ready(),
            Inside::Ready(error) => {
                self.making_ready = false;
                if error.is_some() {
                    self.make_ready();
                }
            }
        }
    }

    fn give_out_again(&mut self, key: &str) {
        self.checked(key);
        self.give_out(key, Duration::ZERO);
    }

    fn checked(&mut self, key: &str) {
        if let Some(pending) = self.pending.get_mut(key) {
            pending.checking = false;
            pending.sign = Instant::now();
        }
    }

    /// Looks around: who is there, and which job gives no sign of life.
    async fn look(&mut self) {
        self.announce().await;
        self.crowd.forget();
        self.count();
        if let Some((since, false)) = self.alone
            && since.elapsed() > ALONE
            && !self.pending.is_empty()
        {
            self.alone = Some((since, true));
            let note = self.crowd.waiting_for(self.wish.numerics.as_deref());
            let _ = self.news.send(News::Note(note));
        }
        let patience = (self.wish.login.ack_wait * 5 / 2).max(2 * HEARTBEAT);
        let silent = self
            .pending
            .iter()
            .filter(|(_, p)| p.sign.elapsed() > patience);
        let silent: Vec<String> = silent.map(|(key, _)| key.clone()).collect();
        silent.iter().for_each(|key| self.check(key));
    }

    /// Asks the server what has become of a job.
    fn check(&mut self, key: &str) {
        let idle = self
            .crowd
            .idle(self.wish.numerics.as_deref().unwrap_or_default());
        let Some(pending) = self.pending.get_mut(key) else {
            return;
        };
        // Without a number it is still on its way to the server.
        let (Some(number), false) = (pending.number, pending.checking) else {
            return;
        };
        pending.checking = true;
        let silent = pending.sign.elapsed() > self.wish.login.ack_wait * 2;
        let job = pending.job.clone();
        let (connection, inside) = (self.connection.clone(), self.inside.clone());
        let (pool, key) = (self.pool.clone(), key.to_owned());
        tokio::spawn(async move {
            let found = connection
                .first(ANSWERS, &subject::answer(&pool, &key))
                .await;
            let told = match found {
                Ok(Some(payload)) if is_answer(&payload, (&pool, &key), &job) => {
                    Inside::Found(key, payload)
                }
                Err(_) => Inside::Fine(key),
                Ok(_) => match (
                    connection.has(JOBS, number).await,
                    connection.consumer(&pool).await,
                ) {
                    (Ok(false), _) => Inside::Lost(key),
                    (Err(error), _) if error.is_missing() => Inside::Lost(key),
                    (_, Err(error)) if error.is_missing() => {
                        let _ = inside.send(Inside::Forgotten);
                        Inside::Fine(key)
                    }
                    (Ok(true), Ok(state)) if silent => {
                        match (state.num_pending + state.num_ack_pending, idle) {
                            (0, _) => Inside::GivenUp(key),
                            (_, true) => Inside::Stalled(key),
                            (_, false) => Inside::Fine(key),
                        }
                    }
                    _ => Inside::Fine(key),
                },
            };
            let _ = inside.send(told);
        });
    }
}

/// Puts a job into the queue, unless there is an answer already or nobody wants it any more.
async fn give_out(
    connection: &Connection,
    order: &Order,
    gone: &AtomicBool,
    inside: &UnboundedSender<Inside>,
) {
    let (pool, key) = (&order.pool, &order.key);
    let id = format!("{}.{}", order.session, order.attempt);
    let message = message::write(order);
    let mut looked = false;
    while !gone.load(Ordering::Relaxed) {
        if !looked {
            match connection.first(ANSWERS, &subject::answer(pool, key)).await {
                Ok(Some(payload)) if is_answer(&payload, (pool, key), &order.job) => {
                    let _ = inside.send(Inside::Found(key.clone(), payload));
                    return;
                }
                Ok(_) => looked = true,
                Err(_) => {
                    let _ = inside.send(Inside::Forgotten);
                    tokio::time::sleep(PAUSE).await;
                    continue;
                }
            }
        }
        let kept = connection
            .keep(subject::job(pool, key), Some(&id), message.clone())
            .await;
        match kept {
            Ok(number) => {
                let _ = inside.send(Inside::Queued {
                    key: key.clone(),
                    attempt: order.attempt,
                    number,
                });
                return;
            }
            Err(_) => {
                let _ = inside.send(Inside::Forgotten);
                tokio::time::sleep(PAUSE).await;
            }
        }
    }
}

/// True for the answer to a job: what is kept under its name may be anything.
fn is_answer(payload: &[u8], (pool, key): (&str, &str), job: &Job) -> bool {
    let read = message::read::<Answer>(payload);
    read.is_ok_and(|answer| answer.key == key && answer.pool == pool && answer.answers(job))
}

/// A name for this search that no other has.
fn session() -> String {
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    let now = now.unwrap_or_default().as_nanos();
    let text = format!("{} {} {now}", host(), std::process::id());
    message::digest(text.as_bytes())
}

/// A job in words.
pub(super) fn words(job: &Job) -> String {
    let widths: Vec<String> = job.allocation.0.iter().map(ToString::to_string).collect();
    let of = match &job.question {
        Question::Drift { .. } => "drift".to_owned(),
        Question::LayerErrors => "layer errors".to_owned(),
        Question::Accuracy {
            split, from, to, ..
        } => {
            format!(
                "accuracy on images {from}..{to} of the {} split",
                split.name()
            )
        }
    };
    format!("the {of} of the bit-widths {}", widths.join(","))
}
