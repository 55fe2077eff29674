//! The thread of a search's side: gives out jobs, hears of them, and sees to it that none is lost.
//!
//! What the server keeps may be lost at any time: a job that nobody knows of any more is given out
//! again, and the first answer counts, whoever gives it.

mod answers;
mod checks;
mod jobs;

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
use crate::evaluate::{EvaluateError, Job, Machines, News, Question, RemoteState};
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
    /// Who was there, as it was told last.
    machines: Machines,
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
            machines: Machines::default(),
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
            let note = self.waiting_for();
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
        let _ = early.send(Early::Ready(Ok((facts, self.connection.traffic()))));
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

    /// Tells who is there and what waits, where that has changed.
    pub(super) fn tell_of_machines(&mut self) {
        let numerics = self.wish.numerics.as_deref().unwrap_or_default();
        let is_ours = |pool: &str, key: &str| pool == self.pool && self.pending.contains_key(key);
        let workers = self.crowd.report(numerics, is_ours);
        let working = workers.iter().filter(|w| w.state == RemoteState::Working);
        let working = working.count();
        let machines = Machines {
            queued: self.pending.len().saturating_sub(working),
            workers,
        };
        if self.machines != machines {
            self.machines = machines.clone();
            let _ = self.news.send(News::Machines(machines));
        }
    }

    /// What the search waits for: the server, or workers.
    pub(super) fn waiting_for(&self) -> String {
        self.connection
            .silent()
            .unwrap_or_else(|| self.crowd.waiting_for(self.wish.numerics.as_deref()))
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
}

/// A name for this search that no other has.
fn session() -> String {
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    let now = now.unwrap_or_default().as_nanos();
    let text = format!("{} {} {now}", host(), std::process::id());
    message::digest(text.as_bytes())
}
