//! A run: everything from a profile to threads and channels, and back from a journal.
//!
//! An engine thread owns the [`crate::search::Engine`] and the journal; every evaluator has a
//! thread of its own. A front end holds a [`Handle`]: it sends [`Command`]s and receives
//! [`Update`]s, whose events are already safe on disk.
#![forbid(unsafe_code)]

mod best;
mod certified;
#[cfg(feature = "cluster")]
mod cluster;
mod drive;
mod error;
mod evaluators;
mod evidence;
mod expected;
mod files;
mod finished;
mod folder;
mod follow;
#[cfg(feature = "torch")]
mod golden;
mod location;
mod open;
mod prepare;
mod probe;
mod problem;
mod reopen;
mod results;
mod script;
mod self_check;
mod sensitivity;
mod side_file;
mod split_statistics;
#[cfg(debug_assertions)]
mod synthetic;
mod work;
mod worker;
mod worker_pool;
#[cfg(any(test, all(feature = "torch", debug_assertions)))]
mod wrong_answers;

use crate::evaluate::{Caches, Job, Machines, OutputError, Progress};
use crate::journal::Entry;
use crate::search::{CandidateId, Request};
pub use crate::search::{Command, Instruction};

pub use best::{restore_best, without_file};
pub use certified::{Certificate, CertificateSummary, RungLine, Uncertified};
#[cfg(feature = "cluster")]
pub use cluster::{ClusterOptions, Say, worker_maker};
pub use drive::Handle;
pub use error::RunError;
#[cfg(feature = "torch")]
pub use evaluators::quantized_layers;
pub use evaluators::{
    Activity, CACHE_MEMORY, EvaluatorOptions, Evaluators, activity, output_errors,
};
pub use evidence::evidence;
pub use expected::{Expected, Rates};
pub use files::{BEST, INCUMBENT, PROFILE};
pub use finished::Finished;
pub use folder::{RunStatus, Summary, argument, classes, find, id, list};
pub use follow::follow;
#[cfg(feature = "torch")]
pub use golden::{GraphFileContent, graph_file};
pub use location::{RunLocation, slug};
pub use open::{Parts, Source, create, launch, relaunch, relaunch_with, resume};
pub use prepare::{Prepared, load_weights};
pub use probe::{Probe, Probed};
pub use problem::SearchProblem;
pub use reopen::{SearchAccuracy, reopen, rounded_to_nearest, side_files};
pub use results::{CachedEvaluator, Contents, Contexts, LayerFolder, Store, Stores};
pub use script::{ScheduledCommand, Script};
pub use self_check::{SelfCheck, self_check};
pub use sensitivity::{
    Baseline, Curve, Curves, Interaction, Measuring, Point, SENSITIVITY, Sensitivity,
};
pub use side_file::{FixedLayers, SideFileError, SideFiles, fixed_layers};
pub use split_statistics::{Compared, SplitStatistics, statistics};
pub use worker_pool::Crew;

/// What a run tells those who watch it. Events and errors are never dropped, progress may be.
#[derive(Clone, Debug, PartialEq)]
pub enum Update {
    /// An event, already safe in the journal.
    Event(Box<Entry>),
    /// The job that the search waits for is under way (for this candidate; none for the float
    /// network). Other evaluators may be busy with what probably comes next.
    Working {
        /// What it does.
        job: Box<Job>,
        /// For which candidate.
        candidate: Option<CandidateId>,
    },
    /// How far the job is that the search waits for.
    Progress(Progress),
    /// The number of progress reports dropped so far, because earlier ones were not read in time.
    Dropped(u64),
    /// Nothing is being evaluated.
    Idle,
    /// What every evaluator does, one after the other, whenever that has changed.
    Workers(Vec<Option<Request>>),
    /// Who evaluates on other machines, and what waits, whenever that has changed.
    Machines(Machines),
    /// What is kept between jobs.
    Caches(Caches),
    /// The errors of layers' outputs that became known.
    OutputErrors(Vec<OutputError>),
    /// What of the run's files is not as it should be, and why; the run goes on.
    Note(String),
    /// What the evaluators have done so far over the whole run, resumes included.
    Totals(Totals),
    /// The run cannot go on; the journal is intact.
    Failed(String),
}

/// Work counters of a run.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Totals {
    /// Layers run on one image over all time steps.
    pub layer_forwards: u64,
    /// All of them but those of the test split and of the certificate.
    pub layer_forwards_search: u64,
    /// What the same run does with every optimization off.
    pub layer_forwards_plain: u64,
    /// Images run through the network.
    pub images: u64,
    /// Seconds of searching, resumes included.
    pub seconds: f64,
    /// Those of quantizing with calibration images, statistics included.
    pub calibration_seconds: f64,
}
