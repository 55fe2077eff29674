//! What is kept between jobs: values inside the network and sums of potentials, by the content of everything upstream.
//!
//! Two allocations that agree in all layers upstream of a value have the same value there, bit for bit, because what an
//! image yields is a function of network, allocation, split and place in its batch. So a batch begins with a look back
//! from what is wanted (the logits, and for a drift the potentials of every site): what is kept is not computed, nor
//! what only it needs. A candidate then runs from its first changed layer on, and around branches that did not change.
//!
//! [`store`] decides what stays within a budget of bytes, [`kept`] is how a value is stored, [`upstream`] says what it
//! depends on, [`recall`] puts them together for one batch.
#![forbid(unsafe_code)]

mod kept;
mod recall;
mod store;
#[cfg(test)]
mod tests;
mod upstream;

pub(super) use recall::{Origin, Place, Recall, Values};
pub(super) use store::Store;
pub(super) use upstream::Content;
