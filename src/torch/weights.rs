//! The parameters of all steps: a layer's weight to accumulate with, and the affine behind it.
//!
//! Float: the weight and bias as they are, then what the layer absorbs (batch norms, scales) as one
//! affine. Quantized: integers as the weight, then one affine that merges quantizer scale, bias and
//! batch norms ([`ChannelAffine`](crate::quant::ChannelAffine)).
#![forbid(unsafe_code)]

mod fixed;
mod maker;
mod native;
mod parameters;

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use tch::Kind;

use super::cache::Store;
use super::plan::{Plan, Source, Step};
use super::{Device, Model, TorchError};
use crate::evaluate::CacheUse;
use crate::network::NodeId;
use crate::quant::fixed::FixedNetwork;
use crate::quant::{Allocation, BitWidth, ChannelAffine, QuantizedLayer};
pub(super) use fixed::FixedStep;
use maker::Maker;
pub(super) use maker::{Backend, is_power_of_two};
use native::NativeKernels;
pub(super) use native::geometry;
use parameters::Squares;
pub(super) use parameters::{Accumulation, AffineTensors, Parameters};

/// The parameters of every step at every bit-width, made on demand and cached.
pub(super) struct Weights {
    pub backend: Backend,
    /// By step, width and whether in fixed-point arithmetic. Tensors may change threads but not be
    /// shared between them: hence the lock.
    cache: Mutex<Store<(usize, BitWidth, bool), Parameters>>,
    /// By step and width, once made.
    errors: Mutex<HashMap<(usize, BitWidth), Squares>>,
    /// By the node of a layer's step, once made: a merged RepConv chain takes long.
    float_affines: Mutex<HashMap<NodeId, Arc<ChannelAffine>>>,
}

impl Weights {
    pub(super) fn new(kind: Kind, device: Device) -> Self {
        let native = match (kind, device) {
            (Kind::Float, Device::CPU) => NativeKernels::detect(),
            _ => NativeKernels::default(),
        };
        Weights {
            backend: Backend {
                kind,
                device,
                native,
            },
            cache: Mutex::new(Store::new(u64::MAX)),
            errors: Mutex::default(),
            float_affines: Mutex::default(),
        }
    }

    /// Bounds the cached parameters, in bytes; those in use come on top.
    pub(super) fn with_budget(self, bytes: u64) -> Self {
        Weights {
            cache: Mutex::new(Store::new(bytes)),
            ..self
        }
    }

    /// Whether exact sums of whole numbers are accumulated by native kernels; else libtorch
    /// computes them in f32.
    pub(super) fn with_integer_kernels(mut self, native: bool) -> Self {
        if !native {
            self.backend.native.bytes = None;
            self.backend.native.exact_by_libtorch = true;
        }
        self
    }

    /// The same without some native kernels.
    #[cfg(test)]
    pub(super) fn without(mut self, bytes: bool, floats: bool) -> Self {
        self.backend.native.bytes = self.backend.native.bytes.filter(|_| !bytes);
        self.backend.native.floats = self.backend.native.floats.filter(|_| !floats);
        self
    }

    /// The size and the hit rate of the cache.
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
        (plan, fixed): (&Plan, Option<&FixedNetwork>),
        (allocation, layers): (&Allocation, &[Option<Arc<QuantizedLayer>>]),
    ) -> Result<Vec<Parameters>, TorchError> {
        let steps = 0..plan.steps.len();
        steps
            .map(|i| self.of_step(model, (plan, fixed), i, (allocation, layers)))
            .collect()
    }

    /// The parameters of one step, by its number; none of its own beyond the last step.
    ///
    /// # Errors
    /// As [`Weights::of`].
    pub(super) fn of_step(
        &self,
        model: &Model,
        (plan, network): (&Plan, Option<&FixedNetwork>),
        i: usize,
        (allocation, layers): (&Allocation, &[Option<Arc<QuantizedLayer>>]),
    ) -> Result<Parameters, TorchError> {
        let Some(step) = plan.steps.get(i) else {
            return Ok(Parameters::default());
        };
        let backend = self.backend;
        let maker = Maker { model, backend };
        let (width, quantized) = (width(step, allocation), quantized(step, layers));
        let fixed = |shared: Parameters| match quantized.and_then(|q| q.affine.as_ref()) {
            None => Ok(shared),
            Some(affine) => match network {
                None => maker.with_affine(shared, affine),
                Some(network) => maker.with_fixed_affine((network, step), shared, affine),
            },
        };
        let mut cache = self.cache.lock().unwrap_or_else(PoisonError::into_inner);
        let key = (i, width, network.is_some());
        if let Some(known) = cache.get(&key) {
            return fixed(known.share());
        }
        // Made once: others wait.
        let made = match network {
            None => maker.make(step, width, quantized)?,
            Some(network) => maker.in_fixed_point(network, (step, width), quantized)?,
        };
        let made = Parameters {
            neuron: maker.neuron(step)?,
            constant: maker.constant(step)?,
            ..made
        };
        let errors = self.errors.lock();
        let mut errors = errors.unwrap_or_else(PoisonError::into_inner);
        errors.insert((i, width), made.squares);
        let shared = fixed(made.share())?;
        let bytes = made.bytes();
        cache.insert(key, made, bytes, made_in(bytes, width));
        Ok(shared)
    }

    /// The affine behind a layer's float sums over what its input counts: bias, batch norms and
    /// scales merged.
    ///
    /// # Errors
    /// As [`Weights::of`].
    pub(super) fn float_affine(
        &self,
        model: &Model,
        step: &Step,
    ) -> Result<Arc<ChannelAffine>, TorchError> {
        let lock = self.float_affines.lock();
        let mut known = lock.unwrap_or_else(PoisonError::into_inner);
        if let Some(affine) = known.get(&step.node) {
            return Ok(Arc::clone(affine));
        }
        let backend = self.backend;
        let made = Arc::new(Maker { model, backend }.float_affine(step)?);
        known.insert(step.node, Arc::clone(&made));
        Ok(made)
    }

    /// Quantized layers with the affines behind their sums; nothing else is needed to compute with
    /// them.
    ///
    /// # Errors
    /// As [`Weights::of`].
    pub(super) fn fixed(
        &self,
        model: &Model,
        plan: &Plan,
        layers: &[Option<Arc<QuantizedLayer>>],
    ) -> Result<Vec<Option<QuantizedLayer>>, TorchError> {
        let backend = self.backend;
        let maker = Maker { model, backend };
        let mut fixed: Vec<Option<QuantizedLayer>> = vec![None; model.graph.layers.len()];
        for step in &plan.steps {
            if let Source::Layer { layer, .. } = step.source
                && let Some(known) = quantized(step, layers)
                && let Some(place) = fixed.get_mut(layer.index())
            {
                *place = Some(maker.fixed(step, known)?);
            }
        }
        Ok(fixed)
    }

    /// The relative quantization error of all layers' weights together: the norm of what changes
    /// over the norm of the float weights; 0 where these are all 0.
    ///
    /// # Errors
    /// As [`Weights::of`].
    pub(super) fn error(
        &self,
        model: &Model,
        (plan, fixed): (&Plan, Option<&FixedNetwork>),
        (allocation, layers): (&Allocation, &[Option<Arc<QuantizedLayer>>]),
    ) -> Result<f64, TorchError> {
        let mut sum = Squares::default();
        for squares in self.squares(model, (plan, fixed), (allocation, layers))? {
            sum.changed += squares.changed;
            sum.float += squares.float;
        }
        Ok(sum.relative().sqrt())
    }

    /// The squared error of every layer's weights, relative to the squares of the float ones.
    ///
    /// # Errors
    /// As [`Weights::of`].
    pub(super) fn layer_errors(
        &self,
        model: &Model,
        (plan, fixed): (&Plan, Option<&FixedNetwork>),
        (allocation, layers): (&Allocation, &[Option<Arc<QuantizedLayer>>]),
    ) -> Result<Vec<f64>, TorchError> {
        let squares = self.squares(model, (plan, fixed), (allocation, layers))?;
        let mut errors = vec![0.0; allocation.len()];
        for (step, squares) in plan.steps.iter().zip(squares) {
            if let Source::Layer { layer, .. } = step.source
                && let Some(error) = errors.get_mut(layer.index())
            {
                *error = squares.relative();
            }
        }
        Ok(errors)
    }

    /// By step of the plan.
    fn squares(
        &self,
        model: &Model,
        (plan, fixed): (&Plan, Option<&FixedNetwork>),
        (allocation, layers): (&Allocation, &[Option<Arc<QuantizedLayer>>]),
    ) -> Result<Vec<Squares>, TorchError> {
        let known = || -> Option<Vec<Squares>> {
            let errors = self.errors.lock().unwrap_or_else(PoisonError::into_inner);
            let steps = plan.steps.iter().enumerate();
            let of = |(i, step)| errors.get(&(i, width(step, allocation))).copied();
            steps.map(of).collect()
        };
        if let Some(known) = known() {
            return Ok(known);
        }
        self.of(model, (plan, fixed), (allocation, layers))?;
        Ok(known().unwrap_or_default())
    }
}

/// The width of a step's layer.
fn width(step: &Step, allocation: &Allocation) -> BitWidth {
    match step.source {
        Source::Layer { layer, .. } => allocation.get(layer),
        _ => BitWidth::FLOAT,
    }
}

/// A step's layer as it was quantized, where that depends on calibration images.
fn quantized<'a>(
    step: &Step,
    layers: &'a [Option<Arc<QuantizedLayer>>],
) -> Option<&'a QuantizedLayer> {
    match step.source {
        Source::Layer { layer, .. } => layers.get(layer.index())?.as_deref(),
        _ => None,
    }
}

/// The cost of making `bytes` of parameters again: the search for the best scale tries many.
fn made_in(bytes: u64, width: BitWidth) -> f64 {
    bytes as f64 * if width.is_float() { 1.0 } else { 30.0 }
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
            let parameters = weights
                .of(&model, (&plan, None), (&allocation, &[]))
                .unwrap();
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
