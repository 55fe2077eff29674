//! The libtorch evaluator and `predict`.

mod evaluator;
mod naive;
mod predict;
