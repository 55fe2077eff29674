//! Answers of earlier runs: the same question about the same network and images is never computed
//! twice.
//!
//! An answer is a function of its job and of what the evaluator was made with. So answers are kept
//! by content: one file for each network, quantizer, arithmetic and split ([`Contexts`]), one line
//! for each answer ([`Store`]). [`CachedEvaluator`] puts that before any evaluator. Quantized
//! layers that depend on calibration images lie beside them ([`LayerFolder`]).

mod cached_evaluator;
mod folder;
mod hash;
mod layers;
mod store;

pub use cached_evaluator::{CachedEvaluator, Stores};
pub(in crate::run) use hash::hash;
pub use layers::LayerFolder;
pub use store::Store;

use crate::evaluate::Split;

/// Raised when answers mean something else than before or say more.
const VERSION: u32 = 5;
/// Raised when kept layers mean something else than before, or statistics are made otherwise.
const LAYERS_VERSION: u32 = 1;

/// Content hashes of all that answers depend on beside their job, for each split, and of all that
/// quantized layers depend on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Contexts {
    answers: [String; Split::ALL.len()],
    layers: Option<String>,
}

/// What a network and its images are told apart by.
#[derive(Clone, Debug)]
pub struct Contents {
    /// Of the network with its weights, and of how they are quantized.
    pub(super) network: String,
    /// Of the images of each split.
    pub(super) images: [String; Split::ALL.len()],
    /// Of what quantized layers are made from; none where they need no images.
    pub(super) layers: Option<String>,
}

impl Contexts {
    /// The contexts of some contents, computed with the given arithmetic
    /// ([`crate::evaluate::Evaluator::numerics`]).
    pub fn new(contents: Contents, numerics: &str) -> Self {
        let of = |split: Split| {
            let images = &contents.images[split as usize];
            hash(&(VERSION, &contents.network, numerics, split.name(), images))
        };
        let layers = contents.layers.as_ref();
        Contexts {
            answers: Split::ALL.map(of),
            layers: layers.map(|layers| hash(&(LAYERS_VERSION, layers, numerics))),
        }
    }

    /// The context of quantized layers that depend on calibration images; none where they do not.
    pub fn layers(&self) -> Option<&str> {
        self.layers.as_deref()
    }

    /// The context of questions about a split.
    pub fn of(&self, split: Split) -> &str {
        &self.answers[split as usize]
    }
}
