//! What the interface has done and read outside the run: reports, other runs, what it keeps.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

use super::output::message;
use super::report;
use super::source::library;
use super::start::entries;
use crate::profile::Paths;
use crate::run::{self, Summary};
use crate::tui::model::Setting;
use crate::tui::{self, Answer, Asked, OtherRun, Outside, Places};

/// The folder of the report in the folder of a run.
const REPORT: &str = "report";

/// Answers what the interface of a run asks for.
pub(crate) fn outside(folder: &Path, paths: &Paths) -> Outside {
    let (folder, runs, config) = (folder.to_owned(), paths.runs(), config(paths));
    Box::new(move |asked| match asked {
        Asked::Report => Answer::Report(write_report(&folder).map_err(|e| message(&e))),
        Asked::Places => Answer::Places(places(&runs)),
        Asked::Run(wanted) => Answer::Run(other(&runs, &wanted).map_err(|e| message(&e))),
        Asked::Keep(setting) => {
            let kept = keep(&config, setting).map_err(|e| e.to_string());
            Answer::Kept(kept.map(|()| said(setting)))
        }
    })
}

/// Keeps a setting of the interface for the next time.
pub(crate) fn keep(config: &Path, setting: Setting) -> Result<(), tui::config::ConfigError> {
    let flag = |key, value: Option<bool>| match value {
        Some(value) => tui::Config::keep(config, key, value),
        None => tui::Config::forget(config, key),
    };
    match setting {
        Setting::Theme(theme) => tui::Config::keep(config, "theme", theme.text()),
        Setting::Symbols(Some(symbols)) => tui::Config::keep(config, "symbols", symbols.text()),
        Setting::Symbols(None) => tui::Config::forget(config, "symbols"),
        Setting::Welcome(welcome) => flag("welcome", welcome),
        Setting::Confirm(ask) => flag("confirm", Some(ask)),
    }
}

/// What is said once a setting is kept; the dialog of settings shows the others.
fn said(setting: Setting) -> String {
    match setting {
        Setting::Theme(theme) => format!("theme \"{}\", kept for the next time", theme.text()),
        _ => String::new(),
    }
}

/// The user's own keys and colours.
pub(crate) fn config(paths: &Paths) -> PathBuf {
    paths.config.join(tui::config::FILE_NAME)
}

/// Writes the report of a run into its folder, without evaluating anything.
fn write_report(folder: &Path) -> Result<PathBuf> {
    let out = folder.join(REPORT);
    report::write_without_evaluation(folder, &out)?;
    Ok(out)
}

/// The runs, the latest first, and the profiles whose files are there.
fn places(runs: &Path) -> Places {
    let id = |(folder, _): (PathBuf, _)| run::id(&folder);
    let profiles = library().map_or(Vec::new(), |library| entries::startable(&library));
    Places {
        runs: run::list(runs).into_iter().rev().map(id).collect(),
        profiles,
    }
}

fn other(runs: &Path, wanted: &str) -> Result<Box<OtherRun>> {
    let folder = run::find(runs, Some(wanted))?;
    let summary = Summary::read(&folder)?;
    let settings = summary.tree.settings.is_some();
    settings
        .then(|| {
            Box::new(OtherRun {
                id: run::id(&folder),
                counters: summary.counters,
                seconds: summary.totals.seconds,
                tree: summary.tree,
            })
        })
        .with_context(|| format!("{} has no events yet", folder.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The journal of an earlier program is as good as any.
    fn stored() -> tempfile::TempDir {
        let stored = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/journals/format-1");
        let folder = tempfile::tempdir().unwrap();
        for file in ["journal.jsonl", "work.jsonl"] {
            std::fs::copy(stored.join(file), folder.path().join(file)).unwrap();
        }
        folder
    }

    #[test]
    fn a_report_is_written_into_the_folder_of_the_run() {
        let folder = stored();
        let out = write_report(folder.path()).unwrap();
        assert_eq!(out, folder.path().join(REPORT));
        for file in ["report.html", "report.md", "layers.csv"] {
            assert!(out.join(file).is_file(), "{file}");
        }
    }

    #[test]
    fn another_run_is_read_to_compare_with() {
        let folder = stored();
        let found = other(Path::new("/nowhere"), folder.path().to_str().unwrap()).unwrap();
        assert!(found.tree.settings.is_some() && !found.tree.candidates.is_empty());
        assert!(other(Path::new("/nowhere"), "no-such-run").is_err());
        // It has no profile beside it.
        assert_eq!(run::classes(folder.path()), None);
    }
}
