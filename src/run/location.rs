//! Where a new run goes: its folder is claimed before anything is written into it, and nothing of
//! anybody else's is ever replaced.

use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use super::RunError;
use super::files::{BEST, BEST_CODES, INCUMBENT, INCUMBENT_CODES, PROFILE, WORK};
use crate::journal::{self, JournalError};
use crate::profile::write_text;

/// Where a new run goes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RunLocation {
    /// A new folder below `root`, called by date, time and the profile's name.
    Below {
        /// The folder of all runs.
        root: PathBuf,
        /// The profile's name.
        name: String,
    },
    /// This folder, which holds none of a run's files yet.
    Folder(PathBuf),
}

/// A claimed folder. Given up, with all that was written, unless kept.
#[derive(Debug)]
pub(super) struct RunDirGuard {
    /// The folder, absolute.
    pub folder: PathBuf,
    /// True when the claim made the folder.
    made: bool,
    /// True once the profile is written.
    written: bool,
    kept: bool,
}

impl RunLocation {
    /// Refuses a folder that holds a run or files that a run would write, or in which the profile
    /// lies that the run is started with.
    ///
    /// # Errors
    /// [`JournalError::Exists`], [`RunError::Occupied`], [`RunError::ProfileInside`].
    pub(super) fn check(&self, profile: Option<&Path>) -> Result<(), RunError> {
        let RunLocation::Folder(folder) = self else {
            return Ok(());
        };
        let folder = absolute(folder);
        if folder.to_str().is_none() {
            return Err(RunError::NotUnicode(folder));
        }
        check_free(&folder)?;
        let real = |path: &Path| fs::canonicalize(path).ok();
        if let Some(profile) = profile
            && let (Some(file), Some(inside)) = (real(profile), real(&folder))
            && file.starts_with(inside)
        {
            return Err(RunError::ProfileInside {
                profile: profile.into(),
                folder,
            });
        }
        Ok(())
    }

    /// Makes the folder, or takes it as it is.
    ///
    /// # Errors
    /// As [`RunLocation::check`], and when the folder cannot be made.
    pub(super) fn claim(&self) -> Result<RunDirGuard, RunError> {
        let claim = |folder, made| RunDirGuard {
            folder,
            made,
            written: false,
            kept: false,
        };
        let io = |path: &Path| RunError::io("make the run folder", path);
        match self {
            RunLocation::Folder(folder) => {
                let folder = absolute(folder);
                check_free(&folder)?;
                let made = !folder.exists();
                fs::create_dir_all(&folder).map_err(io(&folder))?;
                Ok(claim(folder, made))
            }
            RunLocation::Below { root, name } => {
                let root = absolute(root);
                fs::create_dir_all(&root).map_err(io(&root))?;
                let mut ids = ids(name);
                loop {
                    let folder = root.join(ids.next().unwrap_or_default());
                    // Making it is what claims it: of two programs only one succeeds.
                    match fs::create_dir(&folder) {
                        Ok(()) => return Ok(claim(folder, true)),
                        Err(e) if e.kind() == ErrorKind::AlreadyExists => {}
                        Err(e) => return Err(io(&folder)(e)),
                    }
                }
            }
        }
    }
}

impl RunDirGuard {
    /// Writes the run's profile, which must not be there yet.
    pub fn write_profile(&mut self, text: &str) -> Result<(), RunError> {
        write_text(&self.folder.join(PROFILE), text, false)?;
        self.written = true;
        Ok(())
    }

    /// The run has begun: the folder stays.
    pub fn keep(mut self) -> PathBuf {
        self.kept = true;
        std::mem::take(&mut self.folder)
    }
}

impl Drop for RunDirGuard {
    fn drop(&mut self) {
        if self.kept {
            return;
        }
        if self.written {
            let _ = fs::remove_file(self.folder.join(PROFILE));
        }
        if self.made {
            // Only ever an empty one.
            let _ = fs::remove_dir(&self.folder);
        }
    }
}

fn check_free(folder: &Path) -> Result<(), RunError> {
    let holds = |name: &str| folder.join(name).symlink_metadata().is_ok();
    if holds(journal::FILE_NAME) {
        return Err(JournalError::Exists(folder.into()).into());
    }
    match [PROFILE, BEST, BEST_CODES, INCUMBENT, INCUMBENT_CODES, WORK]
        .into_iter()
        .find(|name| holds(name))
    {
        Some(file) => Err(RunError::Occupied {
            folder: folder.into(),
            file,
        }),
        None => Ok(()),
    }
}

/// Names for a run's folder, the preferred one first: date, time and the profile's name, then
/// numbered.
fn ids(name: &str) -> impl Iterator<Item = String> {
    let stamp = jiff::Timestamp::now().strftime("%Y%m%d-%H%M%S");
    let stem = format!("{stamp}-{}", slug(name));
    let stem = stem.trim_end_matches('-').to_owned();
    let numbered = {
        let stem = stem.clone();
        (2u64..).map(move |n| format!("{stem}-{n}"))
    };
    std::iter::once(stem).chain(numbered)
}

/// A name as part of a folder's: lower case letters, digits and hyphens; maybe empty.
pub fn slug(name: &str) -> String {
    let slug: String = name
        .to_lowercase()
        .chars()
        .map(|c| if c.is_ascii_alphanumeric() { c } else { '-' })
        .collect();
    let words: Vec<&str> = slug.split('-').filter(|s| !s.is_empty()).collect();
    let slug: String = words.join("-").chars().take(32).collect();
    slug.trim_end_matches('-').to_owned()
}

/// A folder's absolute path.
pub(super) fn absolute(folder: &Path) -> PathBuf {
    std::path::absolute(folder).unwrap_or_else(|_| folder.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn below(root: &Path) -> RunLocation {
        RunLocation::Below {
            root: root.into(),
            name: "A Name!".into(),
        }
    }

    #[test]
    fn runs_of_the_same_second_have_folders_of_their_own() {
        let root = tempfile::tempdir().expect("a folder");
        let place = below(&root.path().join("runs"));
        let claim = || place.claim().expect("space").keep();
        let threads: Vec<PathBuf> = std::thread::scope(|scope| {
            let all: Vec<_> = (0..20).map(|_| scope.spawn(claim)).collect();
            all.into_iter()
                .map(|t| t.join().expect("it ends"))
                .collect()
        });
        let mut folders = threads;
        folders.sort();
        folders.dedup();
        assert_eq!(folders.len(), 20);
        assert!(
            folders
                .iter()
                .all(|f| f.display().to_string().contains("-a-name"))
        );
    }

    #[test]
    fn a_claim_that_is_given_up_leaves_nothing() {
        let root = tempfile::tempdir().expect("a folder");
        let mut claim = below(root.path()).claim().expect("space");
        claim.write_profile("text").expect("space");
        assert!(claim.folder.join(PROFILE).exists());
        drop(claim);
        assert_eq!(fs::read_dir(root.path()).expect("a folder").count(), 0);
    }

    #[test]
    fn a_claim_that_is_given_up_leaves_what_was_there() {
        let root = tempfile::tempdir().expect("a folder");
        fs::write(root.path().join("notes"), "mine").expect("space");
        let place = RunLocation::Folder(root.path().into());
        let mut claim = place.claim().expect("free");
        claim.write_profile("text").expect("space");
        drop(claim);
        assert!(root.path().join("notes").exists() && !root.path().join(PROFILE).exists());
        // A profile that came in between is neither replaced nor removed.
        let mut claim = place.claim().expect("free");
        fs::write(root.path().join(PROFILE), "mine").expect("space");
        assert!(claim.write_profile("text").is_err());
        drop(claim);
        let kept = fs::read_to_string(root.path().join(PROFILE)).expect("still there");
        assert_eq!(kept, "mine");
    }
}
