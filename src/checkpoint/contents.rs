//! A checkpoint that has been opened, before its numbers are read.

use std::collections::HashSet;
use std::fs::File;
use std::io::{Cursor, ErrorKind};
use std::path::Path;

use super::differences::{Found, Tensors, differences, judge, shapes};
use super::error::Format;
use super::golden::{self, GoldenData};
use super::input::Input;
use super::listing::Listing;
use super::read::{self, ReadError};
use super::{CheckpointError, Shapes, StateDict, old_names, pytorch, safetensors};
use crate::network::{Graph, MAX_PARAMETERS, read_graph};

/// The largest file opened: what the largest network this program describes takes in f64, twice
/// over for an optimizer.
const MAX_FILE_BYTES: u64 = 24 * MAX_PARAMETERS;

/// How much of a file is read to see what it is.
const START_BYTES: u64 = 512;

/// What a checkpoint holds: keys, shapes and types of its tensors. Their numbers are still in the
/// file.
#[derive(Debug)]
pub struct Contents<'a> {
    origin: String,
    input: Input<'a>,
    listing: Listing,
    renamed: Vec<String>,
}

impl Contents<'static> {
    /// Opens a checkpoint file and reads what it says of its tensors.
    ///
    /// # Errors
    /// [`CheckpointError`] names the file and what to do.
    pub fn open(path: &Path) -> Result<Self, CheckpointError> {
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
                "the checkpoint {} is not a file: give the path of a .safetensors, .pth or .pth.tar file",
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
        let file = File::open(path).map_err(read_error)?;
        Contents::new(Input::File(file), path.display().to_string())
    }
}

impl<'a> Contents<'a> {
    /// Looks at the content of a checkpoint file. `origin` names it in messages.
    ///
    /// # Errors
    /// [`CheckpointError`] names the origin and what to do.
    pub fn of_bytes(bytes: &'a [u8], origin: &str) -> Result<Self, CheckpointError> {
        Contents::new(Input::Memory(Cursor::new(bytes)), origin.to_owned())
    }

    fn new(mut input: Input<'a>, origin: String) -> Result<Self, CheckpointError> {
        let start = input
            .start(START_BYTES)
            .map_err(|source| CheckpointError::read(&origin, source))?;
        let mut listing = if pytorch::starts_zip(&start) {
            pytorch::list_zip(&mut input, &origin)
        } else if safetensors::starts(&start) || start.len() < 8 {
            input = input.mapped();
            safetensors::list(&mut input, &origin)
        } else if pytorch::starts_pickle(&start) {
            pytorch::list_legacy(&mut input, &origin)
        } else if pytorch::starts_tar(&start) {
            Err(CheckpointError::unsupported(
                &origin,
                "a tar archive",
                "unpack it and name the file inside (.pth.tar files of PyTorch are no archives)",
            ))
        } else {
            let reason = "it begins like neither a .safetensors nor a PyTorch file";
            Err(CheckpointError::corrupt(&origin, Format::Any, reason))
        }?;
        Ok(Contents {
            renamed: old_names::rename(&mut listing),
            origin,
            input,
            listing,
        })
    }

    /// The origin.
    pub fn origin(&self) -> &str {
        &self.origin
    }

    /// The key of a PyTorch file's root under which the tensors are, such as `state_dict`; none for
    /// the root itself and for other files.
    pub fn under(&self) -> Option<&str> {
        self.listing.under.as_deref()
    }

    /// Other keys of the root that hold tensors of a network, such as `state_dict_ema`. They are
    /// not read.
    pub fn unused(&self) -> &[String] {
        &self.listing.unused
    }

    /// Whether it is a graph file, which says the network of its tensors.
    pub fn has_graph(&self) -> bool {
        self.listing.graph.is_some()
    }

    /// The network that a graph file describes; none for other files.
    ///
    /// # Errors
    /// [`CheckpointError::Graph`] names the node that is wrong.
    pub fn graph(&self) -> Result<Option<Graph>, CheckpointError> {
        let read = |document: &String| {
            read_graph(document).map_err(|source| CheckpointError::Graph {
                origin: self.origin.clone(),
                source,
            })
        };
        self.listing.graph.as_ref().map(read).transpose()
    }

    /// The golden data of a graph file.
    ///
    /// # Errors
    /// [`CheckpointError`] where some are missing, or are not of this graph's shapes.
    pub fn golden(&mut self, graph: &Graph) -> Result<GoldenData, CheckpointError> {
        golden::read(&mut self.input, &self.listing.golden, graph, &self.origin)
    }

    /// Modules whose tensors have other names in the file than in the authors' code of today, and
    /// were matched with it by their order.
    pub fn renamed(&self) -> &[String] {
        &self.renamed
    }

    /// Keys and shapes of the floating-point tensors.
    pub fn shapes(&self) -> Shapes {
        shapes(self)
    }

    /// Its floating-point tensors' numbers, all together.
    pub fn numbers(&self) -> u64 {
        let tensors = self.listing.tensors.values();
        let floats = tensors.filter(|entry| self.listing.other_name(entry).is_none());
        let counts = floats.map(|entry| entry.count().unwrap_or(0) as u64);
        counts.fold(0, u64::saturating_add)
    }

    /// Checks that these are the model's tensors, as [`StateDict::check`] does, but for their
    /// values.
    ///
    /// # Errors
    /// [`CheckpointError::Mismatch`] with every difference.
    pub fn check(&self, graph: &Graph) -> Result<(), CheckpointError> {
        judge(differences(self, graph), self, graph)
    }

    /// Reads all floating-point tensors, which become f32.
    ///
    /// # Errors
    /// [`CheckpointError`] names the file and what to do.
    pub fn read(self) -> Result<StateDict, CheckpointError> {
        self.read_some(|_| true)
    }

    /// Reads the tensors that a model uses, after checking that they are the model's. Others are
    /// never read.
    ///
    /// # Errors
    /// [`CheckpointError::Mismatch`] with every difference, or why the file cannot be read.
    pub fn read_for(self, graph: &Graph) -> Result<StateDict, CheckpointError> {
        self.check(graph)?;
        let used: HashSet<&str> = graph
            .tensors
            .iter()
            .filter(|spec| !spec.dead)
            .map(|spec| spec.key.as_str())
            .collect();
        let dict = self.read_some(|key| used.contains(key))?;
        dict.check(graph)?;
        Ok(dict)
    }

    fn read_some(mut self, wanted: impl Fn(&str) -> bool) -> Result<StateDict, CheckpointError> {
        let tensors = read::tensors(&mut self.input, &self.listing, wanted);
        let tensors = tensors.map_err(|error| match error {
            ReadError::Io(source) => CheckpointError::read(&self.origin, source),
            ReadError::Damaged(why) => CheckpointError::corrupt(&self.origin, Format::Any, &why),
        })?;
        let mut dict = StateDict::new(&self.origin);
        for (key, tensor) in tensors {
            dict.insert(key, tensor);
        }
        for (key, entry) in &self.listing.tensors {
            if let Some(name) = self.listing.other_name(entry) {
                dict.insert_other(key.clone(), name.to_owned());
            }
        }
        for (key, class) in self.listing.objects {
            dict.insert_object(key, class);
        }
        Ok(dict)
    }
}

impl Tensors for Contents<'_> {
    fn origin(&self) -> &str {
        &self.origin
    }
    fn find(&self, key: &str) -> Found<'_> {
        match (self.listing.tensors.get(key), self.listing.objects.get(key)) {
            (Some(entry), _) => match self.listing.other_name(entry) {
                Some(name) => Found::Other(name),
                None => Found::Float(&entry.shape),
            },
            (None, Some(class)) => Found::Object(class),
            (None, None) => Found::Nothing,
        }
    }
    fn keys(&self) -> impl Iterator<Item = &str> {
        self.listing.tensors.keys().map(String::as_str)
    }
}
