//! One file of a checkpoint.

use std::fs::File;
use std::io::{ErrorKind, Read};
use std::path::Path;

use super::error::Format;
use super::golden::{self, GoldenData};
use super::input::Input;
use super::listing::Listing;
use super::read::{self, ReadError};
use super::{CheckpointError, StateDict, WeightsChoice, pytorch, safetensors, shards};
use crate::network::{Graph, MAX_PARAMETERS};

/// The largest file opened: what the largest network this program describes takes in f64, twice
/// over for an optimizer.
const MAX_FILE_BYTES: u64 = 24 * MAX_PARAMETERS;

/// How much of a file is read to see what it is.
const START_BYTES: u64 = 512;

/// A file of a checkpoint.
#[derive(Debug)]
pub(super) struct Part<'a> {
    /// Its name, for messages.
    pub(super) place: String,
    input: Input<'a>,
    pub(super) listing: Listing,
}

/// True for a file that begins as a checkpoint does, whatever its name, and for a folder or an
/// index of checkpoint files.
pub fn is_checkpoint(path: &Path) -> bool {
    if path.is_dir() || shards::is_index(path) {
        return shards::find(path).is_ok_and(|found| found.is_some());
    }
    // Before opening: opening a pipe would wait for its writer.
    if !path.is_file() {
        return false;
    }
    let mut start = Vec::new();
    let read = File::open(path).and_then(|file| file.take(START_BYTES).read_to_end(&mut start));
    read.is_ok()
        && (pytorch::starts_zip(&start)
            || pytorch::starts_pickle(&start)
            || pytorch::starts_tar(&start)
            || (start.len() > 8 && safetensors::starts(&start)))
}

/// Opens a file.
pub(super) fn open(path: &Path) -> Result<Input<'static>, CheckpointError> {
    let read_error = |source: std::io::Error| match source.kind() {
        ErrorKind::NotFound => CheckpointError::NotFound {
            path: path.to_owned(),
        },
        _ => CheckpointError::Read {
            path: path.to_owned(),
            source,
        },
    };
    // Before opening: opening a pipe would wait for its writer.
    let information = path.metadata().map_err(read_error)?;
    if !information.is_file() {
        return Err(CheckpointError::Unusable(format!(
            "the checkpoint {} is not a file: give the path of a .safetensors, .pth or .pth.tar file, or of a folder \
             with model.safetensors, pytorch_model.bin or an index of them",
            path.display()
        )));
    }
    if information.len() > MAX_FILE_BYTES {
        return Err(CheckpointError::Unusable(format!(
            "the checkpoint {} has {} bytes, more than the {MAX_FILE_BYTES} that the largest network takes: is \
             it the right file?",
            path.display(),
            information.len()
        )));
    }
    File::open(path).map(Input::File).map_err(read_error)
}

impl<'a> Part<'a> {
    /// Reads what a file says of its tensors.
    pub(super) fn new(
        mut input: Input<'a>,
        place: String,
        choice: WeightsChoice,
    ) -> Result<Self, CheckpointError> {
        let start = input
            .start(START_BYTES)
            .map_err(|source| CheckpointError::read(&place, source))?;
        let listing = if pytorch::starts_zip(&start) {
            pytorch::list_zip(&mut input, &place, choice)
        } else if safetensors::starts(&start) || start.len() < 8 {
            input = input.mapped();
            safetensors::list(&mut input, &place)
        } else if pytorch::starts_pickle(&start) {
            pytorch::list_legacy(&mut input, &place, choice)
        } else if pytorch::starts_tar(&start) {
            Err(CheckpointError::unsupported(
                &place,
                "a tar archive",
                "unpack it and name the file inside (.pth.tar files of PyTorch are no archives)",
            ))
        } else {
            let reason = "it begins like neither a .safetensors nor a PyTorch file";
            Err(CheckpointError::corrupt(&place, Format::Any, reason))
        }?;
        Ok(Part {
            place,
            input,
            listing,
        })
    }

    /// The golden data of a graph file.
    pub(super) fn golden(&mut self, graph: &Graph) -> Result<GoldenData, CheckpointError> {
        golden::read(&mut self.input, &self.listing.golden, graph, &self.place)
    }

    /// Reads tensors into a state dict.
    pub(super) fn read(
        &mut self,
        wanted: impl Fn(&str) -> bool,
        dict: &mut StateDict,
    ) -> Result<(), CheckpointError> {
        let tensors = read::tensors(&mut self.input, &self.listing, wanted);
        let tensors = tensors.map_err(|error| match error {
            ReadError::Io(source) => CheckpointError::read(&self.place, source),
            ReadError::Damaged(why) => CheckpointError::corrupt(&self.place, Format::Any, &why),
        })?;
        for (key, tensor) in tensors {
            dict.insert(key, tensor);
        }
        for (key, entry) in &self.listing.tensors {
            if let Some(name) = self.listing.other_name(entry) {
                dict.insert_other(key.clone(), name.to_owned());
            }
        }
        for (key, class) in &self.listing.objects {
            dict.insert_object(key.clone(), class.clone());
        }
        Ok(())
    }
}
