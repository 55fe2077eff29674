//! The executor's own operations on CPU tensors, by the loops of [`super::loops`].
#![forbid(unsafe_code)]

mod neurons;

use tch::{Kind, Tensor};

use super::TorchError;
use super::error::Doing;
use super::loops::{
    Affine, AffineRows, Attention, Drive, Float, HeadMask, HeadSum, MaxPool, TokenTimeSum,
};
use super::memory::{Fresh, launch, numbers, numbers_mut};
use super::ops::{Native, Operand, Ops, Population, Value};
use super::plan::Pool;
use super::record::Record;
use super::weights::AffineTensors;
use crate::network::Shape;
use neurons::neurons;

/// Calls a generic function for the number format of a tensor.
macro_rules! by_kind {
    ($kind:expr, $function:ident($($argument:expr),* $(,)?)) => {
        match $kind {
            Kind::Double => $function::<f64>($($argument),*),
            _ => $function::<f32>($($argument),*),
        }
    };
}

fn rows<F: Float>(affine: &AffineTensors) -> Result<AffineRows<'_, F>, TorchError> {
    Ok(AffineRows {
        scale: numbers(&affine.scale)?,
        shift: numbers(&affine.shift)?,
    })
}

fn owned(x: Operand<'_>) -> Result<Value, TorchError> {
    match x {
        Operand::Own(value) => Ok(value),
        Operand::Shared(value) => Ok(Value {
            data: Fresh::copy_of(value.tensor())?,
            steps: value.steps,
        }),
    }
}

impl Ops for Native {
    fn affine(
        &self,
        x: Operand<'_>,
        affine: Option<&AffineTensors>,
        residual: Option<&Value>,
    ) -> Result<Value, TorchError> {
        fn run<F: Float>(
            x: Option<&Value>,
            affine: Option<&AffineTensors>,
            residual: Option<&Value>,
            (steps, channels): (usize, usize),
            out: &mut Fresh,
        ) -> Result<(), TorchError> {
            launch(Affine::<F> {
                steps,
                channels,
                affine: affine.map(rows).transpose()?,
                drive: drive(x)?,
                residual: drive(residual)?,
                out: numbers_mut(out)?,
            });
            Ok(())
        }
        let kind = x.tensor().kind();
        let shape = shape_of(x.value());
        let steps = residual.map_or(1, |r| r.steps).max(x.value().steps);
        let (x, mut data) = into_or_new(x, steps, shape)?;
        let x = x.as_ref().map(Operand::value);
        let sizes = (steps, shape.channels);
        by_kind!(kind, run(x, affine, residual, sizes, &mut data))?;
        Ok(Value { data, steps })
    }

    fn max_pool(
        &self,
        x: &Value,
        from: Shape,
        pool: Pool,
        affine: Option<&AffineTensors>,
    ) -> Result<Value, TorchError> {
        fn run<F: Float>(
            x: &Tensor,
            from: Shape,
            pool: Pool,
            affine: Option<&AffineTensors>,
            out: &mut Fresh,
        ) -> Result<(), TorchError> {
            launch(MaxPool::<F> {
                height: from.height,
                width: from.width,
                channels: from.channels,
                kernel: pool.kernel,
                stride: pool.stride,
                padding: pool.padding,
                affine: affine.map(rows).transpose()?,
                input: numbers(x)?,
                out: numbers_mut(out)?,
                out_height: pool.shape.height,
                out_width: pool.shape.width,
            });
            Ok(())
        }
        let kind = x.tensor().kind();
        let mut data = Fresh::zeros(row_count(x), pool.shape, kind)?;
        by_kind!(kind, run(x.tensor(), from, pool, affine, &mut data))?;
        Ok(Value {
            data,
            steps: x.steps,
        })
    }

    fn neuron(
        &self,
        x: Operand<'_>,
        population: &Population<'_>,
        record: &mut Record,
    ) -> Result<Value, TorchError> {
        let kind = x.tensor().kind();
        // A state that runs on needs the input of every step in its place.
        let x = match (x.value().steps, population.batch_leak) {
            (1, true) => Operand::Own(repeated(x.value(), population.steps)?),
            _ => x,
        };
        let repeated_residual = match population.residual {
            Some(r) if population.batch_leak && r.steps == 1 => {
                Some(repeated(r, population.steps)?)
            }
            _ => None,
        };
        let population = &Population {
            residual: repeated_residual.as_ref().or(population.residual),
            ..*population
        };
        let (input, mut data) = into_or_new(x, population.steps, population.shape)?;
        let input = input.as_ref().map(Operand::value);
        by_kind!(kind, neurons(input, &mut data, population, record))?;
        Ok(Value {
            data,
            steps: population.steps,
        })
    }

    fn head_sum(&self, x: &Value, shape: Shape) -> Result<Value, TorchError> {
        fn run<F: Float>(x: &Tensor, out: &mut Fresh) -> Result<(), TorchError> {
            let (input, out) = (numbers(x)?, numbers_mut::<F>(out)?);
            launch(HeadSum::<F> {
                width: input.len() / out.len().max(1),
                input,
                out,
            });
            Ok(())
        }
        let kind = x.tensor().kind();
        let mut data = Fresh::zeros(row_count(x), shape, kind)?;
        by_kind!(kind, run(x.tensor(), &mut data))?;
        Ok(Value {
            data,
            steps: x.steps,
        })
    }

    fn head_mask(&self, mask: &Value, x: Operand<'_>, _heads: usize) -> Result<Value, TorchError> {
        fn run<F: Float>(mask: &Tensor, x: &mut Fresh) -> Result<(), TorchError> {
            let (mask, values) = (numbers(mask)?, numbers_mut::<F>(x)?);
            launch(HeadMask::<F> {
                width: values.len() / mask.len().max(1),
                mask,
                values,
            });
            Ok(())
        }
        let mut x = owned(x)?;
        by_kind!(x.tensor().kind(), run(mask.tensor(), &mut x.data))?;
        Ok(x)
    }

    fn attention(
        &self,
        qkv: [&Value; 3],
        shape: Shape,
        heads: usize,
        scale: f64,
    ) -> Result<Value, TorchError> {
        fn run<F: Float>(
            [q, k, v]: [&Value; 3],
            shape: Shape,
            heads: usize,
            scale: f64,
            out: &mut Fresh,
        ) -> Result<(), TorchError> {
            launch(Attention::<F> {
                tokens: shape.height * shape.width,
                heads,
                channels: shape_of(q).channels,
                v_channels: shape.channels,
                scale,
                q: numbers(q.tensor())?,
                k: numbers(k.tensor())?,
                v: numbers(v.tensor())?,
                out: numbers_mut(out)?,
            });
            Ok(())
        }
        let kind = qkv[0].tensor().kind();
        let mut data = Fresh::zeros(row_count(qkv[0]), shape, kind)?;
        by_kind!(kind, run(qkv, shape, heads, scale, &mut data))?;
        Ok(Value {
            data,
            steps: qkv[0].steps,
        })
    }

    fn token_time_sum(&self, x: &Value) -> Result<Value, TorchError> {
        fn run<F: Float>(
            x: &Value,
            images: usize,
            channels: usize,
            out: &mut Fresh,
        ) -> Result<(), TorchError> {
            launch(TokenTimeSum::<F> {
                divisor: 1.0,
                images,
                channels,
                steps: x.steps,
                input: numbers(x.tensor())?,
                out: numbers_mut(out)?,
            });
            Ok(())
        }
        let kind = x.tensor().kind();
        let images = row_count(x) / x.steps.max(1);
        let shape = vector(shape_of(x));
        let mut data = Fresh::zeros(images, shape, kind)?;
        by_kind!(kind, run(x, images, shape.channels, &mut data))?;
        Ok(Value { data, steps: 1 })
    }

    fn token_mean(&self, x: &Value) -> Result<Value, TorchError> {
        fn run<F: Float>(x: &Value, from: Shape, out: &mut Fresh) -> Result<(), TorchError> {
            launch(TokenTimeSum::<F> {
                divisor: (from.height * from.width) as f64,
                images: row_count(x),
                channels: from.channels,
                steps: 1,
                input: numbers(x.tensor())?,
                out: numbers_mut(out)?,
            });
            Ok(())
        }
        let (kind, from) = (x.tensor().kind(), shape_of(x));
        let mut data = Fresh::zeros(row_count(x), vector(from), kind)?;
        by_kind!(kind, run(x, from, &mut data))?;
        Ok(Value {
            data,
            steps: x.steps,
        })
    }
}

/// The shape of a value for one image and time step.
fn shape_of(x: &Value) -> Shape {
    let size = x.tensor().size();
    let at = |i: usize| size.get(i).map_or(0, |&n| n as usize);
    Shape {
        height: at(1),
        width: at(2),
        channels: at(3),
    }
}

fn vector(shape: Shape) -> Shape {
    Shape {
        height: 1,
        width: 1,
        ..shape
    }
}

/// The memory to write a result of `steps` time steps to: that of x where it may be used up and has as many, else new
/// memory, and x to read from.
fn into_or_new(
    x: Operand<'_>,
    steps: usize,
    shape: Shape,
) -> Result<(Option<Operand<'_>>, Fresh), TorchError> {
    match x {
        Operand::Own(Value { data, steps: has }) if has == steps => Ok((None, data)),
        x => {
            let images = row_count(x.value()) / x.value().steps.max(1);
            let data = Fresh::zeros(steps * images, shape, x.tensor().kind())?;
            Ok((Some(x), data))
        }
    }
}

/// A value that is the same at every time step, written out for each of them.
fn repeated(x: &Value, steps: usize) -> Result<Value, TorchError> {
    let data = x.tensor().f_repeat([steps as i64, 1, 1, 1]);
    Ok(Value {
        data: Fresh::new(data.doing(|| "repeating a value".to_owned())?),
        steps,
    })
}

fn drive<F: Float>(value: Option<&Value>) -> Result<Drive<'_, F>, TorchError> {
    Ok(match value {
        None => Drive::InPlace,
        Some(value) if value.steps == 1 => Drive::Static(numbers(value.tensor())?),
        Some(value) => Drive::Steps(numbers(value.tensor())?),
    })
}

fn row_count(x: &Value) -> usize {
    x.tensor().size().first().map_or(0, |&n| n as usize)
}
