//! Packages in integer arithmetic: what their numbers are follows from the operations before them,
//! and every shift and multiplier is one that can be computed with.

use std::ops::RangeInclusive;

use super::super::engine::Kind;
use super::super::error::VerifyError;
use super::{operations, wrong};
use crate::export::manifest::operation::{
    Charge, Factor, Firing, Leak, Number, Operation, Reset, Site, SiteFixed, SiteNeuron,
};
use crate::export::manifest::{FIXED, FIXED_FORMAT, Manifest};

/// Guard bits of offsets.
pub(super) const GUARDS: RangeInclusive<i32> = -15..=15;
/// Bits of a fixed-point number.
const BITS: RangeInclusive<u8> = 2..=24;
/// Bits behind its binary point.
const FRACTIONS: RangeInclusive<i32> = 0..=24;
/// Bits of a membrane potential.
const MEMBRANE: RangeInclusive<u8> = 4..=16;
/// The largest exact sum.
const MOST: u64 = 1 << 40;
/// How far the leak may be from one over tau, relative to it.
const LEAK: f64 = 1e-4;

/// Whether a package is one in integer arithmetic.
pub(super) fn is(manifest: &Manifest) -> bool {
    manifest.format == FIXED_FORMAT
}

/// Format, affine and width of membrane potentials go together.
pub(super) fn network(manifest: &Manifest) -> Result<(), VerifyError> {
    let network = &manifest.network;
    if !is(manifest) {
        if !["f32", "f16"].contains(&network.affine.as_str()) {
            return Err(wrong("network.affine", "it is neither f32 nor f16"));
        }
        return match network.membrane_bits {
            None => Ok(()),
            Some(_) => Err(wrong(
                "network.membrane_bits",
                format!("format {FIXED_FORMAT} alone has them"),
            )),
        };
    }
    if network.affine != FIXED {
        let why = format!("format {FIXED_FORMAT} has \"{FIXED}\"");
        return Err(wrong("network.affine", why));
    }
    match network.membrane_bits {
        Some(bits) if MEMBRANE.contains(&bits) => Ok(()),
        _ => Err(wrong("network.membrane_bits", "they are not 4 to 16")),
    }
}

/// The numbers of an operation's value: what follows from its inputs, or what is said of them where
/// the operation chooses. `whole` is what they are in f32, where they are whole there.
pub(super) fn numbers(
    (manifest, kind): (&Manifest, Kind),
    operation: &Operation,
    inputs: &[&Operation],
    whole: Number,
) -> Result<Number, String> {
    let said = operation.numbers;
    let of = |i: usize| inputs.get(i).map_or(Number::Real, |o| o.numbers);
    let chosen = match said {
        Number::Fixed { bits, fraction }
            if BITS.contains(&bits) && FRACTIONS.contains(&fraction) =>
        {
            Ok(said)
        }
        _ => Err("expected a fixed-point number of 2 to 24 bits, 0 to 24 behind the point"),
    };
    let is_fixed = |number: Number| matches!(number, Number::Fixed { .. });
    let positions = inputs
        .first()
        .map_or(1, |o| (o.shape[1] * o.shape[2]) as u64);
    let numbers = match (kind, of(0), of(1)) {
        (Kind::Input | Kind::Layer(_), ..) => chosen?,
        (Kind::Add, a, b) if is_fixed(a) || is_fixed(b) => match (is_fixed(a), is_fixed(b)) {
            (true, true) if a != b => return Err("it adds numbers of two grids".to_owned()),
            (true, _) => integers_beside(a, b)?,
            _ => integers_beside(b, a)?,
        },
        (Kind::Average, a, b) if is_fixed(a) && a == b => a,
        (Kind::MaxPool { .. } | Kind::HeadErode { .. }, a, _) => a,
        (Kind::Attention { heads, tokens, .. }, ..) => {
            let most = operations::attention_bound(inputs, heads, tokens);
            let most = most.ok_or("attention reads integers alone")?;
            Number::Sum { most, fraction: 0 }
        }
        (
            Kind::AveragePool {
                kernel,
                padding,
                count_include_pad,
                ..
            },
            a,
            _,
        ) => match padding == 0 || count_include_pad {
            true => sum(a, (kernel as u64).saturating_mul(kernel as u64))?,
            false => return Err("its windows have other numbers of positions".to_owned()),
        },
        (Kind::TokenMean, a, _) => sum(a, positions)?,
        (Kind::TokenTimeSum, a, _) if !matches!(a, Number::Integer(_)) => {
            let still = inputs.first().is_some_and(|o| o.time_invariant);
            let steps = if still {
                1
            } else {
                manifest.network.time_steps as u64
            };
            sum(a, positions.saturating_mul(steps))?
        }
        (Kind::TokenSum, a, _) if !matches!(a, Number::Integer(_)) => sum(a, positions)?,
        (Kind::HeadSum { heads }, a, _) if !matches!(a, Number::Integer(_)) => {
            let channels = inputs.first().map_or(1, |o| o.shape[0]) / heads.max(1);
            sum(a, channels as u64)?
        }
        _ => match whole {
            Number::Integer(_) => whole,
            _ => return Err("nothing is known to compute them with integers".to_owned()),
        },
    };
    match magnitude(numbers) <= MOST {
        true => Ok(numbers),
        false => Err(format!("they may exceed {MOST}")),
    }
}

/// The sum of a fixed-point number and integers.
fn integers_beside(fixed: Number, other: Number) -> Result<Number, String> {
    match other {
        Number::Fixed { .. } => Ok(fixed),
        Number::Integer(most) if most <= 1 << 24 => Ok(fixed),
        _ => Err("it adds a sum to a fixed-point number".to_owned()),
    }
}

/// The sum of so many numbers.
fn sum(number: Number, terms: u64) -> Result<Number, String> {
    let fraction = match number {
        Number::Fixed { fraction, .. } | Number::Sum { fraction, .. } => fraction,
        Number::Integer(_) => 0,
        Number::Real => return Err("it sums real numbers".to_owned()),
    };
    let most = magnitude(number).saturating_mul(terms);
    Ok(Number::Sum { most, fraction })
}

fn magnitude(number: Number) -> u64 {
    match number {
        Number::Fixed { bits, .. } => 1 << (bits.clamp(1, 63) - 1),
        Number::Integer(most) | Number::Sum { most, .. } => most,
        Number::Real => u64::MAX,
    }
}

/// The least and the largest integer.
pub(super) fn ends(number: Number) -> Option<[i64; 2]> {
    let most = i64::try_from(magnitude(number)).ok()?;
    match number {
        Number::Real => None,
        Number::Integer(_) => Some([0, most]),
        Number::Fixed { .. } => Some([-most, most - 1]),
        Number::Sum { .. } => Some([-most, most]),
    }
}

/// The dynamics of a site in integers; none in packages of format 1.
pub(super) fn site(manifest: &Manifest, site: &Site, read: Number) -> Result<(), String> {
    let fixed = match (is(manifest), site.fixed) {
        (false, None) => return Ok(()),
        (false, Some(_)) => return Err("its package computes in f32".to_owned()),
        (true, None) => return Err("it is missing".to_owned()),
        (true, Some(fixed)) => fixed,
    };
    let own = Number::Fixed {
        bits: fixed.bits,
        fraction: fixed.fraction,
    };
    if !BITS.contains(&fixed.bits) || !FRACTIONS.contains(&fixed.fraction) {
        return Err("its grid is not one of 2 to 24 bits, 0 to 24 behind the point".to_owned());
    }
    match fixed.input {
        None if read == own => {}
        Some(factor) if is_word(factor) && !matches!(read, Number::Real) => {}
        None => return Err("its input is on another grid and has no factor".to_owned()),
        Some(_) => return Err("the factor of its input fits no word".to_owned()),
    }
    dynamics(&fixed, site.neuron).map_err(str::to_owned)
}

fn is_word(factor: Factor) -> bool {
    (-1024..1024).contains(&factor.multiplier) && (-8..=23).contains(&factor.shift)
}

fn dynamics(fixed: &SiteFixed, neuron: SiteNeuron) -> Result<(), &'static str> {
    let one = f64::from(fixed.fraction).exp2();
    let (part, expected, reset) = match neuron {
        SiteNeuron::Lif { tau, threshold, .. } => {
            (Some(1.0 / tau), (threshold * one).ceil(), (None, None))
        }
        SiteNeuron::Spiking {
            charge,
            threshold,
            firing,
            reset,
        } => {
            let part = match charge {
                Charge::Integrate => None,
                Charge::DecayInput(Leak::Over(tau)) | Charge::Leak(Leak::Over(tau)) => {
                    Some(1.0 / tau)
                }
                Charge::DecayInput(Leak::Times(part)) | Charge::Leak(Leak::Times(part)) => {
                    Some(part)
                }
                Charge::Retain(kept) => Some(1.0 - kept),
            };
            let expected = match firing {
                Firing::AtLeast => (threshold * one).ceil(),
                Firing::Above => (threshold * one).floor() + 1.0,
            };
            let nearest = |x: f64| Some((x * one + 0.5).floor());
            let reset = match reset {
                Reset::Hard(rest) => (nearest(rest), None),
                Reset::Soft | Reset::SoftNext => (None, nearest(threshold)),
            };
            (part, expected, reset)
        }
        SiteNeuron::Integer { .. } if fixed.leak.is_none() && fixed.threshold.is_none() => {
            return Ok(());
        }
        SiteNeuron::Integer { .. } => {
            return Err("integer neurons have neither leak nor threshold");
        }
    };
    let ends = -(1i64 << (fixed.bits - 1))..1i64 << (fixed.bits - 1);
    let is = |own: Option<i64>, expected: Option<f64>| {
        own.map(|n| n as f64) == expected && own.is_none_or(|n| ends.contains(&n))
    };
    if !is(fixed.rest, reset.0) || !is(fixed.subtracted, reset.1) {
        return Err("its reset is not that of its neurons");
    }
    let Some(own) = fixed.threshold else {
        return Err("its threshold is missing");
    };
    match (fixed.leak, part) {
        (None, None) => {}
        (Some(leak), Some(expected)) => {
            if !(0..1 << 15).contains(&leak.multiplier) || !(0..=30).contains(&leak.shift) {
                return Err("its leak fits no multiplier of 15 bits and shift of 0 to 30");
            }
            let part = f64::from(leak.multiplier) * f64::from(-leak.shift).exp2();
            if (part / expected - 1.0).abs() > LEAK || part > 1.0 {
                return Err("its leak is not one over tau");
            }
        }
        _ => return Err("its leak is not that of its neurons"),
    }
    if own as f64 != expected || !(1..ends.end).contains(&own) {
        return Err("its threshold is not that of its neurons");
    }
    Ok(())
}
