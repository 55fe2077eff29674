//! Files that a command writes where it is told to.

use std::path::Path;

use anyhow::{Context, Result};

use crate::profile::write_file;

/// Writes the file of an option wholly or not at all, over one that is there.
///
/// # Errors
/// Where it cannot be written.
pub(crate) fn write(option: &str, path: &Path, content: &[u8]) -> Result<()> {
    let failed = || format!("cannot write {option} {}", path.display());
    // A device or pipe is written into; a file beside it could not take its place.
    if path.metadata().is_ok_and(|about| !about.is_file()) {
        return std::fs::write(path, content).with_context(failed);
    }
    write_file(path, content, true).with_context(failed)
}

/// Refuses an output that would replace what is read; `read`: what it is, and its file.
///
/// # Errors
/// Which of them it would be.
#[cfg(feature = "torch")]
pub(crate) fn spare(option: &str, output: &Path, read: &[(&str, Option<&Path>)]) -> Result<()> {
    let place = |path: &Path| path.canonicalize().ok();
    let Some(target) = place(output) else {
        return Ok(());
    };
    let lost = read
        .iter()
        .find(|(_, path)| path.and_then(place).as_ref() == Some(&target));
    match lost {
        Some((what, _)) => {
            let shown = output.display();
            anyhow::bail!("{option} {shown} is {what}, which would be lost: name another file")
        }
        None => Ok(()),
    }
}
