//! What several modules share.

pub mod alone;
#[cfg_attr(
    not(feature = "torch"),
    allow(dead_code, reason = "used where commands evaluate")
)]
pub mod demo;
pub mod driver;
pub mod landscape;
pub mod network;
pub mod package;
#[cfg(feature = "torch")]
pub mod python;
pub mod random;
#[cfg(feature = "torch")]
pub mod runs;
pub mod terminal;
