//! Why a network has no fixed-point arithmetic.

use super::FixedAffineError;

/// Why a network has no fixed-point arithmetic.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum FixedError {
    /// An operation without integer arithmetic.
    #[error("quantizer.affine = \"fixed\" does not know {what} in block {block}: {why}")]
    Operation {
        /// The operation.
        what: String,
        /// Its block.
        block: String,
        /// What is missing.
        why: String,
    },
    /// Neurons without integer arithmetic.
    #[error("quantizer.affine = \"fixed\": neurons {site}: {why}")]
    Neurons {
        /// The site.
        site: String,
        /// What is wrong.
        why: String,
    },
    /// An affine that its words cannot hold.
    #[error("layer {layer}, {source}")]
    Affine {
        /// The layer.
        layer: String,
        /// The number.
        source: FixedAffineError,
    },
    /// Grids of another network.
    #[error("{got} grids do not fit a network with {want}")]
    Grids {
        /// Given.
        got: usize,
        /// Wanted.
        want: usize,
    },
}
