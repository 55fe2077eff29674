//! Files written wholly or not at all: into new files beside them, which then take their places.

use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use tempfile::NamedTempFile;

use super::save::SaveError;

/// Writes a text file as [`write_file`] does.
///
/// # Errors
/// As [`write_file`].
pub fn write_text(target: &Path, text: &str, overwrite: bool) -> Result<(), SaveError> {
    write_file(target, text.as_bytes(), overwrite)
}

/// Writes a file wholly or not at all.
///
/// # Errors
/// [`SaveError::Exists`], [`SaveError::Write`].
pub fn write_file(target: &Path, content: &[u8], overwrite: bool) -> Result<(), SaveError> {
    Aside::write(target, content)?.place(overwrite)
}

/// Writes text files that belong together, over those that are there: none takes its place before
/// all are on the disk, so that a full disk changes nothing.
///
/// # Errors
/// [`SaveError::Write`]. Folders that were made for them are removed again.
pub fn write_texts(files: &[(PathBuf, String)]) -> Result<(), SaveError> {
    let mut made = Vec::new();
    let aside = files.iter().map(|(target, text)| {
        made.extend(missing(folder(target)));
        Aside::write(target, text.as_bytes())
    });
    let aside: Result<Vec<Aside>, SaveError> = aside.collect();
    let placed = aside.and_then(|all| all.into_iter().try_for_each(|file| file.place(true)));
    if placed.is_err() {
        // The deepest first; one that holds something stays.
        made.sort_by_key(|folder| std::cmp::Reverse(folder.components().count()));
        made.iter().for_each(|folder| drop(fs::remove_dir(folder)));
    }
    placed
}

/// A file on the disk that has not taken its place yet; removed when dropped.
struct Aside {
    file: NamedTempFile,
    path: PathBuf,
}

impl Aside {
    fn write(target: &Path, content: &[u8]) -> Result<Self, SaveError> {
        // A link stays a link: what it points to is replaced.
        let linked = target.is_symlink().then(|| fs::canonicalize(target).ok());
        let path = linked.flatten().unwrap_or_else(|| target.to_owned());
        let folder = folder(&path);
        fs::create_dir_all(folder).map_err(|source| SaveError::Write {
            path: folder.to_owned(),
            source,
        })?;
        let mut builder = tempfile::Builder::new();
        builder.prefix(".profile-").suffix(".tmp");
        // Readable as any file of the user (the umask still applies), not private as temporary
        // files are.
        #[cfg(unix)]
        builder.permissions(std::os::unix::fs::PermissionsExt::from_mode(0o666));
        let written = builder.tempfile_in(folder).and_then(|mut file| {
            file.write_all(content)?;
            file.as_file().sync_all()?;
            Ok(file)
        });
        match written {
            Ok(file) => Ok(Aside { file, path }),
            Err(source) => Err(failed(path, source)),
        }
    }

    fn place(self, overwrite: bool) -> Result<(), SaveError> {
        let placed = match overwrite {
            true => self.file.persist(&self.path),
            false => self.file.persist_noclobber(&self.path),
        };
        placed.map(drop).map_err(|e| failed(self.path, e.error))
    }
}

fn failed(path: PathBuf, source: io::Error) -> SaveError {
    match source.kind() {
        io::ErrorKind::AlreadyExists => SaveError::Exists(path),
        _ => SaveError::Write { path, source },
    }
}

/// The folder of a file.
fn folder(file: &Path) -> &Path {
    match file.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    }
}

/// A folder and those above it that are not there.
fn missing(folder: &Path) -> Vec<PathBuf> {
    let above = folder.ancestors();
    let missing = above.take_while(|f| !f.as_os_str().is_empty() && !f.exists());
    missing.map(Path::to_owned).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_that_belong_together_are_written_together() {
        let root = tempfile::tempdir().unwrap();
        let (old, new) = (root.path().join("old.md"), root.path().join("a/b/new.md"));
        let texts = |own: &str| vec![(old.clone(), own.to_owned()), (new.clone(), own.to_owned())];
        fs::write(&old, "before").unwrap();
        // Where a folder is to be there is a file: the last one cannot be written.
        fs::write(root.path().join("file"), "").unwrap();
        let mut all = texts("1");
        all.push((root.path().join("file/x"), String::new()));
        assert!(matches!(write_texts(&all), Err(SaveError::Write { .. })));
        assert_eq!(fs::read_to_string(&old).unwrap(), "before");
        let mut left: Vec<_> = fs::read_dir(root.path())
            .unwrap()
            .map(|e| e.unwrap().file_name())
            .collect();
        left.sort();
        assert_eq!(left, ["file", "old.md"]);
        for round in ["2", "3"] {
            write_texts(&texts(round)).unwrap();
            assert_eq!(fs::read_to_string(&old).unwrap(), round);
            assert_eq!(fs::read_to_string(&new).unwrap(), round);
        }
    }

    #[test]
    fn writing_is_all_or_nothing_and_asks_before_replacing() {
        let folder = tempfile::tempdir().unwrap();
        let target = folder.path().join("new/p.toml");
        write_text(&target, "one", false).unwrap();
        let error = write_text(&target, "two", false).unwrap_err();
        assert!(matches!(error, SaveError::Exists(_)), "{error}");
        assert_eq!(fs::read_to_string(&target).unwrap(), "one");
        write_text(&target, "two", true).unwrap();
        assert_eq!(fs::read_to_string(&target).unwrap(), "two");
        assert_eq!(fs::read_dir(folder.path().join("new")).unwrap().count(), 1);

        // A folder in the file's place: nothing can be written there, and nothing is left behind.
        let occupied = folder.path().join("occupied.toml");
        fs::create_dir_all(occupied.join("inside")).unwrap();
        let error = write_text(&occupied, "x", true).unwrap_err();
        assert!(error.to_string().starts_with("cannot save "), "{error}");
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 2);
        // A file in the folder's place.
        let error = write_text(&target.join("p.toml"), "x", true).unwrap_err();
        assert!(matches!(error, SaveError::Write { .. }), "{error}");
    }

    #[cfg(unix)]
    #[test]
    fn a_saved_link_stays_a_link() {
        let folder = tempfile::tempdir().unwrap();
        let (real, link) = (
            folder.path().join("real.toml"),
            folder.path().join("link.toml"),
        );
        fs::write(&real, "one").unwrap();
        std::os::unix::fs::symlink(&real, &link).unwrap();
        write_text(&link, "two", true).unwrap();
        assert!(link.is_symlink());
        assert_eq!(fs::read_to_string(&real).unwrap(), "two");
    }
}
