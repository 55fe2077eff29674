//! A search's side of a cluster, as its threads hold it: jobs in, answers out. All that waits for
//! the network is in one thread behind it.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread::{self, JoinHandle};

use crossbeam_channel::{Receiver, Sender, unbounded};
use tokio::sync::mpsc::{UnboundedSender, unbounded_channel};

use super::ClusterError;
use super::access::Login;
use super::desk::Desk;
use super::message::{Context, Facts};
use crate::evaluate::{EvaluateError, Job, News, Outcome, Progress, Work};

/// What a search wants of a cluster.
#[derive(Clone, Debug)]
pub struct Wish {
    /// The server, and what lets in.
    pub login: Login,
    /// What is evaluated.
    pub context: Context,
    /// Where the files of the context are, in its order.
    pub files: Vec<PathBuf>,
    /// The name of the profile.
    pub name: String,
    /// The arithmetic to go by; none for that of the workers that are there.
    pub numerics: Option<String>,
}

/// What becomes of a job.
#[derive(Clone, Debug, PartialEq)]
pub enum Told {
    /// How far it is.
    Progress(Progress),
    /// The answer, and what it cost.
    Answer(Box<Outcome>, Work),
    /// There is none.
    Error(EvaluateError),
}

/// What is asked of the thread.
#[derive(Debug)]
pub(super) enum Request {
    /// Have a job done.
    Ask {
        /// A number of its own.
        number: usize,
        /// The job.
        job: Box<Job>,
        /// Where to tell of it.
        told: Sender<Told>,
    },
    /// Forget a job.
    Cancel(usize),
}

/// The thread, with the way to it. The last one who lets go of it ends it.
#[derive(Debug)]
struct Desked {
    requests: Option<UnboundedSender<Request>>,
    thread: Option<JoinHandle<()>>,
}

impl Drop for Desked {
    /// Waits for the thread, which says on its way that nothing is wanted any more.
    fn drop(&mut self) {
        self.requests = None;
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

/// A search's side of a cluster. Clones are the same.
#[derive(Clone, Debug)]
pub struct Coordinator {
    desk: Arc<Desked>,
    numbers: Arc<AtomicUsize>,
    live: Arc<AtomicUsize>,
    waiting: Arc<AtomicUsize>,
    facts: Arc<Facts>,
    traffic: Arc<async_nats::Statistics>,
    /// What it tells beside answers.
    pub news: Receiver<News>,
}

/// What the thread says until it is ready.
pub(super) enum Early {
    /// What is waited for.
    Note(String),
    /// It is ready, or never will be.
    Ready(Result<(Facts, Arc<async_nats::Statistics>), ClusterError>),
}

impl Coordinator {
    /// Connects, says what is wanted, and waits for a worker that can do it. `say` is told what is
    /// waited for.
    ///
    /// # Errors
    /// [`ClusterError::Connect`], [`ClusterError::Refused`]; [`ClusterError::Unable`] where all
    /// workers say that they cannot.
    pub fn begin(wish: Wish, say: &dyn Fn(&str)) -> Result<Self, ClusterError> {
        let (requests, requests_in) = unbounded_channel();
        let (early, early_in) = unbounded();
        let (news_out, news) = unbounded();
        let live = Arc::new(AtomicUsize::new(0));
        let of_thread = Arc::clone(&live);
        let thread = thread::Builder::new()
            .name("cluster".into())
            .spawn(move || {
                let runtime = tokio::runtime::Builder::new_current_thread()
                    .enable_all()
                    .build();
                let done = runtime.map(|runtime| {
                    runtime.block_on(Desk::run(
                        wish,
                        (early.clone(), news_out),
                        of_thread,
                        requests_in,
                    ))
                });
                if let Err(error) = done.unwrap_or(Err(ClusterError::Ended)) {
                    let _ = early.send(Early::Ready(Err(error)));
                }
            })
            .map_err(|_| ClusterError::Ended)?;
        let desk = Desked {
            requests: Some(requests),
            thread: Some(thread),
        };
        loop {
            match early_in.recv() {
                Ok(Early::Note(text)) => say(&text),
                Ok(Early::Ready(ready)) => {
                    let (facts, traffic) = ready?;
                    return Ok(Coordinator {
                        facts: Arc::new(facts),
                        traffic,
                        desk: Arc::new(desk),
                        numbers: Arc::default(),
                        live,
                        waiting: Arc::default(),
                        news,
                    });
                }
                Err(_) => return Err(ClusterError::Ended),
            }
        }
    }

    /// What the evaluators of the workers say of themselves.
    pub fn facts(&self) -> &Facts {
        &self.facts
    }

    /// Messages to and from the server so far, and their bytes.
    pub fn traffic(&self) -> (u64, u64) {
        let traffic = &self.traffic;
        let relaxed = Ordering::Relaxed;
        (
            traffic.in_messages.load(relaxed) + traffic.out_messages.load(relaxed),
            traffic.in_bytes.load(relaxed) + traffic.out_bytes.load(relaxed),
        )
    }

    /// Workers that can do the search's jobs now; a count that others may read.
    pub fn live(&self) -> &Arc<AtomicUsize> {
        &self.live
    }

    /// Workers that have nothing of this search to do.
    pub fn idle(&self) -> usize {
        let waiting = self.waiting.load(Ordering::Relaxed);
        self.live.load(Ordering::Relaxed).saturating_sub(waiting)
    }

    /// Has a job done.
    pub fn ask(&self, job: Job) -> Asked {
        let (told, told_in) = unbounded();
        let number = self.numbers.fetch_add(1, Ordering::Relaxed);
        self.waiting.fetch_add(1, Ordering::Relaxed);
        let job = Box::new(job);
        if let Some(requests) = &self.desk.requests {
            // Where nobody hears it, the sender is dropped, and the receiver says so.
            let _ = requests.send(Request::Ask { number, job, told });
        }
        Asked {
            told: told_in,
            number,
            of: self.clone(),
        }
    }
}

/// A job that was asked for; dropped, it is wanted no more.
#[derive(Debug)]
pub struct Asked {
    /// What becomes of it; closed where the connection has ended for good.
    pub told: Receiver<Told>,
    number: usize,
    of: Coordinator,
}

impl Drop for Asked {
    fn drop(&mut self) {
        self.of.waiting.fetch_sub(1, Ordering::Relaxed);
        if let Some(requests) = &self.of.desk.requests {
            let _ = requests.send(Request::Cancel(self.number));
        }
    }
}
