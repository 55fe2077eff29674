//! The same operations by plain tensor operations, for devices without native kernels (CUDA; run on
//! the CPU by the tests only, where it agrees bit for bit).
#![forbid(unsafe_code)]

use tch::{Kind, TchError, Tensor};

use super::TorchError;
use super::buffer::Buffer;
use super::error::Context;
use super::heads::{self, HeadProduct};
use super::ops::{Ops, Plain, Population};
use super::pairs::pair;
use super::plan::{Pairing, Pool};
use super::record::Spikes;
use super::record::{Record, clamp};
use super::value::{Operand, Value};
use super::weights::AffineTensors;
use crate::kernels::Steps;
use crate::network::{Halves, Neuron, Shape};
use crate::quant::fixed::Grid;

fn value(tensor: Result<Tensor, TchError>, steps: usize) -> Result<Value, TorchError> {
    let tensor = tensor.context(|| "a tensor operation".to_owned())?;
    Ok(Value::new(Buffer::new(tensor), steps))
}

fn apply(x: &Tensor, affine: Option<&AffineTensors>) -> Result<Tensor, TchError> {
    match affine {
        None => Ok(x.shallow_clone()),
        Some(AffineTensors {
            scale,
            shift,
            grid: Some(grid),
        }) => {
            let steps = x.f_to_kind(Kind::Double)?.f_mul(scale)?.f_add(shift)?;
            let nearest = steps.f_add_scalar(0.5)?.f_floor()?;
            let (least, most) = (grid.least() as f64, grid.most() as f64);
            let numbers = nearest.f_clamp(least, most)?.f_mul_scalar(grid.step())?;
            numbers.f_to_kind(x.kind())
        }
        Some(a) => x.f_mul(&a.scale)?.f_add(&a.shift),
    }
}

/// Numbers of a grid, saturated; as they are without one.
fn saturated(x: Tensor, grid: Option<Steps>) -> Result<Tensor, TchError> {
    match grid {
        None => Ok(x),
        Some(grid) => x.f_clamp(grid.least * grid.step, grid.most * grid.step),
    }
}

/// `[rows, height, width, channels]` as `[rows, positions, heads, channels / heads]`.
fn by_head(x: &Tensor, heads: usize) -> Result<Tensor, TchError> {
    let size = x.size();
    let channels = size.last().copied().unwrap_or(0);
    let rows = size.first().copied().unwrap_or(0);
    let heads = heads.max(1) as i64;
    x.f_reshape([rows, -1, heads, channels / heads])
}

impl Ops for Plain {
    /// Its memory may be part of another value.
    fn release(&self, _: Value) {}

    fn affine(
        &self,
        x: Operand<'_>,
        affine: Option<&AffineTensors>,
        residual: Option<&Value>,
    ) -> Result<Value, TorchError> {
        let steps = x.value().steps;
        let y = value(apply(x.tensor(), affine), steps)?;
        match residual {
            None => Ok(y),
            Some(residual) => {
                let sum = pair(Pairing::Sum, y.wide()?, residual.wide()?);
                let sum = sum.context(|| "adding a residual".to_owned())?;
                let (steps, sum) = (sum.steps, sum.data.into_tensor());
                value(
                    saturated(sum, affine.and_then(|a| a.grid).map(Grid::steps)),
                    steps,
                )
            }
        }
    }

    fn max_pool(
        &self,
        x: &Value,
        _from: Shape,
        pool: Pool,
        affine: Option<&AffineTensors>,
    ) -> Result<Value, TorchError> {
        let [kernel, stride, padding] = [pool.kernel, pool.stride, pool.padding].map(|n| n as i64);
        let pooled = apply(x.tensor(), affine)
            .and_then(|x| x.f_permute([0, 3, 1, 2]))
            .and_then(|x| x.f_max_pool2d(kernel, stride, padding, 1, false))
            .and_then(|x| x.f_permute([0, 2, 3, 1]))
            .and_then(|x| x.f_contiguous());
        value(pooled, x.steps)
    }

    fn neuron(
        &self,
        x: Operand<'_>,
        population: &Population<'_>,
        record: &mut Record,
    ) -> Result<Value, TorchError> {
        let spikes = match population.neuron {
            Neuron::Lif { tau, threshold } => {
                let lif = Lif {
                    tau,
                    threshold,
                    population,
                };
                lif.run(x.value(), record)
            }
            Neuron::Integer { max, halves, .. } => {
                levels(x.value(), population, (max as f64, halves), record)
            }
        };
        value(spikes, population.steps)
    }

    fn head_sum(&self, x: &Value, shape: Shape) -> Result<Value, TorchError> {
        let size = [shape.height, shape.width, shape.channels].map(|n| n as i64);
        let sum = by_head(x.tensor(), shape.channels)
            .and_then(|x| x.f_sum_dim_intlist(-1, false, None::<Kind>))
            .and_then(|x| x.f_reshape([-1, size[0], size[1], size[2]]));
        value(sum, x.steps)
    }

    fn head_mask(&self, mask: &Value, x: Operand<'_>, heads: usize) -> Result<Value, TorchError> {
        let masked = by_head(x.tensor(), heads)
            .and_then(|x| Ok((x, by_head(mask.tensor(), heads)?)))
            .and_then(|(x, mask)| x.f_mul(&mask))
            .and_then(|y| y.f_reshape(x.tensor().size()));
        value(masked, x.value().steps)
    }

    fn attention(
        &self,
        [q, k, v]: [&Value; 3],
        _shape: Shape,
        heads: usize,
        scale: f64,
    ) -> Result<Value, TorchError> {
        let (size, steps) = (v.tensor().size(), v.steps);
        let attend = || -> Result<Tensor, TchError> {
            // [rows, heads, tokens, channels / heads]
            let [q, k, v] =
                [q, k, v].map(|x| by_head(x.tensor(), heads).and_then(|x| x.f_transpose(1, 2)));
            let state = k?.f_transpose(2, 3)?.f_matmul(&v?)?;
            let out = q?.f_matmul(&state)?.f_mul_scalar(scale)?;
            out.f_transpose(1, 2)?.f_reshape(size)
        };
        value(attend(), steps)
    }

    fn head_product(
        &self,
        product: HeadProduct,
        inputs: [&Value; 2],
        heads: usize,
    ) -> Result<Value, TorchError> {
        heads::plain(product, inputs, heads)
    }

    fn token_mean(&self, x: &Value) -> Result<Value, TorchError> {
        let mean = x
            .tensor()
            .f_mean_dim([1, 2].as_slice(), true, Kind::Double)
            .and_then(|m| m.f_to_kind(x.tensor().kind()));
        value(mean, x.steps)
    }

    fn token_time_sum(&self, x: &Value) -> Result<Value, TorchError> {
        let size = x.tensor().size();
        let (rows, channels) = match size[..] {
            [rows, _, _, channels] => (rows, channels),
            _ => (0, 0),
        };
        let images = rows / x.steps.max(1) as i64;
        let sum = x
            .tensor()
            .f_reshape([x.steps as i64, images, -1, channels])
            .and_then(|x| x.f_sum_dim_intlist([0, 2].as_slice(), false, Kind::Double))
            .and_then(|s| s.f_to_kind(x.tensor().kind()))
            .and_then(|s| s.f_reshape([images, 1, 1, channels]));
        value(sum, 1)
    }
}

/// Integer neurons.
fn levels(
    x: &Value,
    population: &Population<'_>,
    (max, halves): (f64, Halves),
    record: &mut Record,
) -> Result<Tensor, TchError> {
    let mut outputs = Vec::with_capacity(population.steps);
    for t in 0..population.steps {
        let x = apply(&now(x, t, population.images)?, population.affine)?;
        let clamped = x.f_clamp(0.0, max)?;
        let levels = match halves {
            Halves::ToEven => clamped.f_round()?,
            Halves::Up => clamped.f_add_scalar(0.5)?.f_floor()?,
        };
        note(record, population, t, &x, &levels)?;
        outputs.push(match population.residual {
            None => levels,
            Some(residual) => now(residual, t, population.images)?.f_add(&levels)?,
        });
    }
    Tensor::f_cat(&outputs, 0)
}

/// The rows of one time step.
fn now(value: &Value, step: usize, images: usize) -> Result<Tensor, TchError> {
    match value.steps {
        1 => Ok(value.tensor().shallow_clone()),
        _ => {
            let images = images as i64;
            value.tensor().f_narrow(0, step as i64 * images, images)
        }
    }
}

struct Lif<'a> {
    tau: f64,
    threshold: f64,
    population: &'a Population<'a>,
}

impl Lif<'_> {
    fn run(&self, x: &Value, record: &mut Record) -> Result<Tensor, TchError> {
        let p = self.population;
        let kind = x.tensor().kind();
        let options = (kind, x.tensor().device());
        // A tensor, because division by a number may become multiplication by its inverse.
        let tau = Tensor::f_full([1], self.tau, options)?;
        let rows = if p.batch_leak { 1 } else { p.images };
        let size = [rows, p.shape.height, p.shape.width, p.shape.channels].map(|n| n as i64);
        let mut v = Tensor::f_zeros(size, options)?;
        let mut outputs = Vec::with_capacity(p.steps);
        for t in 0..p.steps {
            let x = apply(&now(x, t, p.images)?, p.affine)?;
            let (potential, spikes) = match p.batch_leak {
                false => self.step(&mut v, &x, &tau)?,
                true => {
                    let (mut potentials, mut spikes) = (Vec::new(), Vec::new());
                    for x in x.f_split(1, 0)? {
                        let (potential, s) = self.step(&mut v, &x, &tau)?;
                        potentials.push(potential);
                        spikes.push(s);
                    }
                    (Tensor::f_cat(&potentials, 0)?, Tensor::f_cat(&spikes, 0)?)
                }
            };
            note(record, p, t, &potential, &spikes)?;
            outputs.push(match p.residual {
                None => spikes,
                Some(residual) => {
                    let sum = now(residual, t, p.images)?.f_add(&spikes)?;
                    saturated(sum, p.fixed.and_then(|f| f.sum))?
                }
            });
        }
        Tensor::f_cat(&outputs, 0)
    }

    /// One step of the recurrence: the potential before the reset, and the spikes.
    fn step(&self, v: &mut Tensor, x: &Tensor, tau: &Tensor) -> Result<(Tensor, Tensor), TchError> {
        let potential = match self.population.fixed {
            None => v.f_add(&x.f_sub(v)?.f_div(tau)?)?,
            Some(fixed) => {
                let step = fixed.grid.step;
                let part = x.f_sub(v)?.f_to_kind(Kind::Double)?;
                let part = part.f_mul_scalar(fixed.leak / step)?;
                let taken = part.f_floor()?.f_mul_scalar(step)?;
                v.f_add(&taken.f_to_kind(x.kind())?)?
            }
        };
        let spikes = potential.f_ge(self.threshold)?.f_to_kind(x.kind())?;
        *v = potential.f_mul(&spikes.f_neg()?.f_add_scalar(1.0)?)?;
        Ok((potential, spikes))
    }
}

/// Adds one time step to the record.
fn note(
    record: &mut Record,
    population: &Population<'_>,
    step: usize,
    potential: &Tensor,
    spikes: &Tensor,
) -> Result<(), TchError> {
    let site = population.site.index();
    match record {
        Record::Nothing | Record::Inputs(_) => {}
        Record::Nearness(nearness) => {
            let scaled = potential.f_div_scalar(population.neuron.threshold())?;
            let near = scaled
                .f_sub_scalar(1.0)?
                .f_mul_scalar(std::f64::consts::PI)?;
            let near = near.f_square()?.f_add_scalar(1.0)?.f_reciprocal()?;
            let near = near.f_mean_dim([3].as_slice(), false, Kind::Double)?;
            let near = Vec::<f64>::try_from(&near.f_reshape([-1])?)?;
            if let Some(values) = nearness.sites.get_mut(site) {
                let to = values.iter_mut().skip(step * near.len());
                to.zip(near).for_each(|(to, x)| *to = x);
            }
        }
        Record::Golden(golden) => {
            let seen = potential.f_to_kind(Kind::Float)?.f_contiguous()?;
            let values = Vec::<f32>::try_from(&seen.f_reshape([-1])?)?;
            golden.recorder(site, population.neuron).note(step, &values);
        }
        Record::Channels(sums) => {
            if let Some(site) = sums.sites.get_mut(site).filter(|s| !s.is_empty()) {
                let wide = potential.f_to_kind(Kind::Double)?;
                let wide = match clamp(population.neuron) {
                    None => wide,
                    Some(max) => wide.f_clamp(0.0, max)?,
                };
                let new = wide.f_sum_dim_intlist([1, 2].as_slice(), false, Kind::Double)?;
                let new = Vec::<f64>::try_from(&new.f_reshape([-1])?)?;
                site.iter_mut().zip(new).for_each(|(sum, x)| *sum += x);
            }
            if !matches!(sums.spikes, Spikes::Ignored) {
                let levels = spikes.f_to_kind(Kind::Uint8)?.f_contiguous()?;
                let levels = Vec::<u8>::try_from(&levels.f_reshape([-1])?)?;
                let shape = population.shape;
                let units = shape.channels * shape.height * shape.width;
                let mut recorder = sums.spikes.recorder(site, population.neuron);
                for (image, levels) in levels.chunks_exact(units.max(1)).enumerate() {
                    recorder.emitted(image, step, levels);
                }
            }
        }
        Record::Histograms(all) => {
            let images = (all.images as i64).min(population.images as i64);
            let seen = potential.f_narrow(0, 0, images)?.f_to_kind(Kind::Double)?;
            let values = Vec::<f64>::try_from(&seen.f_contiguous()?.f_reshape([-1])?)?;
            let threshold = population.neuron.threshold();
            if let Some(site) = all.seen.sites.get_mut(site) {
                for v in &values {
                    let bin = site.bin(v / threshold);
                    site.bins[bin] += 1;
                }
            }
            let counted = spikes.f_narrow(0, 0, images)?.f_sum(Kind::Double)?;
            if let Some(sums) = all.steps.get_mut(site).and_then(|s| s.get_mut(step)) {
                sums.sum += values.iter().sum::<f64>();
                sums.spikes += counted.f_double_value(&[])? as i64;
            }
        }
        Record::Activity(activity) => {
            let images = (activity.images as i64).min(population.images as i64);
            let counted = spikes.f_narrow(0, 0, images)?.f_sum(Kind::Double)?;
            if let Some(sums) = activity.sites.get_mut(site).and_then(|s| s.get_mut(step)) {
                sums.spikes += counted.f_double_value(&[])? as i64;
            }
        }
        Record::Steps(sites) => {
            let wide = potential.f_to_kind(Kind::Double)?;
            let total = |x: &Tensor| x.f_sum(Kind::Double)?.f_double_value(&[]);
            if let Some(sums) = sites.get_mut(site).and_then(|s| s.get_mut(step)) {
                sums.sum += total(&wide)?;
                sums.square += total(&wide.f_square()?)?;
                sums.spikes += total(spikes)? as i64;
            }
        }
    }
    Ok(())
}
