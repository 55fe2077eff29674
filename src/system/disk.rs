//! The file system that a folder lies on.
#![forbid(unsafe_code)]

use std::path::Path;

/// A file system.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Disk {
    /// Bytes that this user may still write.
    pub free: u64,
    /// Files that may still be made; none where the file system does not count them.
    pub files: Option<u64>,
    /// Mounted for reading only.
    pub read_only: bool,
}

/// The file system of a folder that exists.
#[cfg(unix)]
pub(crate) fn disk(folder: &Path) -> Option<Disk> {
    use rustix::fs::{StatVfsMountFlags, statvfs};
    let found = statvfs(folder).ok()?;
    Some(Disk {
        free: found.f_bavail.saturating_mul(found.f_frsize),
        // Some file systems have no fixed number and say 0 of 0.
        files: (found.f_files > 0).then_some(found.f_favail),
        read_only: found.f_flag.contains(StatVfsMountFlags::RDONLY),
    })
}

/// The file system of a folder: not known here.
#[cfg(not(unix))]
pub(crate) fn disk(_folder: &Path) -> Option<Disk> {
    None
}
