//! The `aq4svit` program.

fn main() {
    aq4svit::cli::main()
}
