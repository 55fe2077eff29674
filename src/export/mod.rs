//! Packages: a quantized network as files that others can run without this program.
//!
//! A package is a folder. `manifest.json` ([`Manifest`]) says everything in words and numbers,
//! `weights.safetensors` holds the packed integers and what follows their sums,
//! `golden/N.safetensors` what the network does on some inputs, and `SHA256SUMS` the hash of every
//! other file. [`Package`] is the same in memory; every [`Format`] of `aq4svit export` is written
//! from it. `docs/export.md` describes the format for whoever reads it without this program, and
//! `docs/package.schema.json` is the JSON Schema of the manifest.
#![forbid(unsafe_code)]

mod error;
mod file;
mod fixed;
mod folder;
mod format;
mod golden;
mod layers;
pub mod manifest;
pub mod onnx;
mod operations;
mod package;
mod readme;
pub mod rtl;
mod sites;
mod tensors;

pub use error::ExportError;
pub use file::ExportFile;
pub use folder::PackageFolder;
pub use format::{Format, FormatOptions, write_formats};
pub use golden::{Candidate, Candidates, Conversion, drawn, margin, widest};
pub use layers::CHECKPOINT;
pub use manifest::Manifest;
pub use package::{Codes, GoldenImage, Numbers, Package, PackageLayer, Source};
