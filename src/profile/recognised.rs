//! Profiles of checkpoints that were recognised.

use std::path::{Path, PathBuf};

use toml_edit::{DocumentMut, Item, Table, Value};

use super::error::ProfileError;
use super::library::{Library, ProfileOrigin, ResolvedProfile};
use super::overrides::Overrides;
use super::settings::{Checkpoint, Profile};
use crate::checkpoint::{Candidate, Evidence};

impl Library {
    /// A profile with a recognised network instead of its own `[model]`; one of nothing else where
    /// no profile is named.
    ///
    /// # Errors
    /// [`ProfileError`], also for pins and `[bits]` of the profile that the network does not have.
    pub fn with_model(
        &self,
        wanted: Option<&str>,
        candidate: &Candidate,
        checkpoint: &Checkpoint,
        overrides: &Overrides,
    ) -> Result<ResolvedProfile, ProfileError> {
        let section = section(candidate, checkpoint, overrides)?;
        self.with_section(wanted, section, checkpoint, overrides)
    }

    /// A profile with the network of a graph file instead of its own `[model]`; one of nothing else
    /// where no profile is named.
    ///
    /// # Errors
    /// As [`Library::with_model`].
    pub fn with_graph(
        &self,
        wanted: Option<&str>,
        file: &Path,
        overrides: &Overrides,
    ) -> Result<ResolvedProfile, ProfileError> {
        let checkpoint = Checkpoint::File(file.to_owned());
        let mut section = Table::new();
        section.insert("graph", toml_edit::value(absolute_text(&checkpoint)?));
        self.with_section(wanted, section, &checkpoint, overrides)
    }

    fn with_section(
        &self,
        wanted: Option<&str>,
        section: Table,
        checkpoint: &Checkpoint,
        overrides: &Overrides,
    ) -> Result<ResolvedProfile, ProfileError> {
        let origin = match wanted {
            Some(name) => self.find(name)?,
            None => ProfileOrigin::Checkpoint(checkpoint.to_string()),
        };
        let file = self.file(&origin);
        // What is wrong with the profile itself is told before its model is another one.
        let text = match wanted {
            Some(_) => Profile::parse_with(&self.text(&origin)?, &file, &Overrides::none())?.1,
            None => format!("format = 1\nname = {}\n", Value::from(stem(checkpoint))),
        };
        let mut document: DocumentMut = text.parse().map_err(|_| ProfileError::NotAProfile {
            path: file,
            why: "it is not TOML",
        })?;
        document.insert("model", Item::Table(section));
        self.read(origin, &document.to_string(), overrides)
    }
}

/// The `[model]` section of a recognised network, ready for a profile: what is assumed is told in
/// comments.
///
/// # Errors
/// For a path that TOML cannot write.
pub fn model_section(
    candidate: &Candidate,
    checkpoint: &Checkpoint,
) -> Result<String, ProfileError> {
    let mut document = DocumentMut::new();
    let section = section(candidate, checkpoint, &Overrides::none())?;
    document.insert("model", Item::Table(section));
    Ok(document.to_string())
}

/// The absolute path of a checkpoint: a profile may stand in another folder.
fn absolute_text(checkpoint: &Checkpoint) -> Result<String, ProfileError> {
    let checkpoint = match checkpoint {
        Checkpoint::File(path) => {
            Checkpoint::File(std::path::absolute(path).unwrap_or_else(|_| path.clone()))
        }
        builtin => builtin.clone(),
    };
    checkpoint.to_text().map_err(|_| ProfileError::NotAProfile {
        path: PathBuf::from(checkpoint.to_string()),
        why: "a path must be Unicode to stand in a profile",
    })
}

fn section(
    candidate: &Candidate,
    checkpoint: &Checkpoint,
    overrides: &Overrides,
) -> Result<Table, ProfileError> {
    let path = absolute_text(checkpoint)?;
    let values = candidate.settings.iter().map(|s| {
        // Both crates write and read the same TOML.
        let value = s.value.to_string().parse::<Value>();
        (
            s,
            value.unwrap_or_else(|_| Value::from(s.value.to_string())),
        )
    });
    let values: Vec<_> = values.collect();
    let lines = values
        .iter()
        .map(|(s, v)| s.key.len() + v.to_string().len());
    let width = lines.max().unwrap_or(0).min(24);
    let mut table = Table::new();
    for (setting, mut value) in values {
        if setting.known != Evidence::Names && !table.contains_key("checkpoint") {
            table.insert("checkpoint", Item::Value(Value::from(path.as_str())));
        }
        let open = overrides.get(&["model", setting.key]).is_none();
        if let (Evidence::Assumed(because), true) = (&setting.known, open) {
            let length = setting.key.len() + value.to_string().len();
            let gap = " ".repeat(width.saturating_sub(length));
            value
                .decor_mut()
                .set_suffix(format!("{gap} # assumed: {because}"));
        }
        table.insert(setting.key, Item::Value(value));
    }
    Ok(table)
}

/// The name of a checkpoint's profile.
fn stem(checkpoint: &Checkpoint) -> String {
    let name = match checkpoint {
        Checkpoint::File(path) => path.file_name().map(|n| n.to_string_lossy().into_owned()),
        Checkpoint::Builtin(name) => Some(name.clone()),
    };
    let name = name.unwrap_or_else(|| "checkpoint".to_owned());
    let stem = name.split('.').next().filter(|s| !s.is_empty());
    stem.unwrap_or(&name).to_owned()
}
