//! `aq4svit completions SHELL`.

use anyhow::{Context, Result};
use clap_complete::Shell;
use clap_complete::env::Shells;

use super::ExitCode;
use super::complete::VARIABLE;
use super::output::print;

/// What zsh needs where it loads the script from a folder of `fpath`, which it does at the first
/// completion: to read the script is that call.
const FIRST_CALL: &str = "if [ \"$funcstack[1]\" = _aq4svit ]; then\n    \
    _clap_dynamic_completer_aq4svit \"$@\"\nfi\n";

/// Print a completion script for a shell
///
/// It completes commands, flags, names of profiles and ids of runs: the script asks the program.
/// For bash: echo 'source <(aq4svit completions bash)' >> ~/.bashrc
#[derive(Clone, Debug, clap::Args)]
pub struct Args {
    /// The shell
    pub shell: Shell,
}

/// Prints the script for the whole command line.
///
/// # Errors
/// When standard output cannot be written.
pub fn run(args: &Args, command: &clap::Command) -> Result<ExitCode> {
    let shell = args.shell.to_string();
    let shells = Shells::builtins();
    let completer = shells
        .completer(&shell)
        .with_context(|| format!("{shell} has no completion script"))?;
    let mut script = Vec::new();
    completer.write_registration(VARIABLE, "aq4svit", "aq4svit", "aq4svit", &mut script)?;
    let names: Vec<&str> = command
        .get_subcommands()
        .map(clap::Command::get_name)
        .collect();
    let script = String::from_utf8_lossy(&script).into_owned();
    // The first line of a script for zsh has a meaning of its own.
    let about = format!("# aq4svit: {}\n", names.join(", "));
    let call = match args.shell {
        Shell::Zsh => FIRST_CALL,
        _ => "",
    };
    print(&format!("{}\n{call}{about}", script.trim_end()))?;
    Ok(ExitCode::SUCCESS)
}
