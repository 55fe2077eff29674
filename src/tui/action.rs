//! Everything that can happen to the interface, and everything it can cause.

use std::path::PathBuf;
use std::time::Duration;

use serde::Serialize;

use super::forecast::{Change, Forecast, PredictedFront};
use super::session::{Answer, Asked};
use super::views::View;
use crate::quant::Allocation;
use crate::run::{Probed, Update};
use crate::search::{CandidateId, Instruction};

/// Something that happened. The names of those that a key can cause are the same in the keymap, in
/// files and in tests; the others come from the loop.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
#[allow(
    missing_docs,
    reason = "the keymap table describes those that keys cause"
)]
pub enum Action {
    Up,
    Down,
    PageUp,
    PageDown,
    Top,
    Bottom,
    Left,
    Right,
    Toggle,
    Filter,
    Follow,
    JumpIncumbent,
    JumpBase,
    JumpRunning,
    JumpFailure,
    Find,
    FindNext,
    FindPrevious,
    Compare,
    Earlier,
    Later,
    MuchEarlier,
    MuchLater,
    ToStart,
    ToEnd,
    Slower,
    Faster,
    Commands,
    Copy,
    Export,
    NextTheme,
    Retry,
    Skip,
    Result,
    Report,
    ExportCommand,
    Uniform,
    NewRun,
    Runs,
    Sort,
    Rename,
    Delete,
    Axes,
    Settings,
    CopyCommand,
    WhatIf,
    OnlyChanges,
    /// A key that means nothing else.
    #[serde(skip)]
    Begin,
    Watch,
    Probe,
    ShowNode,
    FocusNext,
    FocusPrevious,
    /// Opens a view.
    #[serde(skip)]
    View(View),
    Zoom,
    Pause,
    Prune,
    ResumeBranch,
    Undo,
    Redo,
    Step,
    Limits,
    PinPattern,
    TimeUp,
    RaiseBits,
    LowerBits,
    Width(u8),
    Pin,
    Revert,
    Save,
    Stop,
    Help,
    Quit,
    Interrupt,
    Suspend,
    Redraw,
    Submit,
    Cancel,
    EraseBefore,
    EraseAfter,
    EraseWord,
    EraseLine,
    CursorLeft,
    CursorRight,
    CursorStart,
    CursorEnd,
    /// A character typed into a prompt.
    Insert(char),
    /// Text pasted into a prompt.
    Paste(String),
    /// What the run told since the last time.
    #[serde(skip)]
    Updates(Vec<Update>),
    /// The run's end of the channel is gone.
    #[serde(skip)]
    Disconnected,
    /// Time since the interface started.
    #[serde(skip)]
    Tick(Duration),
    /// The terminal has another size: columns, rows.
    #[serde(skip)]
    Resize(u16, u16),
    /// The left button at a column and row.
    #[serde(skip)]
    Click(u16, u16),
    /// The mouse moved to a column and row with the left button down.
    #[serde(skip)]
    Drag(u16, u16),
    /// The left button was let go.
    #[serde(skip)]
    Release,
    /// The wheel at a column and row; positive is down.
    #[serde(skip)]
    Wheel(u16, u16, i8),
    /// A signal.
    #[serde(skip)]
    Signal(Signal),
    /// Answer to [`Effect::Save`].
    #[serde(skip)]
    Saved(Result<Saved, SaveError>),
    /// Answer to [`Effect::Export`]: the file, without its ending.
    #[serde(skip)]
    Exported(Result<PathBuf, String>),
    /// Answer to [`Effect::Copy`].
    #[serde(skip)]
    Copied(Result<String, String>),
    /// Answer to [`Effect::Retry`]: the run begins anew from its journal, or why it does not.
    #[serde(skip)]
    Retried(Result<(), String>),
    /// Answer to [`Effect::Ask`].
    #[serde(skip)]
    Answered(Answer),
    /// Answer to [`Effect::Probe`].
    #[serde(skip)]
    Probed(Probed),
    /// Answer to [`Effect::Forecast`].
    #[serde(skip)]
    Forecast(Forecast),
    /// Answer to [`Effect::PredictFront`].
    #[serde(skip)]
    PredictedFront(PredictedFront),
    /// Bytes of this process in memory.
    #[serde(skip)]
    Resident(u64),
    /// [`Effect::Send`] found the channel closed.
    #[serde(skip)]
    Undelivered(Instruction),
    /// Another thread panicked; its message.
    #[serde(skip)]
    Panicked(String),
    /// The thread that reads keys panicked, and reads on; its message.
    #[serde(skip)]
    KeyLost(String),
    /// The terminal gives no more input.
    #[serde(skip)]
    InputLost,
}

impl Action {
    /// True for what the user does: a key, a click; not for what the run, time and other threads
    /// bring.
    pub fn is_users(&self) -> bool {
        use Action::{
            Answered, Copied, Disconnected, Drag, Exported, Forecast, InputLost, KeyLost, Panicked,
            PredictedFront, Probed, Release, Resident, Resize, Retried, Saved, Signal, Tick,
            Undelivered, Updates,
        };
        let brought = matches!(
            self,
            Answered(_)
                | Copied(_)
                | Disconnected
                | Drag(..)
                | Exported(_)
                | Forecast(_)
                | PredictedFront(_)
                | InputLost
                | KeyLost(_)
                | Panicked(_)
                | Probed(_)
                | Release
                | Resident(_)
        );
        let others = matches!(
            self,
            Resize(..) | Retried(_) | Saved(_) | Signal(_) | Tick(_) | Undelivered(_) | Updates(_)
        );
        !(brought || others)
    }

    /// The name, as in the keymap and its file.
    pub fn name(&self) -> String {
        if let Action::View(view) = self {
            return format!("view_{}", view.name().to_lowercase());
        }
        match serde_json::to_value(self) {
            Ok(serde_json::Value::String(name)) => name,
            Ok(serde_json::Value::Object(map)) => map
                .into_iter()
                .map(|(name, value)| format!("{name} {value}"))
                .collect(),
            _ => String::from("(internal)"),
        }
    }
}

/// A signal of the operating system.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Signal {
    /// Leave at once (SIGTERM, SIGHUP and what batch systems send).
    Terminate,
    /// As Ctrl-C: ask first, leave at the second.
    Interrupt,
}

/// A profile that was saved.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Saved {
    /// Its file.
    pub path: PathBuf,
    /// What of it is not as it should be, and why.
    pub note: Option<String>,
}

/// The reason why a profile was not saved.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SaveError {
    /// There is a profile of that name; saving again with `overwrite` replaces it.
    #[error("{} exists already", .0.display())]
    Exists(PathBuf),
    /// Anything else, in words the user can act on.
    #[error("{0}")]
    Other(String),
}

/// Something to be done outside the model.
#[derive(Clone, Debug, PartialEq)]
pub enum Effect {
    /// Tell the search.
    Send(Instruction),
    /// Save a profile; answered by [`Action::Saved`].
    Save {
        /// The profile's name.
        name: String,
        /// What to save.
        allocation: Allocation,
        /// The user agreed to replace a profile of that name.
        overwrite: bool,
    },
    /// Put a text into the clipboard, and say what it is; answered by [`Action::Copied`].
    Copy {
        /// The text.
        text: String,
        /// What it is.
        what: String,
    },
    /// Write what the screen shows; answered by [`Action::Exported`].
    Export,
    /// Have something done or read outside, in a thread of its own; answered by
    /// [`Action::Answered`].
    Ask(Asked),
    /// Look at the potentials under an allocation; answered by [`Action::Probed`].
    Probe(Allocation),
    /// Predict what an allocation would lose; answered by [`Action::Forecast`].
    Forecast(Change),
    /// Predict the front; answered by [`Action::PredictedFront`].
    PredictFront,
    /// Open the run again from its journal; answered by [`Action::Retried`].
    Retry {
        /// Prune this node at once.
        skip: Option<CandidateId>,
    },
    /// Hand the terminal back to the shell until the process is continued.
    Suspend,
    /// Draw everything anew.
    Redraw,
}
