//! Standard output and error while the terminal is taken over: what libraries print there would
//! smear the screen, so it goes into a file without a name and is printed once the terminal is
//! given back.

use std::fs::File;
use std::io;

/// The most that is printed afterwards: the end of what was said.
const MOST: u64 = 16 * 1024;

/// An output of the interface's own, which stays the terminal.
pub fn own_output() -> io::Result<File> {
    #[cfg(unix)]
    return Ok(File::from(rustix::io::dup(rustix::stdio::stdout())?));
    #[cfg(windows)]
    return std::os::windows::io::AsHandle::as_handle(&io::stdout())
        .try_clone_to_owned()
        .map(File::from);
}

#[cfg(unix)]
mod redirect {
    use super::{File, MOST, io};
    use std::io::{Read, Seek, SeekFrom};
    use std::os::fd::OwnedFd;
    use std::sync::Mutex;

    /// What standard output and error were, and where they go meanwhile.
    struct Aside {
        output: OwnedFd,
        error: OwnedFd,
        heap: File,
    }

    static ASIDE: Mutex<Option<Aside>> = Mutex::new(None);

    /// From now on nothing that is printed reaches the screen.
    pub fn begin() -> io::Result<()> {
        let mut aside = ASIDE.lock().unwrap_or_else(|broken| broken.into_inner());
        if aside.is_some() {
            return Ok(());
        }
        let heap = tempfile::tempfile()?;
        let output = rustix::io::dup(rustix::stdio::stdout())?;
        let error = rustix::io::dup(rustix::stdio::stderr())?;
        rustix::stdio::dup2_stdout(&heap)?;
        rustix::stdio::dup2_stderr(&heap)?;
        *aside = Some(Aside {
            output,
            error,
            heap,
        });
        Ok(())
    }

    /// Where it goes meanwhile.
    pub fn said() -> Option<File> {
        let aside = ASIDE.lock().unwrap_or_else(|broken| broken.into_inner());
        aside.as_ref().and_then(|aside| aside.heap.try_clone().ok())
    }

    /// Gives both back and returns what was said meanwhile, the last of it.
    pub fn end() -> Vec<u8> {
        let aside = ASIDE
            .lock()
            .unwrap_or_else(|broken| broken.into_inner())
            .take();
        let Some(mut aside) = aside else {
            return Vec::new();
        };
        let _ = rustix::stdio::dup2_stdout(&aside.output);
        let _ = rustix::stdio::dup2_stderr(&aside.error);
        let mut said = Vec::new();
        let length = aside.heap.metadata().map_or(0, |m| m.len());
        let from = SeekFrom::Start(length.saturating_sub(MOST));
        if aside.heap.seek(from).is_ok() {
            let _ = aside.heap.read_to_end(&mut said);
        }
        said
    }
}

#[cfg(not(unix))]
mod redirect {
    use super::io;

    /// Nothing is set aside here.
    pub fn begin() -> io::Result<()> {
        Ok(())
    }

    /// Nothing was said.
    pub fn end() -> Vec<u8> {
        Vec::new()
    }
}

#[cfg(unix)]
pub use redirect::said;
pub use redirect::{begin, end};
