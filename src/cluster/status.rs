//! A look at a cluster: who is there, what waits, what went wrong.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use futures_util::StreamExt;
use serde::Serialize;
use tokio::sync::mpsc::unbounded_channel;

use super::ClusterError;
use super::access::Login;
use super::jetstream::{ApiError, Connection, ConsumerState, StreamState};
use super::message::{self, Presence, Trouble, Wanted};
use super::subject::{self, ANSWERS, STREAMS};

/// The longest time for the connection to be made.
const CONNECT: Duration = Duration::from_secs(5);

/// What is there.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Status {
    /// Workers by name.
    pub workers: Vec<Presence>,
    /// Searches.
    pub searches: Vec<Wanted>,
    /// Pools with what their jobs are doing.
    pub pools: Vec<Pool>,
    /// What the streams hold: messages and bytes by name.
    pub streams: BTreeMap<String, (u64, u64)>,
    /// Jobs that were set aside, and jobs with different answers: the earliest of each kind in each
    /// pool.
    pub troubles: Vec<Trouble>,
}

/// A pool.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Pool {
    /// Its name.
    pub pool: String,
    /// Jobs that wait for a worker.
    pub queued: u64,
    /// Jobs at work.
    pub working: u64,
}

/// Looks for so long: who is there says so every second.
///
/// # Errors
/// [`ClusterError::Connect`], [`ClusterError::Refused`].
pub fn look(login: &Login, time: Duration) -> Result<Status, ClusterError> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|_| ClusterError::Ended)?;
    runtime.block_on(gather(login, time))
}

async fn gather(login: &Login, time: Duration) -> Result<Status, ClusterError> {
    let (back, _back) = unbounded_channel();
    let connection = Connection::open(login, CONNECT, back).await?;
    let mut presence = connection.hear(subject::presence("*")).await?;
    let mut wanted = connection.hear(subject::wanted("*")).await?;
    let end = tokio::time::sleep_until((Instant::now() + time).into());
    tokio::pin!(end);
    let (mut workers, mut searches) = (BTreeMap::new(), BTreeMap::new());
    loop {
        tokio::select! {
            Some(heard) = presence.next() => {
                if let Ok(presence) = message::read::<Presence>(&heard.payload) {
                    match presence.leaving {
                        true => drop(workers.remove(&presence.worker)),
                        false => drop(workers.insert(presence.worker.clone(), presence)),
                    }
                }
            }
            Some(heard) = wanted.next() => {
                if let Ok(wanted) = message::read::<Wanted>(&heard.payload) {
                    searches.insert(wanted.session.clone(), wanted);
                }
            }
            () = &mut end => break,
        }
    }
    let refused = |error: ApiError| connection.refused("say what it keeps", &error);
    let mut streams = BTreeMap::new();
    for name in STREAMS {
        match connection.stream(name).await {
            Ok(StreamState { messages, bytes }) => {
                streams.insert(name.to_owned(), (messages, bytes));
            }
            // No search was there yet.
            Err(error) if error.is_missing() => {}
            Err(error) => return Err(refused(error)),
        }
    }
    let pools = match connection.pools().await {
        Ok(pools) => pools,
        Err(error) if error.is_missing() => Vec::new(),
        Err(error) => return Err(refused(error)),
    };
    let mut troubles = Vec::new();
    for (pool, _) in &pools {
        for subject in [subject::poison(pool, "*"), subject::alarm(pool, "*")] {
            let found = connection.first(ANSWERS, &subject).await;
            let found = found.ok().flatten().and_then(|b| message::read(&b).ok());
            troubles.extend(found);
        }
    }
    let pool = |(pool, state): (String, ConsumerState)| Pool {
        pool,
        queued: state.num_pending,
        working: state.num_ack_pending,
    };
    Ok(Status {
        workers: workers.into_values().collect(),
        searches: searches.into_values().collect(),
        pools: pools.into_iter().map(pool).collect(),
        streams,
        troubles,
    })
}
