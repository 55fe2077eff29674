//! The folder of a package: written aside, then renamed, so that there is a whole one or none.

use std::collections::BTreeSet;
use std::fs::{self, File};
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};

use sha2::{Digest, Sha256};
use tempfile::TempDir;

use super::error::ExportError;
use super::manifest::{MANIFEST, Manifest, WEIGHTS};
use super::package::Package;
use super::readme::readme;

/// The file of hashes.
const SUMS: &str = "SHA256SUMS";
/// The profile.
const PROFILE: &str = "profile.toml";
/// The largest list of hashes that is read before a package is replaced.
const LARGEST: u64 = 16 << 20;

/// A package on its way to the disk.
#[derive(Debug)]
pub struct PackageFolder {
    /// Beside the target, so that it can be renamed.
    aside: TempDir,
    target: PathBuf,
    force: bool,
}

impl PackageFolder {
    /// Begins a package that is to lie at `target`. Nothing appears there before
    /// [`PackageFolder::finish`].
    ///
    /// # Errors
    /// [`ExportError::Exists`] for a target that exists, unless it is a package and `force`;
    /// [`ExportError::NotAPackage`]; [`ExportError::Io`].
    pub fn begin(target: &Path, force: bool) -> Result<Self, ExportError> {
        let target = std::path::absolute(target).map_err(io("find", target))?;
        check(&target, force)?;
        let parent = target.parent().unwrap_or(Path::new("/"));
        fs::create_dir_all(parent).map_err(io("make", parent))?;
        let mut builder = tempfile::Builder::new();
        builder.prefix(".package-");
        // As any folder of the user (the umask still applies), not private as temporary ones are.
        #[cfg(unix)]
        builder.permissions(std::os::unix::fs::PermissionsExt::from_mode(0o777));
        let aside = builder
            .tempdir_in(parent)
            .map_err(io("make a folder in", parent))?;
        Ok(PackageFolder {
            aside,
            target,
            force,
        })
    }

    /// Where the package will lie.
    pub fn target(&self) -> &Path {
        &self.target
    }

    /// Writes a file, by its path in the package; on disk when this returns.
    ///
    /// # Errors
    /// [`ExportError::Io`].
    pub fn write(&self, name: &str, content: &[u8]) -> Result<(), ExportError> {
        let path = self.aside.path().join(name);
        // The message names the place that the user knows.
        let shown = self.target.join(name);
        let folder = path.parent().unwrap_or(self.aside.path());
        fs::create_dir_all(folder).map_err(io("make the folder of", &shown))?;
        let write = || {
            let mut file = File::create_new(&path)?;
            file.write_all(content)?;
            file.sync_all()
        };
        write().map_err(io("write", &shown))
    }

    /// Writes the package's own files and the hashes of all, and puts the folder in its place.
    ///
    /// # Errors
    /// As [`PackageFolder::begin`].
    pub fn finish(self, package: &Package) -> Result<(), ExportError> {
        let manifest = serde_json::to_string_pretty(&package.manifest);
        let manifest = manifest.map_err(|e| ExportError::Tensors(e.to_string()))? + "\n";
        self.write(MANIFEST, manifest.as_bytes())?;
        self.write(WEIGHTS, &package.weights)?;
        self.write(PROFILE, package.profile.as_bytes())?;
        self.write("README.md", readme(package).as_bytes())?;
        let sums = sums(self.aside.path())?;
        self.write(SUMS, sums.as_bytes())?;
        let folder = self.aside.path();
        sync(folder).map_err(io("write", &self.target))?;
        self.place()
    }

    /// Renames the folder to the target's name.
    fn place(self) -> Result<(), ExportError> {
        // Once more: it may have come in between.
        check(&self.target, self.force)?;
        let parent = self.target.parent().unwrap_or(Path::new("/"));
        let failed = io("write", &self.target);
        if self.target.symlink_metadata().is_err() {
            // An empty folder that came in between would be replaced, and no other.
            fs::rename(self.aside.path(), &self.target).map_err(failed)?;
        } else {
            let old = tempfile::Builder::new()
                .prefix(".old-package-")
                .tempdir_in(parent)
                .map_err(io("make a folder in", parent))?;
            let kept = old.path().join("package");
            fs::rename(&self.target, &kept).map_err(io("replace", &self.target))?;
            if let Err(error) = fs::rename(self.aside.path(), &self.target) {
                // Back as it was; should that fail too, the old package is kept where it is.
                if fs::rename(&kept, &self.target).is_err() {
                    let _ = old.keep();
                }
                return Err(failed(error));
            }
        }
        // What was renamed is no longer there to be removed.
        let _ = self.aside.keep();
        sync(parent).map_err(io("write", parent))
    }
}

fn io(what: &'static str, path: &Path) -> impl FnOnce(io::Error) -> ExportError + use<> {
    let path = path.to_owned();
    move |source| ExportError::Io { what, path, source }
}

/// Has a folder's names written to the disk.
fn sync(folder: &Path) -> io::Result<()> {
    #[cfg(unix)]
    File::open(folder)?.sync_all()?;
    #[cfg(not(unix))]
    let _ = folder;
    Ok(())
}

/// Whether a target is free, or a package that may be replaced.
fn check(target: &Path, force: bool) -> Result<(), ExportError> {
    let Ok(found) = target.symlink_metadata() else {
        return Ok(());
    };
    if !force {
        return Err(ExportError::Exists(target.to_owned()));
    }
    match found.is_dir() && is_package(target) {
        true => Ok(()),
        false => Err(ExportError::NotAPackage(target.to_owned())),
    }
}

/// Whether a folder holds a manifest, a list of hashes, and no file that is not listed.
fn is_package(folder: &Path) -> bool {
    let manifest = fs::read(folder.join(MANIFEST)).ok();
    let manifest = manifest.and_then(|m| serde_json::from_slice::<Manifest>(&m).ok());
    let list = folder.join(SUMS);
    let is_small = fs::metadata(&list).is_ok_and(|m| m.len() <= LARGEST);
    let list = is_small.then(|| fs::read_to_string(&list).ok()).flatten();
    let (Some(_), Some(list)) = (manifest, list) else {
        return false;
    };
    let listed: BTreeSet<&str> = list
        .lines()
        .filter_map(|line| Some(line.split_once("  ")?.1))
        .chain([SUMS])
        .collect();
    files(folder).is_ok_and(|files| files.iter().all(|file| listed.contains(file.as_str())))
}

/// The files below a folder by their paths with `/`, sorted.
fn files(folder: &Path) -> io::Result<BTreeSet<String>> {
    let mut files = BTreeSet::new();
    let mut open = vec![(folder.to_owned(), String::new())];
    while let Some((path, prefix)) = open.pop() {
        for entry in fs::read_dir(path)? {
            let entry = entry?;
            let name = format!("{prefix}{}", entry.file_name().to_string_lossy());
            match entry.file_type()?.is_dir() {
                true => open.push((entry.path(), name + "/")),
                false => drop(files.insert(name)),
            }
        }
    }
    Ok(files)
}

/// The list of hashes of all files in a folder, as `sha256sum -c` reads it.
fn sums(folder: &Path) -> Result<String, ExportError> {
    let mut sums = String::new();
    for name in files(folder).map_err(io("read", folder))? {
        let path = folder.join(&name);
        let hash = hash(&path).map_err(io("read", &path))?;
        sums.extend(hash.iter().map(|byte| format!("{byte:02x}")));
        sums.push_str("  ");
        sums.push_str(&name);
        sums.push('\n');
    }
    Ok(sums)
}

/// The SHA-256 of a file.
fn hash(path: &Path) -> io::Result<Vec<u8>> {
    let mut file = File::open(path)?;
    let mut hasher = Sha256::new();
    let mut buffer = vec![0; 1 << 20];
    loop {
        let count = file.read(&mut buffer)?;
        match buffer.get(..count) {
            Some([]) | None => return Ok(hasher.finalize().to_vec()),
            Some(read) => hasher.update(read),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_but_a_package_is_replaced() {
        let root = tempfile::tempdir().unwrap();
        let target = root.path().join("out");
        let begin = |force| PackageFolder::begin(&target, force);
        drop(begin(false).unwrap());
        // A begun package leaves nothing.
        assert_eq!(fs::read_dir(root.path()).unwrap().count(), 0);
        fs::create_dir(&target).unwrap();
        assert!(matches!(begin(false), Err(ExportError::Exists(_))));
        assert!(matches!(begin(true), Err(ExportError::NotAPackage(_))));
        fs::write(target.join(MANIFEST), "{}").unwrap();
        fs::write(target.join(SUMS), "").unwrap();
        assert!(matches!(begin(true), Err(ExportError::NotAPackage(_))));
        fs::remove_dir_all(&target).unwrap();
        fs::write(&target, "a file").unwrap();
        assert!(matches!(begin(true), Err(ExportError::NotAPackage(_))));
        assert_eq!(fs::read_to_string(&target).unwrap(), "a file");
    }

    #[test]
    fn hashes_are_listed_by_path() {
        let root = tempfile::tempdir().unwrap();
        fs::create_dir(root.path().join("golden")).unwrap();
        fs::write(root.path().join("golden/0"), "abc").unwrap();
        fs::write(root.path().join("a"), "").unwrap();
        let empty = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
        let abc = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
        let expected = format!("{empty}  a\n{abc}  golden/0\n");
        assert_eq!(sums(root.path()).unwrap(), expected);
    }
}
