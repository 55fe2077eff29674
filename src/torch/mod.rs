//! The libtorch evaluator: the only room that names `tch`.
