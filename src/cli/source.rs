//! What the commands that read profiles share.

use std::io::{self, Write};
use std::path::PathBuf;

use anyhow::{Context, Result};
use serde::Serialize;

use crate::profile::{Library, Overrides, Paths, ResolvedProfile};

/// `--set`, on every command that takes a profile.
#[derive(Clone, Debug, Default, clap::Args)]
pub struct SetArgs {
    /// Override a key of the profile, such as search.screen=250 or pins.head=8
    ///
    /// The key is dotted. The value is TOML, or a string when it is no TOML; paths start from the current folder.
    #[arg(long = "set", value_name = "KEY=VALUE")]
    pub set: Vec<String>,
}

impl SetArgs {
    /// The overrides.
    ///
    /// # Errors
    /// For a text that is no override.
    pub fn overrides(&self) -> Result<Overrides> {
        let folder = std::env::current_dir().unwrap_or_else(|_| PathBuf::from("/"));
        Ok(Overrides::parse(&self.set, folder)?)
    }
}

/// The library of profiles in the user's folders.
///
/// # Errors
/// For an account without a home folder.
pub fn library() -> Result<Library> {
    Ok(Library::new(&Paths::from_env()?))
}

/// Writes to standard output. A reader who has left early, as `head` does, is no error.
///
/// # Errors
/// When it cannot be written.
pub fn print(text: &str) -> Result<()> {
    let mut out = io::stdout().lock();
    match out.write_all(text.as_bytes()).and_then(|()| out.flush()) {
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
        written => written.context("cannot write to standard output"),
    }
}

/// Writes a line to standard output.
///
/// # Errors
/// When it cannot be written.
pub fn line(text: &str) -> Result<()> {
    print(&format!("{text}\n"))
}

/// Writes an object as one line of JSON to standard output.
///
/// # Errors
/// When it cannot be written.
pub fn json_line(object: &impl Serialize) -> Result<()> {
    line(&serde_json::to_string(object)?)
}

/// Reads the profile that a command names, with its overrides.
///
/// # Errors
/// For a profile that is not there or not right.
pub fn resolve(name: &str, set: &SetArgs) -> Result<ResolvedProfile> {
    Ok(library()?.resolve(name, &set.overrides()?)?)
}

/// An error with its causes, each said once: many messages tell their cause already.
pub fn message(error: &anyhow::Error) -> String {
    let mut text = error.to_string();
    for cause in error.chain().skip(1).map(ToString::to_string) {
        if !text.contains(&cause) {
            text = format!("{text}: {cause}");
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn causes_are_said_once() {
        let cause = io::Error::other("disk full");
        let told = anyhow::Error::new(cause).context("cannot save: disk full");
        assert_eq!(message(&told), "cannot save: disk full");
        let untold = anyhow::Error::new(io::Error::other("disk full")).context("cannot save");
        assert_eq!(message(&untold), "cannot save: disk full");
    }
}
