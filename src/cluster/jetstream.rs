//! The connection to a server, and the few requests to its JetStream that are made here.
//!
//! They are made by hand and not by the client's own part for JetStream, so that their subjects are
//! fixed: roles may use these and no others.

use std::sync::Arc;
use std::time::{Duration, Instant};

use async_nats::connection::State;
use async_nats::{
    Client, ConnectErrorKind, ConnectOptions, Event, HeaderMap, Message as Received, Request,
    RequestErrorKind, StatusCode, Subscriber,
};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use tokio::sync::mpsc::UnboundedSender;

use super::access::{Login, Secret};
use super::subject::{self, ANSWERS, BLOBS, CONTEXTS, JOBS};
use super::{ClusterError, message::LARGEST};

/// The longest wait for the answer to a request.
const PATIENCE: Duration = Duration::from_secs(5);
/// How often a job is given out before the server gives it up.
pub const MAX_DELIVER: u32 = 3;
/// Seconds for which jobs, answers and contexts are kept: the journals are what counts.
const KEPT: u64 = 7 * 86_400;
/// Seconds for which pieces of files are kept.
const PIECES_KEPT: u64 = 86_400;
/// The most bytes of answers that are kept.
const MOST_ANSWERS: u64 = 256 << 20;

/// What to look at where nobody answers.
const UNREACHABLE: &str =
    "is the server up (`aq4svit cluster up`), and does the network let this machine reach it?";
/// What to do about a certificate that is not trusted.
const CERTIFICATE: &str = "name the certificate of the authority that signed the server's with --tls-ca FILE; one that is its own authority must say CA:FALSE";

/// Why the server did not do what it was asked.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ApiError {
    /// It did not answer, or there is nobody at that subject: asked again, it may.
    #[error("no answer ({0})")]
    Silent(String),
    /// It said no.
    #[error("{description} (code {code})")]
    Said {
        /// As of HTTP.
        code: u64,
        /// Its words.
        description: String,
    },
}

impl ApiError {
    fn of(error: &async_nats::RequestError) -> Self {
        ApiError::Silent(match error.kind() {
            RequestErrorKind::NoResponders => "nobody answers there".to_owned(),
            _ => error.to_string(),
        })
    }

    /// True where what was asked for is not there.
    pub fn is_missing(&self) -> bool {
        matches!(self, ApiError::Said { code: 404, .. })
    }
}

#[derive(Deserialize)]
struct Reply<T> {
    error: Option<Refusal>,
    #[serde(flatten)]
    content: Option<T>,
}

#[derive(Deserialize)]
struct Refusal {
    code: u64,
    #[serde(default)]
    description: String,
}

/// What a stream holds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
pub struct StreamState {
    /// Messages.
    pub messages: u64,
    /// Their bytes.
    pub bytes: u64,
}

/// What a pool's jobs are doing.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
pub struct ConsumerState {
    /// Given out, without word that they are done.
    #[serde(default)]
    pub num_ack_pending: u64,
    /// Waiting for a worker.
    #[serde(default)]
    pub num_pending: u64,
}

/// A job that the server gave out.
#[derive(Clone, Debug)]
pub struct Delivery {
    /// Its bytes.
    pub payload: Vec<u8>,
    /// Where to say what becomes of it.
    pub reply: String,
    /// How often it has been given out, this time included.
    pub delivered: u32,
}

/// What becomes of a job.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Word {
    /// It is done.
    Done,
    /// It is at work: its time begins anew.
    Working,
    /// It is no job, and nobody shall get it.
    Garbage,
}

/// A connection to a server.
#[derive(Clone, Debug)]
pub struct Connection {
    client: Client,
    address: String,
}

impl Connection {
    /// What went over it so far.
    pub fn traffic(&self) -> Arc<async_nats::Statistics> {
        self.client.statistics()
    }

    /// Connects, trying for so long. Later on a lost connection comes back by itself; each time
    /// that it does, `back` is told.
    ///
    /// # Errors
    /// [`ClusterError::Connect`].
    pub async fn open(
        login: &Login,
        patience: Duration,
        back: UnboundedSender<()>,
    ) -> Result<Self, ClusterError> {
        let failed = |why: String| ClusterError::Connect {
            address: login.address.clone(),
            why,
        };
        let begin = Instant::now();
        loop {
            let back = back.clone();
            let mut options = ConnectOptions::new()
                .name(format!("aq4svit {}", login.role.name()))
                .custom_inbox_prefix(subject::inbox(login.role))
                .connection_timeout(PATIENCE)
                .request_timeout(Some(PATIENCE))
                .ping_interval(Duration::from_secs(10))
                .max_reconnects(None)
                .reconnect_delay_callback(|attempts| {
                    Duration::from_millis((50 << attempts.min(6)) as u64)
                })
                .event_callback(move |event| {
                    if event == Event::Connected {
                        let _ = back.send(());
                    }
                    std::future::ready(())
                });
            options = match &login.secret {
                Secret::None => options,
                Secret::Password(password) => {
                    options.user_and_password(login.role.name().to_owned(), password.clone())
                }
                Secret::File(file) => options
                    .credentials_file(file)
                    .await
                    .map_err(|e| failed(format!("{}: {e}", file.display())))?,
            };
            if let Some(ca) = &login.ca {
                options = options.add_root_certificates(ca.clone()).require_tls(true);
            }
            match options.connect(&login.address).await {
                Ok(client) => {
                    return Ok(Connection {
                        client,
                        address: login.address.clone(),
                    });
                }
                Err(error) => {
                    let why = match error.kind() {
                        ConnectErrorKind::AuthorizationViolation => Some(
                            "the server refuses these credentials: use the access file that `aq4svit cluster up` wrote for this server",
                        ),
                        ConnectErrorKind::ServerParse => Some("this is no address of a server"),
                        _ => None,
                    };
                    if let Some(why) = why {
                        return Err(failed(why.to_owned()));
                    }
                    if begin.elapsed() >= patience {
                        let said = error.to_string();
                        let advice = match said.contains("peer certificate") {
                            true => CERTIFICATE,
                            false => UNREACHABLE,
                        };
                        return Err(failed(format!("{said}: {advice}")));
                    }
                    tokio::time::sleep(Duration::from_millis(300)).await;
                }
            }
        }
    }

    /// That the connection is lost, and what to do; none while it stands.
    pub fn silent(&self) -> Option<String> {
        let is_up = self.client.connection_state() == State::Connected;
        (!is_up).then(|| {
            format!(
                "the server at {} does not answer; the search waits: {UNREACHABLE}",
                self.address
            )
        })
    }

    /// The server's refusal as an error for people.
    pub fn refused(&self, action: impl Into<String>, error: &ApiError) -> ClusterError {
        ClusterError::Refused {
            address: self.address.clone(),
            action: action.into(),
            why: error.to_string(),
        }
    }

    /// Hears what is said on subjects.
    ///
    /// # Errors
    /// [`ClusterError::Connect`] where the connection has been closed.
    pub async fn hear(&self, subject: String) -> Result<Subscriber, ClusterError> {
        let heard = self.client.subscribe(subject).await;
        heard.map_err(|e| ClusterError::Connect {
            address: self.address.clone(),
            why: e.to_string(),
        })
    }

    /// Says something to whoever hears it; what nobody hears is lost.
    pub async fn say(&self, subject: String, message: Vec<u8>) {
        // A closed connection is seen by those who wait for answers.
        let _ = self.client.publish(subject, message.into()).await;
    }

    /// Waits until all that was said has left.
    pub async fn flush(&self) {
        let _ = tokio::time::timeout(PATIENCE, self.client.flush()).await;
    }

    async fn ask(&self, subject: String, payload: Vec<u8>) -> Result<Received, ApiError> {
        let request = Request::new().payload(payload.into());
        let answer = self.client.send_request(subject, request).await;
        answer.map_err(|e| ApiError::of(&e))
    }

    async fn api<T: DeserializeOwned>(&self, verb: &str, body: &Value) -> Result<T, ApiError> {
        let payload = match body {
            Value::Null => Vec::new(),
            body => body.to_string().into_bytes(),
        };
        let answer = self.ask(format!("$JS.API.{verb}"), payload).await?;
        reply(&answer.payload)
    }

    /// Makes the streams that are not there.
    ///
    /// # Errors
    /// [`ApiError`].
    pub async fn make_streams(&self) -> Result<(), ApiError> {
        let second = 1_000_000_000;
        let stream = |name: &str, subjects: &[&str], more: Value| {
            let mut config = json!({
                "name": name, "subjects": subjects, "storage": "file", "num_replicas": 1,
                "retention": "limits", "discard": "old", "max_age": KEPT * second,
                "max_msg_size": LARGEST, "max_consumers": -1, "max_msgs": -1, "max_bytes": -1,
            });
            if let (Value::Object(config), Value::Object(more)) = (&mut config, more) {
                config.extend(more);
            }
            config
        };
        let all = [
            stream(
                JOBS,
                &["aq4.jobs.>"],
                json!({"retention": "workqueue", "duplicate_window": 120 * second}),
            ),
            stream(
                ANSWERS,
                &["aq4.answers.>", "aq4.poison.>", "aq4.alarms.>"],
                json!({"max_msgs_per_subject": 16, "max_bytes": MOST_ANSWERS, "allow_direct": true}),
            ),
            stream(
                CONTEXTS,
                &["aq4.contexts.>"],
                json!({"max_msgs_per_subject": 1, "allow_direct": true}),
            ),
            stream(
                BLOBS,
                &["aq4.blobs.>"],
                json!({"max_msgs_per_subject": 1, "allow_direct": true, "max_age": PIECES_KEPT * second}),
            ),
        ];
        for config in &all {
            let name = config["name"].as_str().unwrap_or_default();
            let info: Result<Value, _> =
                self.api(&format!("STREAM.INFO.{name}"), &Value::Null).await;
            match info {
                Ok(_) => {}
                Err(error) if error.is_missing() => {
                    let verb = format!("STREAM.CREATE.{name}");
                    let _: Value = self.api(&verb, config).await?;
                }
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    /// What a stream holds.
    ///
    /// # Errors
    /// [`ApiError`].
    pub async fn stream(&self, name: &str) -> Result<StreamState, ApiError> {
        #[derive(Deserialize)]
        struct Info {
            state: StreamState,
        }
        let verb = format!("STREAM.INFO.{name}");
        let info: Info = self.api(&verb, &Value::Null).await?;
        Ok(info.state)
    }

    /// Makes the consumer of a pool, or changes it: the time without a sign of life after which a
    /// job goes to another worker, and how many jobs may be given out at once.
    ///
    /// # Errors
    /// [`ApiError`].
    pub async fn make_consumer(
        &self,
        pool: &str,
        (ack_wait, at_once): (Duration, usize),
    ) -> Result<(), ApiError> {
        let config = json!({
            "durable_name": pool, "deliver_policy": "all", "ack_policy": "explicit",
            "ack_wait": ack_wait.as_nanos() as u64, "max_deliver": MAX_DELIVER,
            "filter_subject": subject::jobs(pool), "replay_policy": "instant",
            "max_ack_pending": at_once, "max_waiting": 4096,
            // One that nobody asks for jobs is gone some time.
            "inactive_threshold": KEPT * 1_000_000_000,
        });
        let body = json!({"stream_name": JOBS, "config": config});
        let verb = format!("CONSUMER.DURABLE.CREATE.{JOBS}.{pool}");
        let _: Value = self.api(&verb, &body).await?;
        Ok(())
    }

    /// What a pool's jobs are doing.
    ///
    /// # Errors
    /// [`ApiError`].
    pub async fn consumer(&self, pool: &str) -> Result<ConsumerState, ApiError> {
        let verb = format!("CONSUMER.INFO.{JOBS}.{pool}");
        self.api(&verb, &Value::Null).await
    }

    /// The pools that have consumers.
    ///
    /// # Errors
    /// [`ApiError`].
    pub async fn pools(&self) -> Result<Vec<(String, ConsumerState)>, ApiError> {
        #[derive(Deserialize)]
        struct List {
            #[serde(default)]
            consumers: Vec<Named>,
        }
        #[derive(Deserialize)]
        struct Named {
            name: String,
            #[serde(flatten)]
            state: ConsumerState,
        }
        let list: List = self
            .api(&format!("CONSUMER.LIST.{JOBS}"), &json!({"offset": 0}))
            .await?;
        Ok(list
            .consumers
            .into_iter()
            .map(|c| (c.name, c.state))
            .collect())
    }

    /// Removes the consumer of a pool; its jobs stay.
    ///
    /// # Errors
    /// [`ApiError`].
    pub async fn remove_consumer(&self, pool: &str) -> Result<(), ApiError> {
        let verb = format!("CONSUMER.DELETE.{JOBS}.{pool}");
        let _: Value = self.api(&verb, &Value::Null).await?;
        Ok(())
    }

    /// Has a stream keep a message, once under an id; its number in the stream.
    ///
    /// # Errors
    /// [`ApiError`].
    pub async fn keep(
        &self,
        subject: String,
        id: Option<&str>,
        message: Vec<u8>,
    ) -> Result<u64, ApiError> {
        #[derive(Deserialize)]
        struct Kept {
            seq: u64,
        }
        let mut request = Request::new().payload(message.into());
        if let Some(id) = id {
            let mut headers = HeaderMap::new();
            headers.insert("Nats-Msg-Id", id);
            request = request.headers(headers);
        }
        let answer = self.client.send_request(subject, request).await;
        let answer = answer.map_err(|e| ApiError::of(&e))?;
        reply::<Kept>(&answer.payload).map(|kept| kept.seq)
    }

    /// The first message that a stream has on a subject.
    ///
    /// # Errors
    /// [`ApiError`].
    pub async fn first(&self, stream: &str, subject: &str) -> Result<Option<Vec<u8>>, ApiError> {
        let body = json!({"seq": 1, "next_by_subj": subject}).to_string();
        let verb = format!("$JS.API.DIRECT.GET.{stream}");
        let answer = self.ask(verb, body.into_bytes()).await?;
        match answer.status {
            None => Ok(Some(answer.payload.to_vec())),
            Some(StatusCode::NOT_FOUND) => Ok(None),
            Some(other) => Err(ApiError::Said {
                code: u64::from(other.as_u16()),
                description: answer.description.unwrap_or_default(),
            }),
        }
    }

    /// True while a stream has the message of a number.
    ///
    /// # Errors
    /// [`ApiError`].
    pub async fn has(&self, stream: &str, number: u64) -> Result<bool, ApiError> {
        let verb = format!("STREAM.MSG.GET.{stream}");
        let found: Result<Value, _> = self.api(&verb, &json!({"seq": number})).await;
        match found {
            Ok(_) => Ok(true),
            Err(error) if error.is_missing() => Ok(false),
            Err(error) => Err(error),
        }
    }

    /// Removes a message from a stream; one that is gone is none the worse.
    pub async fn remove(&self, stream: &str, number: u64) {
        let verb = format!("STREAM.MSG.DELETE.{stream}");
        let _: Result<Value, _> = self.api(&verb, &json!({"seq": number})).await;
    }

    /// The next job of a pool, waited for so long; none where there is none.
    ///
    /// # Errors
    /// [`ApiError`], also for a pool without a consumer.
    pub async fn pull(&self, pool: &str, wait: Duration) -> Result<Option<Delivery>, ApiError> {
        let body = json!({"batch": 1, "expires": wait.as_nanos() as u64}).to_string();
        // Longer than the server holds the request: a job must not go to one who hung up.
        // A job arrives under its own subject: only a subscription of its own gets it.
        let request = Request::new()
            .inbox(self.client.new_inbox())
            .payload(body.into())
            .timeout(Some(wait + PATIENCE));
        let verb = format!("$JS.API.CONSUMER.MSG.NEXT.{JOBS}.{pool}");
        let answer = self.client.send_request(verb, request).await;
        let answer = answer.map_err(|e| ApiError::of(&e))?;
        match (answer.status, answer.reply) {
            (None, Some(reply)) => Ok(Some(Delivery {
                payload: answer.payload.to_vec(),
                delivered: delivered(&reply),
                reply: reply.to_string(),
            })),
            (Some(StatusCode::NOT_FOUND | StatusCode::TIMEOUT), _) => Ok(None),
            (status, _) => Err(ApiError::Said {
                code: status.map_or(0, |s| u64::from(s.as_u16())),
                description: answer.description.unwrap_or_default(),
            }),
        }
    }

    /// Says what becomes of a job.
    pub async fn tell(&self, delivery: &Delivery, word: Word) {
        let text = match word {
            Word::Done => "+ACK",
            Word::Working => "+WPI",
            Word::Garbage => "+TERM",
        };
        self.say(delivery.reply.clone(), text.into()).await;
    }
}

fn reply<T: DeserializeOwned>(payload: &[u8]) -> Result<T, ApiError> {
    let form = |e: serde_json::Error| ApiError::Silent(format!("an answer of another form: {e}"));
    let reply: Reply<Value> = serde_json::from_slice(payload).map_err(form)?;
    if let Some(refusal) = reply.error {
        return Err(ApiError::Said {
            code: refusal.code,
            description: refusal.description,
        });
    }
    serde_json::from_value(reply.content.unwrap_or_default()).map_err(form)
}

/// How often a job has been given out: `$JS.ACK.STREAM.CONSUMER.DELIVERED.…`, with two more parts
/// in front where later servers say so.
fn delivered(reply: &str) -> u32 {
    let parts: Vec<&str> = reply.split('.').collect();
    let at = if parts.len() > 9 { 6 } else { 4 };
    parts.get(at).and_then(|n| n.parse().ok()).unwrap_or(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_count_of_deliveries_is_read_from_where_the_server_writes_it() {
        assert_eq!(delivered("$JS.ACK.AQ4_JOBS.pool.3.17.5.1700000000.0"), 3);
        let later = "$JS.ACK._.hash.AQ4_JOBS.pool.2.17.5.1700000000.0.x";
        assert_eq!(delivered(later), 2);
        assert_eq!(delivered("nonsense"), 1);
    }

    #[test]
    fn a_refusal_is_told_from_an_answer() {
        let refused = reply::<StreamState>(br#"{"type":"t","error":{"code":404,"err_code":10059,"description":"stream not found"}}"#);
        assert!(refused.is_err_and(|e| e.is_missing()));
        let state = StreamState {
            messages: 2,
            bytes: 9,
        };
        assert_eq!(reply(br#"{"messages":2,"bytes":9,"more":[]}"#), Ok(state));
        assert!(matches!(
            reply::<StreamState>(b"garbage"),
            Err(ApiError::Silent(_))
        ));
    }
}
