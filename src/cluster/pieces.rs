//! Files on their way to workers that lack them: in pieces, under the hash of their content.

use std::fs::{self, File};
use std::io::{Read, Write};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use super::jetstream::Connection;
use super::message::FileContent;
use super::subject::{self, BLOBS};
use crate::system::make_room;

/// Bytes of a piece: a message with it is smaller than any server refuses.
const PIECE: u64 = 512 << 10;
/// The time between two looks for a piece that is not there yet.
const PAUSE: Duration = Duration::from_millis(300);
/// The ending of files that came over the network.
const ENDING: &str = "file";

/// The hash of a file's content, as contexts write it.
///
/// # Errors
/// As the file system's.
pub fn hash(path: &Path) -> std::io::Result<(String, u64)> {
    let mut file = File::open(path)?;
    let mut hasher = blake3::Hasher::new();
    let bytes = std::io::copy(&mut file, &mut hasher)?;
    Ok((hasher.finalize().to_hex().to_string(), bytes))
}

/// Has the server keep a file's pieces. What goes wrong is asked for again by those who lack it.
pub(super) async fn send(connection: Connection, file: FileContent, path: PathBuf) {
    let Ok(mut source) = File::open(path) else {
        return;
    };
    for piece in 0..file.bytes.div_ceil(PIECE) {
        let mut bytes = Vec::new();
        if (&mut source).take(PIECE).read_to_end(&mut bytes).is_err() {
            return;
        }
        let subject = subject::blob(&file.hash, piece);
        while connection
            .keep(subject.clone(), None, bytes.clone())
            .await
            .is_err()
        {
            tokio::time::sleep(PAUSE).await;
        }
    }
}

/// Where a worker has a file of a context.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Place {
    /// Here.
    Here(PathBuf),
    /// It has what the file stands for.
    Unneeded,
    /// Nowhere yet.
    Missing,
}

/// A worker's folder of files that came over the network.
#[derive(Clone, Debug)]
pub struct Folder {
    path: PathBuf,
    /// All files together, in bytes; beyond it those that were used longest ago are removed.
    budget: u64,
}

impl Folder {
    /// A folder that may hold so many bytes.
    pub fn new(path: PathBuf, budget: u64) -> Self {
        Folder { path, budget }
    }

    /// Where a file of this content is on this machine, if it is needed.
    pub(super) fn look(&self, file: &FileContent) -> Place {
        let origins = &file.instead_of;
        if !origins.is_empty() && origins.iter().all(|path| Path::new(path).exists()) {
            return Place::Unneeded;
        }
        self.find(file).map_or(Place::Missing, Place::Here)
    }

    /// A file of this content, if there is one on this machine: where the context says, or here.
    pub fn find(&self, file: &FileContent) -> Option<PathBuf> {
        let same = |path: &Path| {
            let about = fs::metadata(path).ok()?;
            let same = about.is_file() && about.len() == file.bytes;
            (same && hash(path).ok()?.0 == file.hash).then(|| path.to_owned())
        };
        same(Path::new(&file.path)).or_else(|| {
            let own = same(&self.place(file))?;
            let touched = File::options().append(true).open(&own);
            let _ = touched.and_then(|f| f.set_modified(SystemTime::now()));
            Some(own)
        })
    }

    /// Where a file lies once it is here. Its name is a hash, so that it is in this folder.
    fn place(&self, file: &FileContent) -> PathBuf {
        self.path.join(format!("{}.{ENDING}", file.hash))
    }

    /// Gets a file from the server, waiting for pieces that are not there yet.
    ///
    /// # Errors
    /// In words: the file system's refusal, more bytes than the budget, or other content.
    pub(super) async fn fetch(
        &self,
        connection: &Connection,
        file: &FileContent,
    ) -> Result<PathBuf, String> {
        if file.bytes > self.budget {
            return Err(format!(
                "{} has {} bytes, more than this worker keeps ({}): put it on a disk that the worker sees under the same path",
                file.path, file.bytes, self.budget
            ));
        }
        let failed = |e: std::io::Error| format!("cannot write below {}: {e}", self.path.display());
        fs::create_dir_all(&self.path).map_err(failed)?;
        let mut aside = tempfile::Builder::new()
            .prefix(".new-")
            .suffix(".file")
            .tempfile_in(&self.path)
            .map_err(failed)?;
        let mut hasher = blake3::Hasher::new();
        let mut bytes = 0;
        for piece in 0..file.bytes.div_ceil(PIECE) {
            let subject = subject::blob(&file.hash, piece);
            let content = loop {
                match connection.first(BLOBS, &subject).await {
                    Ok(Some(content)) => break content,
                    Ok(None) | Err(_) => tokio::time::sleep(PAUSE).await,
                }
            };
            bytes += content.len() as u64;
            if bytes > file.bytes {
                break;
            }
            hasher.update(&content);
            aside.write_all(&content).map_err(failed)?;
        }
        if bytes != file.bytes || hasher.finalize().to_hex().as_str() != file.hash {
            return Err(format!(
                "{} came over the network with other content",
                file.path
            ));
        }
        aside.as_file().sync_all().map_err(failed)?;
        let place = self.place(file);
        aside.persist(&place).map_err(|e| failed(e.error))?;
        make_room((&self.path, ENDING), &place, self.budget);
        Ok(place)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn content(path: &Path, bytes: &[u8]) -> FileContent {
        FileContent {
            key: "model.checkpoint".into(),
            path: path.display().to_string(),
            hash: blake3::hash(bytes).to_hex().to_string(),
            bytes: bytes.len() as u64,
            instead_of: Vec::new(),
        }
    }

    #[test]
    fn a_file_that_stands_for_others_is_needed_where_one_of_them_is_missing() {
        let folder = tempfile::tempdir().expect("a folder");
        let own = Folder::new(folder.path().join("own"), 100);
        let at = |name: &str| folder.path().join(name).display().to_string();
        let mut file = content(Path::new("/nowhere"), b"images");
        assert_eq!(own.look(&file), Place::Missing);
        file.instead_of = vec![at("images"), at("labels")];
        fs::write(at("images"), "").expect("space");
        assert_eq!(own.look(&file), Place::Missing);
        fs::write(at("labels"), "").expect("space");
        assert_eq!(own.look(&file), Place::Unneeded);
    }

    #[test]
    fn a_file_is_found_by_its_content_only() {
        let folder = tempfile::tempdir().expect("a folder");
        let there = folder.path().join("weights");
        fs::write(&there, "weights").expect("space");
        let own = Folder::new(folder.path().join("own"), 100);
        assert_eq!(own.find(&content(&there, b"weights")), Some(there.clone()));
        assert_eq!(own.find(&content(&there, b"WEIGHTS")), None);
        let file = content(Path::new("/nowhere"), b"weights");
        assert_eq!(own.find(&file), None);
        fs::create_dir_all(&own.path).expect("space");
        fs::write(own.place(&file), "weights").expect("space");
        assert_eq!(own.find(&file), Some(own.place(&file)));
    }

    #[test]
    fn the_budget_is_kept() {
        let folder = tempfile::tempdir().expect("a folder");
        let own = Folder::new(folder.path().to_owned(), 10);
        let long_ago = |n| SystemTime::now() - Duration::from_secs(1000 - n);
        for (n, name) in ["a.file", "b.file", "c.file", "other"].iter().enumerate() {
            fs::write(folder.path().join(name), "12345").expect("space");
            let file = File::options().append(true).open(folder.path().join(name));
            file.expect("there")
                .set_modified(long_ago(n as u64))
                .expect("a time");
        }
        make_room(
            (&own.path, ENDING),
            &folder.path().join("a.file"),
            own.budget,
        );
        let there = |name: &str| folder.path().join(name).exists();
        assert!(there("a.file") && !there("b.file") && there("c.file") && there("other"));
    }
}
