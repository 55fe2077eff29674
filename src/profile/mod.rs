//! The profile: a TOML file that says everything about a search.
#![forbid(unsafe_code)]

mod config;

pub use config::{Constraint, GateConfig, GateMode, Level, Pin, SearchConfig, Strategy};
