//! A checkpoint that has been opened, before its numbers are read.

use std::collections::HashSet;
use std::io::Cursor;
use std::path::Path;

use super::differences::{Found, Tensors, differences, judge, shapes};
use super::error::Format;
use super::golden::GoldenData;
use super::input::Input;
use super::listing::Listing;
use super::names::{self, Renamed};
use super::part::{Part, open};
use super::{CheckpointError, Shapes, StateDict, WeightsChoice, shards};
use crate::network::{Graph, read_graph};

/// What a checkpoint holds: keys, shapes and types of its tensors. Their numbers are still in the
/// file, or in its files.
#[derive(Debug)]
pub struct Contents<'a> {
    origin: String,
    parts: Vec<Part<'a>>,
    pub(super) renamed: Renamed,
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
        let listings = parts
            .iter_mut()
            .map(|part| std::mem::take(&mut part.listing));
        let mut listings: Vec<Listing> = listings.collect();
        let renamed = match listings.first() {
            // Its graph names the tensors as they are.
            Some(first) if first.graph.is_some() => Renamed::default(),
            _ => names::tidy(&mut listings, choice)
                .map_err(|reason| CheckpointError::corrupt(&origin, Format::Any, &reason))?,
        };
        let is_average = listings.iter().any(|listing| listing.is_average);
        if choice == WeightsChoice::Ema && !is_average {
            return Err(CheckpointError::Unusable(format!(
                "{origin} has no moving average of the weights (nothing under state_dict_ema, model_ema or a key like \
                 these): leave out model.weights = \"ema\""
            )));
        }
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

    /// Tensors that no network has, such as the counts of profilers, by their keys in the file.
    /// They are not read.
    pub fn left_out(&self) -> &[String] {
        &self.renamed.left_out
    }

    /// The tensors of the first file.
    pub(super) fn first(&self) -> Option<&Listing> {
        self.parts.first().map(|part| &part.listing)
    }

    /// Whether it is a graph file, which says the network of its tensors.
    pub fn has_graph(&self) -> bool {
        self.document().is_some()
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
        self.document().map(read).transpose()
    }

    /// The golden data of a graph file.
    ///
    /// # Errors
    /// [`CheckpointError`] where some are missing, or are not of this graph's shapes.
    pub fn golden(&mut self, graph: &Graph) -> Result<GoldenData, CheckpointError> {
        match self.parts.first_mut() {
            Some(part) => part.golden(graph),
            None => Err(CheckpointError::NotFound {
                path: self.origin.clone().into(),
            }),
        }
    }

    /// Modules whose tensors have other names in the file than in the authors' code of today, and
    /// were matched with it by their order.
    pub fn renamed(&self) -> &[String] {
        &self.renamed.older
    }

    /// The document of a graph file.
    fn document(&self) -> Option<&String> {
        self.first()?.graph.as_ref()
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
