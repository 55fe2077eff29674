//! The errors of this room.
#![forbid(unsafe_code)]

use crate::checkpoint::WrongTensor;
use crate::evaluate::EvaluateError;
use crate::network::Graph;
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
    /// Numbers that overflow inside the network.
    #[error("{}", EvaluateError::not_finite_at(site.as_deref()))]
    NotFinite {
        /// The neuron site; none: the logits.
        site: Option<String>,
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
            TorchError::NotFinite { site } => EvaluateError::not_finite_at(site.as_deref()),
            error => EvaluateError::Backend(error.to_string()),
        }
    }
}

/// Refuses what a network computed where a number of it means nothing: by site, whether its
/// potentials are finite, and the logits.
pub(super) fn all_finite(
    graph: &Graph,
    sites: impl IntoIterator<Item = bool>,
    logits: &[f64],
) -> Result<(), TorchError> {
    let mut sites = graph.sites.iter().zip(sites);
    let bad = sites.find(|(_, finite)| !finite);
    match bad.map(|(site, _)| site.name.clone()) {
        None if logits.iter().all(|x| x.is_finite()) => Ok(()),
        site => Err(TorchError::NotFinite { site }),
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
