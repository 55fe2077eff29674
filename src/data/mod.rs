//! Data sets to labelled batches.
#![forbid(unsafe_code)]
