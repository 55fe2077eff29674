//! `--device` and `--threads`, on every command that evaluates.

use crate::run::EvaluatorOptions;

/// Where and how to evaluate.
#[derive(Debug, clap::Args)]
pub(crate) struct DeviceArgs {
    /// Where the network runs: `cpu` or `cuda:N`
    #[arg(long, value_name = "DEVICE", default_value = "cpu")]
    pub device: String,
    /// Evaluator threads (all cores when not given); results do not depend on it
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=1024))]
    pub threads: Option<u16>,
}

impl DeviceArgs {
    pub fn options(&self, plain: bool) -> EvaluatorOptions {
        EvaluatorOptions {
            device: self.device.clone(),
            threads: self.threads.map(usize::from),
            plain,
        }
    }
}
