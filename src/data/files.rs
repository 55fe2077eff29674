//! Image files, decoded and resized when they are asked for.

use std::collections::HashMap;
use std::fmt;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError, RwLock};

use blake3::Hash;

use super::cache::{Cache, Index, Stamp};
use super::decode::decode;
use super::error::DataError;
use super::prefetch::{Sample, SampleSource};
use super::preparation::Preparation;
use super::side_by_side::{self, Refusal};
use crate::system::read_at_most;

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
        let found = side_by_side::check(indices, progress, |image| {
            self.check_one(image, &index)
                .map_err(|trouble| match trouble {
                    Trouble::Corrupt(why) => Refusal::Corrupt(Corrupt {
                        file: self.path(image),
                        why,
                    }),
                    other => Refusal::Error(self.error(image, other)),
                })
        });
        index
            .into_inner()
            .unwrap_or_else(PoisonError::into_inner)
            .save();
        found
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
