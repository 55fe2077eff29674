//! The cache between jobs: values inside the network and sums of potentials, by the hash of
//! everything they depend on.
//!
//! Two allocations that agree in all layers upstream of a value have the same value there, bit for
//! bit, because what an image yields is a function of network, allocation, split and place in its
//! batch. So a batch begins with a look back from what is wanted (the logits, and for a drift the
//! potentials of every site): what is cached is not computed, nor what only it needs. A candidate
//! then runs from its first changed layer on, and around branches that did not change.
//!
//! [`store`] is a map within a budget of bytes, [`value`] the storage format of a value,
//! [`dependencies`] what a value depends on, [`recall`] puts them together for one batch.
#![forbid(unsafe_code)]

mod dependencies;
mod recall;
mod store;
#[cfg(test)]
mod tests;
mod value;

pub(super) use dependencies::{ContentHash, Dependencies};
pub(super) use recall::{Origin, Place, Recall, Values};
pub(super) use store::Store;
pub(super) use value::CachedValue;
