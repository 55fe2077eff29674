//! The terminal interface.
#![forbid(unsafe_code)]
