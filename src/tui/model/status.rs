//! What a run does, in words.

use crate::evaluate::{Job, Question, Split};
use crate::search::{StopReason, Tree};

/// What the run does, in a word.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Status {
    /// No event yet.
    Starting,
    /// Searching.
    Running,
    /// A pause was asked for; something is still being evaluated.
    Pausing,
    /// Nothing happens until a person lets it go on.
    Paused,
    /// Going on was asked for.
    Resuming,
    /// The end was asked for.
    Stopping,
    /// Over.
    Finished,
    /// It cannot go on.
    Failed,
    /// Another program's run, as far as it is.
    Watching,
    /// A run as it was.
    Replaying,
}

impl Status {
    /// The word.
    pub fn text(self) -> &'static str {
        match self {
            Status::Starting => "STARTING",
            Status::Running => "RUNNING",
            Status::Pausing => "PAUSING",
            Status::Paused => "PAUSED",
            Status::Resuming => "RESUMING",
            Status::Stopping => "STOPPING",
            Status::Finished => "FINISHED",
            Status::Failed => "FAILED",
            Status::Watching => "WATCHING",
            Status::Replaying => "REPLAY",
        }
    }
}

/// What is being evaluated.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Task {
    /// The float network on the search split.
    Baseline,
    /// Drift of a candidate.
    Drift,
    /// A candidate's screening.
    Screening,
    /// A candidate on the whole search split.
    Confirmation,
    /// The result on the test split.
    Test,
}

impl Task {
    /// What a job does.
    pub fn of(job: &Job, tree: &Tree) -> Self {
        let settings = tree.settings.as_ref();
        let screen = settings.map_or(usize::MAX, |s| s.search.screen);
        let is_float = job.allocation.0.iter().all(|w| w.is_float());
        match &job.question {
            Question::Drift => Task::Drift,
            Question::Accuracy {
                split: Split::Test, ..
            } => Task::Test,
            Question::Accuracy { .. } if is_float => Task::Baseline,
            Question::Accuracy { to, .. } if *to > screen => Task::Confirmation,
            Question::Accuracy { .. } => Task::Screening,
        }
    }
    /// In the order in which a search comes to them.
    pub const ALL: [Task; 5] = [
        Task::Baseline,
        Task::Drift,
        Task::Screening,
        Task::Confirmation,
        Task::Test,
    ];
    /// What is done, as a verb.
    pub fn text(self) -> &'static str {
        match self {
            Task::Baseline => "evaluating the float network",
            Task::Drift => "measuring drift of",
            Task::Screening => "screening",
            Task::Confirmation => "confirming",
            Task::Test => "evaluating the test split",
        }
    }
    /// What is done, in a word.
    pub fn word(self) -> &'static str {
        match self {
            Task::Baseline => "float network",
            Task::Test => "testing",
            Task::Drift => "drift",
            Task::Screening => "screening",
            Task::Confirmation => "confirming",
        }
    }
}

/// The way in which the interface was left.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// The search had ended.
    Finished(StopReason),
    /// The user left an unfinished run.
    Quit,
    /// The run could not continue.
    Failed(String),
    /// A signal, or the terminal went away.
    Terminated,
}
