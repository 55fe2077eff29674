//! A checkpoint that has been opened, before its numbers are read.

use std::collections::HashSet;
use std::fs::File;
use std::io::{Cursor, ErrorKind, Read};
use std::path::Path;

use super::differences::{Found, Tensors, differences, judge, shapes};
use super::error::Format;
use super::input::Input;
use super::listing::Listing;
use super::names::{self, Renamed};
use super::read::{self, ReadError};
use super::{CheckpointError, Shapes, StateDict, WeightsChoice, pytorch, safetensors, shards};
use crate::network::{Graph, MAX_PARAMETERS};

/// The largest file opened: what the largest network this program describes takes in f64, twice
/// over for an optimizer.
const MAX_FILE_BYTES: u64 = 24 * MAX_PARAMETERS;

/// How much of a file is read to see what it is.
const START_BYTES: u64 = 512;

/// How many tensors that are left out a note names.
const NAMED: usize = 4;

/// What a checkpoint holds: keys, shapes and types of its tensors. Their numbers are still in the
/// file, or in its files.
#[derive(Debug)]
pub struct Contents<'a> {
    origin: String,
    parts: Vec<Part<'a>>,
    renamed: Renamed,
}

/// A file of a checkpoint.
#[derive(Debug)]
struct Part<'a> {
    /// Its name, for messages.
    place: String,
    input: Input<'a>,
    listing: Listing,
}

/// True for a file that begins as a checkpoint does, whatever its name, and for a folder or an index
/// of checkpoint files.
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

impl Contents<'static> {
    /// Opens a checkpoint and reads what it says of its tensors: a file, or a folder or an index of
    /// several.
    ///
    /// # Errors
    /// [`CheckpointError`] names the file and what to do.
    pub fn open(path: &Path) -> Result<Self, CheckpointError> {
        Contents::open_with(path, WeightsChoice::default())
    }

    /// As [`Contents::open`], with a choice among the weights of a training run.
    ///
    /// # Errors
    /// As [`Contents::open`]; also where the checkpoint has no such weights.
    pub fn open_with(path: &Path, choice: WeightsChoice) -> Result<Self, CheckpointError> {
        let origin = path.display().to_string();
        let files = match path.is_dir() || shards::is_index(path) {
            false => None,
            true => shards::find(path)?,
        };
        let Some(shards) = files else {
            let part = Part::new(open(path)?, origin.clone(), choice)?;
            return Contents::new(vec![part], origin, choice);
        };
        let parts = shards.files.iter().map(|file| {
            let opened = open(file).map_err(|error| shards.not_there(error));
            Part::new(opened?, file.display().to_string(), choice)
        });
        let parts: Vec<Part> = parts.collect::<Result<_, _>>()?;
        let found = parts.iter().map(|part| &part.listing);
        shards.check(found)?;
        Contents::new(parts, origin, choice)
    }
}

/// Opens a file.
fn open(path: &Path) -> Result<Input<'static>, CheckpointError> {
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
    fn new(
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

    /// Reads tensors into a state dict.
    fn read(
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

impl<'a> Contents<'a> {
    /// Looks at the content of a checkpoint file. `origin` names it in messages.
    ///
    /// # Errors
    /// [`CheckpointError`] names the origin and what to do.
    pub fn of_bytes(bytes: &'a [u8], origin: &str) -> Result<Self, CheckpointError> {
        Contents::of_bytes_with(bytes, origin, WeightsChoice::default())
    }

    /// As [`Contents::of_bytes`], with a choice among the weights of a training run.
    ///
    /// # Errors
    /// As [`Contents::of_bytes`]; also where there are no such weights.
    pub fn of_bytes_with(
        bytes: &'a [u8],
        origin: &str,
        choice: WeightsChoice,
    ) -> Result<Self, CheckpointError> {
        let input = Input::Memory(Cursor::new(bytes));
        let part = Part::new(input, origin.to_owned(), choice)?;
        Contents::new(vec![part], origin.to_owned(), choice)
    }

    fn new(
        mut parts: Vec<Part<'a>>,
        origin: String,
        choice: WeightsChoice,
    ) -> Result<Self, CheckpointError> {
        let is_average = parts.iter().any(|part| part.listing.is_average);
        if choice == WeightsChoice::Ema && !is_average {
            return Err(CheckpointError::Unusable(format!(
                "{origin} has no moving average of the weights (nothing under state_dict_ema, model_ema or a key like \
                 these): leave out model.weights = \"ema\""
            )));
        }
        let listings = parts.iter_mut().map(|part| std::mem::take(&mut part.listing));
        let mut listings: Vec<Listing> = listings.collect();
        let renamed = names::tidy(&mut listings)
            .map_err(|reason| CheckpointError::corrupt(&origin, Format::Any, &reason))?;
        for (part, listing) in parts.iter_mut().zip(listings) {
            part.listing = listing;
        }
        Ok(Contents {
            origin,
            parts,
            renamed,
        })
    }

    /// The origin.
    pub fn origin(&self) -> &str {
        &self.origin
    }

    /// The key of a PyTorch file's root under which the tensors are, such as `state_dict`; none for
    /// the root itself and for other files.
    pub fn under(&self) -> Option<&str> {
        self.first()?.under.as_deref()
    }

    /// Other keys of the root that hold tensors of a network, such as `state_dict_ema`. They are
    /// not read.
    pub fn unused(&self) -> &[String] {
        self.first().map_or(&[], |listing| &listing.unused)
    }

    /// What all keys began with, such as `_orig_mod.`, and what the keys are now without.
    pub fn prefix(&self) -> Option<&str> {
        self.renamed.prefix.as_deref()
    }

    /// Tensors that no network has, such as the counts of profilers, by their keys in the file. They
    /// are not read.
    pub fn left_out(&self) -> &[String] {
        &self.renamed.left_out
    }

    /// What a person should know of how the weights were found, in sentences.
    pub fn notes(&self) -> Vec<String> {
        let origin = &self.origin;
        let mut notes = Vec::new();
        if let Some(listing) = self.first() {
            let under = listing.under.as_deref().unwrap_or_default();
            let under = under.escape_debug();
            match (listing.is_average, listing.averages.as_slice()) {
                (true, _) => notes.push(format!(
                    "the weights of {origin} are the moving average under `{under}`"
                )),
                (false, [first, ..]) => notes.push(format!(
                    "{origin} also has a moving average of its weights, under `{}`: model.weights = \"ema\" takes it",
                    first.escape_debug()
                )),
                (false, []) => {}
            }
        }
        // The wrapper of data parallelism is in most files and changes nothing.
        if let Some(prefix) = self.prefix().filter(|prefix| *prefix != "module.") {
            notes.push(format!(
                "all keys of {origin} begin with `{}`, which is left out",
                prefix.escape_debug()
            ));
        }
        notes.extend(self.left_out_note());
        notes
    }

    /// Which tensors are left out, in a sentence.
    fn left_out_note(&self) -> Option<String> {
        let all = self.left_out();
        let keys = all.iter().take(NAMED).map(|key| {
            let key: String = key.chars().take(80).collect();
            key.escape_debug().to_string()
        });
        let keys = keys.collect::<Vec<_>>().join(", ");
        let more = match all.len().saturating_sub(NAMED) {
            0 => String::new(),
            more => format!(" and {more} more"),
        };
        let origin = &self.origin;
        match all.len() {
            0 => None,
            1 => Some(format!(
                "1 tensor of {origin} that no network has is left out: {keys}"
            )),
            count => Some(format!(
                "{count} tensors of {origin} that no network has are left out: {keys}{more}"
            )),
        }
    }

    fn first(&self) -> Option<&Listing> {
        self.parts.first().map(|part| &part.listing)
    }

    /// Keys and shapes of the floating-point tensors.
    pub fn shapes(&self) -> Shapes {
        shapes(self)
    }

    /// Its floating-point tensors' numbers, all together.
    pub fn numbers(&self) -> u64 {
        let counts = self.listings().flat_map(|listing| {
            let tensors = listing.tensors.values();
            let floats = tensors.filter(|entry| listing.other_name(entry).is_none());
            floats.map(|entry| entry.count().unwrap_or(0) as u64)
        });
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
        let mut dict = StateDict::new(&self.origin);
        dict.note(self.notes());
        for part in &mut self.parts {
            part.read(&wanted, &mut dict)?;
        }
        Ok(dict)
    }

    /// The tensors of all files.
    fn listings(&self) -> impl Iterator<Item = &Listing> {
        self.parts.iter().map(|part| &part.listing)
    }
}

impl Tensors for Contents<'_> {
    fn origin(&self) -> &str {
        &self.origin
    }
    fn find(&self, key: &str) -> Found<'_> {
        let tensor = self.listings().find_map(|listing| {
            let entry = listing.tensors.get(key)?;
            Some(match listing.other_name(entry) {
                Some(name) => Found::Other(name),
                None => Found::Float(&entry.shape),
            })
        });
        let object = || {
            let class = self.listings().find_map(|l| l.objects.get(key));
            class.map(|class| Found::Object(class))
        };
        tensor.or_else(object).unwrap_or(Found::Nothing)
    }
    fn keys(&self) -> impl Iterator<Item = &str> {
        let all = self.listings().flat_map(|l| l.tensors.keys());
        all.map(String::as_str)
    }
}
