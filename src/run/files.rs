//! Names of the files in a run's folder, beside the journal.

/// The profile that the run was started with.
pub const PROFILE: &str = "profile.toml";
/// The profile that holds the smallest confirmed allocation so far.
pub const BEST: &str = "best.toml";
/// The quantized layers of that allocation.
pub(super) const BEST_CODES: &str = "best.codes.safetensors";
/// What the evaluations cost.
pub(super) const WORK: &str = "work.jsonl";
