//! What is asked of an evaluator, and what it answers.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use serde::{Deserialize, Serialize};

use super::{CorrectBits, Prober, Proxies, Statistics, StopRule};
use crate::data::{ImageSet, Splits};
use crate::quant::{Allocation, BitWidth, QuantizedLayer};

/// Which images.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Split {
    /// Where drift is measured.
    Calibration,
    /// Where candidates are screened and confirmed.
    Search,
    /// Never seen by the search; reported once at the end.
    Test,
    /// Where drift and the other evidence about candidates is measured.
    Proxy,
    /// Never seen by the search; certifies the result.
    Certify,
}

impl Split {
    /// All of them, in the order of their numbers.
    pub const ALL: [Split; 5] = [
        Split::Calibration,
        Split::Search,
        Split::Test,
        Split::Proxy,
        Split::Certify,
    ];

    /// Its name, as on the command line.
    pub fn name(self) -> &'static str {
        match self {
            Split::Calibration => "calibration",
            Split::Search => "search",
            Split::Test => "test",
            Split::Proxy => "proxy",
            Split::Certify => "certify",
        }
    }

    /// Its images, if there is such a split.
    pub fn images(self, splits: &Splits) -> Option<&ImageSet> {
        match self {
            Split::Calibration => Some(&splits.calibration),
            Split::Search => Some(&splits.search),
            Split::Test => splits.test.as_ref(),
            Split::Proxy => Some(&splits.proxy),
            Split::Certify => splits.certify.as_ref(),
        }
    }
}

/// One question about one allocation.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "ask", rename_all = "kebab-case")]
pub enum Question {
    /// How far the membrane potentials move, and the evidence beside that.
    Drift {
        /// At most the first so many images; none: all that are there for it.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        images: Option<usize>,
    },
    /// How large the error of every layer's output is at its width, by itself.
    LayerErrors,
    /// Which of the images `from..to` of a split (in the split's fixed order) are classified
    /// correctly.
    Accuracy {
        /// The split.
        split: Split,
        /// First image.
        from: usize,
        /// One past the last image.
        to: usize,
        /// Stop as soon as the verdict is certain.
        stop: Option<StopRule>,
    },
    /// What the network does on the images `from..to` of a split, in the order of its source.
    Statistics {
        /// The split.
        split: Split,
        /// First image, a multiple of [`Evaluator::batch`].
        from: usize,
        /// One past the last image.
        to: usize,
    },
}

impl Question {
    /// True for what a search decides by; false for what is asked of its result.
    pub fn is_of_search(&self) -> bool {
        match self {
            Question::Accuracy { split, .. } => !matches!(split, Split::Test | Split::Certify),
            Question::Drift { .. } | Question::LayerErrors => true,
            Question::Statistics { .. } => false,
        }
    }
}

/// A question about an allocation.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Job {
    /// The bit-widths to judge; all float for the baseline.
    pub allocation: Allocation,
    /// What is asked.
    #[serde(flatten)]
    pub question: Question,
}

impl fmt::Display for Job {
    /// The job in words, as in "the drift of the bit-widths 4,4,8".
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.question {
            Question::Drift { .. } => write!(f, "the drift")?,
            Question::LayerErrors => write!(f, "the layer errors")?,
            Question::Accuracy {
                split, from, to, ..
            } => {
                let split = split.name();
                write!(
                    f,
                    "the accuracy on images {from}..{to} of the {split} split"
                )?;
            }
            Question::Statistics { split, from, to } => {
                let split = split.name();
                write!(
                    f,
                    "the statistics of images {from}..{to} of the {split} split"
                )?;
            }
        }
        write!(f, " of the bit-widths ")?;
        for (layer, width) in self.allocation.0.iter().enumerate() {
            let comma = if layer > 0 { "," } else { "" };
            write!(f, "{comma}{width}")?;
        }
        Ok(())
    }
}

/// An answer. Every field is a function of the job alone.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "answer", rename_all = "kebab-case")]
pub enum Outcome {
    /// Answer to [`Question::Drift`].
    Drift {
        /// Mean over the sites, in thresholds.
        drift: f64,
        /// Per neuron site in the graph's order, then the logits.
        sites: Vec<f64>,
        /// What was measured beside it; none in what earlier versions wrote.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        proxies: Option<Proxies>,
    },
    /// Answer to [`Question::LayerErrors`].
    LayerErrors {
        /// By layer: the squared error of its output on the float network's inputs, relative to
        /// the output's variance; of its weights, relative to their squares, where the quantizer
        /// knows no inputs. 0 for a float layer.
        errors: Vec<f64>,
    },
    /// Answer to [`Question::Accuracy`].
    Accuracy {
        /// One bit per image from the job's `from` on, in order: as many as asked, or up to and
        /// including the image at which the stop rule became certain. (An evaluator that computed
        /// more leaves the rest out.)
        correct: CorrectBits,
    },
    /// Answer to [`Question::Statistics`].
    Statistics(Statistics),
}

impl Outcome {
    /// The answer, if all its numbers are finite; `sites` are the network's neuron sites.
    ///
    /// # Errors
    /// [`EvaluateError::NotFinite`] naming the first site that is not, or the logits behind them.
    pub fn finite<'a>(
        self,
        sites: impl IntoIterator<Item = &'a str>,
    ) -> Result<Self, EvaluateError> {
        let (drift, drifts) = match &self {
            Outcome::Drift { drift, sites, .. } => (drift, sites),
            Outcome::LayerErrors { errors } if errors.iter().any(|e| !e.is_finite()) => {
                let place = String::from("the errors of the layers' outputs are");
                return Err(EvaluateError::NotFinite { place });
            }
            Outcome::LayerErrors { .. } | Outcome::Accuracy { .. } | Outcome::Statistics(_) => {
                return Ok(self);
            }
        };
        let bad = drifts.iter().position(|d| !d.is_finite());
        Err(match bad.map(|i| sites.into_iter().nth(i)) {
            Some(place) => EvaluateError::not_finite_at(place),
            None if drift.is_finite() => return Ok(self),
            None => EvaluateError::NotFinite {
                place: "the drift is".to_owned(),
            },
        })
    }
}

/// Where an answer came from. Not part of the answer, and of no decision.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Provenance {
    /// Computed for this run, at least in part.
    #[default]
    Computed,
    /// An earlier run had given the whole answer.
    EarlierRun,
}

/// What an answer cost. Not part of the answer: it depends on switches, caches and machine.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Work {
    /// Layers run, counted per image, each over all its time steps.
    pub layer_forwards: u64,
    /// Images run through the network, those included that only share a batch with images asked
    /// for. Copies that fill a split's last batch are none.
    pub images: u64,
    /// Seconds of quantizing with calibration images, statistics included.
    pub calibration_seconds: f64,
    /// Where the answer came from.
    pub provenance: Provenance,
}

/// What one cache keeps between jobs, and how often that was of use.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct CacheUse {
    /// Bytes kept.
    pub bytes: u64,
    /// Bytes that it may keep.
    pub budget: u64,
    /// Times that something was found there.
    pub hits: u64,
    /// Times that it was not.
    pub misses: u64,
}

/// What an evaluator keeps between jobs; none for a cache that is off.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Caches {
    /// Values inside the network, and the drift sums of the sites upstream of them.
    pub values: Option<CacheUse>,
    /// Quantized weights.
    pub weights: Option<CacheUse>,
}

/// How far a running job is; may be dropped or coalesced.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Progress {
    /// Images done.
    pub done: usize,
    /// Images asked for.
    pub total: usize,
    /// Of those done, classified correctly (accuracy jobs).
    pub correct: usize,
    /// True for what the job's own images need first: the float network orders them.
    #[serde(default)]
    pub preparing: bool,
}

/// A flag that asks a running job to stop at its next batch. Clones share the flag.
#[derive(Clone, Debug, Default)]
pub struct Cancel(Arc<AtomicBool>);

impl Cancel {
    /// Asks the job to stop.
    pub fn cancel(&self) {
        self.0.store(true, Ordering::Relaxed);
    }
    /// True once asked.
    pub fn is_cancelled(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }
}

/// Why a job has no answer.
#[derive(Debug, Clone, thiserror::Error, PartialEq, Serialize, Deserialize)]
#[serde(tag = "error", content = "about", rename_all = "kebab-case")]
#[non_exhaustive]
pub enum EvaluateError {
    /// The job was cancelled; nothing is wrong.
    #[error("cancelled")]
    Cancelled,
    /// The allocation has another number of layers than the network.
    #[error("the allocation has {got} layers, the network {want}")]
    WrongLayers {
        /// Layers of the allocation.
        got: usize,
        /// Layers of the network.
        want: usize,
    },
    /// Images were asked for that the split does not have.
    #[error("images {from}..{to} asked for, the {split:?} split has {len}")]
    OutOfRange {
        /// The split.
        split: Split,
        /// First image asked for.
        from: usize,
        /// One past the last.
        to: usize,
        /// The split's size.
        len: usize,
    },
    /// The evaluator cannot be made: the device does not exist, or model and images do not fit each
    /// other.
    #[error("{0}")]
    Setup(String),
    /// An image can no longer be read.
    #[error("{0}")]
    Data(String),
    /// A number that means nothing: infinite, or not a number. (JSON has no word for it, so it must
    /// not be journalled.)
    #[error(
        "{place} not finite: numbers overflow inside the network, so that neither its drift nor its accuracy means \
         anything. Look for tensors of absurd size in the checkpoint, and at `mean` and `std` in [data]"
    )]
    NotFinite {
        /// What, as the beginning of the sentence.
        place: String,
    },
    /// The tensor library failed.
    #[error("evaluating failed: {0}")]
    Backend(String),
    /// Workers on other machines failed at it, one after the other, and it was set aside.
    #[error("{job} was set aside, because {times} workers failed at it; the last one: {last}")]
    SetAside {
        /// The job, in words.
        job: String,
        /// How many failed.
        times: u32,
        /// What the last one said, or what became of it.
        last: String,
    },
    /// The way to the workers on other machines is gone.
    #[error("{0}")]
    Unreachable(String),
}

impl EvaluateError {
    /// Of membrane potentials that are not finite at a neuron site; none: of the logits.
    pub fn not_finite_at(site: Option<&str>) -> Self {
        let place = match site {
            Some(site) => format!("the membrane potentials of neuron site {site} are"),
            None => "the logits are".to_owned(),
        };
        EvaluateError::NotFinite { place }
    }
}

impl EvaluateError {
    /// The error of an answer to another question.
    pub fn of_another() -> Self {
        EvaluateError::Backend("the evaluator answered another question".into())
    }

    /// True where another evaluator, on another machine, may well have an answer: what went wrong
    /// is no property of the job.
    pub fn may_retry(&self) -> bool {
        match self {
            EvaluateError::Setup(_) | EvaluateError::Data(_) | EvaluateError::Backend(_) => true,
            EvaluateError::Cancelled
            | EvaluateError::WrongLayers { .. }
            | EvaluateError::OutOfRange { .. }
            | EvaluateError::NotFinite { .. }
            | EvaluateError::SetAside { .. }
            | EvaluateError::Unreachable(_) => false,
        }
    }
}

/// The error of a layer's output at a bit-width, on the float network's inputs over the calibration
/// images: the root mean square, relative to the output's standard deviation.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct OutputError {
    /// The layer.
    pub layer: usize,
    /// The bit-width.
    pub width: BitWidth,
    /// The relative error.
    pub error: f64,
}

/// A source of the quantized layers of allocations, as an evaluator uses them.
pub trait LayerSource: Send + Sync {
    /// The layers in the network's order, their affines fixed; none for float layers.
    ///
    /// # Errors
    /// [`EvaluateError`].
    fn quantized(
        &self,
        allocation: &Allocation,
        cancel: &Cancel,
    ) -> Result<Vec<Option<QuantizedLayer>>, EvaluateError>;
}

/// Answers jobs. One job at a time; parallelism inside is the evaluator's own affair and never
/// changes an outcome.
pub trait Evaluator: Send {
    /// Answers a job. `cancel` is looked at least once per batch; `progress` is called as batches
    /// finish.
    ///
    /// # Errors
    /// [`EvaluateError`].
    fn evaluate(
        &mut self,
        job: &Job,
        cancel: &Cancel,
        progress: &mut dyn FnMut(Progress),
    ) -> Result<(Outcome, Work), EvaluateError>;

    /// What the numbers depend on beside model, data and quantizer: kernel set, instruction set,
    /// device, batch size.
    fn numerics(&self) -> String;

    /// Images that run together: a job costs whole batches. A function of the network.
    fn batch(&self) -> usize {
        1
    }

    /// Calibration images that the affines of an allocation's quantized layers are fitted on, front
    /// to back; 0 where they are not.
    fn correction_images(&self) -> usize {
        0
    }

    /// What is not as it was asked for, and why: less memory or fewer threads, so that it fits the
    /// machine.
    fn notes(&self) -> Vec<String> {
        Vec::new()
    }

    /// What is kept between jobs, shared with all that work on the same device.
    fn caches(&self) -> Caches {
        Caches::default()
    }

    /// A prober of the same network for display, beside this evaluator; none where
    /// there is nothing to see.
    fn prober(&self) -> Option<Box<dyn Prober>> {
        None
    }

    /// The quantized layers behind this evaluator's answers, for their export; none where they do
    /// not depend on calibration images.
    fn layers(&self) -> Option<Arc<dyn LayerSource>> {
        None
    }

    /// Does a piece of work that the next jobs may need, until it is cancelled; false where there
    /// is none left. No outcome depends on it.
    fn work_ahead(&mut self, cancel: &Cancel) -> bool {
        let _ = cancel;
        false
    }

    /// The errors of layers' outputs that became known since they were last asked for; for display.
    fn latest_output_errors(&mut self) -> Vec<OutputError> {
        Vec::new()
    }

    /// What the last job cost that ended without an answer, cancelled or failed. Asked once, it is
    /// forgotten.
    fn wasted_work(&mut self) -> Work {
        Work::default()
    }
}

/// Which of the first `images` of a split an allocation classifies correctly, and what that cost.
///
/// # Errors
/// [`EvaluateError`].
pub fn correct(
    evaluator: &mut dyn Evaluator,
    allocation: Allocation,
    (split, images): (Split, usize),
    cancel: &Cancel,
    progress: &mut dyn FnMut(Progress),
) -> Result<(CorrectBits, Work), EvaluateError> {
    let question = Question::Accuracy {
        split,
        from: 0,
        to: images,
        stop: None,
    };
    let job = Job {
        allocation,
        question,
    };
    match evaluator.evaluate(&job, cancel, progress)? {
        (Outcome::Accuracy { correct }, work) => Ok((correct, work)),
        _ => Err(EvaluateError::of_another()),
    }
}

/// What a network does on all `images` images of a split under an allocation.
///
/// # Errors
/// [`EvaluateError`].
pub fn statistics(
    evaluator: &mut dyn Evaluator,
    allocation: Allocation,
    (split, images): (Split, usize),
    cancel: &Cancel,
    progress: &mut dyn FnMut(Progress),
) -> Result<Statistics, EvaluateError> {
    let question = Question::Statistics {
        split,
        from: 0,
        to: images,
    };
    let job = Job {
        allocation,
        question,
    };
    match evaluator.evaluate(&job, cancel, progress)? {
        (Outcome::Statistics(counted), _) => Ok(counted),
        _ => Err(EvaluateError::of_another()),
    }
}
