//! The quantizer of a run, and what it gains over rounding to the nearest.

use std::fmt;

use serde::Serialize;

use crate::profile::Profile;
use crate::quant::{Affine, Correction, Granularity, Method, ScaleRule, Weighting};
use crate::run::{SearchAccuracy, Totals};
use crate::text::numbers::{count, points};

/// The quantizer of a run.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct QuantizerReport {
    /// The method that makes the integers.
    pub method: Method,
    /// The correction of the affine.
    pub correction: Correction,
    /// The weights of the calibration images' inputs.
    pub weighting: Weighting,
    /// One scale per channel or per tensor.
    pub granularity: Granularity,
    /// How a scale is chosen.
    pub scale: ScaleRule,
    /// The number format of the stored affine.
    pub affine: Affine,
    /// Bits of membrane potentials; none for f32.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub membrane_bits: Option<u8>,
    /// What it was calibrated with; none where it needs no images.
    pub calibration: Option<CalibrationReport>,
    /// The accuracy of the result rounded to the nearest; none where that is how it was quantized,
    /// and where there is no result.
    pub nearest: Option<Baseline>,
}

/// The calibration of a run.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct CalibrationReport {
    /// Calibration images.
    pub images: usize,
    /// The content hash of the images.
    pub hash: Option<String>,
    /// Seconds of statistics and integers in this run; none where they were not recorded: earlier
    /// runs had made all of them, or the run is of an earlier version.
    pub seconds: Option<f64>,
}

/// The accuracy of a result with every weight rounded to the nearest, on the whole search split.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(untagged)]
pub enum Baseline {
    /// It was evaluated.
    Measured(SearchAccuracy),
    /// It was not.
    NotMeasured {
        /// Why not.
        not_measured: String,
    },
}

impl QuantizerReport {
    /// The quantizer of the profile that a run was started with, and of its totals. `images`: the
    /// number of calibration images, where it is known better than from the profile.
    pub fn new(
        profile: &Profile,
        totals: &Totals,
        images: Option<usize>,
        nearest: Option<Baseline>,
    ) -> Self {
        let scheme = &profile.scheme;
        let data = profile.data.as_ref().filter(|_| scheme.needs_images());
        let seconds = totals.calibration_seconds;
        QuantizerReport {
            method: scheme.method,
            correction: scheme.correction,
            weighting: scheme.weighting,
            granularity: scheme.granularity,
            scale: scheme.scale,
            affine: scheme.affine,
            membrane_bits: scheme.membrane_bits,
            calibration: data.map(|data| CalibrationReport {
                images: images.unwrap_or(data.calibration),
                hash: profile.calibration_hash.clone(),
                seconds: (seconds > 0.0).then_some(seconds),
            }),
            nearest,
        }
    }
}

impl QuantizerReport {
    /// The quantizer in a few sentences.
    pub(super) fn sentences(&self) -> Vec<String> {
        let quantizer = format!(
            "Quantizer: {}, correction {}, weighting {}; a scale per {}, rule {}; affine {}{}.",
            word(&self.method),
            word(&self.correction),
            word(&self.weighting),
            word(&self.granularity),
            word(&self.scale),
            word(&self.affine),
            match self.membrane_bits {
                None => String::new(),
                Some(bits) => format!(", membranes of {bits} bits"),
            }
        );
        let calibration = self.calibration.as_ref().map(ToString::to_string);
        [quantizer].into_iter().chain(calibration).collect()
    }
}

impl fmt::Display for CalibrationReport {
    /// A sentence.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Calibrated with {} images", count(self.images as u64))?;
        if let Some(hash) = &self.hash {
            write!(f, ", content hash `{hash}`")?;
        }
        match self.seconds {
            Some(seconds) => write!(f, ", in {seconds:.1} seconds."),
            None => write!(f, "."),
        }
    }
}

impl fmt::Display for Baseline {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Baseline::Measured(nearest) => write!(
                f,
                "{} points ({:.2} % on the same {} images)",
                points(nearest.accuracy_drop),
                nearest.accuracy,
                count(nearest.images as u64)
            ),
            Baseline::NotMeasured { not_measured } => write!(f, "not measured ({not_measured})"),
        }
    }
}

/// The word of a setting in profiles, and of a variant in journals.
pub(super) fn word(setting: &impl Serialize) -> String {
    // Unit variants always serialise to a word.
    match serde_json::to_value(setting) {
        Ok(serde_json::Value::String(word)) => word,
        _ => String::from("?"),
    }
}
