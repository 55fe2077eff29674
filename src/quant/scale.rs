//! How the scale of a group of weights (a channel or a tensor) is chosen.

use super::rounding::Rounder;
use super::{BitWidth, ScaleRule};

/// The clipping ratios of [`ScaleRule::Mse`], largest first: 1.000, 0.975 … 0.300, each the f64
/// nearest to its decimal value.
pub(super) fn ratios() -> impl Iterator<Item = f64> {
    (0..29u32).rev().map(|i| f64::from(300 + 25 * i) / 1000.0)
}

/// The scale of a group whose largest magnitude is positive and finite; `q_max` is the width's.
///
/// 1 bit: `mean|w|`, which is the scale of least squared error; [`ScaleRule::PowerOfTwo`] takes the
/// better of its two neighbouring powers.
/// Every other width: `r max|w| / q_max` as the rule says.
/// The result is a positive normal number: f32 weights are at least `2^-149`.
pub(super) fn scale(
    weights: &[f32],
    largest: f64,
    width: BitWidth,
    q_max: f64,
    rule: ScaleRule,
    rounder: Rounder<'_>,
) -> f64 {
    let one_bit = width.bits() == 1;
    let full = if one_bit {
        mean_magnitude(weights)
    } else {
        largest / q_max
    };
    match rule {
        ScaleRule::PowerOfTwo => {
            let below = power_of_two_below(full);
            let above = if below == full { below } else { 2.0 * below };
            least([above, below], |s, limit| {
                rounder.squared_error(weights, s, q_max, limit)
            })
        }
        ScaleRule::Mse if !one_bit => least(ratios().map(|r| r * largest / q_max), |s, limit| {
            rounder.squared_error(weights, s, q_max, limit)
        }),
        ScaleRule::Mse | ScaleRule::Max => full,
    }
}

/// The scale of least error among `scales`, which come largest first; of equal errors the smallest
/// scale. (Largest first, because then at high widths the small scales are told to be worse after a
/// few weights.) `error(scale, limit)` may answer anything above `limit` when the error exceeds it.
fn least(scales: impl IntoIterator<Item = f64>, error: impl Fn(f64, f64) -> f64) -> f64 {
    let mut best = (1.0, f64::INFINITY);
    for scale in scales {
        let found = error(scale, best.1);
        if found <= best.1 {
            best = (scale, found);
        }
    }
    best.0
}

/// The largest power of two that is at most `x`, a positive normal number: its exponent without its
/// mantissa.
pub(super) fn power_of_two_below(x: f64) -> f64 {
    f64::from_bits(x.to_bits() & !((1 << 52) - 1))
}

fn mean_magnitude(weights: &[f32]) -> f64 {
    weights.iter().map(|&w| f64::from(w).abs()).sum::<f64>() / weights.len() as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ratios_are_the_decimal_numbers() {
        let all: Vec<f64> = ratios().collect();
        assert_eq!(all.len(), 29);
        assert_eq!((all[0], all[1], all[2]), (1.0, 0.975, 0.95));
        assert_eq!((all[27], all[28]), (0.325, 0.3));
    }

    #[test]
    fn of_equal_errors_the_smallest_scale_wins() {
        assert_eq!(least([4.0, 2.0, 1.0], |_, _| 5.0), 1.0);
        assert_eq!(
            least([4.0, 2.0, 1.0], |s, _| if s == 1.0 { 6.0 } else { 5.0 }),
            2.0
        );
        assert_eq!(least([4.0, 2.0, 1.0], |s, _| -s), 4.0);
    }

    #[test]
    fn powers_of_two() {
        for (x, below) in [(1.0, 1.0), (1.5, 1.0), (0.26, 0.25), (3e38, 2f64.powi(127))] {
            assert_eq!(power_of_two_below(x), below);
        }
    }
}
