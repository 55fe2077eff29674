//! The errors of this room.
#![forbid(unsafe_code)]

use crate::checkpoint::WrongTensor;
use crate::evaluate::EvaluateError;
use crate::quant::QuantError;
use crate::quant::fixed::FixedError;
use crate::system::Bound;

/// Why the executor cannot be made or run.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TorchError {
    /// A device that this machine or this libtorch does not have.
    #[error("device {name}: {why}")]
    Device {
        /// The name given.
        name: String,
        /// What is wrong with it.
        why: String,
    },
    /// The graph contradicts itself.
    #[error("the network's graph is inconsistent at node {node}: {why}")]
    Graph {
        /// Index of the node.
        node: usize,
        /// What is wrong.
        why: String,
    },
    /// A tensor of the checkpoint is missing or has another shape than the graph says.
    #[error(transparent)]
    Weights(#[from] WrongTensor),
    /// An allocation of another network.
    #[error("the allocation has {got} layers, the network {want}")]
    Layers {
        /// Layers of the allocation.
        got: usize,
        /// Layers of the network.
        want: usize,
    },
    /// Weights that cannot be quantized.
    #[error(transparent)]
    Quantize(#[from] QuantError),
    /// An affine that its number format cannot hold.
    #[error(
        "the affine of a quantized layer has numbers above 65504, the largest of f16: choose quantizer.affine = \"f32\""
    )]
    Affine,
    /// A network or an affine without fixed-point arithmetic.
    #[error(transparent)]
    Fixed(#[from] FixedError),
    /// The images do not fit the network.
    #[error("input: {0}")]
    Input(String),
    /// The network does not fit the memory at hand.
    #[error(
        "the network takes about {} MiB to run {images} at a time on one thread, and {bound} leaves {} MiB: {}, or take \
         a smaller network or image size",
        needed >> 20,
        available >> 20,
        bound.advice()
    )]
    Memory {
        /// Bytes it takes, by estimate.
        needed: u64,
        /// Bytes that are free.
        available: u64,
        /// What bounds them.
        bound: Bound,
        /// Images that run together.
        images: usize,
    },
    /// libtorch reported an error.
    #[error("libtorch, {context}: {message}")]
    Libtorch {
        /// What was being done.
        context: String,
        /// Its message.
        message: String,
    },
}

impl From<TorchError> for EvaluateError {
    fn from(error: TorchError) -> Self {
        match error {
            TorchError::Layers { got, want } => EvaluateError::WrongLayers { got, want },
            TorchError::Quantize(QuantError::Cancelled) => EvaluateError::Cancelled,
            error => EvaluateError::Backend(error.to_string()),
        }
    }
}

/// The context of an error that libtorch reports.
pub(super) trait Context<T> {
    /// Says what was being done.
    fn context(self, what: impl FnOnce() -> String) -> Result<T, TorchError>;
}

impl<T> Context<T> for Result<T, tch::TchError> {
    fn context(self, what: impl FnOnce() -> String) -> Result<T, TorchError> {
        self.map_err(|error| {
            let text = error.to_string();
            // libtorch appends a C++ stack to its message.
            let message = text.lines().next().unwrap_or_default().to_owned();
            TorchError::Libtorch {
                context: what(),
                message,
            }
        })
    }
}
