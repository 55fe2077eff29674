//! The quantizer against a reference that is nothing but its formulas, one weight at a time, and
//! facts that hold for every input.

use proptest::prelude::*;

use super::{BitWidth, Granularity, Quantized, Rounding, ScaleRule, Scheme, quantize};

const LAYER: &str = "stage1.0.mlp.mlp1_conv";
const WIDTHS: [u8; 9] = [1, 2, 3, 4, 5, 6, 7, 8, 16];

/// Sums of squares may differ by their order, no more.
const SUM_TOLERANCE: f64 = 1e-12;

/// The draw of one weight, read on its own.
fn draw(seed: u64, index: usize) -> f64 {
    let mut hasher = blake3::Hasher::new_derive_key("aq4svit 2026 stochastic rounding");
    hasher.update(&seed.to_le_bytes());
    hasher.update(LAYER.as_bytes());
    let mut output = hasher.finalize_xof();
    output.set_position(4 * index as u64);
    let mut bytes = [0; 4];
    output.fill(&mut bytes);
    f64::from(u32::from_le_bytes(bytes)) * 0.5f64.powi(32)
}

fn naive_code(w: f32, s: f64, bits: u8, scheme: &Scheme, index: usize) -> f64 {
    let w = f64::from(w);
    if bits == 1 {
        return if w < 0.0 { -1.0 } else { 1.0 };
    }
    let limit = 2f64.powi(i32::from(bits) - 1) - 1.0;
    let q = match scheme.rounding {
        Rounding::Nearest => (w / s).round_ties_even(),
        Rounding::Truncate => (w / s).floor(),
        Rounding::Stochastic => (w / s + draw(scheme.rounding_seed, index)).floor(),
    };
    q.clamp(-limit, limit)
}

/// All scales that the rule allows for a group of weights, smallest first.
fn naive_scales(weights: &[f32], bits: u8, scheme: &Scheme) -> Vec<f64> {
    let largest = weights
        .iter()
        .map(|w| f64::from(w.abs()))
        .fold(0.0, f64::max);
    if largest == 0.0 {
        return vec![if bits == 1 { 0.0 } else { 1.0 }];
    }
    let limit = 2f64.powi(i32::from(bits) - 1) - 1.0;
    let full = if bits == 1 {
        weights.iter().map(|w| f64::from(w.abs())).sum::<f64>() / weights.len() as f64
    } else {
        largest / limit
    };
    match scheme.scale {
        ScaleRule::PowerOfTwo => {
            let exponent = full.log2();
            vec![
                2f64.powi(exponent.floor() as i32),
                2f64.powi(exponent.ceil() as i32),
            ]
        }
        ScaleRule::Mse if bits > 1 => (0..=28)
            .map(|i| f64::from(300 + 25 * i) / 1000.0 * largest / limit)
            .collect(),
        ScaleRule::Mse | ScaleRule::Max => vec![full],
    }
}

fn compare_with_naive(
    weights: &[f32],
    channels: usize,
    bits: u8,
    scheme: &Scheme,
) -> Result<(), TestCaseError> {
    let found = run(weights, channels, bits, scheme);
    let fan_in = weights.len() / channels;
    prop_assert_eq!(
        (found.channels, found.fan_in, found.width.bits()),
        (channels, fan_in, bits)
    );
    prop_assert_eq!(found.values.len(), weights.len());
    prop_assert_eq!(found.scales.len(), channels);
    let rows = match scheme.granularity {
        Granularity::Channel => 1,
        Granularity::Tensor => channels,
    };
    let mut whole_error = 0.0;
    for first in (0..channels).step_by(rows) {
        let s = found.scales[first];
        prop_assert!(found.scales[first..first + rows].iter().all(|x| *x == s));
        let range = first * fan_in..(first + rows) * fan_in;
        let error = |s: f64| -> f64 {
            range
                .clone()
                .map(|i| {
                    let q = naive_code(weights[i], s, bits, scheme, i);
                    (f64::from(weights[i]) - q * s).powi(2)
                })
                .sum()
        };
        let allowed = naive_scales(&weights[range.clone()], bits, scheme);
        prop_assert!(allowed.contains(&s), "{s} is not one of {allowed:?}");
        let own = error(s);
        for other in allowed {
            prop_assert!(
                own <= error(other) * (1.0 + SUM_TOLERANCE),
                "{other} is better than {s}: {} < {own}",
                error(other)
            );
        }
        whole_error += own;
        for i in range.clone() {
            let q = naive_code(weights[i], s, bits, scheme, i);
            prop_assert_eq!(f64::from(found.values[i]), q, "weight {}", i);
            prop_assert_eq!(found.dequantized_f64()[i], q * s);
        }
    }
    let error = found.squared_error(weights);
    prop_assert!((error - whole_error).abs() <= whole_error * SUM_TOLERANCE);
    Ok(())
}

fn run(weights: &[f32], channels: usize, bits: u8, scheme: &Scheme) -> Quantized {
    let width = BitWidth::new(bits).unwrap();
    quantize(weights, channels, width, scheme, LAYER).unwrap()
}

fn schemes() -> impl Iterator<Item = Scheme> {
    let scales = [ScaleRule::Mse, ScaleRule::Max, ScaleRule::PowerOfTwo];
    let roundings = [Rounding::Nearest, Rounding::Truncate, Rounding::Stochastic];
    [Granularity::Channel, Granularity::Tensor]
        .into_iter()
        .flat_map(move |granularity| {
            scales.into_iter().flat_map(move |scale| {
                roundings.into_iter().map(move |rounding| Scheme {
                    granularity,
                    scale,
                    rounding,
                    ..Scheme::default()
                })
            })
        })
}

fn any_scheme() -> impl Strategy<Value = Scheme> {
    (prop::sample::select(schemes().collect::<Vec<_>>()), 0u64..4).prop_map(
        |(scheme, rounding_seed)| Scheme {
            rounding_seed,
            ..scheme
        },
    )
}

/// Ordinary weights, weights that often lie on the grid or half-way, zeros, and extreme magnitudes.
fn weight() -> impl Strategy<Value = f32> {
    prop_oneof![
        8 => -1.0f32..1.0,
        4 => (-28i8..=28).prop_map(|n| f32::from(n) / 4.0),
        1 => Just(0.0f32),
        1 => Just(-0.0f32),
        1 => prop::num::f32::NORMAL | prop::num::f32::SUBNORMAL | prop::num::f32::ZERO,
    ]
}

/// Weights and their number of channels; some rows are all zero.
fn layer(
    channels: std::ops::Range<usize>,
    fan_in: std::ops::Range<usize>,
) -> impl Strategy<Value = (Vec<f32>, usize)> {
    (channels, fan_in).prop_flat_map(|(channels, fan_in)| {
        let row = prop_oneof![
            9 => prop::collection::vec(weight(), fan_in),
            1 => Just(vec![0.0; fan_in]),
        ];
        prop::collection::vec(row, channels).prop_map(move |rows| (rows.concat(), channels))
    })
}

/// Weights whose products with `2^-20 ..= 2^20` are exact.
fn moderate_layer() -> impl Strategy<Value = (Vec<f32>, usize)> {
    (1usize..4, 1usize..30).prop_flat_map(|(channels, fan_in)| {
        prop::collection::vec(
            (-8000i16..8000).prop_map(|n| f32::from(n) / 512.0),
            channels * fan_in,
        )
        .prop_map(move |weights| (weights, channels))
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn every_width_and_scheme_follows_the_formulas((weights, channels) in layer(1..4, 1..24)) {
        for scheme in schemes() {
            for bits in WIDTHS {
                compare_with_naive(&weights, channels, bits, &scheme)?;
            }
        }
    }

    #[test]
    fn long_rows_follow_the_formulas(
        (weights, channels) in layer(1..3, 500..1400),
        bits in prop::sample::select(WIDTHS.to_vec()),
        scheme in any_scheme(),
    ) {
        compare_with_naive(&weights, channels, bits, &scheme)?;
    }
}

proptest! {
    #[test]
    fn values_are_on_the_grid_and_scales_are_numbers(
        (weights, channels) in layer(1..5, 1..40),
        bits in prop::sample::select(WIDTHS.to_vec()),
        scheme in any_scheme(),
    ) {
        let found = run(&weights, channels, bits, &scheme);
        let q_max = found.width.q_max().unwrap();
        for q in &found.values {
            prop_assert!(u32::from(q.unsigned_abs()) <= q_max);
            prop_assert!(bits != 1 || *q != 0);
        }
        prop_assert!(found.scales.iter().all(|s| (s.is_normal() && *s > 0.0) || (bits == 1 && *s == 0.0)));
        prop_assert!(found.dequantized().iter().all(|w| w.is_finite()));
    }

    #[test]
    fn a_power_of_two_moves_into_the_scales(
        (weights, channels) in moderate_layer(),
        exponent in -20i32..=20,
        bits in prop::sample::select(WIDTHS.to_vec()),
        scheme in any_scheme(),
    ) {
        let factor = 2f32.powi(exponent);
        let scaled: Vec<f32> = weights.iter().map(|w| w * factor).collect();
        let (a, b) = (run(&weights, channels, bits, &scheme), run(&scaled, channels, bits, &scheme));
        prop_assert_eq!(&a.values, &b.values);
        for (a, b) in a.dequantized_f64().iter().zip(b.dequantized_f64()) {
            prop_assert_eq!(a * f64::from(factor), b);
        }
    }

    #[test]
    fn the_grid_is_symmetric(
        (weights, channels) in layer(1..4, 1..30),
        bits in 2u8..=8,
        scheme in any_scheme(),
    ) {
        let scheme = Scheme { rounding: Rounding::Nearest, ..scheme };
        let negated: Vec<f32> = weights.iter().map(|w| -w).collect();
        let (a, b) = (run(&weights, channels, bits, &scheme), run(&negated, channels, bits, &scheme));
        prop_assert_eq!(a.scales, b.scales);
        prop_assert!(a.values.iter().zip(&b.values).all(|(a, b)| *a == -b));
    }

    #[test]
    fn channels_do_not_see_each_other(
        (weights, channels) in layer(2..6, 1..30),
        bits in prop::sample::select(WIDTHS.to_vec()),
        scheme in any_scheme(),
    ) {
        // A part of the layer from its start: the draws of stochastic rounding go by index.
        let scheme = Scheme { granularity: Granularity::Channel, ..scheme };
        let part = &weights[..weights.len() / channels * (channels - 1)];
        let (whole, part) = (run(&weights, channels, bits, &scheme), run(part, channels - 1, bits, &scheme));
        prop_assert_eq!(&whole.values[..part.values.len()], &part.values[..]);
        prop_assert_eq!(&whole.scales[..channels - 1], &part.scales[..]);
    }

    #[test]
    fn clipping_never_costs_and_rounding_costs_at_most_half_a_step(
        (weights, channels) in layer(1..4, 1..60),
        bits in prop::sample::select(WIDTHS[1..].to_vec()),
        scheme in any_scheme(),
    ) {
        let max = run(&weights, channels, bits, &Scheme { scale: ScaleRule::Max, ..scheme });
        let mse = run(&weights, channels, bits, &Scheme { scale: ScaleRule::Mse, ..scheme });
        prop_assert!(mse.squared_error(&weights) <= max.squared_error(&weights) * (1.0 + SUM_TOLERANCE));
        if scheme.rounding == Rounding::Nearest {
            let steps = max.scales.iter().flat_map(|s| std::iter::repeat_n(s, max.fan_in));
            for ((w, p), s) in weights.iter().zip(max.dequantized_f64()).zip(steps) {
                prop_assert!((f64::from(*w) - p).abs() <= 0.5 * s * (1.0 + 1e-9));
            }
        }
    }

    #[test]
    fn the_one_bit_scale_has_least_squared_error(
        (weights, channels) in moderate_layer(),
        factor in prop::sample::select(vec![0.5, 0.9, 0.999, 1.001, 1.1, 2.0]),
    ) {
        let best = run(&weights, channels, 1, &Scheme::default());
        let mut other = best.clone();
        other.scales.iter_mut().for_each(|s| *s *= factor);
        prop_assert!(best.squared_error(&weights) <= other.squared_error(&weights) * (1.0 + SUM_TOLERANCE));
    }
}

#[test]
fn stochastic_rounding_is_right_on_average() {
    let scheme = Scheme {
        scale: ScaleRule::Max,
        rounding: Rounding::Stochastic,
        rounding_seed: 3,
        ..Scheme::default()
    };
    const N: usize = 40_000;
    for level in [2.3f32, -2.3, 0.05, 5.5] {
        // 4 bits, largest weight 7: the scale is 1 and each level is a number of steps.
        let mut weights = vec![level; N];
        weights.push(7.0);
        let found = run(&weights, 1, 4, &scheme);
        let (low, high) = (level.floor() as i16, level.ceil() as i16);
        assert!(found.values[..N].iter().all(|q| *q == low || *q == high));
        let mean = found.values[..N].iter().map(|&q| f64::from(q)).sum::<f64>() / N as f64;
        // Five standard deviations of the mean of N draws at most 1/2 apart from theirs.
        let tolerance = 5.0 * 0.5 / (N as f64).sqrt();
        assert!(
            (mean - f64::from(level)).abs() < tolerance,
            "{level} became {mean} on average"
        );
    }
}

#[test]
fn another_seed_or_layer_draws_other_numbers() {
    let scheme = Scheme {
        rounding: Rounding::Stochastic,
        scale: ScaleRule::Max,
        ..Scheme::default()
    };
    let weights: Vec<f32> = (0..200).map(|i| (i as f32).sin()).collect();
    let first = run(&weights, 4, 4, &scheme);
    assert_eq!(first, run(&weights, 4, 4, &scheme));
    let other = Scheme {
        rounding_seed: 1,
        ..scheme
    };
    assert_ne!(first.values, run(&weights, 4, 4, &other).values);
    let elsewhere = quantize(&weights, 4, first.width, &scheme, "head").unwrap();
    assert_ne!(first.values, elsewhere.values);
}
