//! The profile: a TOML file that says everything about a search.
#![forbid(unsafe_code)]

mod config;
mod document;
mod error;
mod files;
pub mod glob;
mod keys;
mod nearest;
mod overrides;
mod pins;
mod settings;
mod size;

pub use config::{Constraint, GateConfig, GateMode, Level, Pin, SearchConfig, Strategy};
pub use error::{Place, ProfileError};
pub use overrides::Overrides;
pub use pins::{PinError, bounds};
pub use settings::{Checkpoint, Profile};
