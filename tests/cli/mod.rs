//! The commands of the real binary, as a user and a script meet them.

#[cfg(feature = "torch")]
mod bench;
#[cfg(all(feature = "torch", unix))]
mod certificate;
mod checkpoints;
#[cfg(feature = "torch")]
mod commands;
mod doctor;
#[cfg(feature = "torch")]
mod doubts;
#[cfg(feature = "torch")]
mod errors;
#[cfg(feature = "torch")]
mod evaluate;
#[cfg(feature = "torch")]
mod export;
#[cfg(feature = "torch")]
mod exporter;
#[cfg(all(feature = "torch", unix))]
mod faults;
#[cfg(feature = "torch")]
mod formats;
#[cfg(all(feature = "torch", unix))]
mod full_disk;
#[cfg(feature = "torch")]
mod graph;
#[cfg(feature = "torch")]
mod large;
mod log;
mod profiles;
#[cfg(feature = "torch")]
mod report;
#[cfg(feature = "torch")]
mod results;
#[cfg(all(feature = "torch", unix))]
mod runs;
#[cfg(feature = "torch")]
mod search;
#[cfg(feature = "torch")]
mod self_check;
#[cfg(feature = "torch")]
mod sensitivity;
#[cfg(feature = "torch")]
mod side_file;
#[cfg(feature = "torch")]
mod terminal;
