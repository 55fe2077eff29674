//! Layers: tensors of the right types, shapes and places, integers of the right range.

use std::collections::BTreeSet;

use super::super::engine::{FixedAffine, LayerNumbers, Weights};
use super::super::error::VerifyError;
use super::super::tensors::Tensors;
use super::super::unpack::unpack;
use super::{fixed, most, wrong};
use crate::export::manifest::layer::{Span, TensorRef};
use crate::export::manifest::operation::{Factor, Operation, OperationKind};
use crate::export::manifest::{Layer, Manifest, WEIGHTS};

/// Sums of whole numbers below this are exact in f32.
const EXACT: u128 = 1 << 24;

/// Checks and reads all layers.
pub(super) fn layers(
    manifest: &Manifest,
    tensors: &Tensors<'_>,
    used: &mut BTreeSet<String>,
) -> Result<Vec<LayerNumbers>, VerifyError> {
    let operations = manifest.operations.iter();
    let of_layers = operations.filter(|o| matches!(o.op, OperationKind::Layer(_)));
    let input = |o: &Operation| o.inputs.first().and_then(|&i| manifest.operations.get(i));
    let inputs: Vec<Option<&Operation>> = of_layers.map(input).collect();
    let mut layers = Vec::new();
    for (i, (layer, input)) in manifest.layers.iter().zip(inputs).enumerate() {
        let reading = Reading {
            layer,
            index: i,
            tensors,
            affine: &manifest.network.affine,
            fixed: fixed::is(manifest),
        };
        let read = reading.read(used)?;
        if input.is_none_or(|o| o.numbers != layer.input) {
            return Err(reading.wrong("input", "its operation reads other numbers"));
        }
        layers.push(read);
    }
    Ok(layers)
}

struct Reading<'a> {
    layer: &'a Layer,
    index: usize,
    tensors: &'a Tensors<'a>,
    affine: &'a str,
    fixed: bool,
}

impl Reading<'_> {
    fn wrong(&self, part: &str, why: impl Into<String>) -> VerifyError {
        let field = format!("layers[{}].{part}", self.index);
        wrong(field, format!("{}: {}", self.layer.name, why.into()))
    }

    fn read(&self, used: &mut BTreeSet<String>) -> Result<LayerNumbers, VerifyError> {
        let layer = self.layer;
        let product = |sizes: &[usize]| sizes.iter().try_fold(1usize, |n, &s| n.checked_mul(s));
        let count = product(&layer.shape);
        let count = count.ok_or_else(|| self.wrong("shape", "it is too large"))?;
        let fits = product(&layer.weight_shape) == Some(count)
            && layer.weight_shape.first() == Some(&layer.shape[0]);
        if !fits {
            return Err(self.wrong("weight_shape", "it has other numbers than shape"));
        }
        let (weights, bytes) = match (layer.bits, &layer.codes, &layer.weight, &layer.scale) {
            (1..=8 | 16, Some(codes), None, Some(_)) => (self.codes(codes, count, used)?, codes),
            (32, None, Some(weight), None) => {
                self.place("weight", weight, "F32", &layer.weight_shape, used)?;
                let numbers = self.tensors.f32(&weight.tensor, &layer.weight_shape)?;
                (Weights::Floats(numbers), weight)
            }
            (1..=8 | 16 | 32, ..) => {
                let why = "integers have codes and a scale, float layers a weight";
                return Err(self.wrong("codes", why));
            }
            (bits, ..) => {
                return Err(self.wrong("bits", format!("{bits} is not 1 to 8, 16 or 32")));
            }
        };
        if layer.weight_bytes != bytes.bytes[1].saturating_sub(bytes.bytes[0]) {
            return Err(self.wrong("weight_bytes", "its tensor has another length"));
        }
        self.scale(used)?;
        let affine = self.words(used)?;
        let (factor, summand) = match &affine {
            None => self.affine(used)?,
            Some(affine) => self.stands_for(affine),
        };
        self.sums(&weights)?;
        Ok(LayerNumbers {
            shape: layer.shape,
            stride: match layer.over_tokens {
                true => [1, layer.stride],
                false => [layer.stride; 2],
            },
            padding: match layer.over_tokens {
                true => [0, layer.padding],
                false => [layer.padding; 2],
            },
            groups: layer.groups,
            over_tokens: layer.over_tokens,
            weights,
            factor,
            summand,
            fixed: affine,
            exact: layer.exact,
            whole_input: most(layer.input).is_some(),
        })
    }

    /// A tensor is of this type and shape, where the manifest says, and used once.
    fn place(
        &self,
        part: &str,
        tensor: &TensorRef,
        dtype: &str,
        shape: &[usize],
        used: &mut BTreeSet<String>,
    ) -> Result<(), VerifyError> {
        if tensor.dtype != dtype || tensor.shape != shape {
            let why = format!(
                "{} {:?}, expected {dtype} {shape:?}",
                tensor.dtype, tensor.shape
            );
            return Err(self.wrong(part, why));
        }
        if self.tensors.place(&tensor.tensor) != Some(tensor.bytes) {
            let why = format!("{} is not at those bytes of {WEIGHTS}", tensor.tensor);
            return Err(self.wrong(part, why));
        }
        match used.insert(tensor.tensor.clone()) {
            true => Ok(()),
            false => Err(self.wrong(part, format!("{} is used twice", tensor.tensor))),
        }
    }

    fn codes(
        &self,
        codes: &TensorRef,
        count: usize,
        used: &mut BTreeSet<String>,
    ) -> Result<Weights, VerifyError> {
        let bits = usize::from(self.layer.bits);
        let bytes = count.checked_mul(bits).map(|bits| bits.div_ceil(8));
        let bytes = bytes.ok_or_else(|| self.wrong("shape", "it is too large"))?;
        self.place("codes", codes, "U8", &[bytes], used)?;
        let packed = self.tensors.u8(&codes.tensor, &[bytes])?;
        let integers = unpack(&packed, count, self.layer.bits);
        let integers = integers
            .map_err(|why| VerifyError::wrong(WEIGHTS, format!("tensor {}", codes.tensor), why))?;
        Ok(Weights::Integers(integers))
    }

    fn scale(&self, used: &mut BTreeSet<String>) -> Result<(), VerifyError> {
        let Some(scale) = &self.layer.scale else {
            return Ok(());
        };
        let shape = [self.layer.shape[0]];
        self.place("scale", &scale.tensor, "F64", &shape, used)?;
        let numbers = self.tensors.f64(&scale.tensor.tensor, &shape)?;
        if numbers.iter().any(|s| *s < 0.0) {
            return Err(self.wrong("scale", "it is negative somewhere"));
        }
        let Some(exponents) = &scale.power_of_two else {
            return Ok(());
        };
        let powers = exponents.iter().map(|&k| f64::from(k).exp2());
        match powers.eq(numbers.iter().copied()) {
            true => Ok(()),
            false => Err(self.wrong("scale.power_of_two", "the scales are other numbers")),
        }
    }

    fn affine(&self, used: &mut BTreeSet<String>) -> Result<(Vec<f32>, Vec<f32>), VerifyError> {
        let (layer, tensor) = (self.layer, &self.layer.affine);
        let shape = [2, layer.shape[0]];
        let is_half = self.affine == "f16" && layer.bits != 32;
        let (dtype, bytes) = if is_half { ("F16", 2) } else { ("F32", 4) };
        self.place("affine", tensor, dtype, &shape, used)?;
        let numbers = match is_half {
            true => self.tensors.f16(&tensor.tensor, &shape)?,
            false => self.tensors.f32(&tensor.tensor, &shape)?,
        };
        if layer.affine_bytes != bytes * numbers.len() as u64 {
            return Err(self.wrong("affine_bytes", "its tensor has another length"));
        }
        let (factor, summand) = numbers.split_at(numbers.len() / 2);
        Ok((factor.to_vec(), summand.to_vec()))
    }

    /// The affine of a layer in integer arithmetic; none elsewhere.
    fn words(&self, used: &mut BTreeSet<String>) -> Result<Option<FixedAffine>, VerifyError> {
        let (layer, tensor) = (self.layer, &self.layer.affine);
        let guard = match (self.fixed, layer.guard) {
            (false, None) => return Ok(None),
            (false, Some(_)) => return Err(self.wrong("guard", "its affine is not fixed")),
            (true, None) => return Err(self.wrong("guard", "it is missing")),
            (true, Some(guard)) => guard,
        };
        if layer.bits == 32 {
            return Err(self.wrong("bits", "float layers have no integer arithmetic"));
        }
        if !fixed::GUARDS.contains(&guard) {
            return Err(self.wrong("guard", format!("{guard} is not -15 to 15")));
        }
        let shape = [2, layer.shape[0]];
        self.place("affine", tensor, "I16", &shape, used)?;
        let numbers = self.tensors.i16(&tensor.tensor, &shape)?;
        if layer.affine_bytes != 2 * numbers.len() as u64 {
            return Err(self.wrong("affine_bytes", "its tensor has another length"));
        }
        let (words, offsets) = numbers.split_at(numbers.len() / 2);
        let factors = words.iter().map(|&word| Factor {
            multiplier: i32::from(word >> 5),
            shift: i32::from(word & 31) - 8,
        });
        Ok(Some(FixedAffine {
            factors: factors.collect(),
            offsets: offsets.iter().map(|&o| i64::from(o)).collect(),
            guard,
        }))
    }

    /// The real numbers that an affine in integers stands for: over sums that count 1, in numbers
    /// of the result's grid.
    fn stands_for(&self, affine: &FixedAffine) -> (Vec<f32>, Vec<f32>) {
        let two_to = |n: i32| f64::from(n).exp2();
        let factor = |f: &Factor| (f64::from(f.multiplier) * two_to(-f.shift)) as f32;
        let summand = |&o: &i64| (o as f64 * two_to(-affine.guard)) as f32;
        let factors = affine.factors.iter().map(factor).collect();
        (factors, affine.offsets.iter().map(summand).collect())
    }

    /// What is said of the layer's sums follows from its weights.
    fn sums(&self, weights: &Weights) -> Result<(), VerifyError> {
        let layer = self.layer;
        let fan_in: u128 = layer.shape.iter().skip(1).map(|&n| n as u128).product();
        let ends = match self.fixed {
            true => fixed::ends(layer.input),
            false => most(layer.input).map(|m| [0, i64::try_from(m).unwrap_or(i64::MAX)]),
        };
        let (Weights::Integers(codes), Some([least, most])) = (weights, ends) else {
            if layer.exact {
                return Err(self.wrong("exact", "its weights or its input are real numbers"));
            }
            return match layer.accumulator {
                None => Ok(()),
                Some(_) => Err(self.wrong("accumulator", "weights or input are real numbers")),
            };
        };
        let largest_weight = match layer.bits {
            1 => 1u128,
            bits => (1 << (bits - 1)) - 1,
        };
        let bound = largest_weight
            .checked_mul(fan_in)
            .and_then(|n| n.checked_mul(u128::from(least.unsigned_abs().max(most.unsigned_abs()))))
            .filter(|&n| n < 1 << 62);
        let bound = bound.ok_or_else(|| self.wrong("input", "sums do not fit 64 bits"))?;
        let exact = self.fixed || (layer.bits <= 8 && bound < EXACT);
        if layer.exact != exact {
            return Err(self.wrong("exact", "it does not follow from bits, shape and input"));
        }
        let mut worst = Span { min: 0, max: 0 };
        for channel in codes.chunks(usize::try_from(fan_in).unwrap_or(usize::MAX).max(1)) {
            let sum = |keep: fn(&i64) -> bool| -> i64 {
                channel.iter().map(|&q| i64::from(q)).filter(keep).sum()
            };
            let (down, up) = (sum(|q| *q < 0), sum(|q| *q > 0));
            worst = worst.with(Span {
                min: down * most + up * least,
                max: up * most + down * least,
            });
        }
        let said = layer.accumulator.as_ref().map(|a| (a.worst, a.worst_bits));
        match said == Some((worst, worst.bits())) {
            true => Ok(()),
            false => {
                let why = format!("its weights make sums from {} to {}", worst.min, worst.max);
                Err(self.wrong("accumulator.worst", why))
            }
        }
    }
}
