//! How a scaled weight becomes an integer, and how far the integers are from the weights.
//!
//! The inner loops avoid `f64::floor` and `f64::round_ties_even`: without SSE4.1 both are calls
//! into the C library, which would keep the loops from being vectorised.

use super::Rounding;

/// `1.5 * 2^52`: adding and subtracting it rounds to the nearest integer, ties to even, for every
/// magnitude below `2^51`.
const MAGIC: f64 = 6_755_399_441_055_744.0;

/// To the nearest integer, ties to even. `|x| < 2^51`.
#[inline(always)]
pub(super) fn nearest(x: f64) -> f64 {
    (x + MAGIC) - MAGIC
}

/// An integral number as an integer, which is in the low bits of the sum: unlike a cast this is
/// vectorised. `|x| < 2^15`.
#[inline(always)]
pub(super) fn small_integer(x: f64) -> i16 {
    (x + MAGIC).to_bits() as i16
}

/// Down to an integer. `|x| < 2^51`.
fn floor(x: f64) -> f64 {
    let near = nearest(x);
    if near > x { near - 1.0 } else { near }
}

/// The rounding of one group of weights, with the group's part of the random draws.
#[derive(Clone, Copy, Debug)]
pub(super) enum Rounder<'a> {
    Nearest,
    Floor,
    /// One draw per weight of the group.
    Stochastic(&'a [u32]),
    /// 1 bit: the sign, where both zeros are positive.
    Sign,
}

/// One draw per weight of a layer: its bytes are BLAKE3's extendable output, keyed by a context
/// string, `seed` (8 bytes, little-endian) and the layer's name; the draw of weight `i` is the
/// 32-bit little-endian number at byte `4 i`. So a draw depends on nothing but seed, layer and
/// index.
pub(super) fn draws(seed: u64, layer: &str, count: usize) -> Vec<u32> {
    let mut output = blake3::Hasher::new_derive_key("aq4svit 2026 stochastic rounding")
        .update(&seed.to_le_bytes())
        .update(layer.as_bytes())
        .finalize_xof();
    let mut block = [0u8; 8192];
    let mut draws = Vec::with_capacity(count);
    while draws.len() < count {
        output.fill(&mut block);
        let words = block.as_chunks::<4>().0;
        let wanted = words.len().min(count - draws.len());
        draws.extend(words.iter().take(wanted).map(|w| u32::from_le_bytes(*w)));
    }
    draws
}

/// The fraction in `[0, 1)` of a draw. 32 bits and not 53, so that adding it to a weight that lies
/// on the grid is exact and never lifts it to the next integer.
fn fraction(draws: &[u32], index: usize) -> f64 {
    f64::from(draws.get(index).copied().unwrap_or(0)) / 4_294_967_296.0
}

impl<'a> Rounder<'a> {
    /// `draws` has one number per weight of the group where the rounding is stochastic.
    pub(super) fn new(rounding: Rounding, draws: &'a [u32]) -> Self {
        match rounding {
            Rounding::Nearest => Rounder::Nearest,
            Rounding::Truncate => Rounder::Floor,
            Rounding::Stochastic => Rounder::Stochastic(draws),
        }
    }

    /// Appends `clamp(round(w / scale), -q_max, q_max)` of every weight. `scale > 0`.
    pub(super) fn codes(self, weights: &[f32], scale: f64, q_max: f64, out: &mut Vec<i16>) {
        match self {
            Rounder::Nearest => extend(weights, scale, q_max, out, |_, x| nearest(x)),
            Rounder::Floor => extend(weights, scale, q_max, out, |_, x| floor(x)),
            Rounder::Stochastic(draws) => extend(weights, scale, q_max, out, |i, x| {
                floor(x + fraction(draws, i))
            }),
            Rounder::Sign => extend(weights, scale, q_max, out, |_, x| sign(x)),
        }
    }

    /// The sum of `(w - q * scale)^2` over the group, in f64. Once it exceeds `limit` the sum may
    /// stop: the answer is then some number above `limit`. `scale > 0`.
    pub(super) fn squared_error(self, weights: &[f32], scale: f64, q_max: f64, limit: f64) -> f64 {
        match self {
            Rounder::Nearest => sum(weights, scale, q_max, limit, |_, x| nearest(x)),
            Rounder::Floor => sum(weights, scale, q_max, limit, |_, x| floor(x)),
            Rounder::Stochastic(draws) => sum(weights, scale, q_max, limit, |i, x| {
                floor(x + fraction(draws, i))
            }),
            Rounder::Sign => sum(weights, scale, q_max, limit, |_, x| sign(x)),
        }
    }
}

fn sign(x: f64) -> f64 {
    if x >= 0.0 { 1.0 } else { -1.0 }
}

/// Written with comparisons, which become two instructions; `f64::clamp` must keep NaN and does
/// not.
fn clamp(q: f64, q_max: f64) -> f64 {
    let low = if q < -q_max { -q_max } else { q };
    if low > q_max { q_max } else { low }
}

fn extend(
    weights: &[f32],
    scale: f64,
    q_max: f64,
    out: &mut Vec<i16>,
    round: impl Fn(usize, f64) -> f64,
) {
    out.extend(
        weights
            .iter()
            .enumerate()
            .map(|(i, &w)| clamp(round(i, f64::from(w) / scale), q_max) as i16),
    );
}

/// Partial sums that do not wait for each other; fixed, because the order of a float sum is part of
/// its result and that must be the same on every machine.
const LANES: usize = 8;
/// Weights between two looks at the limit: a multiple of [`LANES`].
const BLOCK: usize = 64;

fn sum(
    weights: &[f32],
    scale: f64,
    q_max: f64,
    limit: f64,
    round: impl Fn(usize, f64) -> f64,
) -> f64 {
    let square = |index: usize, weight: f32| {
        let w = f64::from(weight);
        let error = w - clamp(round(index, w / scale), q_max) * scale;
        error * error
    };
    let mut lanes = [0.0; LANES];
    for (block, weights) in weights.chunks(BLOCK).enumerate() {
        let start = block * BLOCK;
        let (chunks, rest) = weights.as_chunks::<LANES>();
        for (c, chunk) in chunks.iter().enumerate() {
            let at = start + c * LANES;
            for (i, (lane, &w)) in lanes.iter_mut().zip(chunk).enumerate() {
                *lane += square(at + i, w);
            }
        }
        let at = start + chunks.len() * LANES;
        for (i, (lane, &w)) in lanes.iter_mut().zip(rest).enumerate() {
            *lane += square(at + i, w);
        }
        // Sums of non-negative numbers only grow, rounding included, so the verdict is certain.
        if lanes.iter().sum::<f64>() > limit {
            break;
        }
    }
    lanes.iter().sum()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn rounds_as_the_standard_library(x in -1e6..1e6f64) {
            prop_assert_eq!(nearest(x), x.round_ties_even());
            prop_assert_eq!(floor(x), x.floor());
        }

        #[test]
        fn rounds_halves_and_integers_as_the_standard_library(halves in -200_000i32..200_000) {
            for x in [f64::from(halves) / 2.0, (f64::from(halves) / 2.0).next_up(), (f64::from(halves) / 2.0).next_down()] {
                prop_assert_eq!(nearest(x), x.round_ties_even());
                prop_assert_eq!(floor(x), x.floor());
            }
        }
    }

    #[test]
    fn a_draw_depends_on_seed_layer_and_index_only() {
        let long = draws(7, "head", 5000);
        assert_eq!(long.len(), 5000);
        assert_eq!(draws(7, "head", 2049), long[..2049]);
        assert_ne!(draws(8, "head", 64), long[..64]);
        assert_ne!(draws(7, "head2", 64), long[..64]);
    }

    #[test]
    fn draws_never_lift_a_weight_on_the_grid() {
        let top = f64::from(u32::MAX) / 4_294_967_296.0;
        assert_eq!(fraction(&[u32::MAX], 0), top);
        for q in [-32767.0, -1.0, 0.0, 1.0, 32767.0] {
            assert_eq!(floor(q + top), q);
        }
    }

    /// 1300 weights: several blocks, whole lanes and a rest.
    fn weights() -> Vec<f32> {
        (0..1300).map(|i| (i as f32 * 0.37).sin()).collect()
    }

    #[test]
    fn the_error_is_that_of_the_codes() {
        let weights = weights();
        let draws = draws(5, "head", weights.len());
        let (scale, q_max) = (0.13, 6.0);
        for rounder in [
            Rounder::Nearest,
            Rounder::Floor,
            Rounder::Stochastic(&draws),
            Rounder::Sign,
        ] {
            let mut codes = Vec::new();
            rounder.codes(&weights, scale, q_max, &mut codes);
            let expected: f64 = weights
                .iter()
                .zip(&codes)
                .map(|(&w, &q)| (f64::from(w) - f64::from(q) * scale).powi(2))
                .sum();
            let found = rounder.squared_error(&weights, scale, q_max, f64::INFINITY);
            assert!(
                (found - expected).abs() < 1e-12 * expected,
                "{rounder:?}: {found}, {expected}"
            );
        }
    }

    #[test]
    fn stopping_early_keeps_the_verdict() {
        let weights = weights();
        let error = |limit| Rounder::Nearest.squared_error(&weights, 0.1, 7.0, limit);
        let full = error(f64::INFINITY);
        assert_eq!(error(full), full);
        let stopped = error(full / 3.0);
        assert!(full / 3.0 < stopped && stopped < full);
    }
}
