//! `aq4svit profiles list|show|path|diff|rename|delete`.

mod diff;
mod layers;
mod list;
mod show;

use anyhow::{Context, Result, bail};
use clap::Subcommand;

use super::ExitCode;
use super::complete;
use super::output::print;
use super::source::library;
use crate::profile::{Library, Profile, ProfileName};

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
    /// Print a profile: as tables on a terminal, as its text on a pipe or into a file
    ///
    /// Tables hold every setting with its default, then the layers with bit-widths and bytes where
    /// there are `[bits]`, and what was measured of them. (The text of `reference`, which explains
    /// every key, is printed on a terminal as well.)
    Show(show::Args),
    /// Print the file of a profile, or the folder of saved profiles
    Path {
        /// The name of a saved profile
        #[arg(add = complete::saved_profiles())]
        profile: Option<String>,
    },
    /// Print the settings in which two profiles differ, and their layers with bit-widths and bytes
    Diff(diff::Args),
    /// Rename a saved profile
    Rename {
        /// Its name
        #[arg(add = complete::saved_profiles())]
        from: String,
        /// Its new name
        to: String,
    },
    /// Delete a saved profile
    Delete {
        /// Its name
        #[arg(add = complete::saved_profiles())]
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
        Action::Show(args) => show::show(&library, args)?,
        Action::Path { profile: None } => format!("{}\n", library.folder().display()),
        Action::Path {
            profile: Some(name),
        } => path(&library, name)?,
        Action::Diff(args) => diff::diff(&library, args)?,
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
