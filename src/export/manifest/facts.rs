//! What a manifest says of the network as a whole.

use serde::{Deserialize, Serialize};

/// The program that wrote a package.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Program {
    /// Its name.
    pub name: String,
    /// Its version.
    pub version: String,
}

/// The network.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Network {
    /// The profile's name.
    pub name: String,
    /// The family, such as `qkformer`.
    pub family: String,
    /// The input.
    pub input: Input,
    /// Time steps T.
    pub time_steps: usize,
    /// Number of classes.
    pub classes: usize,
    /// The number format of the affines behind quantized layers: `f32` or `f16`; `fixed` in
    /// packages of format 2.
    pub affine: String,
    /// Bits of membrane potentials, in packages of format 2 and only there.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub membrane_bits: Option<u8>,
}

/// The input of the network.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Input {
    /// Channels, rows, columns.
    pub shape: [usize; 3],
    /// False for an image, which is the same at every time step; true for T frames of this shape.
    pub frames: bool,
}

/// How an image becomes the input: resized and cropped, scaled to 0..1, then
/// `(x - mean) / std` per channel.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Preprocessing {
    /// The name of the recipe, such as `cifar10`.
    pub recipe: String,
    /// Rows and columns that it makes.
    pub size: [usize; 2],
    /// The resizing; null where images have their size.
    pub resize: Option<Resize>,
    /// The mean of each channel; empty for 0.
    pub mean: Vec<f64>,
    /// The standard deviation of each channel; empty for 1.
    pub std: Vec<f64>,
}

/// A resizing, followed by a crop of the centre.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Resize {
    /// Pixels of the shorter side.
    pub shorter: usize,
    /// The filter: `bicubic` or `bilinear`, as Pillow computes them.
    pub filter: String,
}

/// The bytes of `weights.safetensors`. `memory_bytes`, which the program's reports quote, is
/// `codes + float_weights + affines`, and `neurons`, `factors` and `constants` where a network has
/// them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Payload {
    /// What a deployment stores.
    pub memory_bytes: u64,
    /// Packed integers.
    pub codes: u64,
    /// Weights of float layers.
    pub float_weights: u64,
    /// Two numbers for each output channel of every layer.
    pub affines: u64,
    /// Trained time constants of neurons, which the manifest has as numbers.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub neurons: u64,
    /// Factors of heads, and batch norms and scales that no layer takes in: the tensors of the
    /// checkpoint that the manifest's numbers are made of.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub factors: u64,
    /// Trained constants that are added to values.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub constants: u64,
    /// Beside the payload: the scales of the integers, which the affines contain.
    pub scales: u64,
    /// Beside the payload: thresholds and offsets in accumulator units, derived from affines.
    pub thresholds: u64,
    /// Beside the payload: biases and batch norms of float layers, trained time constants and
    /// firing rates as the checkpoint has them; `aq4svit evaluate` computes with them.
    pub checkpoint: u64,
    /// Beside the payload: the header of the file.
    pub header: u64,
}

fn is_zero(n: &u64) -> bool {
    *n == 0
}

/// Accuracy on a split.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Accuracy {
    /// The split: `search`, which the bit-widths were chosen on; `test`; `certify`.
    pub split: String,
    /// Images of it that were run.
    pub images: u64,
    /// Of the float network.
    pub float: Counted,
    /// Of the network in the package.
    pub quantized: Counted,
    /// The certified bound of the accuracy drop on unseen images in percentage points, with the
    /// confidence `constraint.confidence` of the profile; only on the split `certify`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub drop_bound: Option<f64>,
}

/// Correct images, their share in percent, and its 95 % interval by Wilson.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Counted {
    /// Correct images.
    pub correct: u64,
    /// Percent.
    pub percent: f64,
    /// The bounds of the interval in percent.
    pub interval: [f64; 2],
}

/// Where a package comes from.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Provenance {
    /// The profile's name.
    pub profile: String,
    /// The id of the run whose result it is, or that measured its accuracies; null where the
    /// profile tells of none.
    pub run: Option<String>,
    /// BLAKE3 of the float weights that the network uses.
    pub checkpoint: String,
    /// Content hashes of the images by split; null where no images were read.
    pub data: Option<std::collections::BTreeMap<String, String>>,
    /// The quantizer, with its version and options.
    pub quantizer: String,
    /// The content hash of the calibration images; null where the quantizer needs none.
    pub calibration: Option<String>,
    /// The kernels, instruction set and device that computed the golden data.
    pub numerics: String,
}
