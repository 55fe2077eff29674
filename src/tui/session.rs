//! The session: what the caller gives the interface and gets back.

use std::path::PathBuf;

use crossbeam_channel::{Receiver, Sender};

use super::action::{SaveError, Saved, Signal};
use super::config::Config;
use super::model::{Outcome, RunInfo, Setting};
use crate::profile::{Constraint, Pin};
use crate::quant::Allocation;
use crate::run::{Probe, Update};
use crate::search::{Counters, Instruction, Tree};

/// An allocation to be saved as a profile, with what is in force.
#[derive(Clone, Debug, PartialEq)]
pub struct SaveRequest {
    /// The profile's name.
    pub name: String,
    /// The allocation.
    pub allocation: Allocation,
    /// The pins.
    pub pins: Vec<Pin>,
    /// The constraint.
    pub constraint: Constraint,
    /// True when the person agreed to overwrite.
    pub overwrite: bool,
}

/// Saves profiles, in a thread of its own.
pub type Save = Box<dyn FnMut(SaveRequest) -> Result<Saved, SaveError> + Send>;

/// Something that is done or read outside the interface, in a thread of its own.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Asked {
    /// Write the report of the run.
    Report,
    /// Look which other runs and which profiles there are.
    Places,
    /// Read another run, by its id or folder, to compare with it.
    Run(String),
    /// Keep a setting for the next time.
    Keep(Setting),
}

/// The answer to [`Asked`].
#[derive(Clone, Debug, PartialEq)]
pub enum Answer {
    /// The folder of the report, or why there is none.
    Report(Result<PathBuf, String>),
    /// The other runs and the profiles.
    Places(Places),
    /// Another run, or why it cannot be read.
    Run(Result<Box<OtherRun>, String>),
    /// What is kept, to be said where it is not empty; or why it is not.
    Kept(Result<String, String>),
}

/// Where one can go from a run.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Places {
    /// The ids of the runs, the latest first.
    pub runs: Vec<String>,
    /// The names of the profiles that a search can start with.
    pub profiles: Vec<String>,
}

/// Another run, to compare with.
#[derive(Clone, Debug, PartialEq)]
pub struct OtherRun {
    /// The id.
    pub id: String,
    /// Its search.
    pub tree: Tree,
    /// What was counted.
    pub counters: Counters,
    /// Seconds of searching.
    pub seconds: f64,
}

/// Answers what is asked for outside.
pub type Outside = Box<dyn FnMut(Asked) -> Answer + Send>;

/// Where commands go, and where updates come from.
#[derive(Debug, Clone)]
pub struct Ends {
    /// Steering.
    pub commands: Sender<Instruction>,
    /// What happens.
    pub updates: Receiver<Update>,
    /// Looks into the network; none where there is none to look into.
    pub probe: Option<Probe>,
}

/// Opens the run again after it failed, from its journal; or says why it cannot.
pub type Retry = Box<dyn FnMut() -> Result<Ends, String>>;

/// A run to show and to steer.
pub struct Session {
    /// The run.
    pub run: RunInfo,
    /// Where commands go, and where updates come from.
    pub ends: Ends,
    /// Saves a profile.
    pub save: Save,
    /// Opens the run again after it failed.
    pub retry: Retry,
    /// Does and reads what lies outside the run.
    pub outside: Outside,
    /// True where the card of a first run is to be shown.
    pub welcome: bool,
    /// True for a run of another program, which cannot be steered from here.
    pub watching: bool,
    /// The user's own keys and colours.
    pub config: Config,
    /// Signals to this process.
    pub signals: Receiver<Signal>,
}

/// What is left to tell once the terminal is restored.
#[derive(Clone, Debug, PartialEq)]
pub struct Ending {
    /// How it was left.
    pub outcome: Outcome,
    /// Profiles saved from the interface, in order.
    pub saved: Vec<PathBuf>,
    /// The search as last seen.
    pub tree: Tree,
}
