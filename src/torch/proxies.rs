//! Evidence beside the drift, on the proxy images: output divergence and spike-flip rate.
#![forbid(unsafe_code)]

use crate::network::{Graph, Site};

/// The share of neurons that emit something else: the mean over the sites, from the counts over
/// `images` images.
pub(super) fn flip_rate(flips: &[u64], graph: &Graph, images: usize) -> Option<f64> {
    if images == 0 || graph.sites.is_empty() {
        return None;
    }
    let rate = |(site, flips): (&Site, &u64)| {
        let units = site.shape.channels * site.shape.height * site.shape.width;
        *flips as f64 / (units * graph.time_steps * images).max(1) as f64
    };
    let rates: f64 = graph.sites.iter().zip(flips).map(rate).sum();
    Some(rates / graph.sites.len() as f64)
}

/// The mean over images of the Kullback-Leibler divergence of the class probabilities from the
/// float network's, in nats; both as logits, `[images, classes]`. None without images, and where
/// the numbers are too large for it.
pub(super) fn divergence(float: &[f64], logits: &[f64], classes: usize) -> Option<f64> {
    let images = float
        .chunks_exact(classes.max(1))
        .zip(logits.chunks_exact(classes.max(1)));
    let count = images.len();
    let of_image = |(float, logits): (&[f64], &[f64])| -> f64 {
        let (p, q) = (log_softmax(float), log_softmax(logits));
        let terms = p.iter().zip(&q).filter(|(p, _)| p.exp() > 0.0);
        terms.map(|(p, q)| p.exp() * (p - q)).sum()
    };
    let sum: f64 = images.map(of_image).sum();
    // Never below zero but for rounding.
    (count > 0 && sum.is_finite()).then(|| (sum / count as f64).max(0.0))
}

/// The mean over images of the cross-entropy of the labels' class probabilities, in nats, from
/// logits `[images, classes]`. None without images, and where the numbers are too large for it.
pub(super) fn cross_entropy(
    logits: &[f64],
    classes: usize,
    label: impl Fn(usize) -> u32,
) -> Option<f64> {
    let images = logits.chunks_exact(classes.max(1));
    let count = images.len();
    let of_image = |(i, logits): (usize, &[f64])| {
        let probabilities = log_softmax(logits);
        let class = usize::try_from(label(i)).ok();
        -class
            .and_then(|c| probabilities.get(c))
            .copied()
            .unwrap_or(0.0)
    };
    let sum: f64 = images.enumerate().map(of_image).sum();
    (count > 0 && sum.is_finite()).then(|| sum / count as f64)
}

/// The share of images that get another class, both as logits, `[images, classes]`. None without
/// images.
pub(super) fn disagreement(float: &[f64], logits: &[f64], classes: usize) -> Option<f64> {
    let float = float.chunks_exact(classes.max(1));
    let pairs = float.zip(logits.chunks_exact(classes.max(1)));
    let count = pairs.len();
    let others = pairs.filter(|(a, b)| argmax(a) != argmax(b)).count();
    (count > 0).then(|| others as f64 / count as f64)
}

/// The class of the largest logit; the first of equals.
pub(super) fn argmax(logits: &[f64]) -> usize {
    let mut best = 0;
    for (i, x) in logits.iter().enumerate() {
        if logits.get(best).is_some_and(|b| x > b) {
            best = i;
        }
    }
    best
}

fn log_softmax(logits: &[f64]) -> Vec<f64> {
    let most = logits.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    let sum: f64 = logits.iter().map(|x| (x - most).exp()).sum();
    logits.iter().map(|x| x - most - sum.ln()).collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        /// Never below zero, zero for equal probabilities, and what the definition gives.
        #[test]
        fn divergence_is_the_definition(
            pairs in prop::collection::vec((-20.0..20.0f64, -20.0..20.0f64), 3..30),
            shift in -500.0..500.0f64,
        ) {
            let classes = 3;
            let pairs = &pairs[..pairs.len() / classes * classes];
            let (a, b): (Vec<f64>, Vec<f64>) = pairs.iter().copied().unzip();
            let softmax = |x: &[f64]| -> Vec<f64> {
                let sum: f64 = x.iter().map(|x| x.exp()).sum();
                x.iter().map(|x| x.exp() / sum).collect()
            };
            let mut expected = 0.0;
            for (a, b) in a.chunks(classes).zip(b.chunks(classes)) {
                for (p, q) in softmax(a).iter().zip(softmax(b)) {
                    expected += p * (p / q).ln();
                }
            }
            expected /= (a.len() / classes) as f64;
            // The same number added to all logits changes nothing.
            let b: Vec<f64> = b.iter().map(|x| x + shift).collect();
            let found = divergence(&a, &b, classes).expect("images");
            prop_assert!((found - expected).abs() < 1e-9 * (1.0 + expected), "{} {}", found, expected);
            let same: Vec<f64> = a.iter().map(|x| x + shift).collect();
            prop_assert!(divergence(&a, &same, classes).expect("images") < 1e-12);
        }
    }

    #[test]
    fn no_images_no_divergence() {
        assert_eq!(divergence(&[], &[], 3), None);
        assert_eq!(divergence(&[1e308, -1e308], &[-1e308, 1e308], 2), None);
        // A class that float excludes altogether costs nothing.
        let found = divergence(&[0.0, -1e4], &[0.0, 0.0], 2).expect("an image");
        assert!((found - 2f64.ln()).abs() < 1e-12);
    }
}
