//! Beginning and continuing runs.

use std::path::{Path, PathBuf};

use super::RunError;
use super::drive::{BestProfile, Driver, Handle};
use super::folder::now;
use super::prepare::{EvaluatorOptions, Prepared, evaluator};
use super::work::WorkLog;
use crate::evaluate::Evaluator;
use crate::journal::{
    self, FORMAT, Fingerprint, Header, HeaderKind, Journal, JournalError, Writer,
};
use crate::profile::{Profile, relocated, write_text};
use crate::search::{Engine, Settings};

/// The profile that a run was started with, in its folder.
pub const PROFILE: &str = "profile.toml";
/// The profile that holds the smallest confirmed allocation so far, in the run's folder.
pub const BEST: &str = "best.toml";

/// The text a profile came from.
#[derive(Clone, Debug)]
pub struct Source {
    /// The text, overrides included.
    pub text: String,
    /// Where its relative paths start.
    pub folder: PathBuf,
    /// Where it came from, in words.
    pub origin: String,
}

/// What a run is made of, once everything that the profile refers to has been read.
pub struct Parts {
    /// The profile's text; its paths resolve from the run's folder.
    pub text: String,
    /// Where the profile came from, in words.
    pub origin: String,
    /// What the search depends on.
    pub settings: Settings,
    /// What the run's numbers depend on.
    pub fingerprint: Fingerprint,
    /// Who answers.
    pub evaluator: Box<dyn Evaluator>,
}

impl Parts {
    fn new(
        prepared: Prepared,
        text: String,
        origin: String,
        options: &EvaluatorOptions,
    ) -> Result<Self, RunError> {
        let settings = prepared.settings.clone();
        let mut fingerprint = prepared.fingerprint(String::new());
        let evaluator = evaluator(prepared, options)?;
        fingerprint.numerics = evaluator.numerics();
        Ok(Parts {
            text,
            origin,
            settings,
            fingerprint,
            evaluator,
        })
    }

    fn best_profile(&self, folder: &Path) -> BestProfile {
        let layers = self
            .settings
            .space
            .layers
            .iter()
            .map(|l| l.name.clone())
            .collect();
        BestProfile {
            text: self.text.clone(),
            target: folder.join(BEST),
            layers,
        }
    }
}

/// Starts a new run in a folder of its own.
///
/// # Errors
/// [`RunError`]; nothing is left behind but, at most, an empty folder.
pub fn create(
    prepared: Prepared,
    source: &Source,
    folder: &Path,
    options: &EvaluatorOptions,
) -> Result<Handle, RunError> {
    let folder = absolute(folder);
    if folder.join(journal::FILE_NAME).exists() {
        return Err(JournalError::Exists(folder).into());
    }
    let text = relocated(&source.text, &source.folder, &folder.join(PROFILE))?;
    launch(
        &folder,
        Parts::new(prepared, text, source.origin.clone(), options)?,
    )
}

/// Starts a new run of given parts.
///
/// # Errors
/// [`RunError`].
pub fn launch(folder: &Path, parts: Parts) -> Result<Handle, RunError> {
    let folder = absolute(folder);
    let mut engine = Engine::new(parts.settings.clone())?;
    let header = Header {
        kind: HeaderKind::Journal,
        format: FORMAT,
        version: env!("CARGO_PKG_VERSION").into(),
        run: folder
            .file_name()
            .map_or_else(String::new, |n| n.to_string_lossy().into_owned()),
        time: now(),
        host: host(),
        profile: parts.origin.clone(),
        fingerprint: parts.fingerprint.clone(),
    };
    let writer = Writer::create(&folder, &header)?;
    write_text(&folder.join(PROFILE), &parts.text, true)?;
    let missing = engine.start();
    let (best, work) = (parts.best_profile(&folder), WorkLog::open(&folder));
    Driver {
        engine,
        writer,
        work,
        best,
        history: Vec::new(),
        missing,
    }
    .spawn(folder, parts.evaluator)
}

/// Continues a run from its folder.
///
/// # Errors
/// [`RunError::Changed`] when what it rests on has changed, naming both sides; [`RunError::Journal`] when another program
/// has it open or the journal is damaged.
pub fn resume(folder: &Path, options: &EvaluatorOptions) -> Result<Handle, RunError> {
    let folder = absolute(folder);
    let opened = Writer::resume(&folder)?;
    let path = folder.join(PROFILE);
    let text = std::fs::read_to_string(&path).map_err(|source| RunError::Io {
        action: "read the run's profile",
        path: path.clone(),
        source,
    })?;
    let prepared = Prepared::new(Profile::parse(&text, &path)?)?;
    let parts = Parts::new(prepared, text, path.display().to_string(), options)?;
    relaunch(&folder, opened, parts)
}

/// Continues a run of given parts from its opened journal.
///
/// # Errors
/// As [`resume`].
pub fn relaunch(
    folder: &Path,
    opened: (Journal, Writer),
    parts: Parts,
) -> Result<Handle, RunError> {
    let folder = absolute(folder);
    let (journal, writer) = opened;
    let differences = journal.header.fingerprint.differences(&parts.fingerprint);
    if !differences.is_empty() {
        let line = |(part, then, now): &(&str, &str, &str)| {
            format!("  {part}: {then} when it began, {now} now")
        };
        let differences = differences.iter().map(line).collect::<Vec<_>>().join("\n");
        return Err(RunError::Changed {
            folder,
            differences,
        });
    }
    let mut engine = Engine::new(parts.settings.clone())?;
    let missing = engine
        .replay(journal.events())
        .map_err(|source| RunError::Replay {
            folder: folder.clone(),
            source,
        })?;
    let (best, work) = (parts.best_profile(&folder), WorkLog::open(&folder));
    Driver {
        engine,
        writer,
        work,
        best,
        history: journal.entries,
        missing,
    }
    .spawn(folder, parts.evaluator)
}

fn absolute(folder: &Path) -> PathBuf {
    std::path::absolute(folder).unwrap_or_else(|_| folder.into())
}

fn host() -> String {
    let name = std::fs::read_to_string("/proc/sys/kernel/hostname").ok();
    let name = name
        .or_else(|| std::env::var("HOSTNAME").ok())
        .unwrap_or_default();
    name.trim().to_owned()
}
