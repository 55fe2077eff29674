//! A profile's text with the places of its settings.

use std::path::{Path, PathBuf};

use toml_edit::{Document, Item};

use super::error::{ProfileError, SourceLocation};
use super::overrides::Overrides;
use super::upgrade;
use crate::system::read_at_most;

/// More than any profile needs; what is larger is some other file.
const LARGEST: u64 = 4 << 20;

/// The text of a profile's file.
///
/// # Errors
/// [`ProfileError::Read`], [`ProfileError::NotAProfile`].
pub(crate) fn read_text(path: &Path) -> Result<String, ProfileError> {
    let path = path.to_owned();
    let bytes = match read_at_most(&path, LARGEST) {
        Ok(Some(bytes)) => bytes,
        Ok(None) => {
            let why = "it is larger than 4 MiB (weights go into model.checkpoint of a profile)";
            return Err(ProfileError::NotAProfile { path, why });
        }
        Err(source) => return Err(ProfileError::Read { path, source }),
    };
    String::from_utf8(bytes).map_err(|_| ProfileError::NotAProfile {
        path,
        why: "it is not text (weights go into model.checkpoint of a profile)",
    })
}

/// The text of a profile as it was read, for the places that errors name.
pub(crate) struct ProfileText<'a> {
    document: Document<&'a str>,
    origin: PathBuf,
    overrides: &'a Overrides,
}

impl<'a> ProfileText<'a> {
    /// Reads TOML.
    ///
    /// # Errors
    /// [`ProfileError::Syntax`].
    pub(crate) fn parse(
        text: &'a str,
        origin: &Path,
        overrides: &'a Overrides,
    ) -> Result<Self, ProfileError> {
        let document = Document::parse(text).map_err(|error| {
            let offset = error.span().map_or(text.len(), |s| s.start);
            syntax(text, origin, offset, error.message())
        })?;
        Ok(ProfileText {
            document,
            origin: origin.to_owned(),
            overrides,
        })
    }

    /// The document with the overrides applied, comments kept.
    ///
    /// # Errors
    /// [`ProfileError::Override`].
    pub(crate) fn edited(&self) -> Result<toml_edit::DocumentMut, ProfileError> {
        let mut document = self.document.clone().into_mut();
        self.overrides.apply(&mut document)?;
        Ok(document)
    }

    /// The document of a profile brought to the current format, with the overrides applied,
    /// comments kept.
    ///
    /// # Errors
    /// [`ProfileError::Value`] for a format that this version cannot read,
    /// [`ProfileError::Override`].
    pub(crate) fn upgraded(&self) -> Result<toml_edit::DocumentMut, ProfileError> {
        let mut document = self.document.clone().into_mut();
        upgrade::check(self, &document)?;
        upgrade::upgrade(&mut document);
        self.overrides.apply(&mut document)?;
        Ok(document)
    }

    /// The location of a setting: the override that gave it, else its line, else the line of the
    /// nearest table above it.
    pub(crate) fn place(&self, path: &[&str]) -> SourceLocation {
        match self.overrides.touching(path) {
            Some(text) => SourceLocation::Override(text.to_owned()),
            None => SourceLocation::Line {
                origin: self.origin.clone(),
                line: self.line(path),
            },
        }
    }

    fn line(&self, path: &[&str]) -> Option<usize> {
        let mut item: &Item = self.document.as_item();
        let mut offset = None;
        for name in path {
            let Some((key, inner)) = item.as_table_like().and_then(|t| t.get_key_value(name))
            else {
                break;
            };
            offset = inner
                .span()
                .filter(|_| inner.is_table())
                .or(key.span())
                .map(|s| s.start)
                .or(offset);
            item = inner;
        }
        offset.map(|at| line_of(self.document.raw(), at).0)
    }
}

fn line_of(text: &str, offset: usize) -> (usize, &str) {
    let before = text.get(..offset.min(text.len())).unwrap_or(text);
    let number = before.matches('\n').count() + 1;
    let line = text.lines().nth(number - 1).unwrap_or("");
    (number, line)
}

fn syntax(text: &str, origin: &Path, offset: usize, message: &str) -> ProfileError {
    let (line, content) = line_of(text, offset);
    let start = text
        .get(..offset.min(text.len()))
        .and_then(|t| t.rfind('\n'))
        .map_or(0, |at| at + 1);
    let column = text.get(start..offset).map_or(0, |t| t.chars().count()) + 1;
    ProfileError::Syntax {
        place: SourceLocation::Line {
            origin: origin.to_owned(),
            line: Some(line),
        },
        column,
        message: message.trim().replace('\n', "; "),
        text: content.trim_end().chars().take(200).collect(),
    }
}
