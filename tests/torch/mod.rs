//! The libtorch evaluator and `predict`.

mod calibration;
mod evaluator;
mod naive;
mod networks;
mod predict;
mod training;
