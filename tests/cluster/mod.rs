//! Searches on other machines: whatever happens to workers and server, the journal is that of a
//! search on one machine alone.

mod attacks;
mod faults;
pub mod field;
mod same;
mod setup;
