//! Answers of earlier runs: the same question about the same network and images is never computed
//! twice.
//!
//! An answer is a function of its job and of what the evaluator was made with. So answers are kept
//! by content: one file for each network, quantizer, arithmetic and split ([`Contexts`]), one line
//! for each answer ([`Store`]). [`CachedEvaluator`] puts that before any evaluator.

mod cached_evaluator;
mod hash;
mod store;

pub use cached_evaluator::{CachedEvaluator, Stores};
pub(in crate::run) use hash::hash;
pub use store::Store;

use crate::evaluate::Split;

/// Raised when answers mean something else than before or say more.
const VERSION: u32 = 3;

/// Content hashes of all that answers depend on beside their job, for each split.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Contexts([String; 3]);

/// What a network and its images are told apart by.
#[derive(Clone, Debug)]
pub struct Contents {
    /// Of the network with its weights, and of how they are quantized.
    pub(super) network: String,
    /// Of calibration, search and test images.
    pub(super) images: [String; 3],
}

impl Contexts {
    /// The contexts of some contents, computed with the given arithmetic
    /// ([`crate::evaluate::Evaluator::numerics`]).
    pub fn new(contents: Contents, numerics: &str) -> Self {
        let of = |split: Split| {
            let images = &contents.images[split as usize];
            hash(&(VERSION, &contents.network, numerics, split.name(), images))
        };
        Contexts(Split::ALL.map(of))
    }

    /// The context of questions about a split.
    pub fn of(&self, split: Split) -> &str {
        &self.0[split as usize]
    }
}
