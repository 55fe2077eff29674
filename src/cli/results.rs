//! `--no-result-cache`, on every command that may reuse results of earlier runs.

use std::path::PathBuf;

use crate::profile::Paths;

/// The use of results of earlier runs.
#[derive(Clone, Copy, Debug, Default, clap::Args)]
pub(crate) struct ResultArgs {
    /// Compute everything anew, and keep no results for later runs
    #[arg(long)]
    no_result_cache: bool,
}

impl ResultArgs {
    /// The folder of results; none where they are not wanted, and for an account without a home.
    pub fn folder(self) -> Option<PathBuf> {
        let paths = (!self.no_result_cache).then(Paths::from_env)?;
        paths.ok().map(|paths| paths.results())
    }
}
