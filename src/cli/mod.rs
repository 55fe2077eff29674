//! The commands: one file per subcommand, argument parsing and printing, nothing else.
#![forbid(unsafe_code)]
use std::process::ExitCode;

/// Parses the command line and runs the command it names.
pub fn main() -> ExitCode {
    ExitCode::SUCCESS
}
