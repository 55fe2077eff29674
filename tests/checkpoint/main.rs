//! Checkpoint files, good and bad.

mod hostile;
mod pickles;
mod pytorch;
mod safetensors;
