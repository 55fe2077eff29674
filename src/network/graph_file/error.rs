//! What can be wrong with a document.

use std::fmt;

/// The error of a document that describes no network.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GraphFileError {
    /// The node that is wrong, by its number and what it is; none where it is no node.
    pub node: Option<String>,
    /// What is wrong, and what to do.
    pub message: String,
}

impl std::error::Error for GraphFileError {}

impl fmt::Display for GraphFileError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.node {
            Some(node) => write!(f, "{node}: {}", self.message),
            None => f.write_str(&self.message),
        }
    }
}

impl GraphFileError {
    /// Of the document as a whole.
    pub(super) fn of_document(message: impl Into<String>) -> Self {
        GraphFileError {
            node: None,
            message: message.into(),
        }
    }
}
