//! Beginning and continuing runs.

use std::path::{Path, PathBuf};
use std::time::Duration;

use super::RunError;
use super::best::{BestProfile, read_profile};
use super::drive::{Driver, Handle};
use super::evaluators::{EvaluatorOptions, Evaluators};
use super::expected::expected;
use super::files::PROFILE;
use super::folder::{id, now};
use super::location::{RunDirGuard, RunLocation, absolute};
use super::prepare::Prepared;
use super::results::Stores;
use super::script::Script;
use super::self_check::self_check;
use super::side_file::SideFiles;
use super::work::WorkLog;
use super::worker_pool::Crew;
use crate::evaluate::{Evaluator, Split};
use crate::journal::{FORMAT, Fingerprint, Header, HeaderKind, Journal, Writer, host};
use crate::profile::{Profile, calibrated_text, relocated};
use crate::search::{Candidate, Engine, Ledger, Settings, Tree};

/// The text a profile came from.
#[derive(Clone, Debug)]
pub struct Source {
    /// The text, overrides included.
    pub text: String,
    /// Where its relative paths start.
    pub folder: PathBuf,
    /// The file; none for a shipped profile.
    pub file: Option<PathBuf>,
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
    /// Evaluators that work at the same time and give the very same answers; at least one.
    pub evaluators: Vec<Box<dyn Evaluator>>,
    /// Makes the file of quantized layers beside the result; none where it needs none.
    pub side_files: Option<SideFiles>,
    /// How long an evaluation may say nothing before the run ends; none: as long as it takes.
    pub evaluation_timeout: Option<Duration>,
    /// Who works for the evaluators, where that is on other machines.
    pub crew: Option<Crew>,
    /// What a person should know before the search begins, in sentences.
    pub notes: Vec<String>,
}

impl Parts {
    fn new(
        prepared: Prepared,
        text: String,
        origin: String,
        options: &EvaluatorOptions,
    ) -> Result<(Self, Option<Stores>), RunError> {
        // Other machines check themselves.
        let checked = match options.self_check && !options.is_remote() {
            true => self_check(&prepared, options)?,
            false => None,
        };
        let settings = prepared.settings.clone();
        let made = Evaluators::of(prepared, options, None)?;
        let parts = Parts {
            text,
            origin,
            settings,
            fingerprint: made.fingerprint,
            evaluators: made.all,
            side_files: made.side_files,
            evaluation_timeout: options.evaluation_timeout,
            crew: made.crew,
            notes: checked.map_or_else(Vec::new, |checked| checked.doubts),
        };
        Ok((parts, made.stores))
    }
}

/// Starts a new run in a folder of its own.
///
/// # Errors
/// [`RunError`]; nothing is left behind, and nothing that was there is changed.
pub fn create(
    prepared: Prepared,
    source: &Source,
    place: &RunLocation,
    options: &EvaluatorOptions,
    script: Script,
) -> Result<Handle, RunError> {
    prepared.settings.searchable()?;
    let calibration = prepared.calibration_hash();
    place.check(source.file.as_deref())?;
    let expected = match options.self_check {
        true => expected(&prepared, options)?,
        false => None,
    };
    let (mut parts, _) = Parts::new(
        prepared,
        source.text.clone(),
        source.origin.clone(),
        options,
    )?;
    let claim = place.claim()?;
    let target = claim.folder.join(PROFILE);
    let text = relocated(&source.text, &source.folder, &target)?;
    parts.text = calibrated_text(&text, &target, calibration.as_deref())?;
    let mut handle = begin(claim, parts, script)?;
    handle.expected = expected;
    Ok(handle)
}

/// Starts a new run of given parts.
///
/// # Errors
/// As [`create`].
pub fn launch(folder: &Path, parts: Parts) -> Result<Handle, RunError> {
    begin(
        RunLocation::Folder(folder.into()).claim()?,
        parts,
        Script::default(),
    )
}

/// The profile first, then the journal with its header: a folder with a journal holds all that it
/// takes to resume.
fn begin(mut claim: RunDirGuard, parts: Parts, script: Script) -> Result<Handle, RunError> {
    let mut engine = Engine::new(parts.settings.clone())?;
    let first = parts.evaluators.first();
    let batch = first.map_or(1, |e| e.batch());
    let correction_images = first.map_or(0, |e| e.correction_images());
    let header = Header {
        kind: HeaderKind::Journal,
        format: FORMAT,
        version: env!("CARGO_PKG_VERSION").into(),
        run: id(&claim.folder),
        time: now(),
        host: host(),
        profile: parts.origin,
        batch,
        correction_images,
        fingerprint: parts.fingerprint,
    };
    claim.write_profile(&parts.text)?;
    let writer = Writer::create(&claim.folder, &header)?;
    let folder = claim.keep();
    let missing = engine.start();
    Driver {
        engine,
        writer,
        work: WorkLog::open(&folder, 0),
        ledger: Ledger::new(batch).with_corrections(correction_images),
        best: BestProfile::new(&folder, parts.text, &parts.settings, &header)
            .with_side_files(parts.side_files),
        script,
        evaluation_timeout: parts.evaluation_timeout,
        header,
        history: Vec::new(),
        missing,
    }
    .spawn(folder, parts.evaluators, parts.crew)
    .map(|handle| handle.with_notes(parts.notes))
}

/// Continues a run from its folder.
///
/// # Errors
/// [`RunError::Changed`] when what it rests on has changed, naming both sides;
/// [`RunError::Journal`] when another program has it open or the journal is damaged.
pub fn resume(
    folder: &Path,
    options: &EvaluatorOptions,
    script: Script,
) -> Result<Handle, RunError> {
    let folder = absolute(folder);
    let opened = Writer::resume(&folder)?;
    let (path, text) = (folder.join(PROFILE), read_profile(&folder)?);
    let mut profile = Profile::parse(&text, &path)?;
    // The journal's fingerprint covers the calibration images, and its error says more.
    profile.calibration_hash = None;
    let prepared = Prepared::new(profile.into()).map_err(|error| match error {
        RunError::Checkpoint(_) | RunError::Data(_) => RunError::Moved {
            profile: path.clone(),
            source: Box::new(error),
        },
        error => error,
    })?;
    let options = options.continuing(&opened.0.header.fingerprint.numerics);
    let (parts, stores) = Parts::new(prepared, text, path.display().to_string(), &options)?;
    go_on(&folder, opened, parts, stores, script)
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
    relaunch_with(folder, opened, parts, Script::default())
}

/// As [`relaunch`], with orders.
///
/// # Errors
/// As [`resume`].
pub fn relaunch_with(
    folder: &Path,
    opened: (Journal, Writer),
    parts: Parts,
    script: Script,
) -> Result<Handle, RunError> {
    go_on(folder, opened, parts, None, script)
}

fn go_on(
    folder: &Path,
    opened: (Journal, Writer),
    parts: Parts,
    stores: Option<Stores>,
    script: Script,
) -> Result<Handle, RunError> {
    let folder = absolute(folder);
    let (mut journal, writer) = opened;
    let differences = journal.header.fingerprint.differences(&parts.fingerprint);
    if !differences.is_empty() {
        let line = |(part, then, now): &(&str, &str, &str)| {
            format!("  {part}: {then} when it began, {now} now")
        };
        let differences = differences.iter().map(line).collect::<Vec<_>>().join("\n");
        return Err(RunError::Changed {
            folder,
            differences,
            reusable: stores.map_or(0, |stores| reusable(&journal, &stores)),
        });
    }
    let mut engine = Engine::new(parts.settings.clone())?;
    let missing = engine
        .replay(journal.events())
        .map_err(|source| RunError::Replay {
            folder: folder.clone(),
            source,
        })?;
    let work = WorkLog::open(&folder, journal.entries.len());
    let (_, ledger) = work.logged.fold(&mut journal);
    Driver {
        engine,
        writer,
        work,
        ledger,
        best: BestProfile::new(&folder, parts.text, &parts.settings, &journal.header)
            .with_side_files(parts.side_files)
            .resumed(),
        script,
        evaluation_timeout: parts.evaluation_timeout,
        header: journal.header,
        history: journal.entries,
        missing,
    }
    .spawn(folder, parts.evaluators, parts.crew)
    .map(|handle| handle.with_notes(parts.notes))
}

/// How many measurements of a run answer questions of the evaluator whose answers these are.
fn reusable(journal: &Journal, stores: &Stores) -> usize {
    let mut tree = Tree::default();
    journal.events().for_each(|event| tree.apply(event));
    let drift = |c: &&Candidate| {
        let settings = tree.settings.as_deref();
        let images = settings.and_then(|s| s.drift_question_images(c.origin));
        let mut store = stores.of(Split::Calibration);
        store.drift(&c.allocation, images).is_some()
    };
    let bits = |c: &&Candidate| {
        let known = stores
            .of(Split::Search)
            .correct(&c.allocation, c.bits.len());
        known.len() >= c.bits.len()
    };
    let measured = |c: &&Candidate| c.drift.is_some();
    let judged = |c: &&Candidate| !c.bits.is_empty();
    let candidates = || tree.candidates.iter();
    candidates().filter(measured).filter(drift).count()
        + candidates().filter(judged).filter(bits).count()
}
