//! What a layer is run with: its weight as numbers to accumulate with, and the affine behind the accumulator.
//!
//! Float: the weight and bias as they are, then what the layer absorbs (batch norms, scales) as one `scale * x + shift`. Quantized: integers as the
//! weight, then one affine that merges quantizer scale, bias and batch norm (our formulas):
//! `a = s g / sqrt(var + eps)`, `b = (bias - mean) g / sqrt(var + eps) + beta`; `a = s`, `b = bias` without batch
//! norm. Affines are computed in f64 and rounded once.
#![forbid(unsafe_code)]

mod repconv;

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use tch::{Kind, Tensor};

use super::error::Doing;
use super::plan::{Plan, Source, Step};
use super::{Device, Model, TorchError};
use crate::network::{Layer, LayerId, LayerKind, PerChannel, WeightSource};
use crate::quant::{Allocation, BitWidth, quantize};

/// The eps of every batch norm.
const EPS: f64 = 1e-5;

/// `y = scale * x + shift` per channel.
#[derive(Debug)]
pub(super) struct AffineTensors {
    pub scale: Tensor,
    pub shift: Tensor,
}

/// A convolution: what libtorch needs to know.
#[derive(Debug)]
pub(super) struct Convolution {
    /// `[out, in / groups, k, k]`, channels innermost in memory.
    pub weight: Tensor,
    pub bias: Option<Tensor>,
    pub stride: i64,
    pub padding: i64,
    pub groups: i64,
    /// The input is multiplied by this first.
    pub input_factor: Option<f64>,
}

/// What one step is run with.
#[derive(Debug, Default)]
pub(super) struct Parameters {
    pub convolution: Option<Convolution>,
    pub affine: Option<AffineTensors>,
}

impl Parameters {
    /// The same tensors under a second handle: nothing is copied, and nobody writes to them.
    fn share(&self) -> Self {
        Parameters {
            convolution: self.convolution.as_ref().map(|c| Convolution {
                weight: c.weight.shallow_clone(),
                bias: c.bias.as_ref().map(Tensor::shallow_clone),
                ..*c
            }),
            affine: self.affine.as_ref().map(|a| AffineTensors {
                scale: a.scale.shallow_clone(),
                shift: a.shift.shallow_clone(),
            }),
        }
    }
}

/// Makes and keeps the parameters of every step at every width that was asked for.
pub(super) struct Weights {
    kind: Kind,
    device: Device,
    /// By step and width. Tensors may change threads but not be shared between them: hence the lock.
    cache: Mutex<HashMap<(usize, BitWidth), Parameters>>,
}

impl Weights {
    pub(super) fn new(kind: Kind, device: Device) -> Self {
        Weights {
            kind,
            device,
            cache: Mutex::new(HashMap::new()),
        }
    }

    pub(super) fn kind(&self) -> Kind {
        self.kind
    }

    pub(super) fn device(&self) -> Device {
        self.device
    }

    /// The parameters of all steps under an allocation, kept for the next time where `keep`. Model and plan must always
    /// be the same.
    ///
    /// # Errors
    /// [`TorchError`] for tensors that are missing, misshapen or not finite.
    pub(super) fn of(
        &self,
        model: &Model,
        plan: &Plan,
        allocation: &Allocation,
        keep: bool,
    ) -> Result<Vec<Parameters>, TorchError> {
        let mut cache = self.cache.lock().unwrap_or_else(PoisonError::into_inner);
        let maker = Maker {
            model,
            kind: self.kind,
            device: self.device,
        };
        let steps = plan.steps.iter().enumerate();
        steps
            .map(|(i, step)| {
                let width = match step.source {
                    Source::Layer { layer, .. } => allocation.get(layer),
                    _ => BitWidth::FLOAT,
                };
                if let Some(known) = cache.get(&(i, width)) {
                    return Ok(known.share());
                }
                let made = maker.make(step, width)?;
                if !keep {
                    return Ok(made);
                }
                let shared = made.share();
                cache.insert((i, width), made);
                Ok(shared)
            })
            .collect()
    }
}

/// Makes the parameters of a step.
struct Maker<'a> {
    model: &'a Model,
    kind: Kind,
    device: Device,
}

impl Maker<'_> {
    fn make(&self, step: &Step, width: BitWidth) -> Result<Parameters, TorchError> {
        let absorbed = step.channelwise.iter().map(|c| self.channelwise(c));
        let absorbed: Vec<Channelwise> = absorbed.collect::<Result<_, _>>()?;
        let Source::Layer { layer, unit } = step.source else {
            let affine = self.merged(&absorbed)?;
            return Ok(Parameters {
                convolution: None,
                affine,
            });
        };
        let spec = self.model.graph.layer(layer);
        let channels = spec.channels();
        let (weight, bias) = match spec.source {
            WeightSource::Stored => self.stored(spec)?,
            WeightSource::MergedRepConv => repconv::merged(self, spec)?,
        };
        if width.is_float() {
            let bias = bias.map(|b| self.upload(&b)).transpose()?;
            let weight = match weight {
                Numbers::Stored(w) => self.upload(w)?,
                Numbers::Computed(w) => self.upload(&w)?,
            };
            return Ok(Parameters {
                convolution: Some(self.convolution(layer, weight, bias, unit)?),
                affine: self.merged(&absorbed)?,
            });
        }
        let rounded: Vec<f32>;
        let weight = match &weight {
            Numbers::Stored(w) => *w,
            Numbers::Computed(w) => {
                rounded = w.iter().map(|&x| x as f32).collect();
                &rounded
            }
        };
        let quantized = quantize(weight, channels, width, &self.model.scheme, &spec.name)?;
        let integers: Vec<f32> = quantized.values.iter().map(|&q| f32::from(q)).collect();
        let mut scale = quantized.scales;
        let mut shift = bias.unwrap_or_else(|| vec![0.0; channels]);
        for operation in &absorbed {
            operation.follow(&mut scale, &mut shift);
        }
        let unit = unit.unwrap_or(1.0);
        scale.iter_mut().for_each(|a| *a *= unit);
        Ok(Parameters {
            convolution: Some(self.convolution(layer, self.upload(&integers)?, None, None)?),
            affine: Some(self.affine(&scale, &shift)?),
        })
    }

    /// A layer's weight and bias as the checkpoint has them.
    fn stored(&self, spec: &Layer) -> Result<(Numbers<'_>, Option<Vec<f64>>), TorchError> {
        let weight = self.tensor(&format!("{}.weight", spec.name), &spec.weight_shape)?;
        let bias = match spec.bias {
            true => Some(self.wide(&format!("{}.bias", spec.name), &[spec.channels()])?),
            false => None,
        };
        Ok((Numbers::Stored(weight), bias))
    }

    /// One affine for several operations; none for none.
    fn merged(&self, operations: &[Channelwise]) -> Result<Option<AffineTensors>, TorchError> {
        let Some(first) = operations.first() else {
            return Ok(None);
        };
        let channels = first.scale.len();
        let (mut scale, mut shift) = (vec![1.0; channels], vec![0.0; channels]);
        for operation in operations {
            operation.follow(&mut scale, &mut shift);
        }
        self.affine(&scale, &shift).map(Some)
    }

    /// `unit`: what the numbers of the input count.
    fn convolution(
        &self,
        layer: LayerId,
        weight: Tensor,
        bias: Option<Tensor>,
        unit: Option<f64>,
    ) -> Result<Convolution, TorchError> {
        let spec = self.model.graph.layer(layer);
        let (kernel, stride, padding, groups) = match spec.kind {
            LayerKind::Linear => (1, 1, 0, 1),
            LayerKind::Conv {
                kernel,
                stride,
                padding,
                groups,
            } => (kernel, stride, padding, groups),
        };
        let shape = [
            spec.channels(),
            spec.fan_in() / (kernel * kernel).max(1),
            kernel,
            kernel,
        ];
        // Powers of two commute with rounding, so the weight can take them.
        let (weight, input_factor) = match unit {
            Some(unit) if unit.log2().fract() == 0.0 => (weight.f_mul_scalar(unit), None),
            unit => (Ok(weight), unit),
        };
        let weight = weight
            .and_then(|w| w.f_reshape(shape.map(|n| n as i64)))
            .and_then(|w| w.f_permute([0, 2, 3, 1]))
            .and_then(|w| w.f_contiguous())
            .and_then(|w| w.f_permute([0, 3, 1, 2]))
            .doing(|| format!("weight of layer {}", spec.name))?;
        Ok(Convolution {
            weight,
            bias,
            stride: stride as i64,
            padding: padding as i64,
            groups: groups as i64,
            input_factor,
        })
    }

    fn channelwise(&self, operation: &PerChannel) -> Result<Channelwise, TorchError> {
        match operation {
            PerChannel::BatchNorm(name) => self.norm(name),
            PerChannel::Scale(key) => {
                let scale = self.wide(key, &[self.length(key)])?;
                let zeros = vec![0.0; scale.len()];
                Ok(Channelwise {
                    scale,
                    mean: zeros.clone(),
                    beta: zeros,
                })
            }
        }
    }

    fn norm(&self, name: &str) -> Result<Channelwise, TorchError> {
        let channels = [self.length(&format!("{name}.weight"))];
        let part = |part: &str| self.wide(&format!("{name}.{part}"), &channels);
        let [gamma, beta] = [part("weight")?, part("bias")?];
        let [mean, variance] = [part("running_mean")?, part("running_var")?];
        let scale = gamma.iter().zip(&variance);
        Ok(Channelwise {
            scale: scale.map(|(g, var)| g / (var + EPS).sqrt()).collect(),
            mean,
            beta,
        })
    }

    /// The numbers of a tensor, whatever its shape.
    fn length(&self, key: &str) -> usize {
        self.model.weights.get(key).map_or(0, |t| t.values.len())
    }

    fn wide(&self, key: &str, shape: &[usize]) -> Result<Vec<f64>, TorchError> {
        let values = self.tensor(key, shape)?;
        Ok(values.iter().map(|&x| f64::from(x)).collect())
    }

    fn tensor(&self, key: &str, shape: &[usize]) -> Result<&[f32], TorchError> {
        let wrong = |why: String| TorchError::Weights {
            key: key.to_owned(),
            why,
        };
        let tensor = self.model.weights.get(key);
        let tensor = tensor.ok_or_else(|| wrong("is missing from the checkpoint".to_owned()))?;
        if tensor.shape != shape || tensor.values.len() != shape.iter().product::<usize>() {
            return Err(wrong(format!(
                "has shape {:?} in the checkpoint, the network needs {shape:?}",
                tensor.shape
            )));
        }
        Ok(&tensor.values)
    }

    fn affine(&self, scale: &[f64], shift: &[f64]) -> Result<AffineTensors, TorchError> {
        Ok(AffineTensors {
            scale: self.upload(scale)?,
            shift: self.upload(shift)?,
        })
    }

    fn upload<E: tch::kind::Element>(&self, values: &[E]) -> Result<Tensor, TorchError> {
        Tensor::f_from_slice(values)
            .and_then(|t| t.f_to_kind(self.kind))
            .and_then(|t| t.f_to_device(self.device.0))
            .doing(|| "copying weights to the device".to_owned())
    }
}

/// A layer's weight.
enum Numbers<'a> {
    /// As the checkpoint has it.
    Stored(&'a [f32]),
    /// Made of several tensors.
    Computed(Vec<f64>),
}

/// `y = (x - mean) * scale + beta` per channel: a batch norm in evaluation mode, `scale = gamma / sqrt(var + eps)`, or a
/// scale alone.
struct Channelwise {
    scale: Vec<f64>,
    mean: Vec<f64>,
    beta: Vec<f64>,
}

impl Channelwise {
    /// Makes `scale * x + shift` be followed by this.
    fn follow(&self, scale: &mut [f64], shift: &mut [f64]) {
        for (c, (scale, shift)) in scale.iter_mut().zip(shift).enumerate() {
            *scale *= self.scale[c];
            *shift = (*shift - self.mean[c]) * self.scale[c] + self.beta[c];
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::{all, model};
    use super::*;

    #[test]
    fn weights_are_kept_only_when_asked_to() {
        let model = model(&all()[0], 1);
        let plan = Plan::new(&model.graph).unwrap();
        let four = BitWidth::new(4).unwrap();
        let allocation = Allocation::uniform(model.graph.layers.len(), four);
        let weights = Weights::new(Kind::Float, Device::CPU);
        let of = |keep| weights.of(&model, &plan, &allocation, keep).unwrap();
        let kept = || weights.cache.lock().unwrap().len();
        let steps = plan.steps.len();
        assert_eq!((of(false).len(), kept()), (steps, 0));
        assert_eq!((of(true).len(), kept()), (steps, steps));
    }
}
