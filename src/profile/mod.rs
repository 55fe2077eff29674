//! The profile: a TOML file that says everything about a search.
//!
//! [`Library::resolve`] finds a profile by path or name and reads it with the command line's
//! [`Overrides`] into a [`Profile`]: checked against the table of known keys and against the
//! network, defaults filled in, paths absolute. [`Save`] writes an allocation back into the
//! person's own text.
//!
//! ```
//! use aq4svit::profile::{Overrides, Profile, SHIPPED};
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let (_, text) = SHIPPED[0];
//! let set = ["pins.head=8", "constraint.max_memory=96 KiB"];
//! let overrides = Overrides::parse(set, "/here".into())?;
//! let (profile, _) = Profile::parse_with(text, "demo.toml".as_ref(), &overrides)?;
//! let graph = profile.graph();
//! assert_eq!(profile.constraint.max_memory, Some(96 * 1024));
//! assert_eq!(profile.bounds(&graph)?.of(graph.layers.len() - 1).len(), 1);
//!
//! let error = Profile::parse("[model]\nfamly = 'qkformer'", "p.toml".as_ref()).unwrap_err();
//! let message = "p.toml:2: unknown key `famly` in [model]; did you mean `family`?";
//! assert_eq!(error.to_string(), message);
//! # Ok(())
//! # }
//! ```
#![forbid(unsafe_code)]

mod check;
mod config;
mod constraint;
mod document;
mod error;
mod evidence;
mod files;
mod keys;
mod kind;
mod library;
mod nearest;
mod overrides;
mod paths;
mod pin;
mod reading;
mod recognised;
mod rules;
mod save;
mod settings;
mod size;
mod strategies;
mod target;
mod target_file;
mod tie;
mod upgrade;
mod writing;

pub use config::{GateConfig, GateMode, Level, Published, Screen, Screening, SearchConfig};
pub use constraint::{AccuracyDrop, Constraint, ConstraintChange, Objective};
pub use error::{ProfileError, SourceLocation};
pub use evidence::{Evidence, SplitEvidence};
pub use library::{
    DEFAULT, Library, LibraryError, NameError, ProfileName, ProfileOrigin, ReservedName,
    ResolvedProfile, SHIPPED, shipped,
};
pub(crate) use nearest::layer_hint;
pub use overrides::Overrides;
pub use paths::{NoHome, Paths};
pub use pin::{AllowedWidths, Pin};
pub use recognised::model_section;
pub use rules::{PinError, Rule, Rules, TieError};
pub use save::{Save, SaveError, calibrated_text, codes_file, pins_as_toml, relocated};
pub use settings::{Checkpoint, Profile};
pub use size::{parse as parse_size, text as size_text};
pub use strategies::{STRATEGIES, StrategyName, StrategyRow};
pub use target::{TARGETS, Target};
pub use tie::{Tie, Tied};
pub use upgrade::FORMAT;
pub(crate) use writing::write_file;
pub use writing::{write_text, write_texts};
