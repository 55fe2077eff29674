//! `aq4svit completions SHELL`.

use std::process::ExitCode;

use anyhow::Result;
use clap_complete::Shell;

use super::output::print;

/// Print a completion script for a shell
///
/// For bash: aq4svit completions bash > ~/.local/share/bash-completion/completions/aq4svit
#[derive(Clone, Debug, clap::Args)]
pub struct Args {
    /// The shell
    pub shell: Shell,
}

/// Prints the script for the whole command line.
///
/// # Errors
/// When standard output cannot be written.
pub fn run(args: &Args, mut command: clap::Command) -> Result<ExitCode> {
    let mut script = Vec::new();
    clap_complete::generate(args.shell, &mut command, "aq4svit", &mut script);
    print(&String::from_utf8_lossy(&script))?;
    Ok(ExitCode::SUCCESS)
}
