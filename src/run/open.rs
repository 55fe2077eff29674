//! Beginning and continuing runs.

use std::path::{Path, PathBuf};

use super::drive::{BestProfile, Driver, Handle};
use super::folder::now;
use super::prepare::{EvaluatorOptions, Prepared, evaluator};
use super::work::WorkLog;
use super::RunError;
use crate::journal::{FORMAT, Header, HeaderKind, Writer};
use crate::profile::{Profile, relocated, write_text};
use crate::search::Engine;

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

/// Starts a new run in a folder of its own.
///
/// # Errors
/// [`RunError`]; nothing is left behind but, at most, an empty folder.
pub fn create(prepared: Prepared, source: &Source, folder: &Path, options: &EvaluatorOptions) -> Result<Handle, RunError> {
    let folder = std::path::absolute(folder).unwrap_or_else(|_| folder.into());
    if folder.join(crate::journal::FILE_NAME).exists() {
        return Err(crate::journal::JournalError::Exists(folder).into());
    }
    let settings = prepared.settings.clone();
    let mut engine = Engine::new(settings)?;
    let target = folder.join(PROFILE);
    let text = relocated(&source.text, &source.folder, &target)?;
    let make_header = |numerics: String| Header {
        kind: HeaderKind::Journal,
        format: FORMAT,
        version: env!("CARGO_PKG_VERSION").into(),
        run: folder.file_name().map_or_else(String::new, |n| n.to_string_lossy().into_owned()),
        time: now(),
        host: host(),
        profile: source.origin.clone(),
        fingerprint: prepared.fingerprint(numerics),
    };
    let mut header = make_header(String::new());
    let layers = layer_names(&prepared);
    let evaluator = evaluator(prepared, options)?;
    header.fingerprint.numerics = evaluator.numerics();
    std::fs::create_dir_all(&folder).map_err(|source| RunError::Io { action: "make the run folder", path: folder.clone(), source })?;
    write_text(&target, &text, true)?;
    let writer = Writer::create(&folder, &header)?;
    let missing = engine.start();
    let best = BestProfile { text, target: folder.join(BEST), layers };
    let work = WorkLog::open(&folder);
    Driver { engine, writer, work, best, history: Vec::new(), missing }.spawn(folder, evaluator)
}

/// Continues a run from its folder.
///
/// # Errors
/// [`RunError::Changed`] when what it rests on has changed, naming both sides; [`RunError::Journal`] when another program
/// has it open or the journal is damaged.
pub fn resume(folder: &Path, options: &EvaluatorOptions) -> Result<Handle, RunError> {
    let folder = std::path::absolute(folder).unwrap_or_else(|_| folder.into());
    let (journal, writer) = Writer::resume(&folder)?;
    let path = folder.join(PROFILE);
    let text = std::fs::read_to_string(&path)
        .map_err(|source| RunError::Io { action: "read the run's profile", path: path.clone(), source })?;
    let prepared = Prepared::new(Profile::parse(&text, &path)?)?;
    let mut engine = Engine::new(prepared.settings.clone())?;
    let mut fingerprint = prepared.fingerprint(String::new());
    let layers = layer_names(&prepared);
    let evaluator = evaluator(prepared, options)?;
    fingerprint.numerics = evaluator.numerics();
    let differences = journal.header.fingerprint.differences(&fingerprint);
    if !differences.is_empty() {
        let line = |(part, then, now): &(&str, &str, &str)| format!("  {part}: {then} when it began, {now} now");
        let differences = differences.iter().map(line).collect::<Vec<_>>().join("\n");
        return Err(RunError::Changed { folder, differences });
    }
    let missing = engine
        .replay(journal.events())
        .map_err(|source| RunError::Replay { folder: folder.clone(), source })?;
    let best = BestProfile { text, target: folder.join(BEST), layers };
    let work = WorkLog::open(&folder);
    Driver { engine, writer, work, best, history: journal.entries, missing }.spawn(folder, evaluator)
}

fn layer_names(prepared: &Prepared) -> Vec<String> {
    prepared.settings.space.layers.iter().map(|l| l.name.clone()).collect()
}

fn host() -> String {
    let name = std::fs::read_to_string("/proc/sys/kernel/hostname").ok();
    let name = name.or_else(|| std::env::var("HOSTNAME").ok()).unwrap_or_default();
    name.trim().to_owned()
}
