//! The journal: the file of events, one JSON object per line, appended and never rewritten.
//!
//! `RUN/journal.jsonl` begins with a [`Header`] line; every further line is an [`Entry`]. All but
//! the header and the `time` of an entry is a function of profile, data and commands. Every line
//! ends in a check sum of all but its time, so that a changed line is told from a written one. A
//! torn last line (a killed process, a full disk) is dropped on reading; the search does that step
//! again.
#![forbid(unsafe_code)]
// What is read here comes from outside, and no panic is to be reached from there.
#![cfg_attr(
    not(test),
    deny(clippy::expect_used, clippy::indexing_slicing, clippy::panic)
)]

mod check_sum;
mod error;
mod file;
mod guard;
mod header;
mod lines;
mod upgrade;

use serde::{Deserialize, Serialize};

use crate::evaluate::Provenance;

pub use crate::search::{Command, Event};
pub use check_sum::sealed;
pub(crate) use check_sum::{Seal, check_sum, seal};
pub use error::{JournalError, quoted};
pub(crate) use file::entry;
pub use file::{FILE_NAME, Journal, Writer, is_open_elsewhere};
pub use guard::{Guard, host};
pub use header::{FORMAT, Fingerprint, Header, HeaderKind};
pub use lines::JsonLines;

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
    /// Where the answer came from that led to it. Not in the journal, which does not depend on
    /// what earlier runs had answered: `RUN/work.jsonl` says it.
    #[serde(skip)]
    pub provenance: Provenance,
}
