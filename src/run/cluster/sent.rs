//! The files that workers may lack.

use std::path::PathBuf;

use crate::checkpoint;
use crate::cluster::{FileContent, file_hash};
use crate::data::DataError;
use crate::profile::{Checkpoint, Paths, Profile};
use crate::run::results::hash;
use crate::run::{Prepared, RunError};
use crate::system::make_room;

/// The key of the graph.
pub(super) const GRAPH: &str = "model.graph";
/// The key of a checkpoint in one file.
pub(super) const CHECKPOINT: &str = "model.checkpoint";
/// What the keys of the files of a checkpoint in several begin with; their names follow.
pub(super) const PARTS: &str = "model.checkpoint/";
/// The key of the file of quantized layers.
pub(super) const CODES: &str = "quantizer.codes";
/// The key of the file of decoded images, and its ending.
pub(super) const IMAGES: &str = "images";
/// The most bytes of decoded images that are sent.
const MOST_IMAGES: u64 = 64 << 20;

/// The files that a profile names, with where they are here.
pub(super) fn files(
    prepared: &Prepared,
    profile: &Profile,
) -> Result<Vec<(FileContent, PathBuf)>, RunError> {
    let mut named: Vec<(String, PathBuf)> = Vec::new();
    let graph = profile.model.file().map(|graph| graph.path.clone());
    if let Some(Checkpoint::File(path)) = &profile.checkpoint
        && graph.as_ref() != Some(path)
    {
        let files = checkpoint::files(path)?;
        match &files[..] {
            [file] if file == path => named.push((CHECKPOINT.into(), path.clone())),
            files => named.extend(files.iter().filter_map(|file| {
                let name = file.file_name()?.to_str()?;
                Some((format!("{PARTS}{name}"), file.clone()))
            })),
        }
    }
    named.extend(graph.map(|path| (GRAPH.to_owned(), path)));
    named.extend(profile.codes.clone().map(|path| (CODES.to_owned(), path)));
    let images = images(prepared)?;
    let instead_of = images.iter().flat_map(|(_, origins)| origins.clone());
    let instead_of: Vec<String> = instead_of.collect();
    named.extend(images.map(|(path, _)| (IMAGES.to_owned(), path)));
    let content = |(key, path): (String, PathBuf)| {
        let (hash, bytes) = file_hash(&path).map_err(RunError::io("read", &path))?;
        let content = FileContent {
            instead_of: match key.as_str() {
                IMAGES => instead_of.clone(),
                _ => Vec::new(),
            },
            key,
            path: path.display().to_string(),
            hash,
            bytes,
        };
        Ok((content, path))
    };
    named.into_iter().map(content).collect()
}

/// A file of all images, decoded, and the files that workers have instead where they see them;
/// none where there is nothing to read, or too much to send.
fn images(prepared: &Prepared) -> Result<Option<(PathBuf, Vec<String>)>, RunError> {
    let mut data = prepared.profile.need_data()?.clone();
    let origins = data.paths_mut().into_iter();
    let origins: Vec<String> = origins
        .map(|(_, path)| path.display().to_string())
        .collect();
    let bytes = prepared.splits.decoded_bytes();
    if origins.is_empty() || bytes > MOST_IMAGES {
        return Ok(None);
    }
    let Ok(paths) = Paths::from_env() else {
        return Ok(None);
    };
    let folder = paths.cache().join("sent");
    let name = hash(&prepared.image_hashes());
    let path = folder.join(format!("{name}.{IMAGES}"));
    match prepared.splits.write_decoded(&path) {
        Ok(true) => {
            make_room((&folder, IMAGES), &path, 4 * MOST_IMAGES);
            Ok(Some((path, origins)))
        }
        Ok(false) => Ok(None),
        // Workers may see the images themselves.
        Err(DataError::Write { file, source }) => {
            tracing::warn!(
                "no images for workers: cannot write {}: {source}",
                file.display()
            );
            Ok(None)
        }
        Err(other) => Err(other.into()),
    }
}
