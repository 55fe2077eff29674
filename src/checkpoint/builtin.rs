//! Checkpoints that come with the program.

use super::{CheckpointError, Contents, StateDict};

/// Name and file of each.
static BUILTIN: &[(&str, &[u8])] = &[(
    "qkformer-fashion-mnist",
    include_bytes!("../../assets/qkformer-fashion-mnist.safetensors"),
)];

impl Contents<'static> {
    /// Opens a checkpoint that comes with the program, as in `checkpoint = "builtin:NAME"`.
    ///
    /// # Errors
    /// [`CheckpointError::NoBuiltin`] with the names there are.
    pub fn builtin(name: &str) -> Result<Self, CheckpointError> {
        match BUILTIN.iter().find(|(known, _)| *known == name) {
            Some((known, bytes)) => Contents::of_bytes(bytes, &format!("builtin:{known}")),
            None => Err(CheckpointError::NoBuiltin {
                name: name.to_owned(),
                known: BUILTIN
                    .iter()
                    .map(|(known, _)| *known)
                    .collect::<Vec<_>>()
                    .join(", "),
            }),
        }
    }
}

/// Reads a checkpoint that comes with the program.
///
/// # Errors
/// [`CheckpointError::NoBuiltin`] with the names there are.
pub fn builtin(name: &str) -> Result<StateDict, CheckpointError> {
    Contents::builtin(name)?.read()
}
