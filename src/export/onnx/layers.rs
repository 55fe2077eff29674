//! Layers: weights, their sums, and the affine behind them.

use super::Flavour;
use super::builder::{Builder, Dtype, Value, op};
use super::operations::four;
use crate::export::manifest::Layer;
use crate::export::package::{Codes, PackageLayer};

/// A layer and the affine behind its sums. `dims` are those of its value.
pub(super) fn layer(
    builder: &mut Builder,
    flavour: Flavour,
    (entry, layer): (&Layer, &PackageLayer),
    x: &Value,
    dims: &[usize],
) -> Value {
    let (weights, factor) = match (&layer.codes, flavour) {
        (Codes::Integers(codes), Flavour::Qonnx) => {
            (quantizer(builder, entry, codes), layer.factor.clone())
        }
        (Codes::Integers(codes), Flavour::Qdq) => dequantized(builder, (entry, layer), codes),
        (Codes::Floats(weights), _) => {
            let name = format!("weight.{}", entry.name);
            let value = builder.floats(name, &entry.shape, weights);
            (value, layer.factor.clone())
        }
    };
    let [.., rows, columns] = entry.shape;
    let (s, p) = (entry.stride, entry.padding);
    let (pads, strides) = match entry.over_tokens {
        true => ([0, p, 0, p], [1, s]),
        false => ([p; 4], [s; 2]),
    };
    let kind = op("Conv")
        .ints("dilations", &[1, 1])
        .int("group", entry.groups)
        .ints("kernel_shape", &[rows, columns])
        .ints("pads", &pads)
        .ints("strides", &strides);
    let name = format!("accumulator.{}", entry.name);
    let sums = if entry.over_tokens {
        let x = builder.reshape(x, &one_row(&x.dims), format!("tokens.{}", entry.name));
        let row = (
            format!("row.{}", entry.name),
            Dtype::F32,
            &one_row(dims)[..],
        );
        let sums = builder.node(kind, &[&x, &weights], row);
        builder.reshape(&sums, dims, &name)
    } else {
        builder.node(kind, &[x, &weights], (&name, Dtype::F32, dims))
    };
    if let Some(accumulator) = &entry.accumulator
        && flavour == Flavour::Qonnx
    {
        builder.annotate(&name, format!("INT{}", accumulator.worst_bits.max(2)));
    }
    affine(builder, entry, (&factor, &layer.summand), &sums)
}

/// Dimensions with all positions in one row.
fn one_row(dims: &[usize]) -> [usize; 4] {
    let [times, channels, rows, columns] = four(dims);
    [times, channels, 1, rows * columns]
}

/// `a * sum + b`, each rounded.
fn affine(
    builder: &mut Builder,
    entry: &Layer,
    (factor, summand): (&[f32], &[f32]),
    sums: &Value,
) -> Value {
    let dims = [1, factor.len(), 1, 1];
    let a = builder.floats(format!("factor.{}", entry.name), &dims, factor);
    let scaled = builder.same("Mul", &[sums, &a], format!("scaled.{}", entry.name));
    let b = builder.floats(format!("summand.{}", entry.name), &dims, summand);
    builder.same("Add", &[&scaled, &b], format!("affine.{}", entry.name))
}

/// Integers as float numbers and the quantizer that leaves them as they are.
fn quantizer(builder: &mut Builder, entry: &Layer, codes: &[i16]) -> Value {
    let numbers: Vec<f32> = codes.iter().map(|&q| f32::from(q)).collect();
    let integers = builder.floats(format!("integers.{}", entry.name), &entry.shape, &numbers);
    let output = format!("weight.{}", entry.name);
    let one = builder.constant(1.0);
    let datatype = match entry.bits {
        1 => "BIPOLAR".to_owned(),
        bits => format!("INT{bits}"),
    };
    builder.annotate(&integers.name, datatype.clone());
    builder.annotate(&output, datatype);
    let output = (output, Dtype::F32, &entry.shape[..]);
    if entry.bits == 1 {
        return builder.node(op("BipolarQuant").of_qonnx(), &[&integers, &one], output);
    }
    let zero = builder.constant(0.0);
    let bits = builder.constant(f32::from(entry.bits));
    let kind = op("IntQuant")
        .int("signed", 1)
        .int("narrow", usize::from(is_narrow(entry.bits, codes)))
        .text("rounding_mode", "ROUND")
        .of_qonnx();
    builder.node(kind, &[&integers, &one, &zero, &bits], output)
}

/// Whether the integers do without the most negative number of their width.
fn is_narrow(bits: u8, codes: &[i16]) -> bool {
    let most = (1i32 << (bits.clamp(1, 16) - 1)) - 1;
    codes.iter().all(|&q| i32::from(q) >= -most)
}

/// Integers in few bits, and the node that makes float numbers of them: times a power of two, so
/// that sums stay exact. What remains of the factor follows the sums.
fn dequantized(
    builder: &mut Builder,
    (entry, layer): (&Layer, &PackageLayer),
    codes: &[i16],
) -> (Value, Vec<f32>) {
    let (scales, rest): (Vec<f32>, Vec<f32>) = layer.factor.iter().map(|&a| split(a)).unzip();
    let (dtype, bytes) = match entry.bits {
        0..=4 => (Dtype::I4, nibbles(codes)),
        5..=8 => (Dtype::I8, codes.iter().map(|&q| q as u8).collect()),
        _ => {
            let bytes = codes.iter().flat_map(|q| q.to_le_bytes());
            (Dtype::I16, bytes.collect())
        }
    };
    let name = format!("integers.{}", entry.name);
    let integers = builder.tensor(name, (dtype, &entry.shape), bytes);
    let name = format!("scale.{}", entry.name);
    let scale = builder.floats(name, &[scales.len()], &scales);
    let kind = op("DequantizeLinear").int("axis", 0);
    let output = format!("weight.{}", entry.name);
    let output = (output, Dtype::F32, &entry.shape[..]);
    (builder.node(kind, &[&integers, &scale], output), rest)
}

/// Two integers to a byte, the first in its lower half.
fn nibbles(codes: &[i16]) -> Vec<u8> {
    let nibble = |q: Option<&i16>| (q.copied().unwrap_or(0) as u8) & 15;
    let pairs = codes.chunks(2);
    pairs
        .map(|pair| nibble(pair.first()) | nibble(pair.get(1)) << 4)
        .collect()
}

/// A factor as a power of two, at most 2^40 away from 1, and the number that it is to be
/// multiplied by. Both products round alike.
fn split(a: f32) -> (f32, f32) {
    let exponent = ((a.to_bits() >> 23) & 255) as i32 - 127;
    let scale = 2f32.powi(exponent.clamp(-40, 40));
    match a == 0.0 {
        true => (1.0, a),
        false => (scale, a / scale),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_factor_is_its_power_of_two_times_the_rest() {
        for a in [1.0f32, -0.75, 3.0e-3, -1.9e5, 1e-30, 1e30, -0.0, 0.1] {
            let (scale, rest) = split(a);
            assert_eq!(scale * rest, a);
            assert!(scale.log2().fract() == 0.0 && scale > 0.0);
            for sum in [1.0f32, 77.0, -123_457.0] {
                assert_eq!((sum * scale) * rest, sum * a, "{a} {sum}");
            }
        }
        assert_eq!(split(0.75), (0.5, 1.5));
    }

    #[test]
    fn four_bits_are_packed_from_the_lower_half_up() {
        assert_eq!(nibbles(&[1, -1, 7, -8, 3]), [0xf1, 0x87, 0x03]);
    }

    #[test]
    fn narrow_is_without_the_most_negative_number() {
        assert!(is_narrow(4, &[-7, 7]) && !is_narrow(4, &[-8]) && is_narrow(16, &[-32767]));
    }
}
