//! What the start screen offers: runs and profiles, with what is known of them.

use std::path::PathBuf;

use crate::quant::Allocation;

/// A labelled line of the preview.
pub type Fact = (&'static str, String);

/// A run that can be chosen.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct RunEntry {
    /// The folder.
    pub folder: PathBuf,
    /// The id.
    pub id: String,
    /// `running`, `unfinished`, `finished`, or why it cannot be read.
    pub condition: String,
    /// The result so far, in a few words.
    pub result: String,
    /// How long ago it began, such as `2 min ago`.
    pub when: String,
    /// The memory of the result in bytes.
    pub bytes: Option<u64>,
    /// True when another program has it open: it can be watched only.
    pub is_open: bool,
    /// What else is to be said.
    pub facts: Vec<Fact>,
    /// What can be drawn.
    pub chart: Option<Box<Chart>>,
}

/// What can be drawn of a run.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Chart {
    /// Every evaluated allocation: bytes, accuracy drop in points, whether it met the constraint.
    pub points: Vec<(u64, f64, bool)>,
    /// The largest accuracy drop in points.
    pub limit: f64,
    /// The allocation of the result.
    pub bits: Option<Allocation>,
}

/// What a profile needs before a search can start with it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum Readiness {
    /// Nothing: network and images are inside the program.
    #[default]
    Ready,
    /// Nothing: the user saved it.
    Saved,
    /// Weights or images that are not on this machine.
    Missing,
}

/// A profile that can be chosen.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ProfileEntry {
    /// The name.
    pub name: String,
    /// Where it comes from, and what there is to say of it.
    pub about: String,
    /// What it needs.
    pub readiness: Readiness,
    /// What else is to be said.
    pub facts: Vec<Fact>,
}

/// Something in the list.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Item {
    /// A run, by its position.
    Run(usize),
    /// A profile, by its position.
    Profile(usize),
    /// The profiles that need something, shown or hidden.
    Missing,
}

/// A run or profile that is to be changed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Subject {
    /// A run, by its folder.
    Run(PathBuf),
    /// A profile, by its name.
    Profile(String),
}

/// The order of the runs.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Order {
    /// The latest first.
    #[default]
    Newest,
    /// The smallest result first.
    Smallest,
    /// By name.
    Name,
}

impl Order {
    /// The next one; after the last the first.
    pub fn next(self) -> Self {
        match self {
            Order::Newest => Order::Smallest,
            Order::Smallest => Order::Name,
            Order::Name => Order::Newest,
        }
    }

    /// The text in the heading.
    pub fn text(self) -> &'static str {
        match self {
            Order::Newest => "latest first",
            Order::Smallest => "smallest first",
            Order::Name => "by name",
        }
    }
}
