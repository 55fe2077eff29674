//! The commands that the user (or a script) gives the search.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::{CandidateId, Move};
use crate::profile::{ConstraintChange, Pin};
use crate::quant::BitWidth;

/// The identifier that a sender gives a command: the acknowledgement carries it. Senders choose
/// identifiers that no other sender uses, for example by a prefix of their own.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct CommandId(pub String);

/// A command as it is sent: with an identifier where the sender wants to recognise its
/// acknowledgement among those of equal commands.
#[derive(Clone, Debug, PartialEq)]
pub struct Instruction {
    /// The identifier.
    pub id: Option<CommandId>,
    /// The command.
    pub command: Command,
}

impl From<Command> for Instruction {
    fn from(command: Command) -> Self {
        Instruction { id: None, command }
    }
}

/// A steering command. Each one is answered by [`super::Event::CommandAccepted`] or
/// [`super::Event::CommandRefused`], takes effect between decisions, and is journalled where it
/// did.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "command", rename_all = "snake_case")]
pub enum Command {
    /// Ask for nothing more until [`Command::Resume`]; what is asked for by hand is evaluated.
    Pause,
    /// Go on.
    Resume,
    /// Go on until one candidate has been evaluated, and pause then.
    Step,
    /// Never expand this candidate or anything below it; drop its queued work.
    Prune {
        /// The branch's top.
        candidate: CandidateId,
    },
    /// Take a pruning back: undecided candidates of the branch are eligible from the next round.
    ResumeBranch {
        /// The branch's top.
        candidate: CandidateId,
    },
    /// Make a child of a candidate by hand; it is judged before queued work and never held back.
    SetBits {
        /// The parent.
        candidate: CandidateId,
        /// What to change.
        #[serde(flatten)]
        change: Move,
    },
    /// Make a child of a candidate by hand that differs in several layers at once; judged as with
    /// [`Command::SetBits`].
    SetLayers {
        /// The parent.
        candidate: CandidateId,
        /// New widths by layer; all others stay as they are.
        bits: BTreeMap<String, BitWidth>,
    },
    /// Keep layers within bounds from now on.
    Pin {
        /// Layers and bounds; replaces an earlier pin of the same pattern.
        #[serde(flatten)]
        pin: Pin,
    },
    /// Remove the pin of this pattern.
    Unpin {
        /// The pattern as it was given.
        pattern: String,
    },
    /// Change what a result must meet and what the search may spend. Verdicts follow from the
    /// stored results of every image; only what these leave undecided is evaluated, from where it
    /// ended.
    Constrain {
        /// What to change.
        #[serde(flatten)]
        change: ConstraintChange,
    },
    /// Take the last command back that was accepted and not yet taken back, but for pausing,
    /// resuming and stepping: the search is where it was before, and what was measured since is
    /// kept.
    Undo,
    /// Give the command again that was taken back last.
    Redo,
    /// Finish with the incumbent: no more candidates.
    Stop,
    /// The time that the constraint allows is over: finish with the incumbent. Sent by whoever
    /// holds the clock.
    TimeUp,
}
