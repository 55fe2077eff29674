//! Runs a plan on a batch of images.
#![forbid(unsafe_code)]

use tch::{Kind, TchError, Tensor};

use super::cache::{Origin, Recall};
use super::error::Doing;
use super::kernels::{firing_layer, layer};
use super::memory::Fresh;
use super::ops::{Native, Operand, Ops, Plain, Population, Value};
use super::pairs::{erode, pair, token_sum};
use super::plan::{Plan, Source, Step};
use super::record::Record;
use super::weights::{Convolution, Parameters, Sums};
use super::{Device, TorchError};
use crate::network::{BlockId, Graph, NodeId, ValueRange};

/// One network under one allocation, ready to run. Each thread has its own.
pub(super) struct Executor<'a> {
    graph: &'a Graph,
    plan: &'a Plan,
    parameters: Vec<Parameters>,
    numbers: Numbers,
    ops: &'static dyn Ops,
    static_stem: bool,
}

/// What values are made of.
#[derive(Clone, Copy, Debug)]
pub(super) struct Numbers {
    pub kind: Kind,
    pub device: Device,
    /// Whether small whole numbers are stored as bytes.
    pub bytes: bool,
}

/// Sees the outputs of blocks. Who wants to keep one copies it: its memory is used again.
pub(super) type Watch<'a> = &'a mut dyn FnMut(BlockId, &Value) -> Result<(), TorchError>;

impl<'g> Executor<'g> {
    /// `parameters` are of the plan's steps, made of such numbers.
    pub(super) fn new(
        graph: &'g Graph,
        plan: &'g Plan,
        parameters: Vec<Parameters>,
        numbers: Numbers,
    ) -> Self {
        Executor {
            graph,
            plan,
            parameters,
            numbers,
            ops: match numbers.device {
                Device::CPU => &Native,
                _ => &Plain,
            },
            static_stem: true,
        }
    }

    /// Without it, what is the same at every time step is computed at every one.
    pub(super) fn with_static_stem(self, static_stem: bool) -> Self {
        Executor {
            static_stem,
            ..self
        }
    }

    /// The same, with plain tensor operations instead of the CPU kernels.
    #[cfg(test)]
    pub(super) fn with_plain_ops(self) -> Self {
        Executor {
            ops: &Plain,
            ..self
        }
    }

    /// Runs a batch of images, `[images, channels, height, width]` row-major (`[images, T, channels, height, width]`
    /// where the network reads frames). Returns the logits as
    /// `[images * classes]` numbers (f32 ones are widened).
    ///
    /// # Errors
    /// [`TorchError::Input`] when the numbers do not fill the images, and whatever libtorch reports.
    pub(super) fn run(
        &self,
        pixels: &[f32],
        images: usize,
        record: &mut Record,
        watch: Watch<'_>,
    ) -> Result<Vec<f64>, TorchError> {
        self.run_with(None, pixels, images, record, watch)
    }

    /// The same, but for what `recall` knows: nobody sees those values, and of images that are not looked at there need
    /// be no pixels. What is computed is kept.
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
            let value = match recall.map_or(Ok(Origin::Computation), |r| r.origin(i))? {
                Origin::Nowhere => None,
                Origin::Cache(value) => Some(value),
                Origin::Computation => {
                    let value = match step.source {
                        Source::Image => {
                            let data = Fresh::new(self.image(pixels, images)?);
                            Value::new(data, self.graph.frames().unwrap_or(1))
                        }
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
        }
        match values.pop().flatten() {
            Some(logits) => floats(logits.tensor()),
            None => Err(TorchError::Input("the network has no output".to_owned())),
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
            .and_then(|x| x.f_to_kind(self.numbers.kind))
            .and_then(|x| x.f_to_device(self.numbers.device.0))
            .doing(|| "copying images to the device".to_owned())
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
        let mut shape = step.shape;
        let mut affine = parameters.affine.as_ref();
        let residual = step.residual.as_ref().map(|r| read(Some(r))).transpose()?;
        let bytes = self.numbers.bytes && is_bytes(self.graph.node(step.node).range);
        let population = |site, shape, affine| {
            let known = self.graph.site(site);
            Population {
                site,
                neuron: known.neuron,
                batch_leak: known.batch_leak,
                steps: self.graph.time_steps,
                images,
                shape,
                affine,
                residual,
                bytes,
            }
        };
        let own = match &parameters.sums {
            None | Some(Sums::Libtorch(_)) => None,
            Some(sums) => {
                let x = read(step.inputs.first())?;
                let narrow = matches!(sums, Sums::Bytes(..)) && !x.is_bytes();
                let narrow = narrow.then(|| x.to_bytes()).transpose()?;
                let x = narrow.as_ref().unwrap_or(x);
                for _ in 1..self.times(step) {
                    layer(x, sums, shape, None, None)?;
                }
                match (step.pool, step.neuron.map(|n| population(n, shape, affine))) {
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
        if let Some(pool) = step.pool {
            let pooled = self.ops.max_pool(x.value(), shape, pool, affine.take())?;
            if let Operand::Own(used) = x {
                self.ops.release(used);
            }
            x = Operand::Own(pooled);
            shape = pool.shape;
        }
        if let Some(site) = step.neuron {
            let population = population(site, shape, affine);
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
                let Some(Sums::Libtorch(convolution)) = &parameters.sums else {
                    return Err(missing(step));
                };
                let x = input(0)?;
                let wide = x.wide()?.tensor;
                let run = || convolve(wide, convolution).doing(|| step.name.clone());
                let mut data = run()?;
                for _ in 1..self.times(step) {
                    data = run()?;
                }
                Value::new(Fresh::new(data), x.steps)
            }
            Source::Pair(pairing) => {
                let (a, b) = (input(0)?.wide()?, input(1)?.wide()?);
                pair(pairing, a, b).doing(|| step.name.clone())?
            }
            Source::Attention { heads, scale } => {
                let qkv = [input(0)?, input(1)?, input(2)?];
                self.ops.attention(qkv, step.shape, heads, scale)?
            }
            Source::HeadSum { .. } => self.ops.head_sum(input(0)?, step.shape)?,
            Source::HeadMask { heads } => {
                let x = own_or_shared(owned, 1)?;
                self.ops.head_mask(input(0)?, x, heads)?
            }
            Source::HeadErode { heads } => {
                erode(input(0)?.wide()?, heads).doing(|| step.name.clone())?
            }
            Source::TokenSum => token_sum(input(0)?.wide()?).doing(|| step.name.clone())?,
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

    /// Whether a value is computed from a still image alone, without neurons: the same at every time step.
    fn in_stem(&self, id: NodeId) -> bool {
        let node = self.graph.node(id);
        node.time_invariant && node.inputs.iter().all(|&i| self.in_stem(i))
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

fn missing(step: &Step) -> TorchError {
    TorchError::Graph {
        node: step.node.index(),
        why: format!("{} has no input", step.name),
    }
}

/// A convolution with the channels innermost throughout (measured: the fastest layout of libtorch's CPU kernels).
fn convolve(x: &Tensor, c: &Convolution) -> Result<Tensor, TchError> {
    let mut x = x.f_permute([0, 3, 1, 2])?;
    if let Some(factor) = c.input_factor {
        x = x.f_mul_scalar(factor)?;
    }
    let y = match x.device() {
        tch::Device::Cuda(_) => with_chosen_precision(&x, c)?,
        _ => {
            let (stride, padding) = ([c.stride; 2], [c.padding; 2]);
            let bias = c.bias.as_ref();
            x.f_conv2d(&c.weight, bias, stride, padding, [1, 1], c.groups)?
        }
    };
    y.f_permute([0, 2, 3, 1])?.f_contiguous()
}

/// The same on a GPU: in TF32 where that is exact and nowhere else (libtorch's own default is everywhere), always by the
/// same algorithm.
fn with_chosen_precision(x: &Tensor, c: &Convolution) -> Result<Tensor, TchError> {
    let (transposed, benchmark, deterministic, cudnn) = (false, false, true, true);
    x.f_internal_convolution(
        &c.weight,
        c.bias.as_ref(),
        [c.stride; 2],
        [c.padding; 2],
        [1, 1],
        transposed,
        [0, 0],
        c.groups,
        benchmark,
        deterministic,
        cudnn,
        c.tf32,
    )
}

/// A tensor's numbers in f64 (exact).
fn floats(tensor: &Tensor) -> Result<Vec<f64>, TorchError> {
    let wide = tensor
        .f_to_device(tch::Device::Cpu)
        .and_then(|x| x.f_to_kind(Kind::Double))
        .and_then(|x| x.f_reshape([-1]))
        .and_then(|x| Vec::try_from(&x));
    wide.doing(|| "reading the logits".to_owned())
}

#[cfg(test)]
mod tests {
    use super::super::activity::Activity;
    use super::super::model::Compiled;
    use super::super::record::ChannelSums;
    use super::super::spikes::{Packed, Spikes};
    use super::super::testing::all;
    use super::super::testing::{Random, model};
    use super::*;
    use crate::quant::{Allocation, BitWidth};

    /// Logits, block outputs and a record of one run.
    fn run(executor: &Executor<'_>, mut record: Record) -> (Vec<f64>, Vec<Vec<f64>>, Record) {
        let shape = executor.graph.input;
        let frames = executor.graph.frames().unwrap_or(1);
        let pixels = 2 * frames * shape.channels * shape.height * shape.width;
        let pixels = Random(7).many(pixels, -2.0, 2.0);
        let mut blocks = Vec::new();
        let mut watch = |_, value: &Value| {
            blocks.push(floats(value.tensor())?);
            Ok(())
        };
        let logits = executor.run(&pixels, 2, &mut record, &mut watch).unwrap();
        (logits, blocks, record)
    }

    /// Bit for bit but for means of real numbers, which are rounded from f64 sums of another order.
    #[test]
    fn kernels_and_plain_tensor_operations_agree() {
        tch::set_num_threads(1);
        for config in all() {
            let model = model(&config, 1);
            for width in [BitWidth::FLOAT, BitWidth::new(3).unwrap()] {
                let allocation = Allocation::uniform(model.graph.layers.len(), width);
                for kind in [Kind::Float, Kind::Double] {
                    let compiled = Compiled::new(&model, kind, Device::CPU).unwrap();
                    let compiled = compiled.without(true, true);
                    let native = compiled.executor(&allocation).unwrap();
                    let plain = compiled.executor(&allocation).unwrap().with_plain_ops();
                    let steps = || Record::steps(&model.graph);
                    let (logits, blocks, record) = run(&native, steps());
                    let (plain_logits, plain_blocks, plain_record) = run(&plain, steps());
                    let tolerance = if kind == Kind::Float { 1e-6 } else { 1e-12 };
                    for (a, b) in logits.iter().zip(&plain_logits) {
                        assert!((a - b).abs() <= tolerance, "{config:?}: {a} {b}");
                    }
                    assert_eq!(blocks, plain_blocks);
                    let is_silent = |b: &Vec<f64>| b.iter().all(|&x| x == 0.0);
                    assert!(!blocks.iter().any(is_silent), "{config:?}");
                    same_steps(&record, &plain_record);
                    // One of the two images counts.
                    let sums = || ChannelSums::new(&model.graph, 1);
                    let sums = || Record::Channels(sums().with(Spikes::packed(&model.graph, 1)));
                    let (native, plain) = (run(&native, sums()).2, run(&plain, sums()).2);
                    same_sums(&native, &plain);
                    // Spikes are packed from potentials here and from what was emitted there.
                    assert!(packed(native) == packed(plain), "{config:?}");
                }
            }
        }
    }

    #[test]
    fn without_a_static_stem_it_runs_at_every_time_step_and_gives_the_same() {
        tch::set_num_threads(1);
        for config in all() {
            let model = model(&config, 1);
            let graph = &model.graph;
            let allocation = Allocation::uniform(graph.layers.len(), BitWidth::FLOAT);
            let compiled = || Compiled::new(&model, Kind::Float, Device::CPU).unwrap();
            let (with, without) = (compiled(), compiled().with_static_stem(false));
            let (fast, slow) = (
                with.executor(&allocation).unwrap(),
                without.executor(&allocation).unwrap(),
            );
            let times = |executor: &Executor<'_>| -> Vec<usize> {
                let layers = executor.plan.steps.iter();
                let layers = layers.filter(|s| matches!(s.source, Source::Layer { .. }));
                layers.map(|s| executor.times(s)).collect()
            };
            assert!(times(&fast).iter().all(|&n| n == 1));
            // The first layer reads the image, which is the same at every time step unless it is frames.
            let first = match graph.frames() {
                None => graph.time_steps,
                Some(_) => 1,
            };
            assert_eq!(times(&slow).first(), Some(&first), "{config:?}");
            assert_eq!(times(&slow).last(), Some(&1), "the head runs once");
            let steps = || Record::steps(graph);
            let (a, b) = (run(&fast, steps()), run(&slow, steps()));
            assert_eq!((a.0, a.1), (b.0, b.1), "{config:?}");
            same_steps(&a.2, &b.2);
        }
    }

    /// Whole numbers as bytes or as f32: not a bit differs, in any record.
    #[test]
    fn integers_agree_bit_for_bit_as_bytes_as_floats_and_by_libtorch() {
        tch::set_num_threads(1);
        for config in all() {
            let model = model(&config, 4);
            let layers = model.graph.layers.len();
            let widths = [2, 32, 8, 4, 16, 6].map(|b| BitWidth::new(b).unwrap());
            let mixed = widths.into_iter().cycle().take(layers);
            let allocations = [
                Allocation::uniform(layers, BitWidth::FLOAT),
                Allocation::uniform(layers, BitWidth::new(8).unwrap()),
                Allocation(mixed.collect()),
            ];
            let compiled = || Compiled::new(&model, Kind::Float, Device::CPU).unwrap();
            let bytes = compiled();
            let others = [
                compiled().without(true, false),
                compiled().with_integer_kernels(false),
            ];
            let cases = allocations
                .iter()
                .flat_map(|allocation| others.iter().map(move |other| (allocation, other)));
            for (allocation, floats) in cases {
                let bytes = bytes.executor(allocation).unwrap();
                let floats = floats.executor(allocation).unwrap();
                let steps = || Record::steps(&model.graph);
                let (a, b) = (run(&bytes, steps()), run(&floats, steps()));
                assert_eq!((&a.0, &a.1), (&b.0, &b.1), "{config:?}");
                let (Record::Steps(a), Record::Steps(b)) = (a.2, b.2) else {
                    panic!("not a trace");
                };
                assert_eq!(a, b);
                let sums = || ChannelSums::new(&model.graph, 2);
                let sums = || Record::Channels(sums().with(Spikes::packed(&model.graph, 2)));
                let (a, b) = (run(&bytes, sums()).2, run(&floats, sums()).2);
                let (Record::Channels(a), Record::Channels(b)) = (&a, &b) else {
                    panic!("not channel sums");
                };
                assert_eq!(a.sites, b.sites);
                let (Spikes::Packed(a), Spikes::Packed(b)) = (&a.spikes, &b.spikes) else {
                    panic!("no spikes");
                };
                assert!(a == b, "{config:?}");
                let activity = || Record::Activity(Activity::new(&model.graph, 1));
                let (a, b) = (run(&bytes, activity()).2, run(&floats, activity()).2);
                assert_eq!(format!("{a:?}"), format!("{b:?}"));
            }
        }
    }

    fn packed(record: Record) -> Packed {
        match record {
            Record::Channels(ChannelSums {
                spikes: Spikes::Packed(packed),
                ..
            }) => packed,
            _ => panic!("no spikes"),
        }
    }

    fn close(a: f64, b: f64) {
        assert!((a - b).abs() <= 1e-9 * (1.0 + a.abs()), "{a} {b}");
    }

    fn same_steps(a: &Record, b: &Record) {
        let (Record::Steps(a), Record::Steps(b)) = (a, b) else {
            panic!("not a trace");
        };
        for (a, b) in a.iter().flatten().zip(b.iter().flatten()) {
            assert_eq!(a.spikes, b.spikes);
            close(a.sum, b.sum);
            close(a.square, b.square);
        }
    }

    fn same_sums(a: &Record, b: &Record) {
        let (Record::Channels(a), Record::Channels(b)) = (a, b) else {
            panic!("not channel sums");
        };
        for (a, b) in a.sites.iter().zip(&b.sites) {
            assert_eq!(a.len(), b.len());
            a.iter().zip(b).for_each(|(&a, &b)| close(a, b));
        }
    }

    #[test]
    fn a_gpus_form_of_a_convolution_is_the_same_operation() {
        let numbers =
            |n: i64| Tensor::arange(n, (Kind::Float, tch::Device::Cpu)).remainder(7.0) - 3.0;
        for (groups, bias) in [(1, true), (2, false)] {
            let convolution = Convolution {
                weight: numbers(6 * 4 / groups * 9).view([6, 4 / groups, 3, 3]),
                bias: bias.then(|| numbers(6)),
                stride: 2,
                padding: 1,
                groups,
                input_factor: None,
                tf32: true,
            };
            let x = numbers(2 * 4 * 9 * 9).view([2, 4, 9, 9]);
            let one = with_chosen_precision(&x, &convolution).unwrap();
            let other = convolve(&x.permute([0, 2, 3, 1]), &convolution).unwrap();
            assert!(one.permute([0, 2, 3, 1]).equal(&other));
        }
    }

    #[test]
    fn images_that_do_not_fit_are_refused() {
        let model = model(&all().remove(0), 2);
        let compiled = Compiled::new(&model, Kind::Float, Device::CPU).unwrap();
        let float = Allocation::uniform(model.graph.layers.len(), BitWidth::FLOAT);
        let executor = compiled.executor(&float).unwrap();
        for (numbers, images) in [(0, 0), (10, 1), (3 * 16 * 16, 2)] {
            let pixels = vec![0.0; numbers];
            let result = executor.run(&pixels, images, &mut Record::Nothing, &mut |_, _| Ok(()));
            assert!(matches!(result, Err(TorchError::Input(_))));
        }
        let short = Allocation::uniform(3, BitWidth::FLOAT);
        assert!(matches!(
            compiled.executor(&short),
            Err(TorchError::Layers { got: 3, .. })
        ));
    }

    #[test]
    fn weights_that_do_not_fit_are_named() {
        let mut model = model(&all().remove(0), 3);
        let key = "patch_embed.proj_bn.running_var";
        let state = &mut model.weights;
        let mut tensor = state.get(key).unwrap().clone();
        tensor.shape = vec![1];
        tensor.values = vec![1.0];
        state.insert(key.to_owned(), tensor);
        let float = Allocation::uniform(model.graph.layers.len(), BitWidth::FLOAT);
        let compiled = Compiled::new(&model, Kind::Float, Device::CPU).unwrap();
        let error = compiled.executor(&float).map(|_| ()).unwrap_err();
        assert!(error.to_string().contains(key), "{error}");
    }
}
