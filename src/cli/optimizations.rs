//! `--plain` and the switches of the optimizations, on every command that runs a search.

use crate::evaluate::Optimizations;
use crate::profile::parse_size;

/// The optimizations to turn off.
#[derive(Debug, clap::Args)]
pub(crate) struct OptimizationArgs {
    /// Turn all optimizations off: same decisions, slower (implies --no-result-cache)
    #[arg(long)]
    pub plain: bool,
    /// Run every layer of every candidate, also where no layer before it has changed
    #[arg(long)]
    no_prefix_cache: bool,
    /// Quantize the weights again for every evaluation
    #[arg(long)]
    no_weight_cache: bool,
    /// Run the layers that see a still image alone at every time step
    #[arg(long)]
    no_static_stem: bool,
    /// Compute integer layers by libtorch in f32 instead of our byte kernels: both are exact
    #[arg(long)]
    no_integer_kernels: bool,
    /// Run all images of an evaluation, also when its verdict is certain
    #[arg(long)]
    no_early_stop: bool,
    /// Run a confirmation from the first image, also those that the screening has run
    #[arg(long)]
    no_stored_bits: bool,
    /// Quantize no layer before it is needed, also while nothing is to be evaluated
    #[arg(long)]
    no_quantize_ahead: bool,
    /// Memory of the caches: activations, and at most a quarter of it quantized weights
    #[arg(long, value_name = "SIZE", default_value = "2 GiB", value_parser = size)]
    pub cache_memory: u64,
}

impl OptimizationArgs {
    pub fn optimizations(&self) -> Optimizations {
        let on = |off: bool| !off && !self.plain;
        Optimizations {
            prefix_cache: on(self.no_prefix_cache),
            weight_cache: on(self.no_weight_cache),
            static_stem: on(self.no_static_stem),
            integer_kernels: on(self.no_integer_kernels),
            early_stop: on(self.no_early_stop),
            stored_bits: on(self.no_stored_bits),
            quantize_ahead: on(self.no_quantize_ahead),
        }
    }
}

fn size(text: &str) -> Result<u64, String> {
    parse_size(text).ok_or_else(|| "expected a size such as 512MiB or 2GiB".to_owned())
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;
    use crate::run::CACHE_MEMORY;

    #[derive(Parser)]
    struct Only {
        #[command(flatten)]
        args: OptimizationArgs,
    }

    #[test]
    fn each_switch_turns_its_own_trick_off_and_plain_all() {
        let of = |args: &[&str]| {
            let args = std::iter::once("test").chain(args.iter().copied());
            let only = Only::try_parse_from(args).expect("good flags");
            (only.args.optimizations(), only.args.cache_memory)
        };
        assert_eq!(of(&[]), (Optimizations::ALL, CACHE_MEMORY));
        assert_eq!(of(&["--plain"]).0, Optimizations::NONE);
        let no_stop = Optimizations {
            early_stop: false,
            ..Optimizations::ALL
        };
        assert_eq!(of(&["--no-early-stop"]).0, no_stop);
        let all = [
            "--no-prefix-cache",
            "--no-weight-cache",
            "--no-static-stem",
            "--no-integer-kernels",
            "--no-stored-bits",
            "--no-quantize-ahead",
        ];
        let only_stop = Optimizations {
            early_stop: true,
            ..Optimizations::NONE
        };
        assert_eq!(of(&all).0, only_stop);
        assert_eq!(of(&["--cache-memory", "1.5 MiB"]).1, 3 << 19);
        assert!(Only::try_parse_from(["test", "--cache-memory", "much"]).is_err());
    }
}
