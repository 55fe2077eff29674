//! Graph files and libtorch: golden data that must come out, and golden data that are written.

mod compare;
mod write;

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use super::RunError;
use crate::checkpoint::{CheckpointError, Contents, StateDict};
use crate::data::InputBatch;
use crate::profile::{Paths, Profile};
use crate::quant::{Allocation, BitWidth, Scheme};
use crate::torch::{Device, Model, Precision, PredictOptions, Prediction, predict};
use compare::difference;
pub use write::{GraphFileContent, graph_file};

/// Raised when an executor changes, so that what came out before is looked at again.
const CHECK_VERSION: u32 = 1;

/// Sees that the golden data of a profile's graph file come out of its graph and its own weights:
/// logits and mean potentials to 1e-9 in f64, every spike. What has come out once for a content of
/// the file is noted in the user's cache folder and not run again.
///
/// # Errors
/// [`RunError::Golden`] names the first block that differs; [`RunError::Checkpoint`] where golden
/// data or tensors are missing.
pub(super) fn check(profile: &Profile) -> Result<(), RunError> {
    let Some(file) = profile.model.file() else {
        return Ok(());
    };
    let note = note(&file.path)?;
    if note.as_ref().is_some_and(|note| note.exists()) {
        return Ok(());
    }
    let graph = profile.graph();
    let mut contents = Contents::open(&file.path)?;
    let golden = contents.golden(&graph)?;
    let model = Model {
        weights: contents.read_for(&graph)?,
        graph,
        scheme: Scheme::default(),
    };
    let images = InputBatch {
        batch: golden.batch,
        frames: model.graph.frames(),
        shape: model.graph.input,
        values: golden.input.clone(),
    };
    let found = float_prediction(&model, &images)?;
    if let Some(why) = difference(&model.graph, &golden, &found) {
        let path = file.path.clone();
        return Err(RunError::Golden { path, why });
    }
    // Only saves time: where it cannot be written, the network is run again the next time.
    if let Some(note) = note {
        let folder = note.parent().map_or(Ok(()), fs::create_dir_all);
        let _ = folder.and_then(|()| fs::write(&note, "golden data came out\n"));
    }
    Ok(())
}

/// The file that notes that golden data came out, named by the content of the graph file; none for
/// an account without folders.
fn note(path: &Path) -> Result<Option<PathBuf>, RunError> {
    let Ok(paths) = Paths::from_env() else {
        return Ok(None);
    };
    let mut hasher = blake3::Hasher::new();
    hasher.update(&CHECK_VERSION.to_le_bytes());
    let hashed = fs::File::open(path).and_then(|mut file| io::copy(&mut file, &mut hasher));
    hashed.map_err(|source| CheckpointError::Read {
        path: path.to_owned(),
        source,
    })?;
    let hash = hasher.finalize().to_hex();
    Ok(Some(paths.cache().join("graphs").join(&hash[..32])))
}

/// What the float network does on a batch, in f64.
fn float_prediction(model: &Model, images: &InputBatch) -> Result<Prediction, RunError> {
    let float = Allocation::uniform(model.graph.layers.len(), BitWidth::FLOAT);
    let options = PredictOptions {
        precision: Precision::F64,
        trace: true,
        device: Device::CPU,
        threads: std::thread::available_parallelism().map_or(1, usize::from),
    };
    Ok(predict(model, &float, images, options)?)
}
