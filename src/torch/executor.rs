//! The executor of a plan on a batch of images.
#![forbid(unsafe_code)]

use tch::{Kind, Tensor};

use super::buffer::Buffer;
use super::cache::{Origin, Recall};
use super::convolution::convolve;
use super::error::Context;
use super::heads::{HeadProduct, concat, slice};
use super::native::{firing_layer, layer, requantize};
use super::ops::{Native, Ops, Plain, Population};
use super::pairs::{average_pool, erode, pair, token_sum};
use super::plan::{Plan, Source, Step};
use super::record::Record;
use super::slices::numbers;
use super::tokens::among;
use super::value::{Operand, Value};
use super::weights::{Accumulation, Backend, FixedStep, Parameters};
use super::{Device, TorchError};
use crate::kernels::{ChannelSums, FixedDynamics, launch};
use crate::network::{BlockId, Dynamics, Firing, Graph, Neuron, NodeId, Spiking, ValueRange};

/// One network under one allocation, ready to run. Each thread has its own.
pub(super) struct Executor<'a> {
    graph: &'a Graph,
    plan: &'a Plan,
    parameters: Vec<Parameters>,
    backend: Backend,
    ops: &'static dyn Ops,
    static_stem: bool,
}

/// An observer of the outputs of blocks. It must copy what it keeps: the memory is used again.
pub(super) type Watch<'a> = &'a mut dyn FnMut(BlockId, &Value) -> Result<(), TorchError>;

impl<'g> Executor<'g> {
    /// An executor of a plan whose steps have these parameters, made of such numbers.
    pub(super) fn new(
        graph: &'g Graph,
        plan: &'g Plan,
        parameters: Vec<Parameters>,
        backend: Backend,
    ) -> Self {
        Executor {
            graph,
            plan,
            parameters,
            backend,
            ops: match backend.device {
                Device::CPU => &Native,
                _ => &Plain,
            },
            static_stem: true,
        }
    }

    /// Whether what is the same at every time step is computed once; else at every one.
    pub(super) fn with_static_stem(self, static_stem: bool) -> Self {
        Executor {
            static_stem,
            ..self
        }
    }

    /// The parameters of every step of the plan.
    pub(super) fn parameters(&self) -> &[Parameters] {
        &self.parameters
    }

    /// The same, with plain tensor operations instead of the CPU kernels.
    #[cfg(test)]
    pub(super) fn with_plain_ops(self) -> Self {
        Executor {
            ops: &Plain,
            ..self
        }
    }

    /// Runs a batch of images, `[images, channels, height, width]` row-major (`[images, T,
    /// channels, height, width]` where the network reads frames). Returns the logits as `[images *
    /// classes]` numbers (f32 ones are widened).
    ///
    /// # Errors
    /// [`TorchError::Input`] when the numbers do not fill the images, and whatever libtorch
    /// reports.
    pub(super) fn run(
        &self,
        pixels: &[f32],
        images: usize,
        record: &mut Record,
        watch: Watch<'_>,
    ) -> Result<Vec<f64>, TorchError> {
        self.run_with(None, pixels, images, record, watch)
    }

    /// Runs a batch but for what `recall` has cached: those values are not observed, and images
    /// that are not read need no pixels. What is computed is cached.
    pub(super) fn run_with(
        &self,
        recall: Option<&Recall<'_>>,
        pixels: &[f32],
        images: usize,
        record: &mut Record,
        watch: Watch<'_>,
    ) -> Result<Vec<f64>, TorchError> {
        let _no_grad = tch::no_grad_guard();
        let mut values: Vec<Option<Value>> = Vec::new();
        values.resize_with(self.graph.nodes.len(), || None);
        for (i, (step, parameters)) in self.plan.steps.iter().zip(&self.parameters).enumerate() {
            record.begin();
            let value = match recall.map_or(Ok(Origin::Computation), |r| r.origin(i))? {
                Origin::Nowhere => None,
                Origin::Cache(value) => Some(value),
                Origin::Computation => {
                    let value = match step.source {
                        Source::Image => self.image_value(parameters, pixels, images)?,
                        _ => self.step(step, parameters, images, &mut values, record)?,
                    };
                    record.value(step.node, &value, images)?;
                    for &block in &step.blocks {
                        watch(block, &value)?;
                    }
                    if let Some(recall) = recall {
                        recall.keep(self.graph, self.plan, i, &value, record)?;
                    }
                    Some(value)
                }
            };
            put(&mut values, step.node, value);
            for &node in &step.release {
                let unread = values.get_mut(node.index()).and_then(Option::take);
                unread.into_iter().for_each(|v| self.ops.release(v));
            }
            record.end(i);
        }
        match values.pop().flatten() {
            Some(logits) => floats(logits.tensor()),
            None => Err(TorchError::Input("the network has no output".to_owned())),
        }
    }

    fn image_value(
        &self,
        parameters: &Parameters,
        pixels: &[f32],
        images: usize,
    ) -> Result<Value, TorchError> {
        let data = Buffer::new(self.image(pixels, images)?);
        let value = Value::new(data, self.graph.frames().unwrap_or(1));
        match &parameters.affine {
            None => Ok(value),
            grid => self.ops.affine(Operand::Own(value), grid.as_ref(), None),
        }
    }

    fn image(&self, pixels: &[f32], images: usize) -> Result<Tensor, TorchError> {
        let (shape, frames) = (self.graph.input, self.graph.frames().unwrap_or(1));
        let wanted = images * frames * shape.channels * shape.height * shape.width;
        if pixels.len() != wanted || images == 0 {
            return Err(TorchError::Input(format!(
                "{} numbers are not {images} inputs of {frames} images of {shape:?}",
                pixels.len()
            )));
        }
        let size = [images, frames, shape.channels, shape.height, shape.width].map(|n| n as i64);
        Tensor::f_from_slice(pixels)
            .and_then(|x| x.f_reshape(size))
            .and_then(|x| x.f_permute([1, 0, 3, 4, 2]))
            .and_then(|x| x.f_contiguous())
            .and_then(|x| x.f_flatten(0, 1))
            .and_then(|x| x.f_to_kind(self.backend.kind))
            .and_then(|x| x.f_to_device(self.backend.device.0))
            .context(|| "copying images to the device".to_owned())
    }

    fn step(
        &self,
        step: &Step,
        parameters: &Parameters,
        images: usize,
        values: &mut [Option<Value>],
        record: &mut Record,
    ) -> Result<Value, TorchError> {
        let owned = last_read(step).and_then(|n| values.get_mut(n.index())?.take());
        let read = |node: Option<&NodeId>| {
            let value = node.and_then(|n| values.get(n.index())?.as_ref());
            value.ok_or_else(|| missing(step))
        };
        if let Source::Layer { layer, .. } = step.source {
            let x = read(step.inputs.first())?;
            record.input(layer, x, images)?;
            if record.wants_sums() {
                // Once more, and the same: here they are not kept from what follows them.
                record.sums(layer, &accumulate(step, parameters, x)?)?;
            }
        }
        let mut shape = step.shape;
        let mut affine = parameters.affine.as_ref();
        let residual = step.residual.as_ref().map(|r| read(Some(r))).transpose()?;
        let bytes =
            self.backend.native.bytes.is_some() && is_bytes(self.graph.node(step.node).range);
        let population = |site, shape, affine| {
            let neuron = parameters.neuron.ok_or_else(|| missing(step))?;
            Ok::<_, TorchError>(Population {
                site,
                neuron: on_grid(neuron, parameters.fixed),
                batch_leak: self.graph.site(site).batch_leak,
                steps: self.graph.time_steps,
                images,
                shape,
                affine,
                fixed: parameters.fixed.and_then(|f| f.dynamics),
                residual,
                bytes,
            })
        };
        let own = match &parameters.accumulation {
            None | Some(Accumulation::Libtorch(_)) => None,
            Some(sums) => {
                let x = read(step.inputs.first())?;
                let narrow = matches!(sums, Accumulation::Bytes(..)) && !x.is_bytes();
                let narrow = narrow.then(|| x.to_bytes()).transpose()?;
                let x = narrow.as_ref().unwrap_or(x);
                for _ in 1..self.times(step) {
                    layer(x, sums, shape, None, None)?;
                }
                let firing = step
                    .neuron
                    .map(|n| population(n, shape, affine))
                    .transpose()?;
                match (step.pool, firing) {
                    (None, Some(population)) if !population.batch_leak => {
                        let fired = firing_layer(x, sums, &population, record)?;
                        return fired.ok_or_else(|| missing(step));
                    }
                    (None, None) => {
                        let sums = layer(x, sums, shape, affine, residual)?;
                        return sums.ok_or_else(|| missing(step));
                    }
                    _ => layer(x, sums, shape, None, None)?,
                }
            }
        };
        let mut x = match own {
            Some(sums) => Operand::Own(sums),
            None => self.source(step, parameters, owned, &read)?,
        };
        if let Some(onto) = affine.filter(|a| a.grid.is_some()) {
            if x.tensor().kind() == Kind::Double && self.backend.kind == Kind::Float {
                x = Operand::Own(requantize(x.value(), onto)?);
                affine = None;
            } else if step.pool.is_some() {
                x = Operand::Own(self.ops.affine(x, Some(onto), None)?);
                affine = None;
            }
        }
        if let Some(pool) = step.pool {
            let pooled = self.ops.max_pool(x.value(), shape, pool, affine.take())?;
            if let Operand::Own(used) = x {
                self.ops.release(used);
            }
            x = Operand::Own(pooled);
            shape = pool.shape;
        }
        let affine = affine.or(parameters.sum.as_ref().filter(|_| residual.is_some()));
        if let Some(site) = step.neuron {
            let population = population(site, shape, affine)?;
            x = Operand::Own(self.ops.neuron(x, &population, record)?);
        } else if affine.is_some() || residual.is_some() {
            x = Operand::Own(self.ops.affine(x, affine, residual)?);
        }
        match x {
            Operand::Own(value) => Ok(value),
            Operand::Shared(_) => Err(missing(step)),
        }
    }

    /// The value a step begins with. `owned` is the input that may be overwritten, if any.
    fn source<'a>(
        &self,
        step: &Step,
        parameters: &Parameters,
        owned: Option<Value>,
        read: &impl Fn(Option<&NodeId>) -> Result<&'a Value, TorchError>,
    ) -> Result<Operand<'a>, TorchError> {
        let input = |i: usize| read(step.inputs.get(i));
        let own_or_shared = |owned: Option<Value>, i: usize| match owned {
            Some(value) => Ok(Operand::Own(value)),
            None => input(i).map(Operand::Shared),
        };
        let value = match step.source {
            Source::Image => return Err(missing(step)),
            Source::Value => return own_or_shared(owned, 0),
            Source::Layer { .. } => {
                let Some(Accumulation::Libtorch(convolution)) = &parameters.accumulation else {
                    return Err(missing(step));
                };
                let x = input(0)?;
                let wide = x.wide()?.tensor;
                let run = || convolve(wide, convolution).context(|| step.name.clone());
                let mut data = run()?;
                for _ in 1..self.times(step) {
                    data = run()?;
                }
                Value::new(Buffer::new(data), x.steps)
            }
            Source::Pair(pairing) => {
                let (a, b) = (input(0)?.wide()?, input(1)?.wide()?);
                pair(pairing, a, b).context(|| step.name.clone())?
            }
            Source::Attention {
                heads,
                scale,
                tokens,
            } => {
                // In fixed point whoever reads it takes the scale into account; and the number of
                // positions of a mean.
                let scale = if parameters.fixed.is_some() {
                    1.0
                } else {
                    scale
                };
                let qkv = [input(0)?, input(1)?, input(2)?];
                let run = |qkv: [&Value; 3], shape| self.ops.attention(qkv, shape, heads, scale);
                among(tokens, qkv, step.shape, run)?
            }
            Source::AveragePool(window) => {
                let divides = parameters.fixed.is_none();
                average_pool(input(0)?.wide()?, window, divides).context(|| step.name.clone())?
            }
            Source::Constant { .. } => {
                let constant = parameters.constant.as_ref().ok_or_else(|| missing(step))?;
                let x = input(0)?.wide()?;
                let sum = x.tensor.f_add(constant).context(|| step.name.clone())?;
                Value::new(Buffer::new(sum), x.steps)
            }
            Source::HeadSum { .. } => self.ops.head_sum(input(0)?, step.shape)?,
            Source::HeadMask { heads } => {
                let x = own_or_shared(owned, 1)?;
                self.ops.head_mask(input(0)?, x, heads)?
            }
            Source::HeadErode { heads } => {
                erode(input(0)?.wide()?, heads).context(|| step.name.clone())?
            }
            Source::Slice {
                heads,
                start,
                count,
            } => slice(input(0)?, heads, (start, count)).context(|| step.name.clone())?,
            Source::Concat { heads } => {
                let values = (0..step.inputs.len()).map(input);
                concat(&values.collect::<Result<Vec<_>, _>>()?, heads)?
            }
            Source::Scores { heads } => {
                let pair = [input(0)?, input(1)?];
                self.ops.head_product(HeadProduct::Scores, pair, heads)?
            }
            Source::Apply { heads } => {
                let pair = [input(0)?, input(1)?];
                self.ops.head_product(HeadProduct::Apply, pair, heads)?
            }
            Source::TokenSum => token_sum(input(0)?.wide()?).context(|| step.name.clone())?,
            Source::TokenMean if parameters.fixed.is_some() => {
                token_sum(input(0)?.wide()?).context(|| step.name.clone())?
            }
            Source::TokenMean => self.ops.token_mean(input(0)?)?,
            Source::TokenTimeSum => self.ops.token_time_sum(input(0)?)?,
        };
        Ok(Operand::Own(value))
    }

    /// How often a layer is run.
    fn times(&self, step: &Step) -> usize {
        match self.static_stem || !step.inputs.iter().all(|&i| self.in_stem(i)) {
            true => 1,
            false => self.graph.time_steps,
        }
    }

    /// Whether a value is computed from a still image alone, without neurons: the same at every
    /// time step.
    fn in_stem(&self, id: NodeId) -> bool {
        let node = self.graph.node(id);
        node.time_invariant && node.inputs.iter().all(|&i| self.in_stem(i))
    }
}

/// One step of a plan with its own parameters, ready to run.
pub(super) struct StepExecutor<'a> {
    /// Has no parameters.
    executor: Executor<'a>,
    step: &'a Step,
    parameters: Parameters,
}

impl<'a> StepExecutor<'a> {
    /// The executor of a step; what runs it needs no parameters of its own.
    pub(super) fn new(executor: Executor<'a>, step: &'a Step, parameters: Parameters) -> Self {
        StepExecutor {
            executor,
            step,
            parameters,
        }
    }

    /// The value of the step, from those that it reads.
    pub(super) fn value(
        &self,
        pixels: &[f32],
        images: usize,
        values: &mut [Option<Value>],
        record: &mut Record,
    ) -> Result<Value, TorchError> {
        let _no_grad = tch::no_grad_guard();
        let (executor, step) = (&self.executor, self.step);
        match step.source {
            Source::Image => executor.image_value(&self.parameters, pixels, images),
            _ => executor.step(step, &self.parameters, images, values, record),
        }
    }

    /// The sums of the step's layer, before the affine.
    pub(super) fn accumulate(&self, values: &[Option<Value>]) -> Result<Value, TorchError> {
        let _no_grad = tch::no_grad_guard();
        let step = self.step;
        let input = step
            .inputs
            .first()
            .and_then(|n| values.get(n.index())?.as_ref());
        let x = input.ok_or_else(|| missing(step))?;
        accumulate(step, &self.parameters, x)
    }
}

/// The sums of a step's layer over its input, before the affine.
fn accumulate(step: &Step, parameters: &Parameters, x: &Value) -> Result<Value, TorchError> {
    match &parameters.accumulation {
        Some(Accumulation::Libtorch(convolution)) => {
            let data = convolve(x.wide()?.tensor, convolution).context(|| step.name.clone())?;
            Ok(Value::new(Buffer::new(data), x.steps))
        }
        Some(sums) => {
            let narrow = matches!(sums, Accumulation::Bytes(..)) && !x.is_bytes();
            let narrow = narrow.then(|| x.to_bytes()).transpose()?;
            let x = narrow.as_ref().unwrap_or(x);
            layer(x, sums, step.shape, None, None)?.ok_or_else(|| missing(step))
        }
        None => Err(missing(step)),
    }
}

/// Neurons with the threshold that they have on their grid, from which on they fire.
fn on_grid(neuron: Dynamics, fixed: Option<FixedStep>) -> Dynamics {
    match (neuron, fixed.and_then(|f| f.dynamics)) {
        (Neuron::Spiking(spiking), Some(FixedDynamics { threshold, .. })) => {
            Neuron::Spiking(Spiking {
                threshold,
                firing: Firing::AtLeast,
                ..spiking
            })
        }
        _ => neuron,
    }
}

/// The input that a step could work on in place, if the step is its last reader and reads it once.
fn last_read(step: &Step) -> Option<NodeId> {
    let node = match step.source {
        Source::Value => *step.inputs.first()?,
        Source::HeadMask { .. } => *step.inputs.get(1)?,
        _ => return None,
    };
    let reads = step.inputs.iter().chain(&step.residual);
    let once = reads.filter(|&&n| n == node).count() == 1;
    (once && step.release.contains(&node)).then_some(node)
}

fn put(values: &mut [Option<Value>], node: NodeId, value: Option<Value>) {
    if let Some(slot) = values.get_mut(node.index()) {
        *slot = value;
    }
}

/// Whether numbers fit bytes.
fn is_bytes(range: ValueRange) -> bool {
    matches!(range, ValueRange::Integer(..=255))
}

/// Per channel the sum and the sum of squares of a value of `images` images, over time steps,
/// positions and the first `counted` images, in f64 and in the order of memory; and their number.
pub(super) fn channel_sums(
    x: &Value,
    images: usize,
    counted: usize,
) -> Result<(Vec<f64>, Vec<f64>, u64), TorchError> {
    let size = x.tensor().size();
    let channels = size.last().map_or(0, |&n| n as usize);
    let (mut sums, mut squares) = (vec![0.0; channels], vec![0.0; channels]);
    let mut samples = 0;
    let wide = x.wide()?.tensor;
    let values: &[f32] = numbers(wide)?;
    let row = values.len() / size.first().map_or(1, |&n| n as usize).max(1);
    for (i, row) in values.chunks_exact(row.max(1)).enumerate() {
        if i % images.max(1) >= counted {
            continue;
        }
        launch(ChannelSums {
            input: row,
            sums: &mut sums,
            squares: &mut squares,
        });
        samples += (row.len() / channels.max(1)) as u64;
    }
    Ok((sums, squares, samples))
}

fn missing(step: &Step) -> TorchError {
    TorchError::Graph {
        node: step.node.index(),
        why: format!("{} has no input", step.name),
    }
}

/// A tensor's numbers in f64 (exact).
fn floats(tensor: &Tensor) -> Result<Vec<f64>, TorchError> {
    let wide = tensor
        .f_to_device(tch::Device::Cpu)
        .and_then(|x| x.f_to_kind(Kind::Double))
        .and_then(|x| x.f_reshape([-1]))
        .and_then(|x| Vec::try_from(&x));
    wide.context(|| "reading the logits".to_owned())
}

#[cfg(test)]
mod samples;
#[cfg(test)]
mod tests;
