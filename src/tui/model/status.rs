//! The state of a run and the tasks of its workers, as text.

use std::path::PathBuf;

use strum::{Display, VariantArray};

use crate::evaluate::{Job, Question, Split};
use crate::search::{StopReason, Tree};

/// The state of the run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Display)]
#[strum(serialize_all = "UPPERCASE")]
pub enum Status {
    /// No event yet.
    Starting,
    /// Searching.
    Running,
    /// A pause was requested; something is still being evaluated.
    Pausing,
    /// Paused until the user resumes it.
    Paused,
    /// Resuming was requested.
    Resuming,
    /// Evaluating one candidate, then paused again: a step, or one that was asked for in a pause.
    Stepping,
    /// Stopping was requested.
    Stopping,
    /// The result is evaluated on the test split.
    Testing,
    /// The search has ended with a result.
    Finished,
    /// The search has ended without one.
    #[strum(serialize = "NOT MET")]
    NotMet,
    /// The run cannot continue.
    Failed,
    /// The run of another process, as far as it is.
    Watching,
    /// An earlier moment of a run.
    #[strum(serialize = "REPLAY")]
    Replaying,
}

impl Status {
    /// The state of a search that has ended: with a result or without.
    pub fn ended(tree: &Tree) -> Self {
        match tree.result() {
            Some(_) => Status::Finished,
            None => Status::NotMet,
        }
    }
}

/// What is being evaluated, in the order in which a search comes to it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, VariantArray)]
pub enum Task {
    /// The float network on the search split.
    Baseline,
    /// Drift of a candidate.
    Drift,
    /// The errors of the layers' outputs at a width.
    LayerErrors,
    /// A candidate's screening.
    Screening,
    /// A candidate on the whole search split.
    Confirmation,
    /// A rung of the ladder on the certify split.
    Certificate,
    /// The result on the test split.
    Test,
}

impl Task {
    /// What a job does.
    pub fn of(job: &Job) -> Self {
        let is_float = job.allocation.0.iter().all(|w| w.is_float());
        match &job.question {
            Question::Drift { .. } => Task::Drift,
            Question::LayerErrors => Task::LayerErrors,
            Question::Accuracy {
                split: Split::Test, ..
            }
            | Question::Statistics { .. } => Task::Test,
            Question::Accuracy {
                split: Split::Certify,
                ..
            } => Task::Certificate,
            Question::Accuracy { .. } if is_float => Task::Baseline,
            Question::Accuracy {
                stop: Some(rule), ..
            } if !rule.stop_when_met => Task::Confirmation,
            Question::Accuracy { .. } => Task::Screening,
        }
    }
    /// What is done, as a verb.
    pub fn text(self) -> &'static str {
        match self {
            Task::Baseline => "evaluating the float network",
            Task::Drift => "measuring drift of",
            Task::LayerErrors => "measuring output errors of the layers",
            Task::Screening => "screening",
            Task::Confirmation => "confirming",
            Task::Certificate => "certifying",
            Task::Test => "evaluating the test split",
        }
    }
    /// What is done, in a word.
    pub fn word(self) -> &'static str {
        match self {
            Task::Baseline => "float network",
            Task::Certificate => "certifying",
            Task::Test => "testing",
            Task::Drift => "drift",
            Task::LayerErrors => "output errors",
            Task::Screening => "screening",
            Task::Confirmation => "confirming",
        }
    }
}

/// Where the user goes on without leaving the program.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Destination {
    /// The start screen: runs and profiles.
    Start,
    /// Another run.
    Run(PathBuf),
    /// A new search with a profile: its name or its file.
    Profile(String),
}

/// The way in which the interface was left.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// The search had ended.
    Finished(StopReason),
    /// The user left an unfinished run.
    Quit,
    /// The user goes on somewhere else.
    Elsewhere(Destination),
    /// The run could not continue.
    Failed(String),
    /// A signal, or the terminal went away.
    Terminated,
}
