//! The search on synthetic landscapes.

mod budget;
mod decisions;
mod examples;
mod gate;
mod predicted_drop;
mod steering;
