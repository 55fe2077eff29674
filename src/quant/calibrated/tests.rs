//! The calibrated quantizer against exhaustive search, against rounding to the nearest, and on
//! degenerate input.

use super::*;
use crate::quant::{
    BitWidth, DAMPING, Granularity, LayerWeights, Method, Nearest, QuantError, Quantized,
    Quantizer, Resources, ScaleRule, Scheme,
};

/// Pseudo-random numbers (splitmix64).
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ z >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ z >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ z >> 31
    }
    /// In `[0, 1)`.
    fn uniform(&mut self) -> f64 {
        (self.next() >> 11) as f64 / (1u64 << 53) as f64
    }
    fn weights(&mut self, count: usize) -> Vec<f32> {
        let bell = |r: &mut Random| (0..4).map(|_| r.uniform() - 0.5).sum::<f64>() as f32;
        (0..count).map(|_| bell(self)).collect()
    }
    /// Moments of `samples` inputs that fire together.
    fn moments(&mut self, inputs: usize, samples: usize) -> InputMoments {
        let rates: Vec<f64> = (0..inputs).map(|_| 0.05 + 0.5 * self.uniform()).collect();
        let (mut mean, mut gram) = (vec![0.0; inputs], vec![0.0; inputs * inputs]);
        for _ in 0..samples {
            let shared = self.uniform();
            let x: Vec<f64> = rates
                .iter()
                .map(|rate| {
                    let own = if self.uniform() < 0.6 {
                        shared
                    } else {
                        self.uniform()
                    };
                    f64::from(u8::from(own < *rate))
                })
                .collect();
            for i in 0..inputs {
                mean[i] += x[i] / samples as f64;
                for j in 0..inputs {
                    gram[i * inputs + j] += x[i] * x[j] / samples as f64;
                }
            }
        }
        InputMoments { mean, gram }
    }
}

fn scheme() -> Scheme {
    Scheme {
        method: Method::Calibrated,
        ..Scheme::default()
    }
}

fn run(
    scheme: Scheme,
    weights: &[f32],
    channels: usize,
    bits: u8,
    statistics: &InputStatistics,
    threads: usize,
) -> Quantized {
    let layer = LayerWeights {
        name: "layer",
        channels,
        values: weights,
    };
    let width = BitWidth::new(bits).unwrap();
    Calibrated(scheme)
        .quantize(layer, width, Some(statistics), Resources::threads(threads))
        .unwrap()
}

/// The least error of all integers of 2 bits, each with its best scale.
fn exhaustive(weights: &[f32], statistics: &InputStatistics) -> f64 {
    let n = weights.len();
    let shift = statistics.hessian(0).unwrap().shift;
    let covariance = statistics.covariance(0);
    let h = |i: usize, j: usize| covariance[i * n + j] + if i == j { shift } else { 0.0 };
    let w: Vec<f64> = weights.iter().map(|&w| f64::from(w)).collect();
    let hw: Vec<f64> = (0..n)
        .map(|i| (0..n).map(|j| h(i, j) * w[j]).sum())
        .collect();
    let whw: f64 = w.iter().zip(&hw).map(|(a, b)| a * b).sum();
    let mut least = whw;
    for code in 0..3usize.pow(n as u32) {
        let q: Vec<f64> = (0..n)
            .map(|i| (code / 3usize.pow(i as u32) % 3) as f64 - 1.0)
            .collect();
        let qhw: f64 = q.iter().zip(&hw).map(|(a, b)| a * b).sum();
        let qhq: f64 = (0..n)
            .map(|i| q[i] * (0..n).map(|j| h(i, j) * q[j]).sum::<f64>())
            .sum();
        if qhw > 0.0 && qhq > 0.0 {
            least = least.min(whw - qhw * qhw / qhq);
        }
    }
    least.max(0.0)
}

#[test]
fn two_bits_are_near_the_exhaustive_optimum() {
    let mut random = Random(1);
    let mut ratios: Vec<f64> = (0..1000)
        .map(|_| {
            let n = 2 + (random.next() % 7) as usize;
            let weights = random.weights(n);
            let statistics = InputStatistics::new(vec![random.moments(n, 64)], DAMPING).unwrap();
            let made = run(scheme(), &weights, 1, 2, &statistics, 1);
            let (error, least) = (
                statistics.errors(&weights, &made)[0],
                exhaustive(&weights, &statistics),
            );
            assert!(error >= least - 1e-12, "{error} {least}");
            if least > 1e-12 { error / least } else { 1.0 }
        })
        .collect();
    ratios.sort_by(f64::total_cmp);
    let (median, ninth) = (ratios[500], ratios[900]);
    println!("error over the exhaustive optimum: median {median:.5}, 90th percentile {ninth:.5}");
    assert!(median <= 1.001, "{median}");
}

#[test]
fn the_error_is_never_above_that_of_the_nearest_integers() {
    let mut random = Random(2);
    for round in 0..40 {
        let (n, channels) = (
            1 + (random.next() % 90) as usize,
            1 + (random.next() % 20) as usize,
        );
        let samples = [3, 40, 300][round % 3];
        let statistics = InputStatistics::new(vec![random.moments(n, samples)], DAMPING).unwrap();
        let weights = random.weights(n * channels);
        for bits in 1..=8 {
            for granularity in [Granularity::Channel, Granularity::Tensor] {
                for scale in [ScaleRule::Mse, ScaleRule::Max, ScaleRule::PowerOfTwo] {
                    let scheme = Scheme {
                        granularity,
                        scale,
                        ..scheme()
                    };
                    let made = run(scheme, &weights, channels, bits, &statistics, 1);
                    let layer = LayerWeights {
                        name: "layer",
                        channels,
                        values: &weights,
                    };
                    let width = BitWidth::new(bits).unwrap();
                    let nearest = Nearest(scheme)
                        .quantize(layer, width, None, Resources::threads(1))
                        .unwrap();
                    let ours = statistics.errors(&weights, &made);
                    let theirs = statistics.errors(&weights, &nearest);
                    let (all, all_of_them) = (ours.iter().sum::<f64>(), theirs.iter().sum::<f64>());
                    assert!(
                        all <= all_of_them * (1.0 + 1e-9) + 1e-12,
                        "{bits} {scheme:?}"
                    );
                    if granularity == Granularity::Channel {
                        let pairs = ours.iter().zip(&theirs);
                        pairs.for_each(|(a, b)| assert!(*a <= b * (1.0 + 1e-9) + 1e-12));
                    } else {
                        assert!(made.scales.windows(2).all(|s| s[0] == s[1]));
                    }
                    if scale == ScaleRule::PowerOfTwo {
                        assert!(made.scales.iter().all(|s| s.log2().fract() == 0.0));
                    }
                    let most = width.q_max().unwrap() as i16;
                    assert!(made.values.iter().all(|q| q.abs() <= most));
                    assert!(bits > 1 || made.values.iter().all(|q| q.abs() == 1));
                }
            }
        }
    }
}

#[test]
fn threads_change_nothing() {
    let mut random = Random(3);
    let (n, channels) = (150, 70);
    let moments = random.moments(n, 500);
    let weights = random.weights(n * channels);
    for granularity in [Granularity::Channel, Granularity::Tensor] {
        let scheme = Scheme {
            granularity,
            ..scheme()
        };
        for bits in [1, 2, 5] {
            let made = |threads| {
                let statistics = InputStatistics::new(vec![moments.clone()], DAMPING).unwrap();
                run(scheme, &weights, channels, bits, &statistics, threads)
            };
            let one = made(1);
            assert!([2, 3, 16].into_iter().all(|threads| made(threads) == one));
        }
    }
}

/// Channels share matrix products, which must not mix them, whichever trials are given up early.
#[test]
fn channels_are_solved_by_themselves() {
    let mut random = Random(7);
    let (n, channels) = (150, 20);
    let statistics = InputStatistics::new(vec![random.moments(n, 500)], DAMPING).unwrap();
    let mut weights = random.weights(n * channels);
    weights[3 * n..4 * n].fill(0.0);
    for bits in [1, 2, 5] {
        let together = run(scheme(), &weights, channels, bits, &statistics, 1);
        for (channel, own) in weights.chunks(n).enumerate() {
            let alone = run(scheme(), own, 1, bits, &statistics, 1);
            let place = channel * n..(channel + 1) * n;
            assert_eq!(together.values[place], alone.values, "{bits}: {channel}");
            assert_eq!(together.scales[channel], alone.scales[0]);
        }
    }
}

/// A group is a layer of its own.
#[test]
fn groups_are_solved_by_themselves() {
    let mut random = Random(4);
    let (n, per_group, groups) = (9, 5, 6);
    let moments: Vec<InputMoments> = (0..groups).map(|_| random.moments(n, 200)).collect();
    let weights = random.weights(n * per_group * groups);
    let all = InputStatistics::new(moments.clone(), DAMPING).unwrap();
    let together = run(scheme(), &weights, per_group * groups, 3, &all, 2);
    let affine = OutputMoments::of(&all, &weights, &together);
    for (group, moments) in moments.into_iter().enumerate() {
        let own = InputStatistics::new(vec![moments], DAMPING).unwrap();
        let rows = group * per_group * n..(group + 1) * per_group * n;
        let alone = run(scheme(), &weights[rows.clone()], per_group, 3, &own, 1);
        assert_eq!(together.values[rows.clone()], alone.values);
        let channels = group * per_group..(group + 1) * per_group;
        assert_eq!(together.scales[channels.clone()], alone.scales);
        assert_eq!(
            affine[channels],
            OutputMoments::of(&own, &weights[rows], &alone)
        );
    }
}

#[test]
fn degenerate_inputs_are_defined() {
    let mut random = Random(5);
    let n = 12;
    let mut weights = random.weights(n * 4);
    weights[..n].fill(0.0);
    let constant = InputMoments {
        mean: vec![1.0; n],
        gram: vec![1.0; n * n],
    };
    let silent = InputMoments {
        mean: vec![0.0; n],
        gram: vec![0.0; n * n],
    };
    let mut one_constant = random.moments(n, 100);
    one_constant.mean[3] = 1.0;
    for i in 0..n {
        one_constant.gram[3 * n + i] = if i == 3 { 1.0 } else { one_constant.mean[i] };
        one_constant.gram[i * n + 3] = one_constant.gram[3 * n + i];
    }
    let cases = [
        constant,
        silent,
        one_constant,
        random.moments(n, 1),
        random.moments(n, 3),
    ];
    for (case, moments) in cases.into_iter().enumerate() {
        for damping in [0.0, DAMPING] {
            let statistics = InputStatistics::new(vec![moments.clone()], damping).unwrap();
            for bits in [1, 2, 8] {
                let made = run(scheme(), &weights, 4, bits, &statistics, 1);
                assert!(
                    made.scales.iter().all(|s| s.is_finite() && *s >= 0.0),
                    "{case}"
                );
                for (moments, scale) in OutputMoments::of(&statistics, &weights, &made)
                    .iter()
                    .zip(&made.scales)
                {
                    let (m, b) = moments.corrected(1.5, -0.25, *scale);
                    assert!(m.is_finite() && b.is_finite(), "{case} {bits} {moments:?}");
                    assert!(moments.relative_error().is_finite());
                }
                if case < 2 {
                    // Nothing varies: the nearest integers, and a shift that keeps the mean.
                    let nearest = Nearest(scheme()).quantize(
                        LayerWeights {
                            name: "layer",
                            channels: 4,
                            values: &weights,
                        },
                        BitWidth::new(bits).unwrap(),
                        None,
                        Resources::threads(1),
                    );
                    assert_eq!(made, nearest.unwrap());
                }
            }
        }
    }
}

#[test]
fn a_correction_keeps_mean_and_spread() {
    let mut random = Random(6);
    let (n, channels) = (40, 8);
    let statistics = InputStatistics::new(vec![random.moments(n, 400)], DAMPING).unwrap();
    let weights = random.weights(n * channels);
    let made = run(scheme(), &weights, channels, 2, &statistics, 1);
    for (moments, scale) in OutputMoments::of(&statistics, &weights, &made)
        .iter()
        .zip(&made.scales)
    {
        let (a, b) = (0.7, -0.2);
        let (m, shift) = moments.corrected(a, b, *scale);
        assert!((m * moments.mean + shift - (a * moments.float_mean + b)).abs() < 1e-12);
        assert!((m * moments.spread - a * moments.float_spread).abs() < 1e-12);
        assert!(moments.correlation > 0.8 && moments.correlation <= 1.0 + 1e-12);
    }
}

#[test]
fn bad_statistics_are_refused() {
    let moments = |mean: f64| InputMoments {
        mean: vec![mean; 2],
        gram: vec![1.0; 4],
    };
    let not_finite = InputStatistics::new(vec![moments(0.0), moments(f64::NAN)], DAMPING);
    assert_eq!(
        not_finite.unwrap_err(),
        StatisticsError::NotFinite { group: 1 }
    );
    let uneven = InputMoments {
        mean: vec![0.0; 2],
        gram: vec![0.0; 3],
    };
    let shape = InputStatistics::new(vec![uneven], DAMPING).unwrap_err();
    assert!(matches!(shape, StatisticsError::Shape { gram: 3, .. }));
    assert_eq!(
        InputStatistics::new(Vec::new(), DAMPING).unwrap_err(),
        StatisticsError::Groups
    );
    let layer = LayerWeights {
        name: "layer",
        channels: 1,
        values: &[0.5; 3],
    };
    let width = BitWidth::new(4).unwrap();
    let none = Calibrated(scheme()).quantize(layer, width, None, Resources::threads(1));
    assert!(matches!(none, Err(QuantError::NoStatistics { .. })));
    let other = InputStatistics::new(vec![moments(0.0)], DAMPING).unwrap();
    let other = Calibrated(scheme()).quantize(layer, width, Some(&other), Resources::threads(1));
    assert!(matches!(
        other,
        Err(QuantError::Statistics {
            fan_in: 3,
            inputs: 2,
            ..
        })
    ));
}
