//! One layer's weights to integers and scales.

use super::rounding::{Rounder, draws};
use super::scale::scale;
use super::{BitWidth, Granularity, Rounding, Scheme};

/// One layer's quantized weights: weight `[c, i]` is `values[c * fan_in + i] * scales[c]`.
#[derive(Clone, Debug, PartialEq)]
pub struct Quantized {
    /// The bit-width; never float.
    pub width: BitWidth,
    /// Number of output channels.
    pub channels: usize,
    /// Number of weights of one output channel.
    pub fan_in: usize,
    /// Integers in `-q_max..=q_max`, row-major `[channels, fan_in]`; `±1` for 1 bit.
    pub values: Vec<i16>,
    /// One scale per output channel; all equal for [`Granularity::Tensor`].
    pub scales: Vec<f64>,
}

/// The error of weights that cannot be quantized.
#[derive(Debug, thiserror::Error, PartialEq)]
#[non_exhaustive]
pub enum QuantError {
    /// NaN or infinity in the weights.
    #[error(
        "layer {layer}: weight {index} of output channel {channel} is {value}; weights must be finite numbers"
    )]
    NotFinite {
        /// The layer.
        layer: String,
        /// The output channel.
        channel: usize,
        /// The position within the channel.
        index: usize,
        /// The number found.
        value: f32,
    },
    /// The weights cannot be divided evenly among the channels.
    #[error(
        "layer {layer}: {weights} weights cannot be shared evenly by {channels} output channels"
    )]
    Shape {
        /// The layer.
        layer: String,
        /// Number of weights given.
        weights: usize,
        /// Number of channels given.
        channels: usize,
    },
    /// A method that needs the statistics of the layer's input has none.
    #[error("layer {layer}: this quantizer needs calibration images, and there are none")]
    NoStatistics {
        /// The layer.
        layer: String,
    },
    /// The quantization was given up.
    #[error("cancelled")]
    Cancelled,
    /// Statistics of another layer.
    #[error("layer {layer} has {fan_in} inputs, the statistics have {inputs} in {groups} groups")]
    Statistics {
        /// The layer.
        layer: String,
        /// Inputs of one output channel.
        fan_in: usize,
        /// Inputs in the statistics.
        inputs: usize,
        /// Groups in the statistics.
        groups: usize,
    },
    /// Float weights stay as they are.
    #[error("layer {layer}: float is not an integer width; float layers are used unquantized")]
    Float {
        /// The layer.
        layer: String,
    },
}

/// Quantizes a layer's weights, row-major `[channels, fan_in]`, to signed symmetric integers:
/// `q = clamp(round(w / s), -q_max, q_max)` with `q_max = 2^(b-1) - 1`, in f64 throughout.
/// The formulas are this project's own.
///
/// * `s` is `r max|w| / q_max` per group, a group being a channel or the tensor. `mse`: r is the
///   one of 0.300, 0.325 … 1.000 whose integers have the least squared error (with the scheme's
///   rounding; of equal errors the smallest). `max`: r = 1. `power-of-two`: of the two powers of
///   two next to the `max` scale the one of less squared error (of equal errors the smaller), so
///   the weights are fixed point, `s = 2^-f`. An all-zero group has s = 1 and q = 0.
/// * `round` is to the nearest with ties to even; or down (`truncate`); or `floor(w / s + u)`
///   (`stochastic`) with u in [0, 1) a function of `rounding_seed`, the name `layer` and the
///   weight's index alone. A weight exactly on the grid may still be truncated by one step when `w
///   / s` rounds below the integer in f64.
/// * 1 bit: `q = sign(w)` with `sign(0) = +1` and `s = mean|w|` (`power-of-two`: the better of its
///   two neighbours); rounding does not apply. An all-zero group has s = 0 here, which is its mean:
///   a scale of 1 would turn its zeros into ones.
///
/// # Errors
/// [`QuantError`] names the layer, and the channel of a weight that is not finite.
pub fn quantize(
    weights: &[f32],
    channels: usize,
    width: BitWidth,
    scheme: &Scheme,
    layer: &str,
) -> Result<Quantized, QuantError> {
    let q_max = width.q_max().ok_or_else(|| QuantError::Float {
        layer: layer.to_owned(),
    })?;
    let q_max = f64::from(q_max);
    let fan_in = fan_in(weights.len(), channels).ok_or_else(|| QuantError::Shape {
        layer: layer.to_owned(),
        weights: weights.len(),
        channels,
    })?;
    if let Some(at) = weights.iter().position(|w| !w.is_finite()) {
        return Err(QuantError::NotFinite {
            layer: layer.to_owned(),
            channel: at / fan_in,
            index: at % fan_in,
            value: weights[at],
        });
    }
    let one_bit = width.bits() == 1;
    let draws = if scheme.rounding == Rounding::Stochastic && !one_bit {
        draws(scheme.rounding_seed, layer, weights.len())
    } else {
        Vec::new()
    };
    let group = match scheme.granularity {
        Granularity::Channel => fan_in,
        Granularity::Tensor => weights.len(),
    };
    let mut values = Vec::with_capacity(weights.len());
    let mut scales = Vec::with_capacity(channels);
    // `max(1)` because no weights means no groups, and a chunk of nothing is not allowed.
    for (g, weights) in weights.chunks(group.max(1)).enumerate() {
        let start = (g * group).min(draws.len());
        let rounder = if one_bit {
            Rounder::Sign
        } else {
            Rounder::new(scheme.rounding, &draws[start..])
        };
        let largest = weights.iter().fold(0f32, |m, w| m.max(w.abs()));
        let s = if largest > 0.0 {
            let s = scale(
                weights,
                f64::from(largest),
                width,
                q_max,
                scheme.scale,
                rounder,
            );
            rounder.codes(weights, s, q_max, &mut values);
            s
        } else {
            values.resize(values.len() + weights.len(), i16::from(one_bit));
            if one_bit { 0.0 } else { 1.0 }
        };
        scales.resize(scales.len() + weights.len() / fan_in, s);
    }
    // Channels without weights: nothing to scale.
    scales.resize(channels, 1.0);
    Ok(Quantized {
        width,
        channels,
        fan_in,
        values,
        scales,
    })
}

fn fan_in(weights: usize, channels: usize) -> Option<usize> {
    match channels {
        0 => (weights == 0).then_some(0),
        _ => weights.is_multiple_of(channels).then(|| weights / channels),
    }
}

impl Quantized {
    /// The weights that the integers stand for, rounded to f32 (and kept finite: a power-of-two
    /// scale can exceed the largest f32).
    pub fn dequantized(&self) -> Vec<f32> {
        self.products()
            .map(|w| (w as f32).clamp(f32::MIN, f32::MAX))
            .collect()
    }
    /// The weights that the integers stand for: `q * s` in f64.
    pub fn dequantized_f64(&self) -> Vec<f64> {
        self.products().collect()
    }
    /// The sum of `(w - q * s)^2` in f64 over the weights that were quantized.
    pub fn squared_error(&self, weights: &[f32]) -> f64 {
        weights
            .iter()
            .zip(self.products())
            .map(|(&w, p)| (f64::from(w) - p).powi(2))
            .sum()
    }

    fn products(&self) -> impl Iterator<Item = f64> + '_ {
        // `max(1)`: without weights there is nothing to chunk, and a chunk of nothing is not
        // allowed.
        let rows = self.values.chunks(self.fan_in.max(1)).zip(&self.scales);
        rows.flat_map(|(row, &s)| row.iter().map(move |&q| f64::from(q) * s))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::quant::ScaleRule;

    fn width(bits: u8) -> BitWidth {
        BitWidth::new(bits).unwrap()
    }
    fn max_scale() -> Scheme {
        Scheme {
            scale: ScaleRule::Max,
            ..Scheme::default()
        }
    }
    fn run(weights: &[f32], channels: usize, bits: u8, scheme: &Scheme) -> Quantized {
        quantize(weights, channels, width(bits), scheme, "layer").unwrap()
    }

    #[test]
    fn max_scale_by_hand() {
        // 4 bits, max 7: s = 1, halves go to even.
        let w = [7.0, 0.5, 1.5, -2.5, -7.0, 3.49];
        let q = run(&w, 1, 4, &max_scale());
        assert_eq!(q.scales, [1.0]);
        assert_eq!(q.values, [7, 0, 2, -2, -7, 3]);
        assert_eq!(q.dequantized(), [7.0, 0.0, 2.0, -2.0, -7.0, 3.0]);
        let expected = 0.25 + 0.25 + 0.25 + f64::from(3.49f32 - 3.0).powi(2);
        assert!((q.squared_error(&w) - expected).abs() < 1e-6);
    }

    #[test]
    fn truncation_goes_down_and_is_clamped() {
        let scheme = Scheme {
            rounding: Rounding::Truncate,
            ..max_scale()
        };
        let q = run(&[7.0, 0.9, -0.1, -6.5, -7.0], 1, 4, &scheme);
        assert_eq!(q.values, [7, 0, -1, -7, -7]);
    }

    #[test]
    fn a_scale_for_every_channel_or_one_for_all() {
        let w = [7.0, 1.0, 14.0, -2.0];
        let q = run(&w, 2, 4, &max_scale());
        assert_eq!((q.scales.as_slice(), q.fan_in), ([1.0, 2.0].as_slice(), 2));
        assert_eq!(q.values, [7, 1, 7, -1]);
        let tensor = Scheme {
            granularity: Granularity::Tensor,
            ..max_scale()
        };
        let q = run(&w, 2, 4, &tensor);
        assert_eq!(q.scales, [2.0, 2.0]);
        assert_eq!(q.values, [4, 0, 7, -1]); // 3.5 to 4 and 0.5 to 0: to even
    }

    #[test]
    fn mse_clips_when_that_is_better() {
        // One outlier among many small weights, 2 bits: s near the outlier loses the small ones.
        let mut w = vec![0.4f32; 99];
        w.push(1.0);
        let q = run(&w, 1, 2, &Scheme::default());
        assert_eq!(q.scales, [0.4 * f64::from(1.0f32)]);
        assert!(q.values.iter().all(|&v| v == 1));
    }

    #[test]
    fn power_of_two_takes_the_better_neighbour_and_the_smaller_of_equals() {
        let scheme = Scheme {
            scale: ScaleRule::PowerOfTwo,
            ..Scheme::default()
        };
        // 2 bits, q_max 1: the max scale is the weight.
        assert_eq!(run(&[3.5], 1, 2, &scheme).scales, [4.0]);
        assert_eq!(run(&[2.5], 1, 2, &scheme).scales, [2.0]);
        assert_eq!(run(&[3.0], 1, 2, &scheme).scales, [2.0]);
        assert_eq!(run(&[4.0], 1, 2, &scheme).scales, [4.0]);
        // 1 bit: neighbours of the mean magnitude.
        assert_eq!(run(&[3.0, -4.0], 1, 1, &scheme).scales, [4.0]);
    }

    #[test]
    fn one_bit_is_sign_times_mean() {
        let q = run(
            &[0.5, -1.5, 0.0, -0.0, 0.0, 0.0],
            3,
            1,
            &Scheme {
                rounding: Rounding::Stochastic,
                ..Scheme::default()
            },
        );
        assert_eq!(q.values, [1, -1, 1, 1, 1, 1]);
        assert_eq!(q.scales, [1.0, 0.0, 0.0]);
        assert_eq!(q.dequantized(), [1.0, -1.0, 0.0, 0.0, 0.0, 0.0]);
    }

    #[test]
    fn zeros_stay_zeros() {
        for bits in [1, 2, 4, 8, 16] {
            for granularity in [Granularity::Channel, Granularity::Tensor] {
                let scheme = Scheme {
                    granularity,
                    ..Scheme::default()
                };
                let q = run(&[0.0; 12], 3, bits, &scheme);
                assert_eq!(q.dequantized(), [0.0; 12]);
                let s = if bits == 1 { 0.0 } else { 1.0 };
                assert_eq!(q.scales, [s; 3]);
            }
        }
    }

    #[test]
    fn extreme_weights_stay_finite() {
        let extremes = [f32::MAX, f32::MIN, f32::from_bits(1), -f32::MIN_POSITIVE];
        for bits in [1, 2, 3, 8, 16] {
            for scale in [ScaleRule::Mse, ScaleRule::Max, ScaleRule::PowerOfTwo] {
                for rounding in [Rounding::Nearest, Rounding::Truncate, Rounding::Stochastic] {
                    let scheme = Scheme {
                        scale,
                        rounding,
                        ..Scheme::default()
                    };
                    let q = run(&extremes, 4, bits, &scheme);
                    assert!(q.scales.iter().all(|s| s.is_normal() && *s > 0.0));
                    assert!(q.dequantized().iter().all(|w| w.is_finite()));
                    assert!(q.squared_error(&extremes).is_finite());
                }
            }
        }
    }

    #[test]
    fn nothing_to_quantize() {
        let q = run(&[], 0, 4, &Scheme::default());
        assert_eq!((q.values.len(), q.scales.len(), q.fan_in), (0, 0, 0));
        let q = run(&[], 3, 4, &Scheme::default());
        assert_eq!((q.values.len(), q.scales.len()), (0, 3));
        assert!(q.dequantized().is_empty());
    }

    #[test]
    fn bad_input_is_named() {
        let scheme = Scheme::default();
        let mut w = [0.1f32; 6];
        w[4] = f32::NAN;
        let error = quantize(&w, 2, width(4), &scheme, "head").unwrap_err();
        assert_eq!(
            error.to_string(),
            "layer head: weight 1 of output channel 1 is NaN; weights must be finite numbers"
        );
        w[4] = f32::NEG_INFINITY;
        assert!(matches!(
            quantize(&w, 3, width(1), &scheme, "head"),
            Err(QuantError::NotFinite {
                channel: 2,
                index: 0,
                ..
            })
        ));
        for channels in [0, 4, 7] {
            assert!(matches!(
                quantize(&[0.1; 6], channels, width(4), &scheme, "head"),
                Err(QuantError::Shape { weights: 6, .. })
            ));
        }
        assert!(matches!(
            quantize(&w, 2, BitWidth::FLOAT, &scheme, "head"),
            Err(QuantError::Float { .. })
        ));
    }
}
