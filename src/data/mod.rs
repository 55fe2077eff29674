//! Data sets to labelled, normalised images, cut into splits.
//!
//! [`load`] turns the `[data]` section of a profile ([`DataConfig`]) into [`Splits`]: *calibration*
//! (drift) and *search* (screening and confirmation) are drawn from the training images of the data
//! set, *test* is its test part. Each is an [`ImageSet`] in a fixed order that depends on nothing
//! but the data and `split_seed`.
//!
//! ```
//! use aq4svit::data::{self, DataConfig};
//! use aq4svit::network::{Architecture, Layout, ModelConfig, QkFormer};
//! # fn main() -> Result<(), data::DataError> {
//! let model = ModelConfig {
//!     architecture: Architecture::QkFormer(QkFormer {
//!         layout: Layout::Cifar, embed_dims: 64, depths: 4, batch_leak: false,
//!     }),
//!     image_size: 28, in_channels: 1, num_classes: 10, num_heads: 8, mlp_ratio: 4, time_steps: 4,
//! };
//! let splits = data::load(&DataConfig::default(), ".".as_ref(), &model)?;
//! let mut pixels = vec![0.0; 28 * 28];
//! splits.search.fill(0, &mut pixels)?;
//! assert_eq!((splits.calibration.len(), splits.search.len()), (64, 2000));
//! # Ok(())
//! # }
//! ```
#![forbid(unsafe_code)]
// What is read here comes from outside, and no panic is to be reached from there.
#![cfg_attr(
    not(test),
    deny(clippy::expect_used, clippy::indexing_slicing, clippy::panic)
)]

mod builtin;
mod cache;
mod cifar;
mod config;
mod decode;
mod decoded;
mod doubts;
mod error;
mod expected;
mod files;
mod frames;
mod idx;
mod images;
mod input_file;
mod labelled;
mod labels;
mod listing;
mod loading;
mod name_order;
mod npy;
mod npz;
mod prefetch;
mod preparation;
mod recipe;
mod resample;
mod sampling;
mod side_by_side;
mod source;
mod splits;
mod tensors;

pub(crate) use config::DataTable;
pub use config::{
    Builtin, CifarFiles, DRIFT_IMAGES, DataConfig, DataConfigError, DataSource, EventFolders,
    IdxFiles, ImageFolders, OnCorrupt, TensorFiles,
};
pub use error::DataError;
pub use files::Corrupt;
pub use images::{ImageSet, Normalisation};
pub use input_file::{InputBatch, InputFileError, read_images};
pub use loading::Loading;
pub(crate) use recipe::RECIPE_NAMES;
pub use recipe::{RECIPES, Recipe, Resize};
pub use resample::Filter;
pub use splits::{Splits, load, load_with};
