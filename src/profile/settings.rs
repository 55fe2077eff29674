//! The typed profile.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::config::{GateConfig, Published, SearchConfig};
use super::constraint::Constraint;
use super::error::ProfileError;
use super::evidence::Evidence;
use super::files::BUILTIN;
use super::pin::Pin;
use super::rules::{PinError, Rules, ties};
use super::target::Target;
use super::tie::{Tie, Tied};
use crate::checkpoint::{CheckpointError, Contents, WeightsChoice};
use crate::data::DataConfig;
use crate::network::{Graph, ModelSource};
use crate::quant::{Allocation, BitWidth, Domains, Scheme};

/// The location of the weights.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Checkpoint {
    /// A file; absolute.
    File(PathBuf),
    /// A checkpoint that comes with the program, by its name.
    Builtin(String),
}

impl Checkpoint {
    /// Opens it, with a choice among the weights that it may have.
    ///
    /// # Errors
    /// [`CheckpointError`] names it and what to do.
    pub fn open(&self, weights: WeightsChoice) -> Result<Contents<'static>, CheckpointError> {
        match self {
            Checkpoint::File(path) => Contents::open_with(path, weights),
            Checkpoint::Builtin(name) => Contents::builtin(name),
        }
    }

    /// Its file or folder; none for a built-in one.
    pub fn file(&self) -> Option<&Path> {
        match self {
            Checkpoint::File(path) => Some(path),
            Checkpoint::Builtin(_) => None,
        }
    }
}

impl std::fmt::Display for Checkpoint {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Checkpoint::File(path) => write!(f, "{}", path.display()),
            Checkpoint::Builtin(name) => write!(f, "{BUILTIN}{name}"),
        }
    }
}

/// Everything a profile says, checked, with all defaults filled in and all paths absolute.
#[derive(Clone, Debug, PartialEq)]
pub struct Profile {
    /// `name`; the file's name without its ending where none is given.
    pub name: String,
    /// `[published]`.
    pub published: Published,
    /// `[model]` without the checkpoint.
    pub model: ModelSource,
    /// `model.checkpoint`; the graph file where a profile names one and no other weights.
    pub checkpoint: Option<Checkpoint>,
    /// `model.weights`: which of the checkpoint's weights.
    pub weights: WeightsChoice,
    /// `[data]`.
    pub data: Option<DataConfig>,
    /// `[quantizer]` without the menu.
    pub scheme: Scheme,
    /// `quantizer.bits`: the allowed widths, ascending, each once.
    pub menu: Vec<BitWidth>,
    /// `quantizer.codes`: the file of quantized layers of `bits`; absolute.
    pub codes: Option<PathBuf>,
    /// `quantizer.calibration_hash`: the content hash of the calibration images.
    pub calibration_hash: Option<String>,
    /// `[constraint]`, its memory no larger than the target's.
    pub constraint: Constraint,
    /// `constraint.target`, read.
    pub target: Option<Target>,
    /// `[search]`.
    pub search: SearchConfig,
    /// `[gate]`.
    pub gate: GateConfig,
    /// `[pins]`, in the file's order.
    pub pins: Vec<Pin>,
    /// `[ties]`, in the file's order.
    pub ties: Vec<Tied>,
    /// `[bits]`: layer → width; empty where nothing is given.
    pub bits: BTreeMap<String, BitWidth>,
    /// `[evidence]`: what was measured of an allocation, of this one or of an earlier one.
    pub evidence: Option<Evidence>,
    /// The graph of `model`, built once.
    pub(super) graph: Arc<Graph>,
}

impl Profile {
    /// The graph of the model; built once when the profile is read.
    pub fn graph(&self) -> Arc<Graph> {
        Arc::clone(&self.graph)
    }

    /// The ties of the graph's layers. (Those of a profile that was read name only layers of its
    /// network.)
    pub fn ties(&self, graph: &Graph) -> Vec<Tie> {
        ties(&self.ties, &layer_names(graph)).unwrap_or_default()
    }

    /// The widths that pins, ties and target leave each layer of the graph, ascending.
    ///
    /// # Errors
    /// [`PinError`].
    pub fn bounds(&self, graph: &Graph) -> Result<Domains, PinError> {
        let rules = Rules {
            pins: &self.pins,
            ties: &self.ties(graph),
            target: self.target.as_ref(),
            names: &layer_names(graph),
            menu: &self.menu,
        };
        rules.bounds()
    }

    /// The allocation of `[bits]`; none where the profile has none. Layers that it leaves out have
    /// the menu's largest width, with which a search starts.
    pub fn allocation(&self, graph: &Graph) -> Option<Allocation> {
        let largest = self.menu.last().copied().unwrap_or(BitWidth::FLOAT);
        let width = |name: &String| self.bits.get(name).copied().unwrap_or(largest);
        (!self.bits.is_empty())
            .then(|| Allocation(graph.layers.iter().map(|l| width(&l.name)).collect()))
    }

    /// The evidence where it is of what the profile says now; none where it is stale.
    pub fn valid_evidence(&self) -> Option<&Evidence> {
        self.evidence
            .as_ref()
            .filter(|evidence| evidence.is_of(self))
    }

    /// The checkpoint, for what cannot do without.
    ///
    /// # Errors
    /// [`ProfileError::Missing`].
    pub fn need_checkpoint(&self) -> Result<&Checkpoint, ProfileError> {
        self.checkpoint.as_ref().ok_or_else(|| {
            self.missing(
                "model.checkpoint",
                "the file of trained weights; add it or give --set model.checkpoint=FILE",
            )
        })
    }

    /// The data, for what cannot do without.
    ///
    /// # Errors
    /// [`ProfileError::Missing`].
    pub fn need_data(&self) -> Result<&DataConfig, ProfileError> {
        self.data.as_ref().ok_or_else(|| {
            self.missing(
                "[data]",
                "the images to measure on; see profiles/reference.toml",
            )
        })
    }

    fn missing(&self, key: &str, expected: &str) -> ProfileError {
        ProfileError::Missing {
            place: super::error::SourceLocation::Line {
                origin: PathBuf::from(format!("profile \"{}\"", self.name)),
                line: None,
            },
            key: key.to_owned(),
            expected: expected.to_owned(),
        }
    }
}

/// The names of a graph's layers, in its order.
pub(crate) fn layer_names(graph: &Graph) -> Vec<&str> {
    graph.layers.iter().map(|l| l.name.as_str()).collect()
}
