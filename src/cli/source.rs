//! The profile that a command names: `PROFILE` and `--set`.

use std::path::PathBuf;

use anyhow::Result;

use super::output::note;
use crate::profile::{Library, Overrides, Paths, ProfileError, ResolvedProfile};

/// `--set`, on every command that takes a profile.
#[derive(Clone, Debug, Default, clap::Args)]
pub struct SetArgs {
    /// Override a key of the profile, such as search.screen=250 or pins.head=8
    ///
    /// The key is dotted. The value is TOML, or a string when it is no TOML; paths start from the
    /// current folder.
    #[arg(long = "set", value_name = "KEY=VALUE", value_parser = readable)]
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

/// Reads the profile that a command names, with its overrides. What the user ought to know of it is
/// said on standard error.
///
/// # Errors
/// For a profile that is not there or not right.
pub fn resolve(name: &str, set: &SetArgs) -> Result<ResolvedProfile> {
    let resolved = resolve_quietly(name, set)?;
    say(&resolved);
    Ok(resolved)
}

/// Says on standard error what the user ought to know of a profile.
pub fn say(resolved: &ResolvedProfile) {
    for sentence in resolved.notes() {
        note(&format!("note: {sentence}"));
    }
}

/// Reads a profile as [`resolve`] does, and says nothing: for what draws on the screen.
///
/// # Errors
/// As [`resolve`].
pub fn resolve_quietly(name: &str, set: &SetArgs) -> Result<ResolvedProfile> {
    Ok(library()?.resolve(name, &set.overrides()?)?)
}

/// A text that [`Overrides`] can read, unchanged; the profile checks its meaning.
fn readable(text: &str) -> Result<String, String> {
    match Overrides::parse([text], PathBuf::from("/")) {
        Ok(_) => Ok(text.to_owned()),
        Err(ProfileError::Override { why, .. }) => Err(why),
        Err(error) => Err(error.to_string()),
    }
}
