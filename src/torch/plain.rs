//! The same operations by plain tensor operations, for devices without native kernels (CUDA; run on
//! the CPU by the tests only, where it agrees bit for bit).
#![forbid(unsafe_code)]

mod neurons;

use tch::{Kind, TchError, Tensor};

use super::TorchError;
use super::buffer::Buffer;
use super::error::Context;
use super::heads::{self, HeadProduct};
use super::ops::{Ops, Plain, Population};
use super::pairs::pair;
use super::plan::{Pairing, Pool};
use super::record::Record;
use super::value::{Operand, Value};
use super::weights::AffineTensors;
use crate::kernels::Steps;
use crate::network::{Neuron, Shape};
use crate::quant::fixed::Grid;
use neurons::{Membrane, levels};

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
            Neuron::Spiking(spiking) => Membrane {
                spiking,
                population,
            }
            .run(x.value(), record),
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
