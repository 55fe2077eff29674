//! `--device` and `--threads`, on every command that evaluates.

use super::results::ResultArgs;
use crate::run::EvaluatorOptions;

/// Where and how to evaluate.
#[derive(Clone, Debug, clap::Args)]
pub(crate) struct DeviceArgs {
    /// Where the network runs: `cpu` or `cuda:N`; a search also on several, as `cuda:0,cuda:1`
    /// (CUDA was never run)
    #[arg(long, value_name = "DEVICE", default_value = "cpu", value_parser = device)]
    pub device: String,
    /// Evaluator threads (all cores when not given); results do not depend on it
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=1024))]
    pub threads: Option<u16>,
}

impl DeviceArgs {
    /// The options of an evaluator with every optimization, which may reuse results of earlier
    /// runs.
    pub fn options(&self, results: ResultArgs) -> EvaluatorOptions {
        EvaluatorOptions {
            results: results.folder(),
            device: self.device.clone(),
            threads: self.threads.map(usize::from),
            ..EvaluatorOptions::default()
        }
    }
}

/// A list of names of devices, checked for its form only.
fn device(text: &str) -> Result<String, String> {
    let is_one = |text: &str| {
        let index = text.strip_prefix("cuda:").map(str::parse::<u16>);
        text == "cpu" || text == "cuda" || matches!(index, Some(Ok(_)))
    };
    match text.split(',').all(is_one) {
        true => Ok(text.to_owned()),
        false => Err("expected cpu or cuda:N, such as cuda:0".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn devices_are_words() {
        for good in ["cpu", "cuda", "cuda:0", "cuda:15", "cuda:0,cuda:1"] {
            assert_eq!(device(good), Ok(good.to_owned()));
        }
        for bad in [
            "", "tpu", "CPU", "cuda:", "cuda:x", "cuda:-1", "cuda:1.5", "cuda0", "cpu,", ",cpu",
        ] {
            assert!(device(bad).is_err(), "{bad}");
        }
    }
}
