//! The dialogs over the panes, which take all keys.

use std::path::PathBuf;
use std::time::Duration;

use super::prompt::FieldPrompt;
use super::status::Destination;
use crate::quant::Allocation;
use crate::search::CandidateId;
use crate::tui::fields::Fields;
use crate::tui::input::TextInput;

/// A dialog over the panes.
#[derive(Clone, Debug, PartialEq)]
pub enum Overlay {
    /// The keys.
    Help {
        /// First line shown.
        offset: usize,
        /// What is searched for.
        find: TextInput,
        /// True while that is typed.
        typing: bool,
    },
    /// This run and another one beside each other.
    Runs,
    /// The result of a search that has ended.
    Result,
    /// A question.
    Confirm(Confirm),
    /// A profile's name is asked for.
    Save(SavePrompt),
    /// The settings of the interface.
    Settings(Fields),
    /// Limits or a pin are asked for.
    Fields(FieldPrompt),
    /// A command is chosen from the list.
    Commands(CommandPrompt),
    /// A text to look for is asked for.
    Find(FindPrompt),
    /// Records that the run cannot continue.
    Failure {
        /// Why.
        message: String,
        /// The node that was at work.
        candidate: Option<CandidateId>,
    },
}

/// A command being chosen.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct CommandPrompt {
    /// What was typed.
    pub text: TextInput,
    /// The chosen one among those that match.
    pub chosen: usize,
}

/// A text to look for, being typed.
#[derive(Clone, Debug, PartialEq)]
pub struct FindPrompt {
    /// The text so far.
    pub text: TextInput,
    /// Where the search began: back there when it is given up.
    pub from: usize,
}

/// A question that yes or no answers.
#[derive(Clone, Debug, PartialEq)]
pub enum Confirm {
    /// Leave a running search?
    Quit,
    /// Go on somewhere else, away from a running search?
    Leave(Destination),
    /// Prune a branch that holds the base?
    Prune(CandidateId),
    /// Give up changes in the making?
    Discard,
    /// End the search now?
    Stop,
    /// End it as if its time were over?
    TimeUp,
    /// Replace a profile?
    Overwrite {
        /// The profile there is.
        path: PathBuf,
        /// The prompt to go back to.
        prompt: SavePrompt,
    },
}

/// A profile's name is asked for.
#[derive(Clone, Debug, PartialEq)]
pub struct SavePrompt {
    /// Which node is saved.
    pub candidate: CandidateId,
    /// The allocation.
    pub allocation: Allocation,
    /// The name so far.
    pub name: TextInput,
    /// What was wrong with the last try.
    pub error: Option<String>,
}

/// A profile that is being saved.
#[derive(Clone, Debug, PartialEq)]
pub struct Saving {
    /// What the person asked for.
    pub prompt: SavePrompt,
    /// When.
    pub since: Duration,
    /// Whether it was said that it takes a while.
    pub said: bool,
}
