//! Folders: whether they exist or can be made, can be written, how much room they have, and
//! whether their file system has locks.

use std::io::{ErrorKind, Write};
use std::path::{Path, PathBuf};

use super::check::Check;
use crate::journal::Guard;
use crate::profile::Paths;
use crate::system::disk;
use crate::text::numbers::bytes;

/// What is written to see whether there is room: a run's first lines take as much.
static PROBE: [u8; 64 << 10] = [0; 64 << 10];
/// Free bytes below which a run may be stopped by a full disk.
const LITTLE: u64 = 256 << 20;

pub(super) fn checks() -> Vec<Check> {
    let mut all = Vec::new();
    match Paths::from_env() {
        Ok(paths) => {
            all.push(folder("profiles and settings", &paths.config, Needed::Not));
            all.push(folder("runs", &paths.runs(), Needed::BySearch));
            all.push(folder("results store", &paths.results(), Needed::Not));
            all.push(folder("cache", &paths.cache(), Needed::Not));
            all.push(folder("log", &paths.log(), Needed::Not));
            all.push(locks(&paths.runs()));
        }
        Err(why) => all.push(Check::failing("folders", "no home folder", why.to_string())),
    }
    all.push(current());
    all
}

/// Who needs a folder.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Needed {
    BySearch,
    Not,
}

fn folder(name: &'static str, path: &Path, needed: Needed) -> Check {
    let Some(there) = nearest(path) else {
        return Check::failing(name, told(path, "cannot be reached"), "set AQ4SVIT_DATA");
    };
    let state = match there == path {
        true => "exists",
        false => "can be made",
    };
    let room = disk(&there);
    let free = room.map_or_else(
        || String::from("free disk not known"),
        |disk| format!("{} free", bytes(disk.free)),
    );
    match probe(&there) {
        Ok(()) => {
            let found = told(path, &format!("{state}, writable, {free}"));
            let files = room.and_then(|disk| disk.files);
            match room.is_some_and(|disk| disk.free < LITTLE) || files.is_some_and(|n| n < 1000) {
                false => Check::fine(name, found),
                true => Check::lacking(name, found, "make room on this disk"),
            }
        }
        Err(error) => {
            let why = match room {
                Some(disk) if disk.read_only => String::from("mounted read-only"),
                _ if error.kind() == ErrorKind::StorageFull => String::from("the disk is full"),
                _ => error.to_string(),
            };
            let found = told(path, &format!("cannot be written: {why}"));
            let variable = match name {
                "profiles and settings" => "AQ4SVIT_CONFIG",
                _ => "AQ4SVIT_DATA",
            };
            let to_do = format!("set {variable} to a folder that can be written");
            match needed {
                Needed::BySearch => {
                    let to_do = format!("{to_do}, or give each run one by --run-dir");
                    Check::failing(name, found, to_do)
                }
                Needed::Not => Check::lacking(name, found, to_do),
            }
        }
    }
}

fn told(path: &Path, what: &str) -> String {
    format!("{}: {what}", path.display())
}

/// The folder itself, or the nearest one around it that exists.
fn nearest(path: &Path) -> Option<PathBuf> {
    let exists = |path: &&Path| path.symlink_metadata().is_ok();
    path.ancestors().find(exists).map(Path::to_owned)
}

/// Writes a file without a name.
fn probe(folder: &Path) -> std::io::Result<()> {
    let mut file = tempfile::tempfile_in(folder)?;
    file.write_all(&PROBE)?;
    file.sync_all()
}

fn locks(runs: &Path) -> Check {
    let name = "file locks";
    let tried = nearest(runs).map(|folder| {
        let file = tempfile::NamedTempFile::new_in(folder)?;
        let guard = Guard::take(file.as_file(), file.path())?;
        Ok::<bool, std::io::Error>(guard.file().is_none())
    });
    match tried {
        Some(Ok(true)) => Check::fine(name, "a lock was taken and given back"),
        Some(Ok(false)) => Check::lacking(
            name,
            "this file system has none",
            "nothing: a file beside the journal guards a run instead",
        ),
        Some(Err(error)) => Check::lacking(
            name,
            format!("not known, because no file can be made: {error}"),
            "see the folder of runs",
        ),
        None => Check::lacking(name, "not known", "see the folder of runs"),
    }
}

fn current() -> Check {
    let name = "current folder";
    // What `pwd` says may be gone, or unlinked and still open.
    let here = std::env::current_dir().and_then(|path| path.metadata().map(|_| path));
    match here {
        Err(error) => Check::lacking(
            name,
            format!("cannot be used: {error}"),
            "change to a folder that exists: relative paths lead nowhere here",
        ),
        Ok(path) => match probe(&path) {
            Ok(()) => Check::fine(name, told(&path, "writable")),
            Err(error) => Check::lacking(
                name,
                told(&path, &format!("cannot be written: {error}")),
                "give --run-dir, --out and --output paths in other folders",
            ),
        },
    }
}

#[cfg(test)]
mod tests {
    use super::super::check::State;
    use super::*;

    #[test]
    fn a_folder_that_is_not_there_yet_is_tried_where_it_would_be() {
        let home = tempfile::tempdir().unwrap();
        let path = home.path().join("a/b");
        let check = folder("runs", &path, Needed::BySearch);
        assert!(check.found.contains("can be made, writable"), "{check:?}");
        assert_eq!(std::fs::read_dir(home.path()).unwrap().count(), 0);
        let check = folder("runs", home.path(), Needed::BySearch);
        assert!(check.found.contains("exists, writable"), "{check:?}");
    }

    #[test]
    fn a_file_in_the_place_of_a_folder_fails() {
        let home = tempfile::tempdir().unwrap();
        let file = home.path().join("data");
        std::fs::write(&file, "").unwrap();
        let check = folder("runs", &file.join("runs"), Needed::BySearch);
        assert_eq!(check.state, State::Failing, "{check:?}");
        let check = folder("cache", &file.join("cache"), Needed::Not);
        assert_eq!(check.state, State::Lacking, "{check:?}");
    }
}
