//! What several modules share.

pub mod alone;
// The commands that evaluate are tested with libtorch only.
#[cfg_attr(not(feature = "torch"), allow(dead_code))]
pub mod demo;
pub mod driver;
pub mod landscape;
pub mod network;
pub mod terminal;
