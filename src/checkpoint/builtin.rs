//! Checkpoints that come with the program.

use super::{CheckpointError, Contents, StateDict};

/// Name and file of each.
static BUILTIN: [(&str, &[u8]); 1] = [(
    "qkformer-fashion-mnist",
    include_bytes!("../../assets/qkformer-fashion-mnist.safetensors"),
)];

impl Contents<'static> {
    /// Opens a checkpoint that comes with the program, as in `checkpoint = "builtin:NAME"`.
    ///
    /// # Errors
    /// [`CheckpointError`] names the checkpoints there are.
    pub fn builtin(name: &str) -> Result<Self, CheckpointError> {
        match BUILTIN.iter().find(|(known, _)| *known == name) {
            Some((known, bytes)) => Contents::of_bytes(bytes, &format!("builtin:{known}")),
            None => Err(CheckpointError::Unusable(format!(
                "there is no built-in checkpoint {name:?}: the program comes with {}",
                BUILTIN.map(|(known, _)| known).join(", ")
            ))),
        }
    }
}

/// Reads a checkpoint that comes with the program.
///
/// # Errors
/// [`CheckpointError`] names the checkpoints there are.
pub fn builtin(name: &str) -> Result<StateDict, CheckpointError> {
    Contents::builtin(name)?.read()
}
