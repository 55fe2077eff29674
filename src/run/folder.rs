//! Run folders: making, finding, listing.

use std::fs;
use std::path::{Path, PathBuf};

use super::{RunError, Totals, work};
use crate::journal::{self, Header, Journal};
use crate::search::{Counters, Tree};

/// Now, RFC 3339 UTC to the second.
pub(super) fn now() -> String {
    jiff::Timestamp::now()
        .strftime("%Y-%m-%dT%H:%M:%SZ")
        .to_string()
}

/// A folder for a new run below `root`: date, time and the profile's name; it does not exist yet.
pub fn new_folder(root: &Path, name: &str) -> PathBuf {
    let slug: String = name
        .to_lowercase()
        .chars()
        .map(|c| if c.is_ascii_alphanumeric() { c } else { '-' })
        .collect();
    let slug = slug
        .split('-')
        .filter(|s| !s.is_empty())
        .collect::<Vec<_>>()
        .join("-");
    let slug: String = slug.chars().take(32).collect();
    let stamp = jiff::Timestamp::now().strftime("%Y%m%d-%H%M%S");
    let stem = format!("{stamp}-{}", slug.trim_end_matches('-'));
    let numbered = (2..).map(|n| format!("{stem}-{n}"));
    let free = std::iter::once(stem.clone())
        .chain(numbered)
        .find(|id| !root.join(id).exists());
    root.join(free.unwrap_or(stem))
}

/// Whether a run is going on, could, or has ended.
#[derive(Clone, Debug, PartialEq)]
pub enum Condition {
    /// Another program has it open.
    Open,
    /// It can be continued.
    Unfinished,
    /// It has ended.
    Finished,
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
    /// Counts of questions, once it has finished.
    pub counters: Counters,
    /// Work done so far (the plain count once it has finished).
    pub totals: Totals,
    /// How it stands.
    pub condition: Condition,
}

impl Summary {
    /// Reads a run's folder.
    ///
    /// # Errors
    /// [`RunError::Journal`].
    pub fn read(folder: &Path) -> Result<Self, RunError> {
        let journal = Journal::read(folder)?;
        let mut tree = Tree::default();
        journal.events().for_each(|e| tree.apply(e));
        let (layer_forwards, images, seconds) = work::read(folder);
        let counters = journal
            .events()
            .last()
            .and_then(Counters::of)
            .unwrap_or_default();
        let layers = tree
            .settings
            .as_ref()
            .map_or(0, |s| s.space.layers.len() as u64);
        let layer_forwards_plain = counters.plain_images * layers;
        let condition = match tree.finished {
            Some(_) => Condition::Finished,
            None if journal::is_open_elsewhere(folder) => Condition::Open,
            None => Condition::Unfinished,
        };
        let totals = Totals {
            layer_forwards,
            layer_forwards_plain,
            images,
            seconds,
        };
        Ok(Summary {
            folder: folder.into(),
            header: journal.header,
            tree,
            counters,
            totals,
            condition,
        })
    }
}

/// All runs below `root`, oldest first; a folder that cannot be read comes with its error.
pub fn list(root: &Path) -> Vec<(PathBuf, Result<Summary, RunError>)> {
    let folders = fs::read_dir(root)
        .into_iter()
        .flatten()
        .flatten()
        .map(|e| e.path());
    let mut folders: Vec<PathBuf> = folders
        .filter(|p| p.join(journal::FILE_NAME).is_file())
        .collect();
    folders.sort();
    folders
        .into_iter()
        .map(|folder| (folder.clone(), Summary::read(&folder)))
        .collect()
}

/// The folder of a run: a path, an id below `root`, or (none given) the latest run.
///
/// # Errors
/// [`RunError::NoSuchRun`], [`RunError::NoRuns`].
pub fn find(root: &Path, wanted: Option<&str>) -> Result<PathBuf, RunError> {
    let Some(wanted) = wanted else {
        let latest = list(root)
            .into_iter()
            .filter_map(|(folder, s)| Some((s.ok()?.header.time, folder)))
            .max();
        return latest
            .map(|(_, folder)| folder)
            .ok_or_else(|| RunError::NoRuns { root: root.into() });
    };
    let path = PathBuf::from(wanted);
    let by_path = path.join(journal::FILE_NAME).is_file().then_some(path);
    let by_id = || Some(root.join(wanted)).filter(|p| p.join(journal::FILE_NAME).is_file());
    by_path.or_else(by_id).ok_or_else(|| RunError::NoSuchRun {
        wanted: wanted.into(),
        root: root.into(),
    })
}
