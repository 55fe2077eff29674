//! Names of the files in a run's folder, beside the journal.

/// The profile that the run was started with.
pub const PROFILE: &str = "profile.toml";
/// The profile that holds the result: the smallest confirmed allocation so far, at the end the
/// certified one where a certificate is asked for.
pub const BEST: &str = "best.toml";
/// The quantized layers of that allocation.
pub(super) const BEST_CODES: &str = "best.codes.safetensors";
/// The profile that holds the incumbent, where the result is what could be certified.
pub const INCUMBENT: &str = "incumbent.toml";
/// The quantized layers of the incumbent.
pub(super) const INCUMBENT_CODES: &str = "incumbent.codes.safetensors";
/// What the evaluations cost.
pub(super) const WORK: &str = "work.jsonl";
