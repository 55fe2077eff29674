//! What is measured beside the drift, so that the choice of drift as the gate's proxy is tested and
//! not believed.

use serde::{Deserialize, Serialize};

/// Other cheap signs of how much a candidate suffers, from the pass that measures its drift. No
/// decision reads them. The formulas are ours.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Proxies {
    /// The largest drift of a site, the logits among them, in thresholds.
    pub max_drift: f64,
    /// Of all layers' weights together: the norm of what quantization changes over the norm of the
    /// float weights.
    pub weight_error: f64,
    /// Kullback-Leibler divergence of the candidate's class probabilities (softmax of the logits)
    /// from the float network's, in nats: the mean over the proxy images. None without proxy
    /// images.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub divergence: Option<f64>,
    /// Share of a site's neurons that emit something else than in the float network at the same
    /// time step on the same image: the mean over the neuron sites. None without proxy images.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub spike_flips: Option<f64>,
    /// The drift of every image by itself, in thresholds: as the drift, with the root mean square
    /// over images and channels of the shift of an image's mean. Here and below none where the
    /// quantizer needs no calibration images.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub image_drift: Option<f64>,
    /// As `divergence`, over all images of the evidence.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub wide_divergence: Option<f64>,
    /// The sum over quantized layers of the error of the layer's output on the float network's
    /// inputs, relative to the output's variance.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub output_error: Option<f64>,
    /// How much more the labels' cross-entropy is than the float network's, in nats: the mean over
    /// the images of `wide_divergence`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub loss_increase: Option<f64>,
    /// Share of those images that get another class than by the float network.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub disagreement: Option<f64>,
}
