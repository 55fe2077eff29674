//! What can be wrong with a journal.

use std::io;
use std::path::{Path, PathBuf};

/// Why a journal cannot be read or written.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum JournalError {
    /// The file system said no.
    #[error("cannot {action} {path}: {source}")]
    Io {
        /// What was tried.
        action: &'static str,
        /// Where.
        path: PathBuf,
        /// Why not.
        source: io::Error,
    },
    /// The folder already holds a run.
    #[error(
        "{} already holds a journal: choose another folder, or continue it with `aq4svit resume {}`",
        .0.display(), quoted(.0)
    )]
    Exists(PathBuf),
    /// The journal was deleted while it was written.
    #[error(
        "the run in {} was deleted while it was searched, so that nothing more of it can be kept: a new search takes \
         what has been computed from the results store",
        .0.display()
    )]
    Deleted(PathBuf),
    /// There is no journal.
    #[error("{0} holds no run: there is no journal.jsonl in it")]
    Missing(PathBuf),
    /// The journal ends before its header does: whatever began it was stopped at once.
    #[error(
        "the run in {0} never began: its journal has no header. Nothing is lost: delete the folder, and search anew"
    )]
    NeverBegan(PathBuf),
    /// Another program has the run open.
    #[error(
        "the run in {} is open in another program: `aq4svit watch {}` shows it; stop that program \
         to continue the run here",
        .0.display(), quoted(.0)
    )]
    Locked(PathBuf),
    /// The first line is no header of this format.
    #[error(
        "{path}, line 1: not the header of a journal of format {}: {why}",
        super::FORMAT
    )]
    Header {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        why: String,
    },
    /// A line is no event.
    #[error("{path}, line {line}: {why}; the file was changed or damaged, and cannot be continued")]
    Line {
        /// The file.
        path: PathBuf,
        /// Which line, from 1.
        line: usize,
        /// What is wrong.
        why: String,
    },
}

/// A path as an argument of a shell, in quotes where it needs them.
pub fn quoted(path: &Path) -> String {
    let text = path.display().to_string();
    shlex::try_quote(&text).map_or_else(|_| format!("{text:?}"), Into::into)
}

impl JournalError {
    pub(super) fn io(
        action: &'static str,
        path: impl Into<PathBuf>,
    ) -> impl FnOnce(io::Error) -> Self {
        let path = path.into();
        move |source| JournalError::Io {
            action,
            path,
            source,
        }
    }
}
