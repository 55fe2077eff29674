//! The integration tests, one program: a module for each room, and for the binary's commands.
//!
//! `cargo test --test all search::` runs a part of them. What evaluates needs libtorch; everything
//! else runs without it, too (`--no-default-features`).
#![allow(clippy::unwrap_used, reason = "helpers of tests unwrap, too")]

mod architecture;
mod calibrated;
mod checkpoint;
mod cli;
#[cfg(feature = "cluster")]
mod cluster;
mod common;
#[cfg(feature = "cluster")]
mod damaged;
mod data;
mod docs;
mod event_frames;
mod export;
mod formats;
mod journal;
mod large_files;
mod network;
mod profile;
mod quant;
mod report;
mod run;
mod search;
mod soak;
mod sources;
#[cfg(feature = "torch")]
mod torch;
mod tui;
