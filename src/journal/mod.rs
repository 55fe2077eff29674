//! The journal: the file of events, one JSON object per line.
#![forbid(unsafe_code)]

use serde::{Deserialize, Serialize};

pub use crate::search::{Command, Event};

/// An event with its place and time: one line of the journal.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Entry {
    /// Counts from 1 without gaps.
    pub seq: u64,
    /// When it was written, RFC 3339 UTC.
    pub time: String,
    /// What happened.
    #[serde(flatten)]
    pub event: Event,
}
