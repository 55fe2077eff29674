//! The libtorch evaluator: the only room that names `tch`.
//!
//! One executor runs every graph. `plan` fuses what follows each other in the graph; `weights`
//! turns a layer at a bit-width into integers (or floats) and an affine; `native` applies the
//! [`kernels`](crate::kernels) to tensors. [`TorchEvaluator`] runs batches of a data split side by
//! side on several threads; [`predict`] runs one given batch and traces what happens inside.
//!
//! # Speed
//!
//! Where the processor has AVX-512 or AVX2, convolutions are native: a band of positions is
//! accumulated for all time steps, and affine, neurons and residual follow while the sums are in
//! the cache. Spikes and small counts are stored as bytes; a layer whose sums are exact multiplies
//! them as bytes. Elsewhere, and for f64, a layer falls back to libtorch. `cargo bench --bench
//! forward` measures whole networks, `--bench kernels` the kernels;
//! `benches/compare.sh` does so beside the authors' PyTorch code.
//!
//! # Numbers
//!
//! A quantized layer accumulates over integers, which is exact in f32 wherever
//! [`Layer::exact_at`](crate::network::Layer::exact_at) says so, then applies one affine per
//! channel, then the neuron. Real sums depend on kernel, layout, batch and the order of threads; so
//! all of these are always the same: the native f32 convolution where the processor has it (it adds
//! in one order, whatever runs beside it), channels innermost, one thread per batch, and batches
//! that hold the same images whatever was asked for. CUDA uses plain tensor operations instead of
//! the kernels; it was never run.

mod about;
mod batches;
mod buffer;
mod buffer_pool;
mod cache;
mod calibration;
mod compiled;
mod convolution;
mod device;
mod drift;
mod error;
mod evaluator;
mod executor;
mod footprint;
mod golden;
mod heads;
mod heap;
mod model;
mod native;
mod ops;
mod pairs;
mod plain;
mod plan;
mod predict;
mod predict_file;
mod proxies;
mod record;
mod slices;
#[cfg(test)]
mod testing;
mod tokens;
mod value;
mod weights;

pub use about::{Library, library};
pub use batches::images_together;
pub use calibration::QuantizedLayers;
pub use device::Device;
pub use error::TorchError;
pub use evaluator::{TorchEvaluator, TorchOptions};
pub use golden::{GoldenNetwork, GoldenTrace};
pub use model::Model;
pub use predict::{
    BlockTrace, Precision, PredictOptions, Prediction, SiteTrace, Trace, predict, predict_with,
};
pub use predict_file::{PredictFileError, write_prediction};
pub use record::{Products, StepTime};
