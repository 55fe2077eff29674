//! What a layer is run with: its weight as numbers to accumulate with, and the affine behind the accumulator.
//!
//! Float: the weight and bias as they are, then what the layer absorbs (batch norms, scales) as one `scale * x + shift`. Quantized: integers as the
//! weight, then one affine that merges quantizer scale, bias and batch norm (our formulas):
//! `a = s g / sqrt(var + eps)`, `b = (bias - mean) g / sqrt(var + eps) + beta`; `a = s`, `b = bias` without batch
//! norm. Affines are computed in f64 and rounded once.
#![forbid(unsafe_code)]

mod repconv;

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use tch::{Kind, Tensor};

use super::cache::Store;
use super::error::Doing;
use super::loops::{Bytes, Floats, Window};
use super::memory::{ByteProducts, Vectors};
use super::plan::{Plan, Source, Step};
use super::{Device, Model, TorchError};
use crate::evaluate::CacheUse;
use crate::network::{Layer, LayerId, LayerKind, PerChannel, ValueRange, WeightSource};
use crate::quant::{Allocation, BitWidth, quantize};

/// Whole numbers up to this are exact in TF32.
const TF32_WHOLE: u64 = 1 << 11;

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
    /// Whether a GPU may multiply in TF32 (11 significant bits, f32 sums): where the sums are exact all the same.
    pub tf32: bool,
}

/// How a layer's sums are made.
#[derive(Debug)]
pub(super) enum Sums {
    /// By libtorch.
    Libtorch(Convolution),
    /// Of whole numbers that fit bytes, exactly.
    Bytes(ByteProducts, Arc<Bytes>),
    /// Of f32.
    Floats(Vectors, Arc<Floats>),
}

/// What one step is run with.
#[derive(Debug, Default)]
pub(super) struct Parameters {
    /// Of a layer.
    pub sums: Option<Sums>,
    pub affine: Option<AffineTensors>,
    squares: Squares,
}

impl Parameters {
    /// Bytes of memory.
    fn bytes(&self) -> u64 {
        let of = |t: &Tensor| t.numel() * t.kind().elt_size_in_bytes();
        let sums = self.sums.as_ref().map_or(0, |sums| match sums {
            Sums::Libtorch(c) => of(&c.weight) + c.bias.as_ref().map_or(0, of),
            Sums::Bytes(_, packed) => packed.bytes(),
            Sums::Floats(_, packed) => packed.bytes(),
        });
        let affine = self.affine.as_ref();
        (sums + affine.map_or(0, |a| of(&a.scale) + of(&a.shift))) as u64
    }

    /// The same tensors under a second handle: nothing is copied, and nobody writes to them.
    fn share(&self) -> Self {
        Parameters {
            sums: self.sums.as_ref().map(|sums| match sums {
                Sums::Libtorch(c) => Sums::Libtorch(Convolution {
                    weight: c.weight.shallow_clone(),
                    bias: c.bias.as_ref().map(Tensor::shallow_clone),
                    ..*c
                }),
                Sums::Bytes(products, packed) => Sums::Bytes(*products, Arc::clone(packed)),
                Sums::Floats(vectors, packed) => Sums::Floats(*vectors, Arc::clone(packed)),
            }),
            affine: self.affine.as_ref().map(|a| AffineTensors {
                scale: a.scale.shallow_clone(),
                shift: a.shift.shallow_clone(),
            }),
            squares: self.squares,
        }
    }
}

/// The convolutions of our own that this processor can run.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Own {
    pub bytes: Option<ByteProducts>,
    pub floats: Option<Vectors>,
    /// Sums that are exact in any order are left to libtorch. The others are made alike in every mode, because their last
    /// digits depend on it.
    exact_by_libtorch: bool,
}

/// Makes and keeps the parameters of every step at every width that was asked for.
pub(super) struct Weights {
    kind: Kind,
    device: Device,
    own: Own,
    /// By step and width. Tensors may change threads but not be shared between them: hence the lock.
    cache: Mutex<Store<(usize, BitWidth), Parameters>>,
    /// By step and width, once made.
    errors: Mutex<HashMap<(usize, BitWidth), Squares>>,
}

/// Sums of squares over a layer's weights.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
struct Squares {
    /// Of what quantization changes.
    changed: f64,
    /// Of the float weights.
    float: f64,
}

impl Weights {
    pub(super) fn new(kind: Kind, device: Device) -> Self {
        Weights {
            kind,
            device,
            own: match (kind, device) {
                (Kind::Float, Device::CPU) => Own {
                    bytes: ByteProducts::detect(),
                    floats: Vectors::detect(),
                    exact_by_libtorch: false,
                },
                _ => Own::default(),
            },
            cache: Mutex::new(Store::new(u64::MAX)),
            errors: Mutex::default(),
        }
    }

    /// Keeps at most so many bytes of parameters beside those in use.
    pub(super) fn with_budget(self, bytes: u64) -> Self {
        Weights {
            cache: Mutex::new(Store::new(bytes)),
            ..self
        }
    }

    /// Whether exact sums of whole numbers are made by our own convolutions; else libtorch makes them in f32.
    pub(super) fn with_integer_kernels(mut self, own: bool) -> Self {
        if !own {
            self.own.bytes = None;
            self.own.exact_by_libtorch = true;
        }
        self
    }

    /// The same with fewer convolutions of our own.
    #[cfg(test)]
    pub(super) fn without(mut self, bytes: bool, floats: bool) -> Self {
        self.own.bytes = self.own.bytes.filter(|_| !bytes);
        self.own.floats = self.own.floats.filter(|_| !floats);
        self
    }

    /// Whether integers are computed with as bytes where they fit.
    pub(super) fn bytes(&self) -> bool {
        self.own.bytes.is_some()
    }

    /// Whether real sums are made by our own convolution.
    pub(super) fn has_own_sums(&self) -> bool {
        self.own.floats.is_some()
    }

    pub(super) fn kind(&self) -> Kind {
        self.kind
    }

    pub(super) fn device(&self) -> Device {
        self.device
    }

    /// What is kept, and how often that was of use.
    pub(super) fn usage(&self) -> CacheUse {
        let cache = self.cache.lock().unwrap_or_else(PoisonError::into_inner);
        cache.usage()
    }

    /// The parameters of all steps under an allocation. Model and plan must always be the same.
    ///
    /// # Errors
    /// [`TorchError`] for tensors that are missing, misshapen or not finite.
    pub(super) fn of(
        &self,
        model: &Model,
        plan: &Plan,
        allocation: &Allocation,
    ) -> Result<Vec<Parameters>, TorchError> {
        let mut cache = self.cache.lock().unwrap_or_else(PoisonError::into_inner);
        let maker = Maker {
            model,
            kind: self.kind,
            device: self.device,
            own: self.own,
        };
        let mut errors = self.errors.lock().unwrap_or_else(PoisonError::into_inner);
        let steps = plan.steps.iter().enumerate();
        steps
            .map(|(i, step)| {
                let width = width(step, allocation);
                if let Some(known) = cache.get(&(i, width)) {
                    return Ok(known.share());
                }
                let made = maker.make(step, width)?;
                errors.insert((i, width), made.squares);
                let shared = made.share();
                let bytes = made.bytes();
                cache.insert((i, width), made, bytes, made_in(bytes, width));
                Ok(shared)
            })
            .collect()
    }

    /// How far quantization moves all layers' weights together: the norm of what it changes over the norm of the float
    /// weights; 0 where these are all 0.
    ///
    /// # Errors
    /// As [`Weights::of`].
    pub(super) fn error(
        &self,
        model: &Model,
        plan: &Plan,
        allocation: &Allocation,
    ) -> Result<f64, TorchError> {
        let steps = || plan.steps.iter().enumerate();
        let known = || -> Option<Squares> {
            let errors = self.errors.lock().unwrap_or_else(PoisonError::into_inner);
            let mut sum = Squares::default();
            for (i, step) in steps() {
                let squares = errors.get(&(i, width(step, allocation)))?;
                sum.changed += squares.changed;
                sum.float += squares.float;
            }
            Some(sum)
        };
        let sum = match known() {
            Some(sum) => sum,
            None => {
                self.of(model, plan, allocation)?;
                known().unwrap_or_default()
            }
        };
        Ok(match sum.float > 0.0 {
            true => (sum.changed / sum.float).sqrt(),
            false => 0.0,
        })
    }
}

/// The width of a step's layer.
fn width(step: &Step, allocation: &Allocation) -> BitWidth {
    match step.source {
        Source::Layer { layer, .. } => allocation.get(layer),
        _ => BitWidth::FLOAT,
    }
}

/// Makes the parameters of a step.
struct Maker<'a> {
    model: &'a Model,
    kind: Kind,
    device: Device,
    own: Own,
}

impl Maker<'_> {
    fn make(&self, step: &Step, width: BitWidth) -> Result<Parameters, TorchError> {
        let absorbed = step.channelwise.iter().map(|c| self.channelwise(c));
        let absorbed: Vec<Channelwise> = absorbed.collect::<Result<_, _>>()?;
        let Source::Layer { layer, unit } = step.source else {
            let affine = self.merged(&absorbed)?;
            return Ok(Parameters {
                affine,
                ..Parameters::default()
            });
        };
        let spec = self.model.graph.layer(layer);
        let channels = spec.channels();
        let (weight, bias) = match spec.source {
            WeightSource::Stored => self.stored(spec)?,
            WeightSource::MergedRepConv => repconv::merged(self, spec)?,
        };
        let mut squares = Squares {
            changed: 0.0,
            float: weight.square(),
        };
        if width.is_float() {
            let computed: Vec<f32>;
            let weight = match &weight {
                Numbers::Stored(w) => *w,
                Numbers::Computed(w) if self.kind == Kind::Float => {
                    computed = w.iter().map(|&x| x as f32).collect();
                    &computed
                }
                Numbers::Computed(w) => {
                    let bias = bias.map(|b| self.upload(&b)).transpose()?;
                    let convolution = self.convolution(layer, self.upload(w)?, bias, unit)?;
                    return Ok(Parameters {
                        sums: Some(Sums::Libtorch(convolution)),
                        affine: self.merged(&absorbed)?,
                        squares,
                    });
                }
            };
            return Ok(Parameters {
                sums: Some(self.floats(layer, weight, bias, unit)?),
                affine: self.merged(&absorbed)?,
                squares,
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
        squares.changed = quantized.squared_error(weight);
        let mut scale = quantized.scales;
        let mut shift = bias.unwrap_or_else(|| vec![0.0; channels]);
        for operation in &absorbed {
            operation.follow(&mut scale, &mut shift);
        }
        let unit = unit.unwrap_or(1.0);
        scale.iter_mut().for_each(|a| *a *= unit);
        let mut sums = match self.bytes(spec, width, &quantized.values) {
            Some(sums) => sums,
            None => {
                let integers = quantized.values.iter().map(|&q| f32::from(q));
                let integers: Vec<f32> = integers.collect();
                match self.own.exact_by_libtorch && spec.exact_at(width) {
                    true => Sums::Libtorch(self.convolution(
                        layer,
                        self.upload(&integers)?,
                        None,
                        None,
                    )?),
                    false => self.floats(layer, &integers, None, None)?,
                }
            }
        };
        if let Sums::Libtorch(convolution) = &mut sums {
            let small = matches!(spec.input, ValueRange::Integer(most) if most <= TF32_WHOLE);
            convolution.tf32 = small && width.bits() <= 8 && spec.exact_at(width);
        }
        Ok(Parameters {
            sums: Some(sums),
            affine: Some(self.affine(&scale, &shift)?),
            squares,
        })
    }

    /// The integers of a layer whose sums are exact and whose inputs fit bytes.
    fn bytes(&self, spec: &Layer, width: BitWidth, values: &[i16]) -> Option<Sums> {
        let products = self.own.bytes?;
        let ValueRange::Integer(most) = spec.input else {
            return None;
        };
        let (window, groups) = geometry(spec);
        if groups != 1 || !spec.exact_at(width) {
            return None;
        }
        let values = values.iter().map(|&q| i8::try_from(q));
        let values: Vec<i8> = values.collect::<Result<_, _>>().ok()?;
        let heaviest = values.iter().map(|q| q.unsigned_abs()).max()?;
        if !products.are_exact(u8::try_from(most).ok()?, heaviest) {
            return None;
        }
        let packed = Bytes::new(&values, spec.channels(), window, products.vectors())?;
        Some(Sums::Bytes(products, Arc::new(packed)))
    }

    /// Sums over floating-point numbers. `unit`: what the numbers of the input count.
    fn floats(
        &self,
        layer: LayerId,
        weight: &[f32],
        bias: Option<Vec<f64>>,
        unit: Option<f64>,
    ) -> Result<Sums, TorchError> {
        let spec = self.model.graph.layer(layer);
        if let (Some(vectors), None, (window, 1)) = (self.own.floats, unit, geometry(spec))
            && let Some(packed) = Floats::new(weight, spec.channels(), window, vectors.vectors())
        {
            let bias = bias.map(|b| b.iter().map(|&x| x as f32).collect());
            return Ok(Sums::Floats(vectors, Arc::new(packed.with_bias(bias))));
        }
        let bias = bias.map(|b| self.upload(&b)).transpose()?;
        let convolution = self.convolution(layer, self.upload(weight)?, bias, unit)?;
        Ok(Sums::Libtorch(convolution))
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
        let (window, groups) = geometry(spec);
        let kernel = window.kernel;
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
            stride: window.stride as i64,
            padding: window.padding as i64,
            groups: groups as i64,
            input_factor,
            tf32: false,
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

/// What it takes to make so many bytes of parameters again: the search for the best scale tries many.
fn made_in(bytes: u64, width: BitWidth) -> f64 {
    bytes as f64 * if width.is_float() { 1.0 } else { 30.0 }
}

/// Where a layer looks, and its groups.
fn geometry(layer: &Layer) -> (Window, usize) {
    let (kernel, stride, padding, groups) = match layer.kind {
        LayerKind::Linear => (1, 1, 0, 1),
        LayerKind::Conv {
            kernel,
            stride,
            padding,
            groups,
        } => (kernel, stride, padding, groups),
    };
    let window = Window {
        kernel,
        stride,
        padding,
    };
    (window, groups)
}

/// A layer's weight.
enum Numbers<'a> {
    /// As the checkpoint has it.
    Stored(&'a [f32]),
    /// Made of several tensors.
    Computed(Vec<f64>),
}

impl Numbers<'_> {
    /// The sum of all squares.
    fn square(&self) -> f64 {
        match self {
            Numbers::Stored(w) => w.iter().map(|&x| f64::from(x) * f64::from(x)).sum(),
            Numbers::Computed(w) => w.iter().map(|x| x * x).sum(),
        }
    }
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
    fn weights_are_kept_within_the_budget() {
        let model = model(&all()[0], 1);
        let plan = Plan::new(&model.graph).unwrap();
        let four = BitWidth::new(4).unwrap();
        let allocation = Allocation::uniform(model.graph.layers.len(), four);
        let made = |budget| {
            let weights = Weights::new(Kind::Float, Device::CPU).with_budget(budget);
            let parameters = weights.of(&model, &plan, &allocation).unwrap();
            let all: u64 = parameters.iter().map(Parameters::bytes).sum();
            let kept = weights.cache.lock().unwrap().size();
            (all, kept)
        };
        let (all, kept) = made(u64::MAX);
        assert_eq!(all, kept);
        assert!(all > model.graph.layers.iter().map(|l| l.weights() as u64).sum());
        let (_, kept) = made(all / 2);
        assert!(kept > 0 && kept <= all / 2);
        assert_eq!(made(0).1, 0);
    }
}
