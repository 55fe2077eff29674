//! What programs of a cluster say to each other: JSON with a version, limited in size, checked
//! before anything is believed.

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use super::subject::is_token;
use crate::evaluate::{EvaluateError, ImageOrder, Job, Outcome, Progress, Question, Work};
use crate::quant::Allocation;

/// Raised when messages change their meaning. Programs of different versions do not hear each
/// other.
const VERSION: u32 = 2;
/// The largest message in bytes; servers allow 1 MiB unless told otherwise.
pub const LARGEST: usize = 1 << 20;
/// The most files that a context may name.
const MOST_FILES: usize = 1 << 11;
/// The longest name, host or sentence in bytes.
const LONGEST: usize = 4096;

/// Why a message is not believed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Unbelieved {
    /// It is too large.
    #[error("a message of {0} bytes")]
    Large(usize),
    /// It is no JSON, or of another form.
    #[error("a message of another form: {0}")]
    Form(String),
    /// Its version is another one.
    #[error("a message of version {0}, this program speaks {VERSION}")]
    Version(u32),
    /// What it says cannot be.
    #[error("a message that cannot be: {0}")]
    Content(&'static str),
}

/// A message.
pub trait Message: Serialize + DeserializeOwned {
    /// Whether what it says can be.
    ///
    /// # Errors
    /// [`Unbelieved::Content`].
    fn check(&self) -> Result<(), Unbelieved>;
}

#[derive(Serialize, Deserialize)]
struct Versioned<T> {
    version: u32,
    message: T,
}

#[derive(Deserialize)]
struct OnlyVersion {
    version: u32,
}

/// A message as bytes.
pub fn write(message: &impl Message) -> Vec<u8> {
    // Plain data always serialises; what is empty is believed by nobody.
    serde_json::to_vec(&Versioned {
        version: VERSION,
        message,
    })
    .unwrap_or_default()
}

/// Reads a message that may come from anybody.
///
/// # Errors
/// [`Unbelieved`].
pub fn read<T: Message>(bytes: &[u8]) -> Result<T, Unbelieved> {
    if bytes.len() > LARGEST {
        return Err(Unbelieved::Large(bytes.len()));
    }
    let form = |e: serde_json::Error| Unbelieved::Form(e.to_string());
    let only: OnlyVersion = serde_json::from_slice(bytes).map_err(form)?;
    if only.version != VERSION {
        return Err(Unbelieved::Version(only.version));
    }
    let read: Versioned<T> = serde_json::from_slice(bytes).map_err(form)?;
    read.message.check()?;
    Ok(read.message)
}

fn tokens(all: &[&str]) -> Result<(), Unbelieved> {
    let fine = all.iter().all(|text| is_token(text));
    fine.then_some(())
        .ok_or(Unbelieved::Content("a name with other characters"))
}

fn short(all: &[&str]) -> Result<(), Unbelieved> {
    let fine = all.iter().all(|text| text.len() <= LONGEST);
    fine.then_some(())
        .ok_or(Unbelieved::Content("a text that is too long"))
}

/// The first 128 bits of the BLAKE3 hash of a text, as hexadecimal digits.
pub fn digest(text: &[u8]) -> String {
    blake3::hash(text).to_hex().chars().take(32).collect()
}

/// The name of a pool.
pub fn pool(context: &str, numerics: &str) -> String {
    digest(format!("{context}\n{numerics}").as_bytes())
}

/// The name of a job in a pool: a function of what is asked alone.
pub fn key(pool: &str, job: &Job) -> String {
    let text = serde_json::to_string(job).unwrap_or_default();
    digest(format!("{pool}\n{text}").as_bytes())
}

/// A job on its way to a worker.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Order {
    /// The search that asks.
    pub session: String,
    /// The pool.
    pub pool: String,
    /// Its name.
    pub key: String,
    /// How often the search asked before.
    pub attempt: u32,
    /// Milliseconds without a sign of life after which the server gives it to another worker.
    pub ack_wait_ms: u64,
    /// What is asked.
    pub job: Job,
}

impl Message for Order {
    fn check(&self) -> Result<(), Unbelieved> {
        tokens(&[&self.session, &self.pool, &self.key])?;
        if key(&self.pool, &self.job) != self.key {
            return Err(Unbelieved::Content("a job under the name of another"));
        }
        match self.ack_wait_ms {
            100..=86_400_000 => Ok(()),
            _ => Err(Unbelieved::Content("a time out of bounds")),
        }
    }
}

/// What an answer cost.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Spent {
    /// As [`Work::layer_forwards`].
    pub layer_forwards: u64,
    /// As [`Work::images`].
    pub images: u64,
    /// As [`Work::calibration_seconds`].
    pub calibration_seconds: f64,
}

impl From<Work> for Spent {
    fn from(work: Work) -> Self {
        Spent {
            layer_forwards: work.layer_forwards,
            images: work.images,
            calibration_seconds: work.calibration_seconds,
        }
    }
}

impl From<Spent> for Work {
    fn from(spent: Spent) -> Self {
        Work {
            layer_forwards: spent.layer_forwards,
            images: spent.images,
            calibration_seconds: spent.calibration_seconds,
            ..Work::default()
        }
    }
}

/// The answer to a job.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Answer {
    /// The pool.
    pub pool: String,
    /// The job's name.
    pub key: String,
    /// Who says so.
    pub worker: String,
    /// The answer.
    pub outcome: Outcome,
    /// What it cost.
    pub spent: Spent,
}

impl Message for Answer {
    fn check(&self) -> Result<(), Unbelieved> {
        tokens(&[&self.pool, &self.key, &self.worker])?;
        let finite = match &self.outcome {
            Outcome::Drift { drift, sites, .. } => {
                drift.is_finite() && sites.iter().all(|s| s.is_finite())
            }
            Outcome::LayerErrors { errors } => errors.iter().all(|e| e.is_finite()),
            Outcome::Statistics(counted) => counted.sums.iter().all(|sum| sum.is_finite()),
            Outcome::Accuracy { .. } => true,
        };
        if !finite || !self.spent.calibration_seconds.is_finite() {
            return Err(Unbelieved::Content("a number that is not finite"));
        }
        Ok(())
    }
}

impl Answer {
    /// What tells one answer from another: not who gave it, nor what it cost.
    pub fn digest(&self) -> String {
        digest(
            serde_json::to_string(&self.outcome)
                .unwrap_or_default()
                .as_bytes(),
        )
    }

    /// True where it can be the answer to a question.
    pub fn answers(&self, job: &Job) -> bool {
        match (&job.question, &self.outcome) {
            (Question::Drift { .. }, Outcome::Drift { .. }) => true,
            (Question::LayerErrors, Outcome::LayerErrors { errors }) => {
                errors.len() == job.allocation.len()
            }
            (Question::Statistics { from, to, .. }, Outcome::Statistics(counted)) => {
                counted.images == to.saturating_sub(*from)
            }
            (Question::Accuracy { from, to, stop, .. }, Outcome::Accuracy { correct }) => {
                let all = to.saturating_sub(*from);
                match stop.as_ref().and_then(|s| s.decided(correct)) {
                    Some(decided) => decided.images == correct.len() && correct.len() <= all,
                    None => correct.len() == all,
                }
            }
            _ => false,
        }
    }
}

/// A job that comes back without an answer.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Returned {
    /// The search that asked.
    pub session: String,
    /// The job's name.
    pub key: String,
    /// Which asking.
    pub attempt: u32,
    /// Who gives it back.
    pub worker: String,
    /// What went wrong; none where the worker stops, or was told to.
    pub error: Option<EvaluateError>,
}

impl Message for Returned {
    fn check(&self) -> Result<(), Unbelieved> {
        tokens(&[&self.session, &self.key, &self.worker])
    }
}

/// How far a job is.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Advance {
    /// The search that asked.
    pub session: String,
    /// The job's name.
    pub key: String,
    /// How far it is.
    pub progress: Progress,
}

impl Message for Advance {
    fn check(&self) -> Result<(), Unbelieved> {
        tokens(&[&self.session, &self.key])
    }
}

/// The word that a job is wanted no more.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Cancelled {
    /// The search that asked.
    pub session: String,
    /// The job's name.
    pub key: String,
    /// Which asking, and those before.
    pub attempt: u32,
}

impl Message for Cancelled {
    fn check(&self) -> Result<(), Unbelieved> {
        tokens(&[&self.session, &self.key])
    }
}

/// The word that a search is there, every second.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Wanted {
    /// The search.
    pub session: String,
    /// What it is about.
    pub context: String,
    /// The name of its profile.
    pub name: String,
    /// The machine it runs on.
    pub host: String,
    /// The arithmetic it goes by, once it has one.
    pub numerics: Option<String>,
    /// Jobs that it waits for.
    pub waiting: usize,
}

impl Message for Wanted {
    fn check(&self) -> Result<(), Unbelieved> {
        tokens(&[&self.session, &self.context])?;
        short(&[
            &self.name,
            &self.host,
            self.numerics.as_deref().unwrap_or_default(),
        ])
    }
}

/// What evaluators of a context are made from.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Context {
    /// Its name: a hash of all that answers depend on.
    pub context: String,
    /// The profile, its paths absolute.
    pub profile: String,
    /// True where the test split is left out.
    pub without_test: bool,
    /// The order of the images of the search split.
    pub search_order: ImageOrder,
    /// Content hashes of the parts, to say which one differs on another machine.
    pub parts: Vec<(String, String)>,
    /// The one allocation that is evaluated, whose quantized layers are in a file; none where any
    /// may be.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fixed: Option<Allocation>,
    /// Files that the profile names and that a worker may lack.
    pub files: Vec<FileContent>,
}

/// A file that a profile names.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FileContent {
    /// The key of the profile, such as `model.checkpoint`.
    pub key: String,
    /// Where it is on the machine of the search.
    pub path: String,
    /// The BLAKE3 hash of its content.
    pub hash: String,
    /// Its size in bytes.
    pub bytes: u64,
    /// Files and folders that it stands for: a worker that has all of them does without it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub instead_of: Vec<String>,
}

impl Message for Context {
    fn check(&self) -> Result<(), Unbelieved> {
        tokens(&[&self.context])?;
        if self.files.len() > MOST_FILES || self.parts.len() > MOST_FILES {
            return Err(Unbelieved::Content("too many files"));
        }
        for file in &self.files {
            tokens(&[&file.hash])?;
            short(&[&file.key, &file.path])?;
            if file.instead_of.len() > MOST_FILES {
                return Err(Unbelieved::Content("too many files"));
            }
            short(
                &file
                    .instead_of
                    .iter()
                    .map(String::as_str)
                    .collect::<Vec<_>>(),
            )?;
        }
        let parts = self
            .parts
            .iter()
            .flat_map(|(name, hash)| [name.as_str(), hash]);
        short(&parts.collect::<Vec<_>>())
    }
}

/// What an evaluator says of itself, which a search must know.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Facts {
    /// As [`crate::evaluate::Evaluator::numerics`].
    pub numerics: String,
    /// As [`crate::evaluate::Evaluator::batch`].
    pub batch: usize,
    /// As [`crate::evaluate::Evaluator::correction_images`].
    pub correction_images: usize,
}

/// How a worker stands to a context.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "state", rename_all = "kebab-case")]
pub enum Readiness {
    /// It reads network and images.
    Preparing,
    /// It lacks files.
    Lacking {
        /// Their hashes.
        files: Vec<String>,
    },
    /// It can answer.
    Ready {
        /// What its evaluator says of itself.
        facts: Facts,
    },
    /// It cannot.
    Unable {
        /// Why.
        why: String,
    },
}

/// The word that a worker is there, every second.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Presence {
    /// Its name.
    pub worker: String,
    /// Its machine.
    pub host: String,
    /// The number of its process.
    pub process: u32,
    /// Where it evaluates.
    pub device: String,
    /// Its threads.
    pub threads: usize,
    /// Seconds since it began.
    pub seconds: f64,
    /// Seconds of those spent on jobs.
    pub busy: f64,
    /// Jobs answered.
    pub answered: u64,
    /// Images run for them.
    pub images: u64,
    /// The job it is at: pool and name.
    pub doing: Option<(String, String)>,
    /// How it stands to the contexts that are wanted.
    pub contexts: Vec<(String, Readiness)>,
    /// True for its last word.
    pub leaving: bool,
}

impl Message for Presence {
    fn check(&self) -> Result<(), Unbelieved> {
        tokens(&[&self.worker])?;
        short(&[&self.host, &self.device])?;
        if self.contexts.len() > MOST_FILES {
            return Err(Unbelieved::Content("too many contexts"));
        }
        for (context, readiness) in &self.contexts {
            tokens(&[context])?;
            match readiness {
                Readiness::Preparing => {}
                Readiness::Lacking { files } => {
                    tokens(&files.iter().map(String::as_str).collect::<Vec<_>>())?;
                }
                Readiness::Ready { facts } => {
                    short(&[&facts.numerics])?;
                    if facts.batch == 0 {
                        return Err(Unbelieved::Content("a batch of no images"));
                    }
                }
                Readiness::Unable { why } => short(&[why])?,
            }
        }
        if let Some((pool, key)) = &self.doing {
            tokens(&[pool, key])?;
        }
        let fine = self.seconds.is_finite() && self.busy.is_finite();
        fine.then_some(())
            .ok_or(Unbelieved::Content("a number that is not finite"))
    }
}

impl Presence {
    /// How it stands to a context; none before it has heard of it.
    pub fn readiness(&self, context: &str) -> Option<&Readiness> {
        let mut all = self.contexts.iter();
        all.find_map(|(of, readiness)| (of == context).then_some(readiness))
    }

    /// What its evaluator of a context says of itself, once it is there.
    pub fn facts(&self, context: &str) -> Option<&Facts> {
        match self.readiness(context) {
            Some(Readiness::Ready { facts }) => Some(facts),
            _ => None,
        }
    }
}

/// A job that was set aside, or that has two different answers; kept to be shown.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Trouble {
    /// The job's pool.
    pub pool: String,
    /// Its name.
    pub key: String,
    /// What is asked.
    pub job: Job,
    /// What happened.
    pub what: String,
}

impl Message for Trouble {
    fn check(&self) -> Result<(), Unbelieved> {
        tokens(&[&self.pool, &self.key])?;
        short(&[&self.what])
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::evaluate::Split;
    use crate::quant::BitWidth;

    fn job(to: usize) -> Job {
        Job {
            allocation: Allocation::uniform(3, BitWidth::new(4).expect("a width")),
            question: Question::Accuracy {
                split: Split::Search,
                from: 0,
                to,
                stop: None,
            },
        }
    }

    fn order() -> Order {
        Order {
            session: "s".into(),
            pool: "p".into(),
            key: key("p", &job(9)),
            attempt: 0,
            ack_wait_ms: 30_000,
            job: job(9),
        }
    }

    fn answer(bits: &str) -> Answer {
        Answer {
            pool: "p".into(),
            key: "k".into(),
            worker: "w".into(),
            outcome: Outcome::Accuracy {
                correct: bits.chars().map(|c| c == '1').collect(),
            },
            spent: Spent::default(),
        }
    }

    #[test]
    fn a_message_is_read_as_it_was_written() {
        assert_eq!(read(&write(&order())), Ok(order()));
        let returned = Returned {
            session: "s".into(),
            key: "k".into(),
            attempt: 2,
            worker: "w".into(),
            error: Some(EvaluateError::OutOfRange {
                split: Split::Test,
                from: 1,
                to: 2,
                len: 1,
            }),
        };
        assert_eq!(read(&write(&returned)), Ok(returned));
    }

    #[test]
    fn garbage_is_not_believed() {
        let good = write(&order());
        for cut in 0..good.len() {
            assert!(read::<Order>(&good[..cut]).is_err(), "cut at {cut}");
        }
        let replaced = |from: &str, to: &str| {
            let text = String::from_utf8(good.clone()).expect("text");
            assert!(text.contains(from));
            read::<Order>(text.replacen(from, to, 1).as_bytes())
        };
        assert_eq!(
            replaced(&format!("\"version\":{VERSION}"), "\"version\":1"),
            Err(Unbelieved::Version(1))
        );
        let name = Err(Unbelieved::Content("a name with other characters"));
        assert_eq!(replaced("\"session\":\"s\"", "\"session\":\"a.b\""), name);
        let other = Err(Unbelieved::Content("a job under the name of another"));
        assert_eq!(replaced("\"to\":9", "\"to\":8"), other);
        assert!(replaced("\"ack_wait_ms\":30000", "\"ack_wait_ms\":1").is_err());
        assert!(matches!(
            read::<Order>(&vec![b' '; LARGEST + 1]),
            Err(Unbelieved::Large(_))
        ));
        assert!(matches!(read::<Answer>(&good), Err(Unbelieved::Form(_))));
    }

    #[test]
    fn names_follow_from_what_is_asked_alone() {
        assert_eq!(key("p", &job(9)), key("p", &job(9)));
        assert_ne!(key("p", &job(9)), key("p", &job(8)));
        assert_ne!(key("p", &job(9)), key("q", &job(9)));
        assert_ne!(pool("c", "avx2"), pool("c", "avx512"));
    }

    #[test]
    fn an_answer_to_another_question_is_none() {
        assert!(answer("101").answers(&job(3)));
        assert!(!answer("101").answers(&job(4)));
        let drift = Job {
            question: Question::Drift { images: None },
            ..job(3)
        };
        assert!(!answer("101").answers(&drift));
        assert_eq!(
            answer("101").digest(),
            Answer {
                worker: "v".into(),
                ..answer("101")
            }
            .digest()
        );
        assert_ne!(answer("101").digest(), answer("100").digest());
    }
}
