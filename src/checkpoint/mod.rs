//! Files of weights to named tensors.
#![forbid(unsafe_code)]
