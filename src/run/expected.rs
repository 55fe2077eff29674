//! How long a search will take: an estimate before it begins.
//!
//! The images that a search runs and the layers that it quantizes are known in order of size only:
//! the counts are those of searches of the networks at hand (`docs/performance.md`). The formulas
//! are ours.

use std::time::Duration;

use super::{EvaluatorOptions, Prepared, RunError};
use crate::network::{Graph, Layer};
use crate::profile::{Screening, StrategyName};
use crate::quant::{Correction, Method, Scheme};
use crate::search::{Origin, Settings};

/// Candidates of a search by fronts that are measured on the search split.
const CANDIDATES: f64 = 20.0;
/// Those of them that go over all of it: the start, the result, and what was nearly it.
const WHOLE: f64 = 3.0;
/// Images of a screening that ends early.
const SCREENED: f64 = 520.0;
/// Probes of single groups, for each group of the last level.
const PROBES: f64 = 1.75;
/// The share of the network that a probe runs, behind what is cached.
const PROBED: f64 = 0.6;
/// Bit-widths that a layer is quantized to.
const WIDTHS: f64 = 4.0;
/// Rungs of a certificate, and candidates on the search split that they take.
const RUNGS: (f64, f64) = (5.0, 9.0);
/// Above this factor and below its inverse an estimate is wrong.
const UNCERTAINTY: f64 = 1.5;

/// Multiply-accumulates of the float network that take as long as one of the statistics of a
/// layer's inputs, of the factor of its Hessian, and of rounding at one bit-width.
const EQUIVALENT: [f64; 3] = [1.0, 4.0, 25.0];

/// How fast the network runs, with all threads: seconds for an image.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Rates {
    /// In float.
    pub float: f64,
    /// Quantized.
    pub quantized: f64,
}

/// The seconds that a search by fronts is expected to take.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Expected {
    /// Quantizing layers.
    pub quantizing: f64,
    /// Drift and the other evidence, on the proxy images.
    pub evidence: f64,
    /// Accuracy on the search split.
    pub search: f64,
    /// The result on the test split.
    pub test: f64,
    /// The certificate.
    pub certificate: f64,
}

impl Expected {
    /// The estimate for a network that runs at these rates. None where nobody can tell: of other
    /// strategies it depends on what they find.
    pub fn of(settings: &Settings, graph: &Graph, scheme: &Scheme, rates: Rates) -> Option<Self> {
        if settings.search.strategy != StrategyName::Front {
            return None;
        }
        let Rates { float, quantized } = rates;
        let certified = settings.constraint.confidence.is_some() && settings.certify_images > 0;
        let rungs = if certified { RUNGS } else { (0.0, 0.0) };
        let images = settings.search_images as f64;
        let screened = match settings.search.screening {
            Screening::Exact => settings.screen() as f64,
            Screening::TwoSided | Screening::Sequential => SCREENED.min(images),
        };
        let candidates = CANDIDATES + rungs.1;
        let evidence = settings.images_of_drift(Origin::Search) as f64;
        let probed = settings.images_of_drift(Origin::Probe) as f64;
        let level = settings.search.levels.last();
        let groups = level.map_or(0, |level| settings.space.groups(*level).len()) as f64;
        let calibration = settings.calibration_images as f64;
        let corrected = match (scheme.method, scheme.correction) {
            (Method::Calibrated, Correction::Sequential) => candidates * calibration,
            _ => 0.0,
        };
        let certify = settings.certify_images as f64;
        Some(Expected {
            quantizing: match scheme.method {
                Method::Nearest => 0.0,
                Method::Calibrated => {
                    // One multiply-accumulate of the float network, by this many.
                    let each = float / (graph.macs() as f64).max(1.0);
                    let layers = graph.layers.iter();
                    let all = layers.map(|layer| quantizing(layer, calibration));
                    each * all.sum::<f64>() + calibration * float + corrected * quantized
                }
            },
            evidence: evidence * float
                + quantized * (candidates * evidence + PROBES * PROBED * groups * probed),
            search: images * float + quantized * (WHOLE * images + (candidates - WHOLE) * screened),
            test: settings.test_images as f64 * (float + quantized),
            certificate: match certified {
                true => certify * (float + rungs.0 * quantized),
                false => 0.0,
            },
        })
    }

    /// All of it.
    pub fn seconds(&self) -> f64 {
        self.quantizing + self.evidence + self.search + self.test + self.certificate
    }

    /// What is left of it at least and at most, that many seconds after the beginning.
    pub fn left(&self, elapsed: Duration) -> Option<(Duration, Duration)> {
        let left = |seconds: f64| {
            let left = (seconds - elapsed.as_secs_f64()).max(0.0);
            Duration::try_from_secs_f64(left).ok()
        };
        let seconds = self.seconds();
        Some((left(seconds / UNCERTAINTY)?, left(seconds * UNCERTAINTY)?))
    }

    /// Its parts, the longest first: seconds, name, and the key that makes it shorter, if any does.
    pub fn parts(&self) -> [(f64, &'static str, Option<&'static str>); 5] {
        let mut parts = [
            (self.quantizing, "quantizing", Some("data.calibration")),
            (self.evidence, "evidence", Some("data.proxy")),
            (self.search, "accuracy", Some("data.search")),
            (self.test, "test", None),
            (self.certificate, "certificate", Some("data.certify")),
        ];
        parts.sort_by(|(a, ..), (b, ..)| b.total_cmp(a));
        parts
    }
}

/// The estimate for a search on this machine, on which the network is run for it. None for a short
/// search, where nobody can tell, and on other machines.
///
/// # Errors
/// [`RunError`] where no evaluator can be made, or evaluating fails.
#[cfg(feature = "torch")]
pub(super) fn expected(
    prepared: &Prepared,
    options: &EvaluatorOptions,
) -> Result<Option<Expected>, RunError> {
    /// Below so many seconds nobody needs to be told.
    const SHORT: f64 = 20.0;
    /// Multiply-accumulates per second of a thread, in float and quantized.
    const USUAL: (f64, f64) = (20e9, 60e9);
    let graph = prepared.profile.graph();
    let of = |rates| Expected::of(&prepared.settings, &graph, &prepared.profile.scheme, rates);
    let macs = graph.macs() as f64 / options.threads() as f64;
    let usual = Rates {
        float: macs / USUAL.0,
        quantized: macs / USUAL.1,
    };
    if options.is_remote() || !of(usual).is_some_and(|e| e.seconds() >= SHORT) {
        return Ok(None);
    }
    let rates = super::self_check::rates(prepared, options)?;
    Ok(rates.and_then(of).filter(|e| e.seconds() >= SHORT))
}

/// The estimate for a search: not in this build, which evaluates nothing.
///
/// # Errors
/// Never.
#[cfg(not(feature = "torch"))]
pub(super) fn expected(_: &Prepared, _: &EvaluatorOptions) -> Result<Option<Expected>, RunError> {
    Ok(None)
}

/// Quantizing a layer, in multiply-accumulates of the float network that take as long.
fn quantizing(layer: &Layer, images: f64) -> f64 {
    let (.., groups) = layer.kind.window();
    let (groups, channels) = (groups.max(1) as f64, layer.channels().max(1) as f64);
    let fan_in = layer.fan_in().max(1) as f64;
    // Each position's inputs are multiplied with each other.
    let positions = layer.macs as f64 / (channels * fan_in);
    let statistics = images * positions * groups * fan_in * fan_in;
    let factor = groups * fan_in.powi(3);
    let rounding = WIDTHS * channels * fan_in * fan_in;
    let [a, b, c] = EQUIVALENT;
    a * statistics + b * factor + c * rounding
}

#[cfg(test)]
mod tests {
    use super::*;

    const EXPECTED: Expected = Expected {
        quantizing: 10.0,
        evidence: 20.0,
        search: 60.0,
        test: 25.0,
        certificate: 5.0,
    };

    #[test]
    fn parts_are_ordered_and_name_their_keys() {
        assert_eq!(EXPECTED.seconds(), 120.0);
        let names = EXPECTED.parts().map(|(_, name, _)| name);
        assert_eq!(
            names,
            ["accuracy", "test", "evidence", "quantizing", "certificate"]
        );
        let keys = EXPECTED.parts().map(|(.., key)| key);
        assert_eq!(keys[..2], [Some("data.search"), None]);
    }

    #[test]
    fn what_is_left_shrinks_to_nothing() {
        let seconds = |elapsed| {
            let (least, most) = EXPECTED.left(Duration::from_secs(elapsed)).expect("finite");
            (least.as_secs(), most.as_secs())
        };
        assert_eq!(seconds(0), (80, 180));
        assert_eq!(seconds(100), (0, 80));
        assert_eq!(seconds(500), (0, 0));
    }
}
