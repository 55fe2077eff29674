//! From a checkpoint's tensors to the parameters of a step.
#![forbid(unsafe_code)]

use std::sync::Arc;

use tch::{Kind, Tensor};

use super::native::{NativeKernels, geometry};
use super::parameters::{Accumulation, AffineTensors, Parameters, Squares};
use crate::checkpoint::{Weight, WeightAndBias};
use crate::network::{Dynamics, Layer, ValueRange};
use crate::quant::{
    BitWidth, ChannelAffine, Correction, Normalization, Quantized, QuantizedLayer, quantize,
};
use crate::torch::convolution::Convolution;
use crate::torch::error::Context;
use crate::torch::plan::{Source, Step};
use crate::torch::{Device, Model, TorchError};

/// Whole numbers up to this are exact in TF32.
const TF32_WHOLE: u64 = 1 << 11;

/// Where and in which number formats a network is computed.
#[derive(Clone, Copy, Debug)]
pub(in crate::torch) struct Backend {
    pub kind: Kind,
    pub device: Device,
    pub native: NativeKernels,
}

/// The maker of a step's parameters.
pub(super) struct Maker<'a> {
    pub model: &'a Model,
    pub backend: Backend,
}

impl Maker<'_> {
    /// The parameters of a step at a bit-width.
    pub(super) fn make(
        &self,
        step: &Step,
        width: BitWidth,
        quantized: Option<&QuantizedLayer>,
    ) -> Result<Parameters, TorchError> {
        let channels = step.shape.channels;
        let absorbed = self.absorbed(step)?;
        let Source::Layer { layer, unit } = step.source else {
            return Ok(Parameters {
                affine: self.merged(&absorbed, channels)?,
                ..Parameters::default()
            });
        };
        let layer = self.model.graph.layer(layer);
        let weights = self.model.weights.weight_and_bias(layer)?;
        match (width.is_float(), quantized) {
            (true, _) => self.float(layer, unit, weights, &absorbed),
            (false, Some(known)) => self.quantized(layer, (known, unit), weights, &absorbed),
            (false, None) => {
                let made = self.to_nearest(layer, width, &weights.0.rounded())?;
                self.quantized(layer, (&made, unit), weights, &absorbed)
            }
        }
    }

    /// A step's layer at a width: as it was quantized, or rounded to the nearest.
    pub(super) fn quantize(
        &self,
        layer: &Layer,
        width: BitWidth,
        quantized: Option<&QuantizedLayer>,
    ) -> Result<QuantizedLayer, TorchError> {
        if let Some(known) = quantized {
            return Ok(known.clone());
        }
        let (weight, _) = self.model.weights.weight_and_bias(layer)?;
        self.to_nearest(layer, width, &weight.rounded())
    }

    fn to_nearest(
        &self,
        layer: &Layer,
        width: BitWidth,
        values: &[f32],
    ) -> Result<QuantizedLayer, TorchError> {
        let (channels, scheme) = (layer.channels(), &self.model.scheme);
        Ok(QuantizedLayer {
            quantized: Arc::new(quantize(values, channels, width, scheme, &layer.name)?),
            moments: Vec::new(),
            affine: None,
        })
    }

    /// The dynamics of a step's neurons.
    pub(super) fn neuron(&self, step: &Step) -> Result<Option<Dynamics>, TorchError> {
        let Model { graph, weights, .. } = self.model;
        let neuron = step.neuron.map(|site| &graph.site(site).neuron);
        Ok(neuron.map(|n| weights.dynamics(n)).transpose()?)
    }

    /// The constant that a step adds.
    pub(super) fn constant(&self, step: &Step) -> Result<Option<Tensor>, TorchError> {
        let Source::Constant { key, layout } = &step.source else {
            return Ok(None);
        };
        let shape = step.shape;
        let values = self.model.weights.constant(key, *layout, shape)?;
        let size = [1, shape.height, shape.width, shape.channels].map(|n| n as i64);
        let tensor = self.upload(&values)?.f_reshape(size);
        tensor.context(|| format!("constant {key}")).map(Some)
    }

    /// What a step does channel by channel after its source.
    pub(super) fn absorbed(&self, step: &Step) -> Result<Vec<Normalization>, TorchError> {
        let operations = step.channelwise.iter();
        let weights = &self.model.weights;
        let absorbed = operations.map(|o| weights.normalization(o, step.shape.channels));
        Ok(absorbed.collect::<Result<_, _>>()?)
    }

    /// The affine behind a layer's float sums over what its input counts.
    pub(super) fn float_affine(&self, step: &Step) -> Result<ChannelAffine, TorchError> {
        let absorbed = self.absorbed(step)?;
        let (bias, unit) = self.bias_and_unit(step)?;
        let affine = ChannelAffine::new(vec![1.0; step.shape.channels], bias);
        let merged = absorbed.iter().fold(affine, ChannelAffine::then);
        Ok(merged.of_unit(unit.unwrap_or(1.0)))
    }

    /// The same parameters with another affine.
    pub(super) fn with_affine(
        &self,
        parameters: Parameters,
        affine: &ChannelAffine,
    ) -> Result<Parameters, TorchError> {
        let affine = Some(self.stored_affine(affine)?);
        Ok(Parameters {
            affine,
            ..parameters
        })
    }

    /// A float layer: the weight and the bias as they are. `unit`: what the numbers of the input
    /// count.
    fn float(
        &self,
        layer: &Layer,
        unit: Option<f64>,
        (weight, bias): WeightAndBias<'_>,
        absorbed: &[Normalization],
    ) -> Result<Parameters, TorchError> {
        let accumulation = match &weight {
            Weight::Computed(w) if self.backend.kind != Kind::Float => {
                self.by_libtorch(layer, self.upload(w)?, bias, unit)?
            }
            weight => self.floats(layer, &weight.rounded(), bias, unit)?,
        };
        Ok(Parameters {
            accumulation: Some(accumulation),
            affine: self.merged(absorbed, layer.channels())?,
            fixed: None,
            sum: None,
            squares: Squares {
                changed: 0.0,
                float: weight.square(),
            },
            ..Parameters::default()
        })
    }

    /// A quantized layer: integers, and one affine for all that follows them.
    fn quantized(
        &self,
        layer: &Layer,
        (known, unit): (&QuantizedLayer, Option<f64>),
        (weight, bias): WeightAndBias<'_>,
        absorbed: &[Normalization],
    ) -> Result<Parameters, TorchError> {
        let rounded = weight.rounded();
        let quantized = &known.quantized;
        let squares = Squares {
            changed: quantized.squared_error(&rounded),
            float: weight.square(),
        };
        let accumulation = self.integers(layer, quantized)?;
        let affine = self.fixed_affine((known, unit), bias, absorbed);
        Ok(Parameters {
            accumulation: Some(accumulation),
            affine: Some(self.stored_affine(&affine)?),
            fixed: None,
            sum: None,
            squares,
            ..Parameters::default()
        })
    }

    /// The affine behind the sums of a quantized layer's integers.
    fn fixed_affine(
        &self,
        (known, unit): (&QuantizedLayer, Option<f64>),
        bias: Option<Vec<f64>>,
        absorbed: &[Normalization],
    ) -> ChannelAffine {
        if let Some(fixed) = &known.affine {
            return fixed.clone();
        }
        let quantized = &known.quantized;
        let merge = |scales: Vec<f64>| {
            let affine = ChannelAffine::new(scales, bias);
            let merged = absorbed.iter().fold(affine, ChannelAffine::then);
            merged.of_unit(unit.unwrap_or(1.0))
        };
        let corrects = self.model.scheme.correction == Correction::Local;
        match corrects && !known.moments.is_empty() {
            true => {
                merge(vec![1.0; quantized.channels]).corrected(&quantized.scales, &known.moments)
            }
            false => merge(quantized.scales.clone()),
        }
    }

    /// A quantized layer with the affine behind its sums, which a step runs; nothing else is needed
    /// to compute with it.
    pub(super) fn fixed(
        &self,
        step: &Step,
        known: &QuantizedLayer,
    ) -> Result<QuantizedLayer, TorchError> {
        let (bias, unit) = self.bias_and_unit(step)?;
        let affine = self.fixed_affine((known, unit), bias, &self.absorbed(step)?);
        Ok(QuantizedLayer {
            quantized: Arc::clone(&known.quantized),
            moments: Vec::new(),
            affine: Some(affine),
        })
    }

    /// The bias of a step's layer, and what the numbers of its input count.
    pub(super) fn bias_and_unit(
        &self,
        step: &Step,
    ) -> Result<(Option<Vec<f64>>, Option<f64>), TorchError> {
        Ok(match step.source {
            Source::Layer { layer, unit } => {
                let Model { graph, weights, .. } = self.model;
                (weights.bias(graph.layer(layer))?, unit)
            }
            _ => (None, None),
        })
    }

    /// The accumulation over a quantized layer's integers.
    pub(super) fn integers(
        &self,
        layer: &Layer,
        quantized: &Quantized,
    ) -> Result<Accumulation, TorchError> {
        let width = quantized.width;
        if let Some(bytes) = self.backend.native.bytes(layer, width, &quantized.values) {
            return Ok(bytes);
        }
        let values = quantized.values.iter().map(|&q| f32::from(q));
        let values: Vec<f32> = values.collect();
        let mut accumulation = match self.backend.native.exact_by_libtorch && layer.exact_at(width)
        {
            true => self.by_libtorch(layer, self.upload(&values)?, None, None)?,
            false => self.floats(layer, &values, None, None)?,
        };
        if let Accumulation::Libtorch(convolution) = &mut accumulation {
            let small = matches!(layer.input, ValueRange::Integer(most) if most <= TF32_WHOLE);
            convolution.tf32 = small && width.bits() <= 8 && layer.exact_at(width);
        }
        Ok(accumulation)
    }

    /// An accumulation over floating-point numbers. `unit`: what the numbers of the input count.
    fn floats(
        &self,
        layer: &Layer,
        weight: &[f32],
        bias: Option<Vec<f64>>,
        unit: Option<f64>,
    ) -> Result<Accumulation, TorchError> {
        let kernels = &self.backend.native;
        let native = match unit {
            None => kernels.floats(layer, weight, bias.as_deref()),
            Some(unit) if is_power_of_two(unit) => {
                let weight: Vec<f32> = weight.iter().map(|w| w * unit as f32).collect();
                kernels.floats(layer, &weight, bias.as_deref())
            }
            Some(_) => None,
        };
        match native {
            Some(native) => Ok(native),
            None => self.by_libtorch(layer, self.upload(weight)?, bias, unit),
        }
    }

    /// One affine for several operations; none for none.
    fn merged(
        &self,
        operations: &[Normalization],
        channels: usize,
    ) -> Result<Option<AffineTensors>, TorchError> {
        if operations.is_empty() {
            return Ok(None);
        }
        let identity = ChannelAffine::identity(channels);
        let merged = operations.iter().fold(identity, ChannelAffine::then);
        self.affine(&merged).map(Some)
    }

    /// A convolution by libtorch. `unit`: what the numbers of the input count.
    pub(super) fn by_libtorch(
        &self,
        layer: &Layer,
        weight: Tensor,
        bias: Option<Vec<f64>>,
        unit: Option<f64>,
    ) -> Result<Accumulation, TorchError> {
        let (window, groups) = geometry(layer);
        let inputs = layer.fan_in() / window.taps().max(1);
        let shape = [layer.channels(), inputs, window.rows(), window.kernel];
        let (weight, input_factor) = match unit {
            Some(unit) if is_power_of_two(unit) => (weight.f_mul_scalar(unit), None),
            unit => (Ok(weight), unit),
        };
        let weight = weight
            .and_then(|w| w.f_reshape(shape.map(|n| n as i64)))
            .and_then(|w| w.f_permute([0, 2, 3, 1]))
            .and_then(|w| w.f_contiguous())
            .and_then(|w| w.f_permute([0, 3, 1, 2]))
            .context(|| format!("weight of layer {}", layer.name))?;
        Ok(Accumulation::Libtorch(Convolution {
            weight,
            bias: bias.map(|b| self.upload(&b)).transpose()?,
            window,
            groups: groups as i64,
            input_factor,
            tf32: false,
        }))
    }

    /// The affine behind a quantized layer's sums, in the number format that is stored.
    fn stored_affine(&self, affine: &ChannelAffine) -> Result<AffineTensors, TorchError> {
        match affine.stored_as(self.model.scheme.affine) {
            Some(stored) => self.affine(&stored),
            None => Err(TorchError::Affine),
        }
    }

    fn affine(&self, affine: &ChannelAffine) -> Result<AffineTensors, TorchError> {
        Ok(AffineTensors {
            scale: self.upload(&affine.scale)?,
            shift: self.upload(&affine.shift)?,
            grid: None,
        })
    }

    fn upload<E: tch::kind::Element>(&self, values: &[E]) -> Result<Tensor, TorchError> {
        self.upload_as(values, self.backend.kind)
    }

    pub(super) fn upload_as<E: tch::kind::Element>(
        &self,
        values: &[E],
        kind: Kind,
    ) -> Result<Tensor, TorchError> {
        Tensor::f_from_slice(values)
            .and_then(|t| t.f_to_kind(kind))
            .and_then(|t| t.f_to_device(self.backend.device.0))
            .context(|| "copying weights to the device".to_owned())
    }
}

/// Powers of two commute with rounding, so that a weight can take them from its input.
pub(in crate::torch) fn is_power_of_two(unit: f64) -> bool {
    unit.log2().fract() == 0.0
}
