//! `aq4svit` finds, for a trained Spiking Vision Transformer, the smallest weight bit-width of every
//! layer that keeps accuracy within a limit, and lets a person steer that search while it runs.
//!
//! The rooms, in reading order; each one uses only those above it in this list:
//!
//! 1. [`network`]: what a spiking vision transformer is, as data: the graph, its shapes and costs.
//! 2. [`quant`]: quantizer arithmetic on plain slices; bit-widths, allocations, packing, memory.
//! 3. [`checkpoint`]: files of weights to named tensors.
//! 4. [`data`]: data sets to labelled batches, splits, preprocessing.
//! 5. [`profile`]: the TOML file a person writes and the program saves.
//! 6. [`evaluate`]: the [`evaluate::Evaluator`] trait, jobs and outcomes, screening statistics, and a
//!    synthetic landscape for tests.
//! 7. `torch` (feature `torch`): the libtorch evaluator, the only room that names `tch`.
//! 8. [`search`]: the search itself, a pure state machine.
//! 9. [`journal`]: the file of events.
//! 10. [`run`]: threads, channels, resume.
//! 11. [`tui`] and [`cli`]: what a person sees.
#![deny(unsafe_code)]
#![warn(missing_docs)]

pub mod checkpoint;
pub mod cli;
pub mod data;
pub mod evaluate;
pub mod journal;
pub mod network;
pub mod profile;
pub mod quant;
pub mod run;
pub mod search;
#[cfg(feature = "torch")]
pub mod torch;
pub mod tui;
