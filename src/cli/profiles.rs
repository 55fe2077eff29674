//! `aq4svit profiles list|show|path|diff|rename|delete`.

mod list;

use std::collections::BTreeSet;
use std::process::ExitCode;

use anyhow::{Context, Result, bail};
use clap::Subcommand;

use super::output::print;
use super::source::{SetArgs, library};
use crate::profile::{Library, Overrides, Profile, ProfileName};
use crate::text::table::columns;

/// List, show, compare, rename and delete profiles
#[derive(Clone, Debug, clap::Args)]
pub struct Args {
    /// What to do
    #[command(subcommand)]
    pub action: Action,
}

/// What to do with profiles.
#[derive(Clone, Debug, Subcommand)]
pub enum Action {
    /// List saved and shipped profiles: size, what is missing here, what their authors report
    List,
    /// Print a profile's text
    Show {
        /// A path, or the name of a saved or shipped profile
        profile: String,
        /// Overrides.
        #[command(flatten)]
        set: SetArgs,
    },
    /// Print the file of a profile, or the folder of saved profiles
    Path {
        /// The name of a saved profile
        profile: Option<String>,
    },
    /// Print the settings in which two profiles differ
    Diff {
        /// A path or name
        a: String,
        /// Another
        b: String,
    },
    /// Rename a saved profile
    Rename {
        /// Its name
        from: String,
        /// Its new name
        to: String,
    },
    /// Delete a saved profile
    Delete {
        /// Its name
        profile: String,
    },
}

/// Does it.
///
/// # Errors
/// For a profile that is not there, or cannot be read or written.
pub fn run(args: &Args) -> Result<ExitCode> {
    let library = library()?;
    let text = match &args.action {
        Action::List => list::list(&library),
        Action::Show { profile, set } => show(&library, profile, &set.overrides()?)?,
        Action::Path { profile: None } => format!("{}\n", library.folder().display()),
        Action::Path {
            profile: Some(name),
        } => path(&library, name)?,
        Action::Diff { a, b } => diff(&library, a, b)?,
        Action::Rename { from, to } => {
            let to: ProfileName = to.parse()?;
            let file = library.rename(from, &to)?;
            format!("{from} is now {to}: {}\n", file.display())
        }
        Action::Delete { profile } => {
            let file = library.delete(profile)?;
            format!("deleted {}\n", file.display())
        }
    };
    print(&text)?;
    Ok(ExitCode::SUCCESS)
}

fn show(library: &Library, name: &str, overrides: &Overrides) -> Result<String> {
    if overrides.is_empty() {
        // As it stands in the file, right or wrong.
        return Ok(library.text(&library.find(name)?)?);
    }
    Ok(library.resolve(name, overrides)?.text)
}

fn path(library: &Library, name: &str) -> Result<String> {
    let origin = library.find(name)?;
    match origin.file() {
        Some(file) => Ok(format!("{}\n", file.display())),
        None => bail!(
            "{name} is inside the program and has no file; `aq4svit profiles show {name} > {name}.toml` makes one"
        ),
    }
}

/// The settings of a profile, defaults included, as dotted keys and TOML values.
fn settings(profile: &Profile) -> Result<Vec<(String, String)>> {
    let text = profile
        .to_toml()
        .context("cannot write the profile as TOML")?;
    let table: toml::Table = text.parse()?;
    let mut settings = Vec::new();
    for (name, value) in table {
        let toml::Value::Table(inner) = value else {
            settings.push((name, value.to_string()));
            continue;
        };
        let quote = if matches!(name.as_str(), "bits" | "pins") {
            "\""
        } else {
            ""
        };
        let one = |(key, value): (String, toml::Value)| {
            (format!("{name}.{quote}{key}{quote}"), value.to_string())
        };
        settings.extend(inner.into_iter().map(one));
    }
    Ok(settings)
}

fn diff(library: &Library, a: &str, b: &str) -> Result<String> {
    let read = |name: &str| -> Result<Vec<(String, String)>> {
        settings(&library.resolve(name, &Overrides::none())?.profile)
    };
    let (left, right) = (read(a)?, read(b)?);
    let find = |list: &[(String, String)], key: &str| {
        let found = list.iter().find(|(k, _)| k == key);
        found.map_or_else(|| "(not set)".to_owned(), |(_, v)| v.clone())
    };
    let keys: BTreeSet<&String> = left.iter().chain(&right).map(|(k, _)| k).collect();
    let mut rows = vec![vec![String::new(), a.to_owned(), b.to_owned()]];
    for key in keys {
        let (x, y) = (find(&left, key), find(&right, key));
        if x != y {
            rows.push(vec![key.clone(), x, y]);
        }
    }
    if rows.len() == 1 {
        return Ok(format!("{a} and {b} are equal\n"));
    }
    Ok(columns(&rows, "  ", |_| false))
}
