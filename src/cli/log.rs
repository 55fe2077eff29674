//! `--log-level`, on every command.

use crate::profile::Paths;
use crate::system::crash;
use crate::system::log::{LogLevel, begin};

/// How much is logged.
#[derive(Clone, Debug, clap::Args)]
pub(crate) struct LogArgs {
    /// How much goes into the log file, for whoever looks for the cause of a problem
    #[arg(
        long,
        global = true,
        value_name = "LEVEL",
        env = "AQ4SVIT_LOG",
        default_value = "info",
        help_heading = "Log"
    )]
    log_level: LogLevel,
}

impl LogArgs {
    /// Begins to log, and to report faults, where there is a folder for it.
    pub fn begin(&self) {
        let Ok(paths) = Paths::from_env() else {
            return;
        };
        begin(&paths.log(), self.log_level);
        crash::report_into(paths.log());
        let words = std::env::args_os().skip(1);
        let words: Vec<String> = words.map(|w| w.to_string_lossy().into_owned()).collect();
        tracing::debug!(version = env!("CARGO_PKG_VERSION"), ?words, "begins");
    }
}
