//! Run folders: finding, listing, summing up.

use std::fs;
use std::path::{Path, PathBuf};

use super::files::PROFILE;
use super::work::WorkReader;
use super::{RunError, Totals};
use crate::journal::{self, Entry, Header, Journal, JournalError, quoted};
use crate::profile::Profile;
use crate::search::{Candidate, Counters, SpaceLayer, Tree};

/// Now, RFC 3339 UTC to the second.
pub(super) fn now() -> String {
    jiff::Timestamp::now()
        .strftime("%Y-%m-%dT%H:%M:%SZ")
        .to_string()
}

/// Whether a run is going on, could, or has ended.
#[derive(Clone, Debug, PartialEq)]
pub enum RunStatus {
    /// Another program has it open.
    Open,
    /// It can be continued.
    Unfinished,
    /// It has ended.
    Finished,
}

impl RunStatus {
    /// In a word.
    pub fn name(&self) -> &'static str {
        match self {
            RunStatus::Open => "running",
            RunStatus::Unfinished => "unfinished",
            RunStatus::Finished => "finished",
        }
    }
}

/// What is known of a run without evaluating anything.
#[derive(Clone, Debug)]
pub struct Summary {
    /// Its folder.
    pub folder: PathBuf,
    /// The journal's first line.
    pub header: Header,
    /// The state folded from its events.
    pub tree: Tree,
    /// Counts of questions so far.
    pub counters: Counters,
    /// Work done so far.
    pub totals: Totals,
    /// How it stands.
    pub condition: RunStatus,
}

impl Summary {
    /// Reads a run's folder.
    ///
    /// # Errors
    /// [`RunError::Journal`], [`RunError::Damaged`].
    pub fn read(folder: &Path) -> Result<Self, RunError> {
        Self::of(folder, Journal::read(folder)?).map(|(summary, _)| summary)
    }

    /// The same of a journal that was read from that folder; with its entries.
    ///
    /// # Errors
    /// [`RunError::Damaged`].
    pub fn of(folder: &Path, mut journal: Journal) -> Result<(Self, Vec<Entry>), RunError> {
        let logged = WorkReader::open(folder).logged;
        let (tree, ledger) = logged.fold(&mut journal);
        check(folder, &tree)?;
        let condition = match tree.finished {
            Some(_) => RunStatus::Finished,
            None if journal::is_open_elsewhere(folder) => RunStatus::Open,
            None => RunStatus::Unfinished,
        };
        let totals = logged.totals(&ledger, &tree);
        let summary = Summary {
            folder: folder.into(),
            header: journal.header,
            counters: ledger.counters(),
            tree,
            totals,
            condition,
        };
        Ok((summary, journal.entries))
    }
}

/// All runs below `root`, oldest first; a run that cannot be read comes with its error. A folder
/// without a journal, or with one that never began, is no run.
pub fn list(root: &Path) -> Vec<(PathBuf, Result<Summary, RunError>)> {
    let folders = fs::read_dir(root)
        .into_iter()
        .flatten()
        .flatten()
        .map(|e| e.path());
    let runs = folders
        .filter(|p| p.join(journal::FILE_NAME).is_file())
        .map(|folder| (Summary::read(&folder), folder))
        .filter(|(run, _)| {
            !matches!(
                run,
                Err(RunError::Journal(
                    JournalError::NeverBegan(_) | JournalError::Missing(_)
                ))
            )
        });
    let mut runs: Vec<_> = runs
        .map(|(run, folder)| (began(&run, &folder), folder, run))
        .collect();
    runs.sort_by(|a, b| (&a.0, &a.1).cmp(&(&b.0, &b.1)));
    runs.into_iter()
        .map(|(_, folder, run)| (folder, run))
        .collect()
}

/// When a run began, to the second, as digits: from its header, else from its folder's name.
fn began(run: &Result<Summary, RunError>, folder: &Path) -> String {
    let header = match run {
        Ok(run) => Some(run.header.time.clone()),
        Err(_) => Journal::header(folder).ok().map(|h| h.time),
    };
    let text = header.unwrap_or_else(|| id(folder));
    text.chars().filter(char::is_ascii_digit).take(14).collect()
}

/// The id of a run: the name of its folder.
pub fn id(folder: &Path) -> String {
    let name = folder.file_name();
    name.map_or_else(String::new, |n| n.to_string_lossy().into_owned())
}

/// The folder of a run: a path, an id below `root`, or (none given) the latest run.
///
/// # Errors
/// [`RunError::NoSuchRun`], [`RunError::NoRuns`], [`RunError::Unreadable`] where the latest one
/// cannot be read.
pub fn find(root: &Path, wanted: Option<&str>) -> Result<PathBuf, RunError> {
    let Some(wanted) = wanted else {
        return match list(root).pop() {
            Some((folder, Ok(_))) => Ok(folder),
            Some((folder, Err(source))) => Err(RunError::Unreadable {
                folder,
                source: Box::new(source),
            }),
            None => Err(RunError::NoRuns { root: root.into() }),
        };
    };
    let path = PathBuf::from(wanted);
    let by_path = path.join(journal::FILE_NAME).is_file().then_some(path);
    let by_id = || Some(root.join(wanted)).filter(|p| p.join(journal::FILE_NAME).is_file());
    by_path.or_else(by_id).ok_or_else(|| RunError::NoSuchRun {
        wanted: wanted.into(),
        root: root.into(),
    })
}

/// What [`find`] finds a run by, as an argument in a shell: its id directly below `root`, else its
/// folder.
pub fn argument(root: &Path, folder: &Path) -> String {
    match folder.file_name() {
        Some(id) if folder.parent() == Some(root) => quoted(Path::new(id)),
        _ => quoted(folder),
    }
}

/// Numbers and lists of a hostile journal that no search can have written: adding them up would
/// overflow, or they do not belong together.
pub(super) fn check(folder: &Path, tree: &Tree) -> Result<(), RunError> {
    const MOST: u64 = 1 << 40;
    let Some(settings) = &tree.settings else {
        return Ok(());
    };
    let damaged = |why: &str| RunError::Damaged {
        folder: folder.into(),
        why: why.into(),
    };
    let space = &settings.space;
    let small = |n: &u64| *n <= MOST;
    let fits = |l: &SpaceLayer| {
        l.bytes.len() == space.menu.len()
            && l.bytes
                .iter()
                .chain([&l.weights, &l.float_bytes])
                .all(small)
    };
    if space.layers.len() > 1 << 20 || !small(&space.fixed_bytes) || !space.layers.iter().all(fits)
    {
        return Err(damaged("the sizes of its layers are impossible"));
    }
    let whole = |c: &Candidate| c.allocation.len() == space.layers.len();
    match tree.candidates.iter().all(whole) {
        true => Ok(()),
        false => Err(damaged(
            "a candidate has another number of layers than the network",
        )),
    }
}

/// The number of classes of a run's network, where its profile tells.
pub fn classes(folder: &Path) -> Option<usize> {
    let file = folder.join(PROFILE);
    let text = std::fs::read_to_string(&file).ok()?;
    let profile = Profile::parse(&text, &file).ok()?;
    Some(profile.graph().classes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_run_is_named_by_its_id_only_where_that_finds_it() {
        let root = Path::new("/data/runs");
        assert_eq!(argument(root, Path::new("/data/runs/a-1")), "a-1");
        assert_eq!(
            argument(root, Path::new("/data/runs/x/a-1")),
            "/data/runs/x/a-1"
        );
        assert_eq!(argument(root, Path::new("/my runs/a")), "'/my runs/a'");
        assert_eq!(argument(root, Path::new("/")), "/");
    }
}
