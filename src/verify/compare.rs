//! The comparison of what is computed with what is stored.

use super::convolution::Sums;
use super::error::VerifyError;
use super::golden::{Golden, Stored};
use super::report::{LayerReport, LogitsReport, Report, SiteReport};
use crate::export::manifest::layer::Span;
use crate::export::manifest::{MANIFEST, Manifest, TOLERANCE};

/// The share of the sum of products' magnitudes that rounding may reach.
const ROUNDING: f64 = 1e-5;
/// Differences that are described.
const DESCRIBED: usize = 10;

/// All that was found so far.
pub(super) struct Comparison {
    layers: Vec<LayerReport>,
    sites: Vec<SiteReport>,
    /// By site, the potentials.
    ranges: Vec<(f64, f64)>,
    /// By layer, the sums of integers.
    spans: Vec<Option<Span<i64>>>,
    logits: LogitsReport,
    /// Whether no rounding reaches the logits.
    exact_logits: bool,
    accumulator: Option<u32>,
    differences: Vec<String>,
    wrong_predictions: usize,
    images: usize,
    from_stored: usize,
}

impl Comparison {
    pub(super) fn new(manifest: &Manifest, accumulator: Option<u32>) -> Self {
        let layer = |l: &crate::export::manifest::Layer| LayerReport {
            layer: l.name.clone(),
            bits: l.bits,
            exact: l.exact,
            worst_bits: l.accumulator.as_ref().map(|a| a.worst_bits),
            overflows: accumulator.and(l.accumulator.as_ref()).map(|_| 0),
            ..LayerReport::default()
        };
        let site = |s: &crate::export::manifest::Site| SiteReport {
            site: s.name.clone(),
            ..SiteReport::default()
        };
        Comparison {
            layers: manifest.layers.iter().map(layer).collect(),
            sites: manifest.sites.iter().map(site).collect(),
            ranges: vec![(f64::INFINITY, f64::NEG_INFINITY); manifest.sites.len()],
            spans: vec![None; manifest.layers.len()],
            logits: LogitsReport::default(),
            exact_logits: super::check::exact_logits(manifest),
            accumulator,
            differences: Vec::new(),
            wrong_predictions: 0,
            images: 0,
            from_stored: 0,
        }
    }

    /// Compares a layer's sums.
    pub(super) fn sums(&mut self, index: usize, golden: &Golden, own: &Sums) {
        let Some(stored) = golden.sums.get(index) else {
            return;
        };
        let Some(layer) = self.layers.get_mut(index) else {
            return;
        };
        layer.sums += stored.len() as u64;
        let mut first = None;
        let mut note = |at: usize, a: f64, b: f64, allowed: f64| {
            let difference = (a - b).abs();
            layer.largest_difference = layer.largest_difference.max(difference);
            // What is no number does not agree.
            let agrees = difference <= allowed;
            if !agrees {
                layer.differ += 1;
                first = first.or(Some((at, a, b)));
            }
        };
        let allowed =
            |b: f64, magnitude: f64| (TOLERANCE * b.abs().max(1.0)).max(ROUNDING * magnitude);
        match (own, stored) {
            (Sums::Integers(own), Stored::Integers(stored)) => {
                let pairs = own.iter().zip(stored).enumerate();
                pairs.for_each(|(at, (&a, &b))| note(at, a as f64, f64::from(b), 0.0));
            }
            (Sums::Integers(own), Stored::Reals(stored)) => {
                let pairs = own.iter().zip(stored).enumerate();
                pairs.for_each(|(at, (&a, &b))| note(at, a as f64, b, allowed(b, 0.0)));
            }
            (Sums::Reals { sums, magnitudes }, Stored::Reals(stored)) => {
                let pairs = sums.iter().zip(magnitudes).zip(stored).enumerate();
                pairs.for_each(|(at, ((&a, &m), &b))| note(at, a, b, allowed(b, m)));
            }
            // Only layers that sum integers are exact.
            (Sums::Reals { sums, .. }, Stored::Integers(stored)) => {
                let pairs = sums.iter().zip(stored).enumerate();
                pairs.for_each(|(at, (&a, &b))| note(at, a, f64::from(b), 0.0));
            }
        }
        if let Some((at, own, stored)) = first {
            let name = layer.layer.clone();
            self.describe(format!(
                "{}: accumulator.{name}: number {at} is {stored}, computed {own}",
                golden.file
            ));
        }
        self.peaks(index, own);
    }

    /// Takes in the least and the largest sum, and those beyond the accumulator asked for.
    fn peaks(&mut self, index: usize, own: &Sums) {
        let (Some(layer), Some(span)) = (self.layers.get_mut(index), self.spans.get_mut(index))
        else {
            return;
        };
        let (mut least, mut most) = (f64::INFINITY, f64::NEG_INFINITY);
        match own {
            Sums::Integers(sums) => {
                for &sum in sums {
                    let one = Span { min: sum, max: sum };
                    *span = Some(span.map_or(one, |all| all.with(one)));
                }
                if let (Some(bits), Some(count)) = (self.accumulator, &mut layer.overflows) {
                    let fits = |x: i64| Span { min: x, max: x }.bits() <= bits;
                    *count += sums.iter().filter(|&&x| !fits(x)).count() as u64;
                }
                if let Some(span) = span {
                    (least, most) = (span.min as f64, span.max as f64);
                    layer.peak_bits = Some(span.bits());
                }
            }
            Sums::Reals { sums, .. } => {
                for &sum in sums {
                    (least, most) = (least.min(sum), most.max(sum));
                }
            }
        }
        if least <= most {
            let [a, b] = layer.peak.unwrap_or([least, most]);
            layer.peak = Some([a.min(least), b.max(most)]);
        }
    }

    /// Compares what a site emits.
    pub(super) fn spikes(&mut self, index: usize, golden: &Golden, own: &[f32], range: (f64, f64)) {
        let (Some(stored), Some(site), Some(all)) = (
            golden.spikes.get(index),
            self.sites.get_mut(index),
            self.ranges.get_mut(index),
        ) else {
            return;
        };
        *all = (all.0.min(range.0), all.1.max(range.1));
        site.spikes += stored.len() as u64;
        let pairs = own.iter().zip(stored).enumerate();
        let mut differing = pairs.filter(|(_, (a, b))| **a != f32::from(**b));
        if let Some((at, (own, stored))) = differing.next() {
            site.differ += 1 + differing.count() as u64;
            let name = site.site.clone();
            self.describe(format!(
                "{}: spikes.{name}: number {at} is {stored}, computed {own}",
                golden.file
            ));
        }
    }

    /// Compares the logits, which end an image.
    pub(super) fn logits(&mut self, golden: &Golden, own: &[f32]) {
        self.images += 1;
        self.from_stored += usize::from(golden.from_stored);
        self.logits.logits += golden.logits.len() as u64;
        let mut first = None;
        for (at, (&a, &b)) in own.iter().zip(&golden.logits).enumerate() {
            let difference = f64::from((a - b).abs());
            let allowed = match self.exact_logits {
                true => 0.0,
                false => TOLERANCE * f64::from(b.abs()).max(1.0),
            };
            self.logits.largest_difference = self.logits.largest_difference.max(difference);
            let agrees = difference <= allowed;
            if !agrees {
                self.logits.differ += 1;
                first = first.or(Some((at, a, b)));
            }
        }
        if let Some((at, own, stored)) = first {
            self.describe(format!(
                "{}: logits: number {at} is {stored}, computed {own}",
                golden.file
            ));
        }
        let largest = golden.logits.iter().copied().enumerate();
        let largest = largest.reduce(|a, b| if b.1 > a.1 { b } else { a });
        if largest.map(|(class, _)| class) != usize::try_from(golden.predicted).ok() {
            self.wrong_predictions += 1;
            let predicted = golden.predicted;
            self.describe(format!(
                "{MANIFEST}: {}: predicted is {predicted}, which is not the largest logit",
                golden.file
            ));
        }
    }

    fn describe(&mut self, difference: String) {
        if self.differences.len() < DESCRIBED {
            self.differences.push(difference);
        }
    }

    /// The report, once all images are done.
    pub(super) fn finish(mut self, manifest: &Manifest) -> Result<Report, VerifyError> {
        let wrong = |field: String, why: &str| Err(VerifyError::wrong(MANIFEST, field, why));
        let clean = |c: &Comparison| {
            c.layers.iter().all(|l| l.differ == 0)
                && c.sites.iter().all(|s| s.differ == 0)
                && c.logits.differ == 0
                && c.wrong_predictions == 0
        };
        let agrees = clean(&self);
        // What is said of the golden images must hold, where they are what was computed.
        for (i, (layer, span)) in manifest.layers.iter().zip(&self.spans).enumerate() {
            let said = layer.accumulator.as_ref().filter(|_| layer.exact && agrees);
            if let Some(said) = said
                && (said.observed != *span || said.observed_bits != span.map(Span::bits))
            {
                let field = format!("layers[{i}].accumulator.observed");
                return wrong(field, "the golden images show other sums");
            }
        }
        for (i, (site, range)) in manifest.sites.iter().zip(&self.ranges).enumerate() {
            let near = |a: f64, b: f64| (a - b).abs() <= TOLERANCE * a.abs().max(b.abs()).max(1.0);
            let same = site
                .potential
                .is_some_and(|said| near(said.min, range.0) && near(said.max, range.1));
            if agrees && !same {
                let field = format!("sites[{i}].potential");
                return wrong(field, "the golden images show other potentials");
            }
        }
        let overflows = self.layers.iter().filter_map(|l| l.overflows).sum();
        Ok(Report {
            agrees,
            images: self.images,
            from_stored_sums: self.from_stored,
            differences: std::mem::take(&mut self.differences),
            layers: self.layers,
            sites: self.sites,
            logits: self.logits,
            accumulator_bits: self.accumulator,
            overflows: self.accumulator.map(|_| overflows),
        })
    }
}
