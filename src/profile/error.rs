//! What can be wrong with a profile.

use std::fmt;
use std::io;
use std::path::PathBuf;

/// The location of a setting: a line of the profile's file, or the `--set` that gave it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SourceLocation {
    /// A file (or the name of a shipped profile), and the line where known.
    Line {
        /// The file.
        origin: PathBuf,
        /// The line, counted from 1.
        line: Option<usize>,
    },
    /// An override, as it was given.
    Override(String),
}

impl fmt::Display for SourceLocation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            SourceLocation::Line {
                origin,
                line: Some(line),
            } => write!(f, "{}:{line}", origin.display()),
            SourceLocation::Line { origin, line: None } => write!(f, "{}", origin.display()),
            SourceLocation::Override(text) => write!(f, "--set {text}"),
        }
    }
}

/// The error of a profile that cannot be used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ProfileError {
    /// The file cannot be read.
    #[error("cannot read profile {}: {source}", .path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// The cause.
        source: io::Error,
    },
    /// The file is no profile at all.
    #[error("{} is not a profile: {why}", .path.display())]
    NotAProfile {
        /// The file.
        path: PathBuf,
        /// The cause.
        why: &'static str,
    },
    /// The file is not TOML.
    #[error("{place}, column {column}: {message}\n    {text}")]
    Syntax {
        /// The location.
        place: SourceLocation,
        /// The column, counted from 1 in characters.
        column: usize,
        /// The problem.
        message: String,
        /// The line.
        text: String,
    },
    /// A value of the wrong type, out of range, or not allowed with the others.
    #[error("{place}: {key} = {found}: {expected}")]
    Value {
        /// The location.
        place: SourceLocation,
        /// The dotted key.
        key: String,
        /// The value as it stands there.
        found: String,
        /// The expected value.
        expected: String,
    },
    /// A key that no profile has, or values that do not fit each other or the network; the message
    /// names them.
    #[error("{place}: {message}")]
    Section {
        /// The location.
        place: SourceLocation,
        /// The problem.
        message: String,
    },
    /// A key that must be there is not.
    #[error("{place}: {key} is missing: {expected}")]
    Missing {
        /// The file, and the line of the table where there is one.
        place: SourceLocation,
        /// The dotted key.
        key: String,
        /// The expected value.
        expected: String,
    },
    /// A `--set` that is no `key=value`, or cannot be applied.
    #[error("--set {text}: {why}")]
    Override {
        /// The override.
        text: String,
        /// The problem.
        why: String,
    },
    /// The file of a chip is none.
    #[error("{} is not the file of a target: it is not text (TOML), or larger than 4 MiB", .0.display())]
    NotATarget(PathBuf),
    /// A folder where a profile should be.
    #[error(
        "{} is a folder, and a profile is a file (TOML): of a run name best.toml in its folder; a package is taken by \
         `evaluate` and `verify`, a checkpoint in several files by `inspect` and `search --model-from`",
        .0.display()
    )]
    Folder(PathBuf),
    /// Neither a file nor the name of a profile.
    #[error("there is no profile \"{name}\", neither as a file nor saved or shipped{hint}")]
    NotFound {
        /// The requested name.
        name: String,
        /// The nearest names, as the end of the sentence.
        hint: String,
    },
}
