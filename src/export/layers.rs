//! One layer: its tensors and its entry in the manifest.

use half::f16;
use safetensors::Dtype;

use super::error::ExportError;
use super::fixed::{FixedLayer, fixed_tensor};
use super::manifest::layer::{Accumulator, Scale, Span};
use super::manifest::operation::{Number, SiteNeuron};
use super::manifest::{Layer as Entry, Site};
use super::package::{Codes, PackageLayer, Source};
use super::tensors::Tensor;
use crate::network::{Graph, Layer, ValueRange, WeightSource};
use crate::quant::{
    Affine, BitWidth, ChannelAffine, Quantized, QuantizedLayer, pack, packed_bytes, quantize,
};

/// The prefix of tensors that float layers are computed with, as the checkpoint has them.
pub const CHECKPOINT: &str = "checkpoint.";

/// A layer on its way into a package.
pub(super) struct MadeLayer {
    pub entry: Entry,
    pub layer: PackageLayer,
    pub tensors: Vec<Tensor>,
}

/// Makes a layer, the `index`th of the graph. `unit` is what the numbers of its input count.
pub(super) fn make(
    source: &Source<'_>,
    (graph, layer): (&Graph, &Layer),
    (index, known): (usize, Option<&QuantizedLayer>),
    (unit, fixed): (f64, Option<FixedLayer>),
) -> Result<MadeLayer, ExportError> {
    let width = source.allocation.0.get(index).copied();
    let width = width.unwrap_or(BitWidth::FLOAT);
    let mut made = match width.is_float() {
        true => float(source, layer, unit)?,
        false => integers(source, layer, (width, known), (unit, fixed))?,
    };
    let block = &graph.blocks[layer.block.index()];
    made.entry.block.clone_from(&block.name);
    made.entry
        .stage
        .clone_from(&graph.stages[block.stage.index()].name);
    Ok(made)
}

fn integers(
    source: &Source<'_>,
    layer: &Layer,
    (width, known): (BitWidth, Option<&QuantizedLayer>),
    (unit, fixed_layer): (f64, Option<FixedLayer>),
) -> Result<MadeLayer, ExportError> {
    let scheme = &source.profile.scheme;
    let made;
    let (quantized, fixed): (&Quantized, Option<&ChannelAffine>) = match known {
        Some(known) => (&known.quantized, known.affine.as_ref()),
        None if scheme.needs_images() => {
            let layer = layer.name.clone();
            return Err(ExportError::Uncalibrated { layer });
        }
        None => {
            let (weight, _) = source.weights.weight_and_bias(layer)?;
            let (values, channels) = (weight.rounded(), layer.channels());
            made = quantize(&values, channels, width, scheme, &layer.name)?;
            (&made, None)
        }
    };
    let affine = match fixed {
        Some(fixed) => fixed.clone(),
        None => merged(source, layer, quantized.scales.clone(), unit)?,
    };
    let (behind, factor, summand, affine) = match fixed_layer {
        None => {
            let (factor, summand, affine) = stored(&affine, scheme.affine, &layer.name)?;
            (None, factor, summand, affine)
        }
        Some(fixed) => {
            let behind = fixed.affine(affine, &layer.name)?;
            let (factor, summand) = behind.real().rounded();
            let tensor = fixed_tensor(&behind, &layer.name);
            (Some(behind), factor, summand, tensor)
        }
    };
    let packed = pack(&quantized.values, width).map_err(|source| ExportError::Pack {
        layer: layer.name.clone(),
        source,
    })?;
    let name = |part: &str| format!("{}.{part}", layer.name);
    let channels = layer.channels();
    let codes = Tensor::new(name("codes"), Dtype::U8, vec![packed.len()], packed);
    let scale = Tensor::f64(name("scale"), vec![channels], &quantized.scales);
    let entry = Entry {
        codes: Some(codes.reference()),
        scale: Some(Scale {
            tensor: scale.reference(),
            power_of_two: quantized.scales.iter().map(|&s| exponent(s)).collect(),
        }),
        accumulator: accumulator(layer, &quantized.values, fixed_layer),
        ..entry(layer, width, &affine)
    };
    let entry = match (fixed_layer, &behind) {
        (Some(fixed), Some(behind)) => Entry {
            input: fixed.input,
            exact: true,
            guard: Some(behind.guard),
            ..entry
        },
        _ => entry,
    };
    Ok(MadeLayer {
        entry,
        layer: PackageLayer {
            name: layer.name.clone(),
            codes: Codes::Integers(quantized.values.clone()),
            scales: quantized.scales.clone(),
            factor,
            summand,
            fixed: behind,
        },
        tensors: vec![codes, affine, scale],
    })
}

fn float(source: &Source<'_>, layer: &Layer, unit: f64) -> Result<MadeLayer, ExportError> {
    let (weight, _) = source.weights.weight_and_bias(layer)?;
    let weight = weight.rounded();
    let affine = merged(source, layer, vec![1.0; layer.channels()], unit)?;
    let (factor, summand, affine) = stored(&affine, Affine::F32, &layer.name)?;
    let own = Tensor::f32(
        format!("{}.weight", layer.name),
        layer.weight_shape.clone(),
        &weight,
    );
    let entry = Entry {
        weight: Some(own.reference()),
        ..entry(layer, BitWidth::FLOAT, &affine)
    };
    let is_own = |key: &String| {
        layer.source == WeightSource::Stored && *key == format!("{}.weight", layer.name)
    };
    let kept = layer.keys().into_iter().filter(|key| !is_own(key));
    let kept = kept.filter_map(|key| {
        let tensor = source.weights.get(&key)?;
        let name = format!("{CHECKPOINT}{key}");
        Some(Tensor::f32(name, tensor.shape.clone(), &tensor.values))
    });
    let tensors = [own, affine].into_iter().chain(kept).collect();
    Ok(MadeLayer {
        entry,
        layer: PackageLayer {
            name: layer.name.clone(),
            codes: Codes::Floats(weight.to_vec()),
            scales: Vec::new(),
            factor,
            summand,
            fixed: None,
        },
        tensors,
    })
}

/// What is the same of integers and floats.
fn entry(layer: &Layer, width: BitWidth, affine: &Tensor) -> Entry {
    let (kernel, stride, padding, groups) = layer.kind.window();
    let channels = layer.channels();
    Entry {
        name: layer.name.clone(),
        stage: String::new(),
        block: String::new(),
        shape: [
            channels,
            layer.fan_in() / layer.kind.taps().max(1),
            if layer.kind.is_1d() { 1 } else { kernel },
            kernel,
        ],
        weight_shape: layer.weight_shape.clone(),
        stride,
        padding,
        groups: groups.max(1),
        over_tokens: layer.kind.is_1d(),
        bits: width.bits(),
        codes: None,
        weight: None,
        scale: None,
        affine: affine.reference(),
        guard: None,
        input: number(layer.input),
        exact: layer.exact_at(width),
        accumulator: None,
        weight_bytes: packed_bytes(layer.weights() as u64, width),
        affine_bytes: affine.bytes.len() as u64,
    }
}

/// The affine behind a layer's sums: scale, bias, batch norms and the unit of its input.
fn merged(
    source: &Source<'_>,
    layer: &Layer,
    scales: Vec<f64>,
    unit: f64,
) -> Result<ChannelAffine, ExportError> {
    let affine = ChannelAffine::new(scales, source.weights.bias(layer)?);
    let absorbed = layer.absorbed.iter();
    let absorbed = absorbed.map(|o| source.weights.normalization(o, layer.channels()));
    let absorbed: Vec<_> = absorbed.collect::<Result<_, _>>()?;
    Ok(absorbed
        .iter()
        .fold(affine, ChannelAffine::then)
        .of_unit(unit))
}

/// An affine in its number format: factors, summands and the tensor.
fn stored(
    affine: &ChannelAffine,
    format: Affine,
    layer: &str,
) -> Result<(Vec<f32>, Vec<f32>, Tensor), ExportError> {
    let named = match format {
        Affine::F32 => "f32",
        Affine::F16 => "f16",
        Affine::Fixed => "fixed",
    };
    let numbers = affine.scale.iter().chain(&affine.shift).enumerate();
    let held = |x: f64| match format {
        Affine::F32 | Affine::Fixed => x as f32,
        Affine::F16 => f16::from_f64(x).to_f32(),
    };
    let channels = affine.scale.len();
    for (i, &value) in numbers {
        if !held(value).is_finite() {
            return Err(ExportError::Affine {
                layer: layer.to_owned(),
                channel: i % channels.max(1),
                value,
                format: named,
            });
        }
    }
    let all = |numbers: &[f64]| -> Vec<f32> { numbers.iter().map(|&x| held(x)).collect() };
    let (factor, summand) = (all(&affine.scale), all(&affine.shift));
    let both = factor.iter().chain(&summand);
    let (dtype, bytes) = match format {
        Affine::F32 | Affine::Fixed => (Dtype::F32, both.flat_map(|x| x.to_le_bytes()).collect()),
        Affine::F16 => {
            let bytes = both.flat_map(|&x| f16::from_f32(x).to_le_bytes());
            (Dtype::F16, bytes.collect())
        }
    };
    let tensor = Tensor::new(format!("{layer}.affine"), dtype, vec![2, channels], bytes);
    Ok((factor, summand, tensor))
}

/// The sums that any input can make; none where it reads real numbers.
fn accumulator(layer: &Layer, codes: &[i16], fixed: Option<FixedLayer>) -> Option<Accumulator> {
    let input = fixed.map_or(number(layer.input), |fixed| fixed.input);
    let [least, most] = super::fixed::ends(input)?;
    let mut worst = Span { min: 0, max: 0 };
    for channel in codes.chunks(layer.fan_in().max(1)) {
        let (mut min, mut max) = (0i64, 0i64);
        for &code in channel {
            match code < 0 {
                true => min += i64::from(code),
                false => max += i64::from(code),
            }
        }
        let times = |a: i64, b: i64| a.saturating_mul(b);
        let span = Span {
            min: times(min, most).saturating_add(times(max, least)),
            max: times(max, most).saturating_add(times(min, least)),
        };
        worst = worst.with(span);
    }
    Some(Accumulator {
        worst,
        worst_bits: worst.bits(),
        observed: None,
        observed_bits: None,
    })
}

pub(super) fn number(range: ValueRange) -> Number {
    match range {
        ValueRange::Real => Number::Real,
        ValueRange::Integer(most) => Number::Integer(most),
    }
}

/// k of `2^k`; none for any other number.
fn exponent(x: f64) -> Option<i32> {
    let bits = x.to_bits();
    let (mantissa, exponent) = (bits & ((1 << 52) - 1), (bits >> 52) as i32);
    (mantissa == 0 && (1..2047).contains(&exponent)).then_some(exponent - 1023)
}

/// Thresholds and offsets of a site's neurons in units of the accumulator of the layer that feeds
/// it; none where a factor is 0 or neurons are of another kind.
pub(super) fn units(site: &Site, layer: &PackageLayer) -> Option<Tensor> {
    let SiteNeuron::Lif { threshold, .. } = site.neuron else {
        return None;
    };
    let factors = layer.factor.iter().map(|&a| f64::from(a));
    let thresholds = factors.clone().map(|a| threshold / a);
    let offsets = layer.summand.iter().zip(factors);
    let offsets = offsets.map(|(&b, a)| f64::from(b) / a);
    let numbers: Vec<f64> = thresholds.chain(offsets).collect();
    let name = format!("{}.accumulator_units", site.name);
    let all_finite = numbers.iter().all(|x| x.is_finite());
    all_finite.then(|| Tensor::f64(name, vec![2, layer.factor.len()], &numbers))
}
