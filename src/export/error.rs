//! What cannot be exported, and why.

use std::path::PathBuf;

/// The error of an export.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ExportError {
    /// Neurons whose state runs on from image to image.
    #[error(
        "{site}: its state runs on from image to image (model.batch_leak = true), so that a result depends on \
         the batch and not on an image alone: there is nothing to export; set model.batch_leak = false"
    )]
    BatchLeak {
        /// The site.
        site: String,
    },
    /// Layers that read real numbers, where only integers are wanted.
    #[error("--integer-only: these layers do not sum integers alone:{}", .0.iter().map(|l| format!("\n  {l}")).collect::<String>())]
    NotInteger(Vec<String>),
    /// Another number of layers than the network has.
    #[error("an allocation of {got} layers is not one of this network, which has {want}")]
    Layers {
        /// Layers of the allocation.
        got: usize,
        /// Layers of the network.
        want: usize,
    },
    /// A layer that needs calibration images and has none.
    #[error("{layer}: its integers depend on calibration images, and there are none")]
    Uncalibrated {
        /// The layer.
        layer: String,
    },
    /// A number that its format cannot hold.
    #[error("{layer}: channel {channel} of its affine is {value}, which {format} cannot hold")]
    Affine {
        /// The layer.
        layer: String,
        /// The channel.
        channel: usize,
        /// The number.
        value: f64,
        /// The format.
        format: &'static str,
    },
    /// A network or an affine without integer arithmetic.
    #[error(transparent)]
    Fixed(#[from] crate::quant::fixed::FixedError),
    /// Float layers in integer arithmetic.
    #[error("quantizer.affine = \"fixed\" computes in integers, and these layers are not quantized: {}; give them bits", .0.join(", "))]
    Float(Vec<String>),
    /// Sums that 32 bits do not hold.
    #[error(
        "{layer}: its sums on a golden image take more than the 32 bits of golden accumulators; take fewer \
         quantizer.membrane_bits"
    )]
    Accumulator {
        /// The layer.
        layer: String,
    },
    /// A format that cannot hold integer arithmetic.
    #[error("--format {format}: {why}")]
    Format {
        /// The format.
        format: &'static str,
        /// The reason.
        why: &'static str,
    },
    /// Bytes that the memory accounting does not count, or the other way round.
    #[error("the package would hold {stored} bytes where the memory accounting counts {counted}")]
    Memory {
        /// Bytes counted.
        counted: u64,
        /// Bytes stored.
        stored: u64,
    },
    /// A file that would be too large for its format.
    #[error(
        "{file} would take {bytes} bytes, and protobuf allows 2147483647; choose another --format"
    )]
    TooLarge {
        /// The file.
        file: &'static str,
        /// Its bytes.
        bytes: usize,
    },
    /// Words that a layer does not fit into.
    #[error("{layer}: {why}")]
    Words {
        /// The layer.
        layer: String,
        /// What does not fit, and what does.
        why: String,
    },
    /// A manifest that does not fit its layers.
    #[error("the manifest does not fit the network: {0}")]
    Unfit(String),
    /// Tensors that cannot be written.
    #[error("writing safetensors: {0}")]
    Tensors(String),
    /// Weights that do not fit the network.
    #[error(transparent)]
    Weights(#[from] crate::checkpoint::WrongTensor),
    /// Weights that cannot be quantized.
    #[error(transparent)]
    Quantize(#[from] crate::quant::QuantError),
    /// Integers that cannot be packed.
    #[error("{layer}: {source}")]
    Pack {
        /// The layer.
        layer: String,
        /// The cause.
        source: crate::quant::PackError,
    },
    /// A folder that is there already.
    #[error("{} exists already; choose another --out, or --force to replace a package", .0.display())]
    Exists(PathBuf),
    /// A folder that is no package.
    #[error("{} is no package (it has no {}): --force replaces packages only", .0.display(), super::manifest::MANIFEST)]
    NotAPackage(PathBuf),
    /// A file that cannot be written.
    #[error("cannot {what} {}: {source}", path.display())]
    Io {
        /// The action.
        what: &'static str,
        /// The file or folder.
        path: PathBuf,
        /// The cause.
        source: std::io::Error,
    },
}
