//! A synthetic landscape: an [`Evaluator`] without a network, for tests and benchmarks of
//! strategies.
//!
//! Every image has a difficulty in 0..1, drawn from the seed. Float gets an image right where its
//! difficulty is below `accuracy`. An allocation has a true drop in percentage points
//!
//! `drop = sum_l cost_l(b_l) + sum_(l<k) interaction_lk(b_l, b_k) + noise(allocation)`,
//! `cost_l(b) = sensitivity_l * 4^(2 - b)`, `interaction = strength_lk * sqrt(cost_l * cost_k)`,
//!
//! and gets wrong the `drop` percent of images next below the float threshold, with a seeded share
//! of images flipped both ways on top so that results on different images disagree
//! ([`Landscape::without_sampling`] leaves that out, for comparisons with the true optimum). Drift
//! is `sum_l sqrt(cost_l) / 20` with some seeded noise of its own: correlated with the drop, not
//! equal to it. The other proxies are the largest of its summands, the `sqrt(mean_l 4^-b_l)` of
//! rounding errors, and drop and drift with noise. Landscapes are ours and describe no real
//! network.

use std::sync::Arc;

use super::{
    Cancel, ClassCount, CorrectBits, EvaluateError, Evaluator, Job, Outcome, Progress, Proxies,
    Question, Split, Statistics, Work,
};
use crate::quant::{Allocation, BitWidth};

/// A seeded synthetic network.
#[derive(Clone, Debug)]
pub struct Landscape {
    seed: u64,
    sensitivity: Vec<f64>,
    interaction: Vec<Vec<f64>>,
    noise: f64,
    accuracy: f64,
    flips: f64,
    sampled: bool,
    /// A bit-width that is as bad as another one.
    unlucky: Option<(BitWidth, BitWidth)>,
    /// Difficulties of the images of each split.
    images: [Arc<[f64]>; Split::ALL.len()],
}

/// What all images have to do with one allocation.
struct Prediction {
    is_float: bool,
    drop: f64,
    key: u64,
}

impl Landscape {
    /// A landscape of `layers` layers with splits of the given sizes.
    pub fn new(seed: u64, layers: usize, calibration: usize, search: usize, test: usize) -> Self {
        let draw = |name: &str, a: usize, b: usize| unit(seed, name, &[a as u64, b as u64]);
        let sensitivity = (0..layers)
            .map(|l| 4.0 * 10f64.powf(1.5 * draw("sensitivity", l, 0) - 1.0))
            .collect();
        let interaction = (0..layers)
            .map(|l| {
                (0..layers)
                    .map(|k| 0.6 * draw("interaction", l, k) - 0.2)
                    .collect()
            })
            .collect();
        let mut landscape = Landscape {
            seed,
            sensitivity,
            interaction,
            noise: 0.15,
            accuracy: 0.87,
            flips: 0.02,
            sampled: true,
            unlucky: None,
            images: Default::default(),
        };
        landscape.draw_images([calibration, search, test, 0, 0]);
        landscape
    }

    fn draw_images(&mut self, counts: [usize; Split::ALL.len()]) {
        let difficulty = |split: u64, image: usize| match self.sampled {
            true => unit(self.seed, "difficulty", &[split, image as u64]),
            false => (0.618_033_988_749_895 * (image as f64 + 0.5)).fract(),
        };
        let mut splits = 0..;
        self.images = counts.map(|count| {
            let split = splits.next().unwrap_or_default();
            (0..count).map(|image| difficulty(split, image)).collect()
        });
    }

    fn counts(&self) -> [usize; Split::ALL.len()] {
        self.images.each_ref().map(|images| images.len())
    }

    /// The same landscape with so many images to certify a result.
    pub fn with_certify(mut self, images: usize) -> Self {
        let mut counts = self.counts();
        counts[Split::Certify as usize] = images;
        self.draw_images(counts);
        self
    }

    /// The same landscape without the luck of a sample: difficulties are spread evenly (multiples
    /// of the golden ratio modulo 1) and nothing is flipped, so that the measured drop is the true
    /// one but for one image.
    pub fn without_sampling(self) -> Self {
        let mut landscape = Landscape {
            flips: 0.0,
            sampled: false,
            ..self
        };
        landscape.draw_images(landscape.counts());
        landscape
    }

    /// The same landscape with one bit-width as bad as another: accuracy is not monotone in bits,
    /// as under rounding to the nearest, where 5 bits may lose more than 4.
    pub fn with_unlucky(self, width: BitWidth, as_bad_as: BitWidth) -> Self {
        Landscape {
            unlucky: Some((width, as_bad_as)),
            ..self
        }
    }

    /// Number of layers.
    pub fn layers(&self) -> usize {
        self.sensitivity.len()
    }

    fn cost(&self, layer: usize, width: BitWidth) -> f64 {
        let unlucky = self.unlucky.filter(|(unlucky, _)| *unlucky == width);
        let width = unlucky.map_or(width, |(_, as_bad_as)| as_bad_as);
        match width.is_float() {
            true => 0.0,
            false => self.sensitivity[layer] * 4f64.powi(2 - i32::from(width.bits())),
        }
    }

    /// The true drop of an allocation in percentage points (it may be slightly negative).
    pub fn drop(&self, allocation: &Allocation) -> f64 {
        if allocation.is_float() {
            return 0.0;
        }
        let costs: Vec<f64> = allocation
            .0
            .iter()
            .enumerate()
            .map(|(l, w)| self.cost(l, *w))
            .collect();
        let mut drop: f64 = costs.iter().sum();
        for l in 0..costs.len() {
            for k in l + 1..costs.len() {
                drop += self.interaction[l][k] * (costs[l] * costs[k]).sqrt();
            }
        }
        drop + self.noise * (2.0 * self.draw("noise", key(allocation), 0) - 1.0)
    }

    fn draw(&self, name: &str, key: u64, index: u64) -> f64 {
        unit(self.seed, name, &[key, index])
    }

    fn drift(&self, allocation: &Allocation) -> (f64, Vec<f64>) {
        let key = key(allocation);
        let sites: Vec<f64> = allocation
            .0
            .iter()
            .enumerate()
            .map(|(l, w)| {
                self.cost(l, *w).sqrt() / 20.0 * (0.8 + 0.4 * self.draw("drift", key, l as u64))
            })
            .chain([self.drop(allocation).abs() / 100.0])
            .collect();
        (sites.iter().sum::<f64>(), sites)
    }

    fn proxies(&self, allocation: &Allocation, (drift, sites): (f64, &[f64])) -> Proxies {
        let key = key(allocation);
        let noisy = |x: f64, name: &str| x * (0.5 + self.draw(name, key, 0));
        let error = |w: &BitWidth| match w.is_float() {
            true => 0.0,
            false => 4f64.powi(-i32::from(w.bits())),
        };
        let errors: f64 = allocation.0.iter().map(error).sum();
        Proxies {
            max_drift: sites.iter().copied().fold(0.0, f64::max),
            weight_error: (errors / self.layers().max(1) as f64).sqrt(),
            divergence: Some(noisy(self.drop(allocation).abs() / 100.0, "divergence")),
            spike_flips: Some(noisy(drift / 4.0, "flips").min(1.0)),
            image_drift: None,
            wide_divergence: None,
            output_error: None,
            loss_increase: None,
            disagreement: None,
        }
    }

    fn check(&self, split: Split, from: usize, to: usize) -> Result<(), EvaluateError> {
        let len = self.images[split as usize].len();
        match from <= to && to <= len {
            true => Ok(()),
            false => Err(EvaluateError::OutOfRange {
                split,
                from,
                to,
                len,
            }),
        }
    }

    fn prediction(&self, allocation: &Allocation) -> Prediction {
        Prediction {
            is_float: allocation.is_float(),
            drop: self.drop(allocation),
            key: key(allocation),
        }
    }

    fn correct(&self, prediction: &Prediction, split: Split, image: usize) -> bool {
        let difficulty = self.images[split as usize][image];
        if prediction.is_float {
            return difficulty < self.accuracy;
        }
        let right = difficulty < self.accuracy - prediction.drop / 100.0;
        let near = (difficulty - self.accuracy).abs() < 0.1;
        let (split, image) = (split as u64, image as u64);
        let index = image * 4 + split % 4 + ((split / 4) << 48);
        let flip = near && self.draw("flip", prediction.key, index) < 5.0 * self.flips;
        right != flip
    }
}

/// A number of an allocation's own.
fn key(allocation: &Allocation) -> u64 {
    let hash = blake3::hash(&allocation.bytes());
    let mut eight = [0u8; 8];
    eight.copy_from_slice(&hash.as_bytes()[..8]);
    u64::from_le_bytes(eight)
}

/// A number in 0..1 that depends on its arguments only.
fn unit(seed: u64, name: &str, numbers: &[u64]) -> f64 {
    let mut hasher = blake3::Hasher::new();
    hasher.update(name.as_bytes()).update(&seed.to_le_bytes());
    for n in numbers {
        hasher.update(&n.to_le_bytes());
    }
    let mut eight = [0u8; 8];
    hasher.finalize_xof().fill(&mut eight);
    (u64::from_le_bytes(eight) >> 11) as f64 / (1u64 << 53) as f64
}

impl Evaluator for Landscape {
    fn evaluate(
        &mut self,
        job: &Job,
        cancel: &Cancel,
        progress: &mut dyn FnMut(Progress),
    ) -> Result<(Outcome, Work), EvaluateError> {
        let (want, got) = (self.layers(), job.allocation.len());
        if got != want {
            return Err(EvaluateError::WrongLayers { got, want });
        }
        if cancel.is_cancelled() {
            return Err(EvaluateError::Cancelled);
        }
        let work = |images: usize| Work {
            layer_forwards: (images * want) as u64,
            images: images as u64,
            ..Work::default()
        };
        match &job.question {
            Question::Drift { .. } => {
                let (drift, sites) = self.drift(&job.allocation);
                let proxies = Some(self.proxies(&job.allocation, (drift, &sites)));
                let outcome = Outcome::Drift {
                    drift,
                    sites,
                    proxies,
                };
                Ok((
                    outcome,
                    work(self.images[Split::Calibration as usize].len()),
                ))
            }
            Question::LayerErrors => {
                let layers = job.allocation.0.iter().enumerate();
                let error = |(l, width): (usize, &BitWidth)| {
                    let noise = 0.5 + unit(self.seed, "error", &[l as u64, width.bits().into()]);
                    self.cost(l, *width) / 100.0 * noise
                };
                let errors = layers.map(error).collect();
                Ok((Outcome::LayerErrors { errors }, Work::default()))
            }
            &Question::Statistics { split, from, to } => {
                self.check(split, from, to)?;
                // There are neither classes nor neurons: all images are of one class.
                let prediction = self.prediction(&job.allocation);
                let right = |image| self.correct(&prediction, split, image);
                let correct = (from..to).filter(|image| right(*image)).count();
                let images = to - from;
                let counted = Statistics {
                    images,
                    classes: vec![ClassCount { images, correct }],
                    top5: correct,
                    ..Statistics::default()
                };
                Ok((Outcome::Statistics(counted), work(images)))
            }
            Question::Accuracy {
                split,
                from,
                to,
                stop,
            } => {
                self.check(*split, *from, *to)?;
                let prediction = self.prediction(&job.allocation);
                let mut correct: CorrectBits = (*from..*to)
                    .map(|image| self.correct(&prediction, *split, image))
                    .collect();
                if let Some(decided) = stop.as_ref().and_then(|s| s.decided(&correct)) {
                    correct.truncate(decided.images);
                }
                progress(Progress {
                    done: correct.len(),
                    total: to - from,
                    correct: correct.correct(),
                    preparing: false,
                });
                let work = work(correct.len());
                Ok((Outcome::Accuracy { correct }, work))
            }
        }
    }

    fn numerics(&self) -> String {
        format!("synthetic landscape {}", self.seed)
    }
}
