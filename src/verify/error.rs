//! What is wrong with a package.

use std::path::PathBuf;

/// The error of a package that cannot be verified.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum VerifyError {
    /// A file that cannot be read.
    #[error("cannot read {}: {source}", path.display())]
    Io {
        /// The file or folder.
        path: PathBuf,
        /// The cause.
        source: std::io::Error,
    },
    /// Something in a file is wrong.
    #[error("{file}: {field}: {why}")]
    Wrong {
        /// The file, by its path in the package.
        file: String,
        /// The part of it.
        field: String,
        /// What is wrong.
        why: String,
    },
    /// Files are not those that were listed.
    #[error("the package is not as it was written:{}", .0.iter().map(|l| format!("\n  {l}")).collect::<String>())]
    Changed(Vec<String>),
    /// It was given up.
    #[error("cancelled")]
    Cancelled,
}

impl VerifyError {
    pub(super) fn wrong(
        file: impl Into<String>,
        field: impl Into<String>,
        why: impl Into<String>,
    ) -> Self {
        let short = |text: String| -> String {
            let plain = |c: char| if c.is_control() { ' ' } else { c };
            text.chars().take(300).map(plain).collect()
        };
        VerifyError::Wrong {
            file: short(file.into()),
            field: short(field.into()),
            why: short(why.into()),
        }
    }
}
