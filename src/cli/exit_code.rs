//! What the program says when it ends.

use std::io::Write;

/// An exit code of the program.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct ExitCode(u8);

impl ExitCode {
    /// Done, and the constraint is met.
    pub const SUCCESS: Self = ExitCode(0);
    /// An error.
    pub const FAILURE: Self = ExitCode(1);

    /// Ends the process. Everything was written and let go of before; the handlers of libraries are
    /// not run, because taking libtorch's operators apart takes a tenth of a second.
    pub fn leave(self) -> ! {
        // What cannot be written any more was reported where it was printed.
        let _ = std::io::stdout().flush();
        signal_hook::low_level::exit(i32::from(self.0))
    }
}

impl From<u8> for ExitCode {
    fn from(code: u8) -> Self {
        ExitCode(code)
    }
}
