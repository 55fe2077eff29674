//! A model prepared for libtorch.
#![forbid(unsafe_code)]

use std::sync::{Arc, OnceLock};

use tch::Kind;

use super::executor::{Executor, StepExecutor};
use super::plan::{Plan, Source, Step};
use super::weights::{Parameters, Weights, is_power_of_two};
use super::{Device, Model, TorchError};
use crate::evaluate::CacheUse;
use crate::network::Graph;
use crate::quant::fixed::{FixedNetwork, Grid};
use crate::quant::{Allocation, ChannelAffine, QuantizedLayer};

/// A model planned for one number format and device; it makes executors for allocations.
pub(super) struct Compiled<M> {
    model: M,
    plan: Plan,
    weights: Weights,
    static_stem: bool,
    /// Once made, where quantized networks are computed in fixed-point arithmetic.
    fixed: OnceLock<FixedNetwork>,
}

/// The real sums of a network that are ours. (Those of groups, and over counts of spikes, were once
/// libtorch's, so that networks that have some have another `numerics`.)
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum OwnSums {
    /// Of layers without groups.
    Plain,
    /// Of layers with groups, or over counts, too.
    GroupsAndCounts,
}

impl<M> std::fmt::Debug for Compiled<M> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Compiled").finish_non_exhaustive()
    }
}

impl<M: std::borrow::Borrow<Model>> Compiled<M> {
    pub(super) fn new(model: M, kind: Kind, device: Device) -> Result<Self, TorchError> {
        Ok(Compiled {
            plan: Plan::new(&model.borrow().graph)?,
            model,
            weights: Weights::new(kind, device),
            static_stem: true,
            fixed: OnceLock::new(),
        })
    }

    /// Whether layers of the image alone run once instead of at every time step.
    pub(super) fn with_static_stem(mut self, static_stem: bool) -> Self {
        self.static_stem = static_stem;
        self
    }

    /// Bounds the cache of quantized weights, in bytes; those in use come on top.
    pub(super) fn with_weight_cache(mut self, bytes: u64) -> Self {
        self.weights = self.weights.with_budget(bytes);
        self
    }

    /// Whether exact sums of whole numbers are accumulated by native kernels; else libtorch
    /// computes them in f32.
    pub(super) fn with_integer_kernels(mut self, native: bool) -> Self {
        self.weights = self.weights.with_integer_kernels(native);
        self
    }

    /// The same without some native kernels.
    #[cfg(test)]
    pub(super) fn without(self, bytes: bool, floats: bool) -> Self {
        Compiled {
            weights: self.weights.without(bytes, floats),
            ..self
        }
    }

    /// The real sums that a native kernel accumulates rather than libtorch.
    pub(super) fn own_sums(&self) -> Option<OwnSums> {
        self.weights.backend.native.floats?;
        let layers = &self.model.borrow().graph.layers;
        let grouped = layers.iter().any(|l| l.groups() > 1);
        let counts = self.plan.steps.iter().any(|step| match step.source {
            Source::Layer { unit, .. } => unit.is_some_and(is_power_of_two),
            _ => false,
        });
        Some(match grouped || counts {
            false => OwnSums::Plain,
            true => OwnSums::GroupsAndCounts,
        })
    }

    /// The grids of fixed-point arithmetic, where they do not follow from the weights.
    ///
    /// # Errors
    /// [`TorchError::Fixed`] where they do not fit the network.
    pub(super) fn set_grids(&self, grids: &[Grid]) -> Result<(), TorchError> {
        let model = self.model.borrow();
        if let Some(bits) = model.scheme.fixed() {
            let network = FixedNetwork::new(&model.graph, bits, grids)?;
            // The first ones count: parameters may have been made with them.
            let _ = self.fixed.set(network);
        }
        Ok(())
    }

    /// The fixed-point arithmetic that a network of this allocation is computed in; none for f32
    /// and for the float network.
    pub(super) fn fixed_network(
        &self,
        allocation: &Allocation,
    ) -> Result<Option<&FixedNetwork>, TorchError> {
        let model = self.model.borrow();
        let Some(bits) = model.scheme.fixed().filter(|_| !allocation.is_float()) else {
            return Ok(None);
        };
        if let Some(known) = self.fixed.get() {
            return Ok(Some(known));
        }
        let grids = model.weights.grids(&model.graph, bits)?;
        let made = FixedNetwork::new(&model.graph, bits, &grids)?;
        Ok(Some(self.fixed.get_or_init(|| made)))
    }

    /// The size and the hit rate of the cache of quantized weights.
    pub(super) fn weight_cache(&self) -> CacheUse {
        self.weights.usage()
    }

    pub(super) fn plan(&self) -> &Plan {
        &self.plan
    }

    pub(super) fn graph(&self) -> &Graph {
        &self.model.borrow().graph
    }

    pub(super) fn model(&self) -> &Model {
        self.model.borrow()
    }

    /// The relative quantization error of all layers' weights together: the norm of what changes
    /// over the norm of the float weights.
    pub(super) fn weight_error(
        &self,
        allocation: &Allocation,
        layers: &[Option<Arc<QuantizedLayer>>],
    ) -> Result<f64, TorchError> {
        let plan = (&self.plan, self.fixed_network(allocation)?);
        self.weights
            .error(self.model.borrow(), plan, (allocation, layers))
    }

    /// The squared error of every layer's weights, relative to the squares of the float ones.
    pub(super) fn layer_errors(
        &self,
        allocation: &Allocation,
        layers: &[Option<Arc<QuantizedLayer>>],
    ) -> Result<Vec<f64>, TorchError> {
        let plan = (&self.plan, self.fixed_network(allocation)?);
        self.weights
            .layer_errors(self.model.borrow(), plan, (allocation, layers))
    }

    /// The affine behind a layer's float sums over what its input counts.
    pub(super) fn float_affine(&self, step: &Step) -> Result<Arc<ChannelAffine>, TorchError> {
        self.weights.float_affine(self.model.borrow(), step)
    }

    /// Quantized layers with the affines behind their sums; nothing else is needed to compute with
    /// them.
    pub(super) fn fixed(
        &self,
        layers: &[Option<Arc<QuantizedLayer>>],
    ) -> Result<Vec<Option<QuantizedLayer>>, TorchError> {
        self.weights.fixed(self.model.borrow(), &self.plan, layers)
    }

    /// An executor for the calling thread; weights are shared. `layers` are the quantized layers
    /// where they depend on calibration images.
    pub(super) fn executor(
        &self,
        allocation: &Allocation,
        layers: &[Option<Arc<QuantizedLayer>>],
    ) -> Result<Executor<'_>, TorchError> {
        let model = self.model.borrow();
        let (got, want) = (allocation.len(), model.graph.layers.len());
        if got != want {
            return Err(TorchError::Layers { got, want });
        }
        let plan = (&self.plan, self.fixed_network(allocation)?);
        let parameters = self.weights.of(model, plan, (allocation, layers))?;
        Ok(self.executor_with(parameters))
    }

    /// An executor of one step of the plan, for the calling thread; as [`Compiled::executor`].
    pub(super) fn step_executor<'a>(
        &'a self,
        i: usize,
        step: &'a Step,
        (allocation, layers): (&Allocation, &[Option<Arc<QuantizedLayer>>]),
    ) -> Result<StepExecutor<'a>, TorchError> {
        let model = self.model.borrow();
        let plan = (&self.plan, self.fixed_network(allocation)?);
        let parameters = self.weights.of_step(model, plan, i, (allocation, layers))?;
        Ok(StepExecutor::new(
            self.executor_with(Vec::new()),
            step,
            parameters,
        ))
    }

    fn executor_with(&self, parameters: Vec<Parameters>) -> Executor<'_> {
        let backend = self.weights.backend;
        Executor::new(self.graph(), &self.plan, parameters, backend)
            .with_static_stem(self.static_stem)
    }
}
