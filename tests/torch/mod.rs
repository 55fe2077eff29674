//! The libtorch evaluator and `predict`.

mod calibration;
mod evaluator;
mod export;
mod naive;
mod networks;
mod predict;
mod samples;
mod training;
