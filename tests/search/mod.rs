//! The search on synthetic landscapes.

mod budget;
mod certificate;
mod decisions;
mod examples;
mod gate;
mod narrower;
mod predicted_drop;
mod reopened;
mod steering;
mod stepping;
mod undo;
