//! How sensitive each layer is: every layer lowered alone from float, and every layer kept as float
//! alone while all others are lowered.
//!
//! The two curves differ where layers interact: a layer that hurts little alone may be the one that
//! saves a network of few bits. How much they interact is the drop of all layers together beside
//! the sum of their drops alone.

use std::io;
use std::path::Path;

use serde::{Deserialize, Serialize};

use crate::evaluate::{
    Cancel, CorrectBits, EvaluateError, Evaluator, Job, Outcome, Progress, Question, Split, Work,
    percent,
};
use crate::journal::Fingerprint;
use crate::quant::{Allocation, BitWidth};
use crate::search::Space;
use crate::system::read_text_within;

/// The most bytes of a file of measurements.
const LARGEST: u64 = 256 << 20;

/// Which layers have the width.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Curve {
    /// All of them.
    Joint,
    /// One; the others are float.
    Lowered,
    /// All but one, which is float.
    Kept,
}

/// What is measured: a curve at a layer (none for all together) and a width.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Point {
    /// Which layers have the width.
    pub curve: Curve,
    /// The layer that is alone.
    pub layer: Option<usize>,
    /// The width.
    pub bits: BitWidth,
}

impl Point {
    /// All points of a network of `layers` layers: all together first, then layer by layer,
    /// from the largest width down.
    pub fn all(layers: usize, menu: &[BitWidth]) -> Vec<Point> {
        let widths = || menu.iter().rev().copied().filter(|w| !w.is_float());
        let point = |curve, layer| widths().map(move |bits| Point { curve, layer, bits });
        let alone = [Curve::Lowered, Curve::Kept].into_iter();
        let alone =
            alone.flat_map(|curve| (0..layers).flat_map(move |layer| point(curve, Some(layer))));
        point(Curve::Joint, None).chain(alone).collect()
    }

    /// The bit-widths of all layers.
    pub fn allocation(&self, layers: usize) -> Allocation {
        let width = |layer: usize| match (self.curve, self.layer == Some(layer)) {
            (Curve::Joint, _) | (Curve::Lowered, true) | (Curve::Kept, false) => self.bits,
            (Curve::Lowered, false) | (Curve::Kept, true) => BitWidth::FLOAT,
        };
        Allocation((0..layers).map(width).collect())
    }
}

/// A point measured.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type", rename = "sensitivity")]
pub struct Sensitivity {
    /// Which layers have the width.
    pub curve: Curve,
    /// The layer that is alone; none for all together.
    pub layer: Option<String>,
    /// The width.
    pub bits: BitWidth,
    /// In thresholds, on the calibration images.
    pub drift: f64,
    /// Images of the search split that were looked at.
    pub images: usize,
    /// Correct among them.
    pub correct: usize,
    /// In percent.
    pub accuracy: f64,
    /// Against float on the same images, in percentage points.
    pub accuracy_drop: f64,
    /// Memory of the allocation.
    pub memory_bytes: u64,
}

/// How much layers of a width interact.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type", rename = "interaction")]
pub struct Interaction {
    /// The width.
    pub bits: BitWidth,
    /// Sum over layers of the drop of each lowered alone, in percentage points.
    pub sum_of_drops: f64,
    /// The drop of all lowered together.
    pub joint_drop: f64,
    /// The second less the first: above zero, layers hurt more together than alone.
    pub interaction: f64,
    /// Sum over layers of the drift of each lowered alone.
    pub sum_of_drifts: f64,
    /// The drift of all lowered together.
    pub joint_drift: f64,
}

/// The float network on the same images: the first line of a file of measurements.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type", rename = "float")]
pub struct Baseline {
    /// Images of the search split.
    pub images: usize,
    /// Correct among them.
    pub correct: usize,
    /// In percent.
    pub accuracy: f64,
    /// Memory of the float network.
    pub memory_bytes: u64,
    /// What the numbers depend on; none in files of earlier versions.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fingerprint: Option<Fingerprint>,
}

/// The name of the file of measurements in its folder.
pub const SENSITIVITY: &str = "sensitivity.jsonl";

/// A file of measurements, read again.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Curves {
    /// The float network.
    pub float: Baseline,
    /// Everything measured.
    pub measured: Vec<Sensitivity>,
    /// What layers cost together beside the sum of each alone.
    pub interactions: Vec<Interaction>,
}

impl Curves {
    /// Reads a file of measurements; none where there is no such file, or none that is whole.
    ///
    /// # Errors
    /// Any [`io::Error`] but that nothing is there.
    pub fn read(file: &Path) -> io::Result<Option<Self>> {
        #[derive(Deserialize)]
        #[serde(untagged)]
        enum Line {
            Measured(Sensitivity),
            Interaction(Interaction),
            Float(Baseline),
        }
        let text = match read_text_within(file, LARGEST) {
            Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(None),
            text => text?,
        };
        let (mut float, mut measured, mut interactions) = (None, Vec::new(), Vec::new());
        for line in text.lines() {
            match serde_json::from_str(line) {
                Ok(Line::Float(line)) => float = Some(line),
                Ok(Line::Measured(line)) => measured.push(line),
                Ok(Line::Interaction(line)) => interactions.push(line),
                Err(_) => return Ok(None),
            }
        }
        Ok(float.map(|float| Curves {
            float,
            measured,
            interactions,
        }))
    }

    /// True where these are of the network, weights and quantizer that a run is of, and the float
    /// network is right on as many of the same first images of the search split. (A run's data hash
    /// is no use: it covers the test images, too.)
    pub fn are_of(&self, run: &Fingerprint, float: &CorrectBits) -> bool {
        let of = |f: &Fingerprint| [&f.model, &f.weights, &f.quantizer].map(String::clone);
        let made = self.float.fingerprint.as_ref();
        let images = self.float.images;
        made.is_some_and(|made| of(made) == of(run))
            && images <= float.len()
            && self.float.correct == float.correct_in(0, images)
    }
}

impl Interaction {
    /// Of all widths for which everything has been measured, largest first.
    pub fn of(measured: &[Sensitivity], layers: usize) -> Vec<Interaction> {
        let joint = measured.iter().filter(|s| s.curve == Curve::Joint);
        let of_width = |joint: &Sensitivity| {
            let alone: Vec<&Sensitivity> = measured
                .iter()
                .filter(|s| s.curve == Curve::Lowered && s.bits == joint.bits)
                .collect();
            let sum_of_drops = alone.iter().map(|s| s.accuracy_drop).sum::<f64>();
            (alone.len() == layers).then(|| Interaction {
                bits: joint.bits,
                sum_of_drops,
                joint_drop: joint.accuracy_drop,
                interaction: joint.accuracy_drop - sum_of_drops,
                sum_of_drifts: alone.iter().map(|s| s.drift).sum(),
                joint_drift: joint.drift,
            })
        };
        joint.filter_map(of_width).collect()
    }
}

/// Measures points one after the other, on the first images of the search split.
pub struct Measuring<'a> {
    /// The evaluator.
    pub evaluator: &'a mut dyn Evaluator,
    /// The network's layers.
    pub space: &'a Space,
    /// How many images of the search split.
    pub images: usize,
    /// Stops at the next batch.
    pub cancel: &'a Cancel,
    /// What it has cost so far.
    pub work: Work,
}

impl Measuring<'_> {
    /// The float network.
    ///
    /// # Errors
    /// [`EvaluateError`].
    pub fn float(
        &mut self,
        progress: &mut dyn FnMut(Progress),
    ) -> Result<CorrectBits, EvaluateError> {
        let float = Allocation::uniform(self.space.layers.len(), BitWidth::FLOAT);
        self.accuracy(float, progress)
    }

    /// A point; `float` is the float network's result.
    ///
    /// # Errors
    /// [`EvaluateError`].
    pub fn point(
        &mut self,
        point: Point,
        float: &CorrectBits,
        progress: &mut dyn FnMut(Progress),
    ) -> Result<Sensitivity, EvaluateError> {
        let allocation = point.allocation(self.space.layers.len());
        let question = Question::Drift { images: None };
        let drift = match self.ask(allocation.clone(), question, progress)? {
            Outcome::Drift { drift, .. } => drift,
            Outcome::Accuracy { .. } | Outcome::LayerErrors { .. } | Outcome::Statistics(_) => {
                return Err(EvaluateError::of_another());
            }
        };
        let memory_bytes = self.space.bytes(&allocation);
        let bits = self.accuracy(allocation, progress)?;
        let (images, correct) = (bits.len(), bits.correct());
        let accuracy = percent(correct, images);
        let layer = point.layer.and_then(|l| self.space.layers.get(l));
        Ok(Sensitivity {
            curve: point.curve,
            layer: layer.map(|l| l.name.clone()),
            bits: point.bits,
            drift,
            images,
            correct,
            accuracy,
            accuracy_drop: 100.0 * (float.correct() as f64 - correct as f64) / images.max(1) as f64,
            memory_bytes,
        })
    }

    fn accuracy(
        &mut self,
        allocation: Allocation,
        progress: &mut dyn FnMut(Progress),
    ) -> Result<CorrectBits, EvaluateError> {
        let question = Question::Accuracy {
            split: Split::Search,
            from: 0,
            to: self.images,
            stop: None,
        };
        match self.ask(allocation, question, progress)? {
            Outcome::Accuracy { correct } => Ok(correct),
            Outcome::Drift { .. } | Outcome::LayerErrors { .. } | Outcome::Statistics(_) => {
                Err(EvaluateError::of_another())
            }
        }
    }

    fn ask(
        &mut self,
        allocation: Allocation,
        question: Question,
        progress: &mut dyn FnMut(Progress),
    ) -> Result<Outcome, EvaluateError> {
        if self.cancel.is_cancelled() {
            return Err(EvaluateError::Cancelled);
        }
        let job = Job {
            allocation,
            question,
        };
        let (outcome, work) = self.evaluator.evaluate(&job, self.cancel, progress)?;
        self.work.layer_forwards += work.layer_forwards;
        self.work.images += work.images;
        outcome.finite(self.space.sites.iter().map(String::as_str))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::evaluate::Landscape;
    use crate::search::SpaceLayer;

    fn bits(bits: u8) -> BitWidth {
        BitWidth::new(bits).expect("a width")
    }

    #[test]
    fn both_curves_at_every_width_and_all_together() {
        let menu = [2, 4, 32].map(bits);
        let points = Point::all(3, &menu);
        assert_eq!(points.len(), 2 + 2 * 3 * 2);
        let allocations: Vec<Vec<u8>> = points.iter().map(|p| p.allocation(3).bytes()).collect();
        assert_eq!(allocations[..2], [[4, 4, 4], [2, 2, 2]]);
        assert_eq!(allocations[2..4], [[4, 32, 32], [2, 32, 32]]);
        assert_eq!(allocations[8..10], [[32, 4, 4], [32, 2, 2]]);
        let distinct: std::collections::HashSet<_> = allocations.iter().collect();
        assert_eq!(distinct.len(), points.len());
    }

    #[test]
    fn drops_are_those_of_the_landscape_and_add_up() {
        let layers = 4;
        let mut landscape = Landscape::new(3, layers, 8, 4000, 0).without_sampling();
        let truth = landscape.clone();
        let menu = [2, 3, 8].map(bits);
        let layer = |i: usize| SpaceLayer {
            name: format!("l{i}"),
            stage: "s".into(),
            block: "b".into(),
            weights: 100,
            bytes: vec![25, 38, 100],
            float_bytes: 400,
        };
        let space = Space {
            layers: (0..layers).map(layer).collect(),
            menu: menu.to_vec(),
            fixed_bytes: 7,
            ties: Vec::new(),
            sites: Vec::new(),
        };
        let mut measuring = Measuring {
            evaluator: &mut landscape,
            space: &space,
            images: 4000,
            cancel: &Cancel::default(),
            work: Work::default(),
        };
        let float = measuring.float(&mut |_| ()).expect("it answers");
        let measured: Vec<Sensitivity> = Point::all(layers, &menu)
            .into_iter()
            .map(|p| measuring.point(p, &float, &mut |_| ()).expect("it answers"))
            .collect();
        for (point, measured) in Point::all(layers, &menu).iter().zip(&measured) {
            let allocation = point.allocation(layers);
            let drop = truth.drop(&allocation);
            assert!((measured.accuracy_drop - drop).abs() < 0.1, "{point:?}");
            assert_eq!(measured.memory_bytes, space.bytes(&allocation));
        }
        let interactions = Interaction::of(&measured, layers);
        assert_eq!(interactions.len(), 3);
        let lowest = &interactions[2];
        assert_eq!(lowest.bits, bits(2));
        let alone = |l: usize| {
            let lowered = Point {
                curve: Curve::Lowered,
                layer: Some(l),
                bits: bits(2),
            };
            truth.drop(&lowered.allocation(layers))
        };
        let sum: f64 = (0..layers).map(alone).sum();
        assert!((lowest.sum_of_drops - sum).abs() < 0.3);
        let joint = truth.drop(&Allocation::uniform(layers, bits(2)));
        assert!((lowest.interaction - (joint - sum)).abs() < 0.4);
        assert!(measuring.work.images > 0);
    }
}
