//! The `aq4svit` program.
use std::process::ExitCode;

fn main() -> ExitCode {
    aq4svit::cli::main()
}
