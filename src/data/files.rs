//! Image files, decoded and resized when they are asked for.

use std::collections::HashMap;
use std::fmt;
use std::fs;
use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError, RwLock};
use std::thread;

use blake3::Hash;

use super::bounded::read_at_most;
use super::cache::{Cache, Index, Stamp};
use super::decode::decode;
use super::error::DataError;
use super::prefetch::{Sample, SampleSource};
use super::preparation::Preparation;

/// The largest image file.
const MAX_FILE: u64 = 1 << 28;

/// The error of a missing image.
#[derive(Debug)]
enum Trouble {
    /// It is damaged, or no image.
    Corrupt(String),
    /// It is good, and of a size that nothing is done about.
    Size(String),
    /// The operating system says no.
    Read(std::io::Error),
}

/// An image that cannot be decoded.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Corrupt {
    /// Its file.
    pub file: PathBuf,
    /// The problem.
    pub why: String,
}

impl fmt::Display for Corrupt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.file.display(), self.why)
    }
}

/// Images of a folder.
#[derive(Debug)]
pub(super) struct ImageFiles {
    folder: PathBuf,
    names: Vec<PathBuf>,
    preparation: Preparation,
    cache: Option<Cache>,
    /// Contents of the images that were checked.
    contents: RwLock<HashMap<u32, Hash>>,
}

impl ImageFiles {
    /// `names` of a folder; `cache` is the program's cache folder.
    pub(super) fn new(
        folder: &Path,
        names: Vec<PathBuf>,
        preparation: Preparation,
        cache: Option<&Path>,
    ) -> ImageFiles {
        ImageFiles {
            folder: folder.to_owned(),
            names,
            preparation,
            cache: cache.map(|root| Cache::new(root, &preparation.key())),
            contents: RwLock::default(),
        }
    }

    fn path(&self, index: u32) -> PathBuf {
        let name = self.names.get(index as usize);
        name.map_or_else(|| self.folder.clone(), |name| self.folder.join(name))
    }

    /// The content of a checked image.
    pub(super) fn content(&self, index: u32) -> Option<Hash> {
        let contents = self.contents.read().unwrap_or_else(PoisonError::into_inner);
        contents.get(&index).copied()
    }

    fn check_one(&self, image: u32, index: &Mutex<Index>) -> Result<(), Trouble> {
        let path = self.path(image);
        let name = self.names.get(image as usize).and_then(|n| n.to_str());
        let stamp = Stamp::of(&fs::metadata(&path).map_err(Trouble::Read)?);
        let lock = || index.lock().unwrap_or_else(PoisonError::into_inner);
        let known = name.and_then(|name| lock().content(name, stamp));
        let content = match (known, &self.cache) {
            (Some(content), Some(cache)) if cache.has(content) => content,
            _ => {
                let bytes = read(&path)?;
                let content = blake3::hash(&bytes);
                let cache = self.cache.as_ref();
                let cached = cache.and_then(|c| c.get(content, self.preparation.bytes()));
                if cached.is_none() {
                    let pixels = self.pixels(&bytes)?;
                    if let Some(cache) = cache {
                        cache.put(content, &pixels);
                    }
                }
                if let Some(name) = name {
                    lock().note(name, stamp, content);
                }
                content
            }
        };
        let mut contents = self
            .contents
            .write()
            .unwrap_or_else(PoisonError::into_inner);
        contents.insert(image, content);
        Ok(())
    }

    fn pixels(&self, bytes: &[u8]) -> Result<Vec<u8>, Trouble> {
        let image = decode(bytes).map_err(Trouble::Corrupt)?;
        self.preparation.apply(&image).map_err(Trouble::Size)
    }

    fn error(&self, image: u32, trouble: Trouble) -> DataError {
        let file = self.path(image);
        match trouble {
            Trouble::Corrupt(what) | Trouble::Size(what) => DataError::Format { file, what },
            Trouble::Read(source) => DataError::Read { file, source },
        }
    }

    fn read_again(&self, index: u32) -> Result<Vec<u8>, Trouble> {
        let content = self.content(index);
        let cached = content.zip(self.cache.as_ref());
        if let Some((content, cache)) = cached
            && let Some(pixels) = cache.get(content, self.preparation.bytes())
        {
            return Ok(pixels);
        }
        let bytes = read(&self.path(index))?;
        if content.is_some_and(|content| content != blake3::hash(&bytes)) {
            let why = "it has changed since the program started; start again";
            return Err(Trouble::Corrupt(why.to_owned()));
        }
        let pixels = self.pixels(&bytes)?;
        if let Some((content, cache)) = cached {
            cache.put(content, &pixels);
        }
        Ok(pixels)
    }
}

impl SampleSource for ImageFiles {
    /// Reads and decodes images, side by side, into the cache where there is one, and notes their
    /// contents. Those that the cache knows are not even opened.
    fn check(
        &self,
        indices: &[u32],
        progress: &(dyn Fn() + Sync),
    ) -> Result<Vec<(u32, Corrupt)>, DataError> {
        let index = Mutex::new(Index::open(self.cache.as_ref(), &self.folder));
        let next = AtomicUsize::new(0);
        let found = Mutex::new((Vec::new(), None::<(u32, DataError)>));
        let work = || {
            while let Some(&image) = indices.get(next.fetch_add(1, Ordering::Relaxed)) {
                let result = self.check_one(image, &index);
                progress();
                let mut found = found.lock().unwrap_or_else(PoisonError::into_inner);
                let file = || self.path(image);
                match result {
                    Ok(()) => {}
                    Err(Trouble::Corrupt(why)) => {
                        found.0.push((image, Corrupt { file: file(), why }));
                    }
                    Err(trouble) => {
                        // The first in order is told, whichever thread met one first.
                        if found.1.as_ref().is_none_or(|(first, _)| image < *first) {
                            found.1 = Some((image, self.error(image, trouble)));
                        }
                        next.store(indices.len(), Ordering::Relaxed);
                    }
                }
            }
        };
        let cores = thread::available_parallelism().map_or(1, NonZeroUsize::get);
        thread::scope(|scope| {
            for _ in 1..cores.min(indices.len()) {
                scope.spawn(work);
            }
            work();
        });
        index
            .into_inner()
            .unwrap_or_else(PoisonError::into_inner)
            .save();
        match found.into_inner().unwrap_or_else(PoisonError::into_inner) {
            (_, Some((_, error))) => Err(error),
            (mut corrupt, None) => {
                corrupt.sort_by_key(|(image, _)| *image);
                Ok(corrupt)
            }
        }
    }

    fn read(&self, index: u32) -> Result<Sample, DataError> {
        let pixels = self.read_again(index);
        pixels.map(Sample::Bytes).map_err(|t| self.error(index, t))
    }

    fn sample_bytes(&self) -> usize {
        self.preparation.bytes()
    }

    fn digest(&self, index: u32) -> Option<Hash> {
        self.content(index)
    }

    fn preparation(&self) -> String {
        format!("{} {}", super::cache::PIPELINE, self.preparation.key())
    }
}

fn read(path: &Path) -> Result<Vec<u8>, Trouble> {
    let bytes = read_at_most(path, MAX_FILE).map_err(Trouble::Read)?;
    bytes.ok_or_else(|| Trouble::Corrupt(format!("the file is longer than {MAX_FILE} bytes")))
}
