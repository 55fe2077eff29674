//! Weights in several files: a folder as the Hugging Face hub has it, or its index, which tells the
//! file of every tensor.

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsStr;
use std::fs::File;
use std::io::Read;
use std::path::{Component, Path, PathBuf};

use serde::Deserialize;

use super::CheckpointError;
use super::error::printable;
use super::listing::Listing;

/// The end of an index's name.
const INDEX: &str = ".index.json";
/// What a folder is looked through for, in the order of preference: indices, then whole files.
const KNOWN: [&str; 4] = [
    "model.safetensors.index.json",
    "pytorch_model.bin.index.json",
    "model.safetensors",
    "pytorch_model.bin",
];
/// The longest index read: far beyond that of any network.
const MAX_INDEX: u64 = 16 << 20;
/// The most files that a network is in.
const MAX_FILES: usize = 1 << 10;

/// The files of a network.
#[derive(Debug, PartialEq)]
pub(super) struct Shards {
    /// The files.
    pub(super) files: Vec<PathBuf>,
    /// The index; none where there is but one file.
    index: Option<PathBuf>,
    /// The keys that the index puts into each file, in the order of the files.
    keys: Vec<BTreeSet<String>>,
}

/// The part of an index that is read.
#[derive(Deserialize)]
struct Index {
    weight_map: BTreeMap<String, String>,
}

/// True for the name of an index.
pub(super) fn is_index(path: &Path) -> bool {
    let name = path.file_name().and_then(OsStr::to_str);
    name.is_some_and(|name| name.ends_with(INDEX))
}

/// The files of a folder or of an index; none for a folder without weights.
///
/// # Errors
/// [`CheckpointError`] for an index that cannot be used.
pub(super) fn find(path: &Path) -> Result<Option<Shards>, CheckpointError> {
    if !path.is_dir() {
        return read(path).map(Some);
    }
    let known = KNOWN.iter().map(|name| path.join(name));
    let found = known.chain(others(path)).find(|file| file.is_file());
    match found {
        Some(index) if is_index(&index) => read(&index).map(Some),
        found => Ok(found.map(|file| Shards {
            files: vec![file],
            index: None,
            keys: Vec::new(),
        })),
    }
}

/// Indices of a folder that have other names, sorted.
fn others(folder: &Path) -> Vec<PathBuf> {
    let entries = folder.read_dir().into_iter().flatten();
    let files = entries.filter_map(|entry| Some(entry.ok()?.path()));
    let mut indices: Vec<PathBuf> = files.filter(|file| is_index(file)).collect();
    indices.sort_unstable();
    indices
}

fn read(index: &Path) -> Result<Shards, CheckpointError> {
    let failed = |source: std::io::Error| match source.kind() {
        std::io::ErrorKind::NotFound => CheckpointError::NotFound {
            path: index.to_owned(),
        },
        _ => CheckpointError::Read {
            path: index.to_owned(),
            source,
        },
    };
    let wrong = |what: &str| {
        CheckpointError::Unusable(format!(
            "{} is no index of weights ({what}): download it again, or name the file of weights itself",
            index.display()
        ))
    };
    let mut text = Vec::new();
    let file = File::open(index).map_err(failed)?;
    file.take(MAX_INDEX + 1)
        .read_to_end(&mut text)
        .map_err(failed)?;
    if text.len() as u64 > MAX_INDEX {
        return Err(wrong("it is longer than that of any network"));
    }
    let found: Index = serde_json::from_slice(&text)
        .map_err(|error| wrong(&printable(&error.to_string(), 120)))?;
    let mut files: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for (key, file) in found.weight_map {
        // The files lie beside the index and nowhere else.
        let mut parts = Path::new(&file).components();
        let is_name = matches!(
            (parts.next(), parts.next()),
            (Some(Component::Normal(_)), None)
        );
        if !is_name || file.contains(['/', '\\']) {
            let what = format!(
                "it names {:?}, which is no file beside it",
                printable(&file, 80)
            );
            return Err(wrong(&what));
        }
        files.entry(file).or_default().insert(key);
    }
    if files.is_empty() || files.len() > MAX_FILES {
        return Err(wrong(&format!("it names {} files", files.len())));
    }
    let folder = index.parent().unwrap_or(Path::new(""));
    Ok(Shards {
        files: files.keys().map(|file| folder.join(file)).collect(),
        index: Some(index.to_owned()),
        keys: files.into_values().collect(),
    })
}

impl Shards {
    /// All files, the index first.
    pub(super) fn all(self) -> Vec<PathBuf> {
        self.index.into_iter().chain(self.files).collect()
    }

    /// The error of opening a file, with what to do where it is not there.
    pub(super) fn not_there(&self, error: CheckpointError) -> CheckpointError {
        match (error, &self.index) {
            (CheckpointError::NotFound { path }, Some(index)) => {
                CheckpointError::Unusable(format!(
                    "there is no {}, which {} names: download all {} files of the weights",
                    path.display(),
                    index.display(),
                    self.files.len()
                ))
            }
            (error, _) => error,
        }
    }

    /// Checks that every file has the tensors that the index puts into it, and that no tensor is in
    /// two files.
    ///
    /// # Errors
    /// [`CheckpointError::Unusable`] names the file and a tensor.
    pub(super) fn check<'a>(
        &self,
        listings: impl Iterator<Item = &'a Listing>,
    ) -> Result<(), CheckpointError> {
        let mut seen = BTreeSet::new();
        for (at, (listing, file)) in listings.zip(&self.files).enumerate() {
            let is_there = |key: &&String| {
                listing.tensors.contains_key(*key) || listing.objects.contains_key(*key)
            };
            let wanted = self.keys.get(at).into_iter().flatten();
            let mut missing = wanted.filter(|key| !is_there(key));
            if let Some(key) = missing.next() {
                return Err(CheckpointError::Unusable(format!(
                    "{} lacks {} of the tensors that its index puts there, such as {}: download it again",
                    file.display(),
                    missing.count() + 1,
                    printable(key, 100)
                )));
            }
            if let Some(key) = listing.tensors.keys().find(|key| !seen.insert(*key)) {
                return Err(CheckpointError::Unusable(format!(
                    "{} has the tensor {}, which another file of the weights has too: download them again",
                    file.display(),
                    printable(key, 100)
                )));
            }
        }
        Ok(())
    }
}
