//! The profile library: shipped and saved profiles by name.

mod name;
mod reserved;
mod shipped;

use std::fmt;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use toml_edit::{DocumentMut, Item, Value};

use super::document::read_text;
use super::error::ProfileError;
use super::nearest::did_you_mean;
use super::overrides::{Overrides, replace};
use super::paths::Paths;
use super::save::{CODES, SaveError, codes_file, write_text_key};
use super::settings::Profile;
use super::upgrade;
use super::writing::{write_file, write_text};
pub use name::{NameError, ProfileName};
pub use reserved::ReservedName;
pub use shipped::{SHIPPED, shipped};

/// The profile that `search` takes when none is named.
pub const DEFAULT: &str = "demo";

/// The origin of a profile.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ProfileOrigin {
    /// A file that was named by its path.
    File(PathBuf),
    /// A saved profile.
    Saved(PathBuf),
    /// A profile that comes with the program.
    Shipped(&'static str),
    /// No profile: a checkpoint that was recognised.
    Checkpoint(String),
}

impl ProfileOrigin {
    /// The file; none for a shipped profile.
    pub fn file(&self) -> Option<&Path> {
        match self {
            ProfileOrigin::File(path) | ProfileOrigin::Saved(path) => Some(path),
            ProfileOrigin::Shipped(_) | ProfileOrigin::Checkpoint(_) => None,
        }
    }
}

impl ProfileOrigin {
    /// The profile in a sentence.
    pub fn title(&self) -> String {
        match self {
            ProfileOrigin::File(_) | ProfileOrigin::Saved(_) => format!("profile {self}"),
            ProfileOrigin::Shipped(_) => self.to_string(),
            ProfileOrigin::Checkpoint(_) => format!("profile {self}"),
        }
    }
}

impl fmt::Display for ProfileOrigin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            ProfileOrigin::File(path) | ProfileOrigin::Saved(path) => {
                write!(f, "{}", path.display())
            }
            ProfileOrigin::Shipped(name) => write!(f, "shipped profile {name}"),
            ProfileOrigin::Checkpoint(name) => write!(f, "recognised from {name}"),
        }
    }
}

/// A profile that was named on the command line, read and checked.
#[derive(Clone, Debug, PartialEq)]
pub struct ResolvedProfile {
    /// The profile with overrides applied.
    pub profile: Profile,
    /// Its text with the overrides in it, comments kept: what [`super::Save`] starts from.
    pub text: String,
    /// The folder that relative paths in the text start from.
    pub folder: PathBuf,
    /// The origin.
    pub origin: ProfileOrigin,
    /// True for a saved profile that hides a shipped one of the same name.
    pub hides_shipped: bool,
    /// How it was brought to the current format, in a sentence; none where it is of that.
    pub upgraded: Option<String>,
}

impl ResolvedProfile {
    /// The origin in words.
    pub fn describe(&self) -> String {
        match self.hides_shipped {
            true => format!("{}, saved, instead of the shipped one", self.origin),
            false => self.origin.to_string(),
        }
    }

    /// What the user ought to know of it: sentences.
    pub fn notes(&self) -> Vec<String> {
        let mut notes = Vec::new();
        if let (true, Some(name)) = (self.hides_shipped, self.saved_name()) {
            notes.push(format!(
                "{} hides the shipped profile {name}; `aq4svit profiles rename {name} my-{name}` gives it a name of its own",
                self.origin
            ));
        }
        if let Some(upgraded) = &self.upgraded {
            notes.push(format!("{}: {upgraded}", self.origin));
        }
        notes
    }

    fn saved_name(&self) -> Option<&str> {
        match &self.origin {
            ProfileOrigin::Saved(path) => path.file_stem()?.to_str(),
            _ => None,
        }
    }
}

/// The error of renaming or deleting a saved profile.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum LibraryError {
    /// There is no saved profile of this name.
    #[error("there is no saved profile \"{name}\"{hint}")]
    NotSaved {
        /// The name.
        name: String,
        /// The nearest known names, as the end of the sentence.
        hint: String,
    },
    /// The new name is taken.
    #[error("there is already a saved profile \"{0}\"; delete it first or choose another name")]
    Taken(ProfileName),
    /// The operating system says no.
    #[error("cannot {what} {}: {source}", .path.display())]
    Io {
        /// The attempted operation.
        what: &'static str,
        /// The file.
        path: PathBuf,
        /// The cause.
        source: io::Error,
    },
    /// The new name is that of a shipped profile.
    #[error(transparent)]
    Reserved(#[from] ReservedName),
    /// The profile with its new name was not written.
    #[error(transparent)]
    Save(#[from] SaveError),
}

/// The profiles that can be named.
#[derive(Clone, Debug)]
pub struct Library {
    folder: PathBuf,
    current: PathBuf,
}

impl Library {
    /// The library in the program's configuration folder; relative paths start from the current
    /// folder.
    pub fn new(paths: &Paths) -> Self {
        Library {
            folder: paths.profiles(),
            current: std::env::current_dir().unwrap_or_else(|_| PathBuf::from("/")),
        }
    }

    /// The folder of saved profiles, whether it exists or not.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// The file of a saved profile, whether it exists or not.
    pub fn path(&self, name: &ProfileName) -> PathBuf {
        self.folder.join(format!("{name}.toml"))
    }

    /// Finds a profile: an existing file, else a saved profile, else a shipped one.
    ///
    /// # Errors
    /// [`ProfileError::NotFound`] with the nearest names.
    pub fn find(&self, wanted: &str) -> Result<ProfileOrigin, ProfileError> {
        let path = self.current.join(wanted);
        // Devices and pipes are files as well: whatever is there and is no folder.
        if !wanted.is_empty() && path.exists() && !path.is_dir() {
            return Ok(ProfileOrigin::File(path));
        }
        if let Ok(name) = wanted.parse::<ProfileName>() {
            let saved = self.path(&name);
            if saved.is_file() {
                return Ok(ProfileOrigin::Saved(saved));
            }
        }
        match shipped(wanted) {
            Some((name, _)) => Ok(ProfileOrigin::Shipped(name)),
            None if !wanted.is_empty() && path.is_dir() => Err(ProfileError::Folder(wanted.into())),
            None => Err(ProfileError::NotFound {
                name: wanted.to_owned(),
                hint: self.hint(wanted),
            }),
        }
    }

    fn hint(&self, wanted: &str) -> String {
        let saved = self.saved();
        let saved = saved.iter().map(|(name, _)| name.0.as_str());
        let stem = Path::new(wanted)
            .file_stem()
            .and_then(|s| s.to_str())
            .unwrap_or(wanted);
        let hint = did_you_mean(stem, saved.chain(SHIPPED.iter().map(|(n, _)| *n)));
        match hint.is_empty() {
            true => "; `aq4svit profiles list` names them".to_owned(),
            false => hint,
        }
    }

    /// The text of a profile.
    ///
    /// # Errors
    /// [`ProfileError::Read`], [`ProfileError::NotAProfile`].
    pub fn text(&self, origin: &ProfileOrigin) -> Result<String, ProfileError> {
        match origin {
            ProfileOrigin::File(path) | ProfileOrigin::Saved(path) => read_text(path),
            ProfileOrigin::Shipped(name) => {
                Ok(shipped(name).map_or("", |(_, text)| text).to_owned())
            }
            ProfileOrigin::Checkpoint(_) => Ok(String::new()),
        }
    }

    /// The file that messages name and that relative paths start from.
    pub fn file(&self, origin: &ProfileOrigin) -> PathBuf {
        match origin {
            ProfileOrigin::File(path) | ProfileOrigin::Saved(path) => path.clone(),
            ProfileOrigin::Shipped(name) => self.current.join(format!("{name}.toml")),
            ProfileOrigin::Checkpoint(name) => self.current.join(name),
        }
    }

    /// Finds, reads and checks a profile.
    ///
    /// # Errors
    /// [`ProfileError`].
    pub fn resolve(
        &self,
        wanted: &str,
        overrides: &Overrides,
    ) -> Result<ResolvedProfile, ProfileError> {
        let origin = self.find(wanted)?;
        let source = self.text(&origin)?;
        let hides_shipped = matches!(origin, ProfileOrigin::Saved(_)) && shipped(wanted).is_some();
        Ok(ResolvedProfile {
            hides_shipped,
            ..self.read(origin, &source, overrides)?
        })
    }

    /// Reads and checks the text of a profile.
    pub(super) fn read(
        &self,
        origin: ProfileOrigin,
        source: &str,
        overrides: &Overrides,
    ) -> Result<ResolvedProfile, ProfileError> {
        let file = self.file(&origin);
        let (profile, text) = Profile::parse_with(source, &file, overrides)?;
        Ok(ResolvedProfile {
            profile,
            text,
            folder: file.parent().unwrap_or(Path::new("/")).to_owned(),
            origin,
            hides_shipped: false,
            upgraded: upgrade::sentence(source),
        })
    }

    /// The saved profiles by name. Files that no name could mean are left out; a folder that cannot
    /// be read is empty.
    pub fn saved(&self) -> Vec<(ProfileName, PathBuf)> {
        let entries = fs::read_dir(&self.folder).into_iter().flatten().flatten();
        let named = entries.filter_map(|entry| {
            let path = entry.path();
            let name = path.file_name()?.to_str()?.strip_suffix(".toml")?;
            Some((name.parse().ok()?, path))
        });
        let mut saved: Vec<(ProfileName, PathBuf)> = named.filter(|(_, p)| p.is_file()).collect();
        saved.sort_by(|a, b| a.0.0.cmp(&b.0.0));
        saved
    }

    /// Every profile that can be named: the saved ones, then the shipped ones.
    pub fn list(&self) -> Vec<(String, ProfileOrigin)> {
        let saved = self.saved().into_iter();
        let saved = saved.map(|(name, path)| (name.0, ProfileOrigin::Saved(path)));
        let shipped = SHIPPED
            .iter()
            .map(|(n, _)| ((*n).to_owned(), ProfileOrigin::Shipped(n)));
        saved.chain(shipped).collect()
    }

    /// Renames a saved profile: its file, and the `name` in it where that is the old one.
    ///
    /// # Errors
    /// [`LibraryError`]; the old profile is still there then.
    pub fn rename(&self, from: &str, to: &ProfileName) -> Result<PathBuf, LibraryError> {
        let (old, new) = (self.existing(from)?, self.path(to));
        to.unreserved()?;
        let io = |what, path: &Path| {
            let path = path.to_owned();
            move |source| LibraryError::Io { what, path, source }
        };
        let mut text = fs::read_to_string(&old).map_err(io("read", &old))?;
        let codes = own_codes(&text, &old);
        if new.exists() {
            return Err(LibraryError::Taken(to.clone()));
        }
        if let Ok(mut document) = text.parse::<DocumentMut>() {
            if document.get("name").and_then(Item::as_str) == Some(from) {
                replace(document.as_table_mut(), "name", Value::from(to.0.as_str()));
            }
            if let Some(codes) = &codes {
                let moved = codes_file(&new);
                let bytes = fs::read(codes).map_err(io("read", codes))?;
                write_file(&moved, &bytes, true)?;
                let name = moved.file_name().and_then(|name| name.to_str());
                write_text_key(&mut document, CODES, name);
            }
            text = document.to_string();
        }
        // Both stand in one folder, so relative paths keep their meaning.
        match write_text(&new, &text, false) {
            Err(SaveError::Exists(_)) => return Err(LibraryError::Taken(to.clone())),
            written => written?,
        }
        for file in [Some(&old), codes.as_ref()].into_iter().flatten() {
            fs::remove_file(file).map_err(io("delete", file))?;
        }
        Ok(new)
    }

    /// Deletes a saved profile and the file of quantized layers that belongs to it.
    ///
    /// # Errors
    /// [`LibraryError`].
    pub fn delete(&self, name: &str) -> Result<PathBuf, LibraryError> {
        let path = self.existing(name)?;
        let codes = fs::read_to_string(&path).ok();
        let codes = codes.and_then(|text| own_codes(&text, &path));
        for file in [Some(&path), codes.as_ref()].into_iter().flatten() {
            fs::remove_file(file).map_err(|source| LibraryError::Io {
                what: "delete",
                path: file.clone(),
                source,
            })?;
        }
        Ok(path)
    }

    fn existing(&self, name: &str) -> Result<PathBuf, LibraryError> {
        let saved = self.saved();
        match saved.iter().find(|(n, _)| n.0 == name) {
            Some((_, path)) => Ok(path.clone()),
            None => {
                let hint = match shipped(name) {
                    Some(_) => "; the shipped one stays as it is".to_owned(),
                    None => did_you_mean(name, saved.iter().map(|(n, _)| n.0.as_str())),
                };
                let name = name.to_owned();
                Err(LibraryError::NotSaved { name, hint })
            }
        }
    }
}

/// The file of quantized layers that belongs to a profile alone: the profile names it, it has the
/// profile's name, and it is there.
fn own_codes(text: &str, profile: &Path) -> Option<PathBuf> {
    let document: DocumentMut = text.parse().ok()?;
    let named = document.get("quantizer")?.as_table_like()?.get(CODES)?;
    let own = codes_file(profile);
    let is_own = own.file_name()?.to_str()? == named.as_str()?;
    (is_own && own.is_file()).then_some(own)
}

#[cfg(test)]
mod tests;
