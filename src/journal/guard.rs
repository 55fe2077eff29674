//! What keeps a second program from writing the same file.
//!
//! The operating system's lock, which ends with its process. Some file systems have none (Lustre
//! mounted without `flock`, some NFS and FUSE): there a file beside it, which names host and
//! process and is taken over where that process is gone.

use std::fs::{File, OpenOptions, TryLockError};
use std::io::{self, ErrorKind, Write};
use std::path::{Path, PathBuf};
use std::thread;
use std::time::{Duration, Instant};

/// Error numbers of a file system without locks: ENOSYS, ENOLCK, EOPNOTSUPP, ENOTSUP elsewhere.
const WITHOUT_LOCKS: [i32; 4] = [38, 37, 95, 45];

/// Holds a file for this program alone, until it is dropped.
#[derive(Debug)]
pub enum Guard {
    /// The operating system's lock.
    Lock,
    /// A file beside it.
    File(PathBuf),
}

/// A lock is waited for so long: a process that this one has just started holds copies of all open
/// files, and of their locks, until its own program begins.
const PATIENCE: Duration = Duration::from_millis(200);

impl Guard {
    /// Guards a file that is open, by its name.
    ///
    /// # Errors
    /// [`ErrorKind::WouldBlock`] while another program has it; else as the file system's.
    pub fn take(file: &File, path: &Path) -> io::Result<Self> {
        let begun = Instant::now();
        loop {
            match file.try_lock() {
                Ok(()) => return Ok(Guard::Lock),
                Err(TryLockError::WouldBlock) if begun.elapsed() < PATIENCE => {
                    thread::sleep(PATIENCE / 20);
                }
                Err(TryLockError::WouldBlock) => return Err(ErrorKind::WouldBlock.into()),
                Err(TryLockError::Error(e)) if has_no_locks(&e) => return Self::beside(path),
                Err(TryLockError::Error(e)) => return Err(e),
            }
        }
    }

    /// Guards a file by one beside it.
    fn beside(path: &Path) -> io::Result<Self> {
        let guard = name(path);
        let own = format!("{} {}\n", host(), std::process::id());
        // A second time after the guard of a process that is gone was taken away.
        for _ in 0..2 {
            let made = OpenOptions::new().write(true).create_new(true).open(&guard);
            match made {
                Ok(mut file) => {
                    let written = file.write_all(own.as_bytes());
                    let this = Guard::File(guard);
                    return written.map(|()| this);
                }
                Err(e) if e.kind() == ErrorKind::AlreadyExists => {}
                Err(e) => return Err(e),
            }
            if holder(&guard).is_none_or(|holder| holder.may_live()) {
                return Err(ErrorKind::WouldBlock.into());
            }
            take_away(&guard)?;
        }
        Err(ErrorKind::WouldBlock.into())
    }

    /// The file that guards, where there is no lock.
    pub fn file(&self) -> Option<&Path> {
        match self {
            Guard::Lock => None,
            Guard::File(path) => Some(path),
        }
    }
}

impl Drop for Guard {
    fn drop(&mut self) {
        if let Guard::File(path) = self {
            // A file that stays is taken over: its process is gone.
            let _ = std::fs::remove_file(path);
        }
    }
}

/// True while another program holds a file.
pub fn is_held(path: &Path) -> bool {
    let Ok(file) = File::open(path) else {
        return false;
    };
    match file.try_lock_shared() {
        Ok(()) => false,
        Err(TryLockError::WouldBlock) => true,
        Err(TryLockError::Error(e)) => {
            has_no_locks(&e) && holder(&name(path)).is_some_and(|h| h.may_live() && !h.is_own())
        }
    }
}

fn has_no_locks(error: &io::Error) -> bool {
    let known = error
        .raw_os_error()
        .is_some_and(|n| WITHOUT_LOCKS.contains(&n));
    known || error.kind() == ErrorKind::Unsupported
}

fn name(path: &Path) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(".lock");
    PathBuf::from(name)
}

/// Takes the guard of a process that is gone away, unless another program just has.
fn take_away(guard: &Path) -> io::Result<()> {
    let aside = guard.with_extension(format!("lock-{}", std::process::id()));
    match std::fs::rename(guard, &aside) {
        Ok(()) => {}
        Err(e) if e.kind() == ErrorKind::NotFound => return Ok(()),
        Err(e) => return Err(e),
    }
    // Another program may have taken it over in between: it gets its guard back.
    match holder(&aside) {
        Some(holder) if holder.may_live() => std::fs::rename(&aside, guard),
        _ => std::fs::remove_file(&aside),
    }
}

/// The process that a guard names.
#[derive(Debug, PartialEq, Eq)]
struct Holder {
    host: String,
    process: u32,
}

impl Holder {
    fn is_own(&self) -> bool {
        self.host == host() && self.process == std::process::id()
    }

    /// False only where it is known to be gone: a process of this host that is not there.
    fn may_live(&self) -> bool {
        let processes = Path::new("/proc/self").exists();
        let here = self.host == host();
        !(here && processes) || Path::new("/proc").join(self.process.to_string()).exists()
    }
}

/// None where the file names no process: half written, or not ours.
fn holder(guard: &Path) -> Option<Holder> {
    let text = std::fs::read_to_string(guard).ok()?;
    let (host, process) = text.trim().rsplit_once(' ')?;
    let process = process.parse().ok()?;
    let host = host.to_owned();
    Some(Holder { host, process })
}

/// The name of this machine; empty where it is not known.
pub fn host() -> String {
    let name = std::fs::read_to_string("/proc/sys/kernel/hostname").ok();
    let name = name
        .or_else(|| std::env::var("HOSTNAME").ok())
        .unwrap_or_default();
    name.trim().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn without_locks_a_file_guards_and_goes_with_its_process() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("journal.jsonl");
        std::fs::write(&path, "").expect("space");
        let held = Guard::beside(&path).expect("free");
        let guard = held.file().expect("a file").to_owned();
        assert_eq!(guard, folder.path().join("journal.jsonl.lock"));
        let again = Guard::beside(&path).map(|_| ()).map_err(|e| e.kind());
        assert_eq!(again, Err(ErrorKind::WouldBlock));
        drop(held);
        assert!(!guard.exists());

        // Killed: the file stays, and its process is gone.
        std::fs::write(&guard, format!("{} {}\n", host(), u32::MAX)).expect("space");
        let taken = Guard::beside(&path).expect("taken over");
        assert_eq!(std::fs::read_dir(folder.path()).expect("there").count(), 2);
        drop(taken);

        // Of another machine, or unreadable: it may live.
        for text in ["elsewhere 1\n", "", "what is this\n"] {
            std::fs::write(&guard, text).expect("space");
            let held = Guard::beside(&path).map(|_| ()).map_err(|e| e.kind());
            assert_eq!(held, Err(ErrorKind::WouldBlock), "{text:?}");
            assert_eq!(std::fs::read_to_string(&guard).expect("there"), text);
        }
    }

    #[test]
    fn errors_of_file_systems_without_locks_are_told_apart() {
        for number in WITHOUT_LOCKS {
            assert!(has_no_locks(&io::Error::from_raw_os_error(number)));
        }
        assert!(has_no_locks(&ErrorKind::Unsupported.into()));
        assert!(!has_no_locks(&ErrorKind::PermissionDenied.into()));
    }
}
