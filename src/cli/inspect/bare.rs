//! A checkpoint without a profile: what it holds, and which shipped profile it may belong to.

use std::fmt::Write as _;

use serde::Serialize;

use crate::checkpoint::{CheckpointError, StateDict};
use crate::cli::numbers::grouped;
use crate::profile::{Checkpoint, Profile, SHIPPED};

/// A checkpoint's tensors: the object of `inspect --json`.
#[derive(Debug, Serialize)]
#[serde(tag = "type", rename = "inspection")]
pub struct Tensors {
    /// The file.
    pub checkpoint: String,
    /// Its floating-point tensors by key.
    pub tensors: Vec<Tensor>,
    /// The shipped profiles whose network has exactly these tensors.
    pub matches: Vec<&'static str>,
}

/// One tensor.
#[derive(Debug, Serialize)]
pub struct Tensor {
    /// Its key.
    pub key: String,
    /// Its shape.
    pub shape: Vec<usize>,
}

impl Tensors {
    /// Looks at a checkpoint.
    pub fn of(checkpoint: &Checkpoint, tensors: &StateDict) -> Self {
        let tensor = |(key, tensor): (&str, &crate::checkpoint::TensorData)| Tensor {
            key: key.to_owned(),
            shape: tensor.shape.clone(),
        };
        Tensors {
            checkpoint: checkpoint.to_string(),
            tensors: tensors.iter().map(tensor).collect(),
            matches: matching(tensors),
        }
    }

    /// The same for people.
    pub fn text(&self) -> String {
        let numbers = self
            .tensors
            .iter()
            .map(|t| t.shape.iter().product::<usize>() as u64);
        let mut out = format!(
            "{}: {} floating-point tensors, {} numbers\n\n",
            self.checkpoint,
            self.tensors.len(),
            grouped(numbers.sum())
        );
        let width = self
            .tensors
            .iter()
            .map(|t| t.key.chars().count())
            .max()
            .unwrap_or(0);
        for tensor in &self.tensors {
            let _ = writeln!(
                out,
                "{:<width$}  {:?}",
                tensor.key.escape_debug().to_string(),
                tensor.shape
            );
        }
        out.push('\n');
        match self.matches.as_slice() {
            [] => out.push_str(
                "These are not the tensors of a shipped profile. To use them, write a profile with their sizes;\n\
                 `aq4svit profiles show reference` explains its keys.\n",
            ),
            [name] => {
                let _ = writeln!(
                    out,
                    "These are the tensors of the shipped profile {name}. Heads and time steps are not stored in\n\
                     weights: check them there. For the layer table: aq4svit inspect {name}"
                );
            }
            several => {
                let _ = writeln!(
                    out,
                    "These are the tensors of several shipped profiles: {}",
                    several.join(", ")
                );
            }
        }
        out
    }
}

/// The shipped profiles with these tensors, whatever their values. `reference` explains the demo's and is no network
/// of its own.
fn matching(tensors: &StateDict) -> Vec<&'static str> {
    let fits = |text: &str, name: &str| {
        let graph = Profile::parse(text, name.as_ref()).ok()?.graph().ok()?;
        Some(match tensors.check(&graph) {
            Ok(()) => true,
            Err(CheckpointError::Mismatch(m)) => {
                m.missing.is_empty()
                    && m.unexpected.is_empty()
                    && m.wrong_shape.is_empty()
                    && m.not_float.is_empty()
            }
            Err(_) => false,
        })
    };
    let shipped = SHIPPED.iter().filter(|(name, _)| *name != "reference");
    shipped
        .filter(|(name, text)| fits(text, name) == Some(true))
        .map(|(name, _)| *name)
        .collect()
}
