//! The libtorch evaluator and `predict`.

mod calibration;
#[cfg(feature = "cluster")]
mod cluster;
mod evaluator;
mod export;
mod naive;
mod networks;
mod predict;
mod samples;
mod training;
